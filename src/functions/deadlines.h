// The deadlines of a function's attempts, without a timer or a stop state for each.
//
// Attempts that begin at about the same time share one deadline: at most a thirty-second part later than their own. One
// sweep now and then looks at the oldest only. While the whole process stands still no attempt's time passes: nobody is
// asked to give up what has only just gone out. A deadline is believed at the second sweep that finds it over, so that
// what has arrived is looked at first. Owned by one event loop.
#pragma once

#include <list>
#include <stop_token>
#include <vector>

#include "base/clock.h"

namespace globogym::functions {

class Deadlines {
 public:
  explicit Deadlines(Duration attempt_time) : attempt_time_(attempt_time) {}
  Deadlines(const Deadlines&) = delete;

  struct Shared {
    SteadyTime began{};
    SteadyTime end{};
    std::stop_source stop;
    std::size_t attempts = 0;
    bool due = false;     // found over once
    bool passed = false;  // and again
  };
  using Place = std::list<Shared>::iterator;

  // An attempt begins; give its place back with leave().
  Place join(SteadyTime now);
  void leave(Place place);
  // Asks every attempt to end whose deadline had passed at the sweep before, too.
  void sweep(SteadyTime now);
  // From `from` on the process did nothing for so long.
  void stood_still(SteadyTime from, Duration time);
  // Asks every attempt to end, whatever its deadline.
  void stop_all();

 private:
  const Duration attempt_time_;
  std::list<Shared> shared_;  // oldest first
};

}  // namespace globogym::functions
