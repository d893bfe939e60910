// An event loop on a virtual clock, for tests and the simulator.
//
// Nothing happens but when it is told to go on, and then in one order only: posted jobs first in, first out; then the
// earliest timer, with the clock moved to it. The same jobs give the same run, however long the virtual time is. One
// thread: unlike a real loop's, post() is not thread-safe.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <unordered_map>

#include "async/loop.h"

namespace globogym::async {

// Both of a Clock's times from one counter that only its owner moves.
class SimClock final : public Clock {
 public:
  // 2026-01-01T00:00:00Z unless told otherwise. The steady time starts at one hour, so that "an hour ago" exists.
  explicit SimClock(WallTime start = WallTime(std::chrono::seconds(1'767'225'600))) : start_(start) {}
  WallTime wall() const override { return start_ + elapsed_; }
  SteadyTime steady() const override { return SteadyTime(std::chrono::hours(1)) + elapsed_; }
  void advance(Duration duration) { elapsed_ += duration; }
  // Somebody sets the wall clock, forwards or back.
  void step_wall(Duration by) { start_ += by; }

 private:
  WallTime start_;
  Duration elapsed_{};
};

class SimLoop final : public Loop {
 public:
  explicit SimLoop(WallTime start = SimClock().wall()) : clock_(start) {}

  void post(Job job) override { posted_.push_back(std::move(job)); }
  TimerId at(SteadyTime when, Job job) override;
  bool cancel(TimerId timer) override;
  const Clock& clock() const override { return clock_; }

  void step_wall(Duration by) { clock_.step_wall(by); }
  // Time passes and nothing runs, as when the process is stopped: what was due comes late.
  void stand_still(Duration by) { clock_.advance(by); }

  // Runs one posted job, or moves the clock to the earliest timer and runs that. False when there is nothing to do.
  bool step();
  // Runs what is posted, and what that posts, and timers already due. Does not move the clock.
  void settle();
  // Runs everything due within `duration`; the clock then stands exactly that much later.
  void advance(Duration duration);
  // Steps until nothing is left or `at_most` of virtual time has passed. True when nothing is left.
  bool run_until_idle(Duration at_most = std::chrono::hours(24));
  // Steps until `done()`, nothing is left, or `at_most` of virtual time has passed. What `done()` says at the end.
  bool run_until(std::move_only_function<bool()> done, Duration at_most = std::chrono::hours(24));
  // Runs `task` to its end and returns what it returned. It must end within a virtual day.
  template <class T>
  T run(Task<T> task);

 private:
  // When something can be run next; nullopt when there is nothing.
  std::optional<SteadyTime> next() const;
  void run_to_end(Task<void> task);

  SimClock clock_;
  std::deque<Job> posted_;
  std::map<std::pair<SteadyTime, TimerId>, Job> timers_;
  std::unordered_map<TimerId, SteadyTime> when_;
  TimerId last_timer_ = 0;
};

template <class T>
T SimLoop::run(Task<T> task) {
  if constexpr (std::is_void_v<T>) {
    run_to_end(std::move(task));
  } else {
    std::optional<T> out;
    run_to_end(detail::keep(std::move(task), out));
    return std::move(*out);
  }
}

}  // namespace globogym::async
