#include "async/sim_loop.h"

#include <algorithm>

namespace globogym::async {

Loop::TimerId SimLoop::at(SteadyTime when, Job job) {
  const TimerId id = ++last_timer_;
  timers_.emplace(std::pair{when, id}, std::move(job));
  when_.emplace(id, when);
  return id;
}

bool SimLoop::cancel(TimerId timer) {
  const auto found = when_.find(timer);
  if (found == when_.end()) return false;
  timers_.erase({found->second, timer});
  when_.erase(found);
  return true;
}

std::optional<SteadyTime> SimLoop::next() const {
  if (!posted_.empty()) return clock_.steady();
  if (timers_.empty()) return std::nullopt;
  return std::max(clock_.steady(), timers_.begin()->first.first);
}

bool SimLoop::step() {
  const auto when = next();
  if (!when) return false;
  Turning turning(this);
  if (!posted_.empty()) {
    Job job = std::move(posted_.front());
    posted_.pop_front();
    job();
    return true;
  }
  clock_.advance(*when - clock_.steady());
  auto node = timers_.extract(timers_.begin());
  when_.erase(node.key().second);
  node.mapped()();
  return true;
}

void SimLoop::settle() {
  advance(Duration{0});
}

void SimLoop::advance(Duration duration) {
  const SteadyTime end = clock_.steady() + duration;
  for (auto when = next(); when && *when <= end; when = next()) step();
  clock_.advance(end - clock_.steady());
}

bool SimLoop::run_until_idle(Duration at_most) {
  const SteadyTime end = clock_.steady() + at_most;
  for (auto when = next(); when; when = next()) {
    if (*when > end) return false;
    step();
  }
  return true;
}

bool SimLoop::run_until(std::move_only_function<bool()> done, Duration at_most) {
  const SteadyTime end = clock_.steady() + at_most;
  while (!done()) {
    const auto when = next();
    if (!when || *when > end) return false;
    step();
  }
  return true;
}

void SimLoop::run_to_end(Task<void> task) {
  Scope scope;
  {
    Turning turning(this);
    scope.start(std::move(task));
  }
  ASSERT(run_until([&scope] { return scope.running() == 0; }));
}

}  // namespace globogym::async
