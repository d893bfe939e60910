#include "functions/deadlines.h"

#include <iterator>
#include <utility>

#include "base/assert.h"

namespace globogym::functions {

Deadlines::Place Deadlines::join(SteadyTime now) {
  const Duration width = attempt_time_ / 32;
  if (shared_.empty() || now - shared_.back().began > width || shared_.back().stop.stop_requested()) {
    if (!shared_.empty() && shared_.back().attempts == 0) shared_.pop_back();
    shared_.push_back({.began = now, .end = now + width + attempt_time_, .stop = {}});
  }
  ++shared_.back().attempts;
  return std::prev(shared_.end());
}

void Deadlines::leave(Place place) {
  ASSERT(place->attempts > 0);
  // The newest stays: the next attempt is likely to share it.
  if (--place->attempts == 0 && std::next(place) != shared_.end()) shared_.erase(place);
}

void Deadlines::sweep(SteadyTime now) {
  // Collected first: being asked to stop may end an attempt at once, and with it its place here.
  std::vector<std::stop_source> late;
  for (auto& shared : shared_) {
    if (shared.end > now) break;
    if (shared.passed || shared.attempts == 0) continue;
    if (!std::exchange(shared.due, true)) continue;
    shared.passed = true;
    late.push_back(shared.stop);
  }
  for (auto& stop : late) stop.request_stop();
}

void Deadlines::stood_still(SteadyTime from, Duration time) {
  for (auto& shared : shared_) {
    if (shared.began > from) break;
    shared.began += time;
    shared.end += time;
  }
}

void Deadlines::stop_all() {
  std::vector<std::stop_source> all;
  for (auto& shared : shared_) all.push_back(shared.stop);
  for (auto& stop : all) stop.request_stop();
}

}  // namespace globogym::functions
