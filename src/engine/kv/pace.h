// How many a second, of late: each one weighs less the longer ago it was. Looks at no clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/clock.h"

namespace globogym::engine::kv {

class Pace {
 public:
  explicit Pace(SteadyTime begins) : began_(begins), folded_(begins) {}

  void count(SteadyTime now) {
    fold(now);
    ++since_;
  }
  double per_second(SteadyTime now) const {
    Pace copy = *this;
    copy.fold(now + step);
    const double seconds = std::chrono::duration<double>(now + step - copy.began_).count();
    // So soon after the beginning there is less than all of the past to weigh.
    return copy.weighed_ / (remembered * (1 - std::exp(-seconds / remembered)));
  }

 private:
  static constexpr double remembered = 30;  // seconds
  static constexpr Duration step = std::chrono::seconds(1);

  void fold(SteadyTime now) {
    if (now - folded_ < step) return;
    weighed_ = (weighed_ + since_) * std::exp(-std::chrono::duration<double>(now - folded_).count() / remembered);
    since_ = 0;
    folded_ = now;
  }

  SteadyTime began_;
  SteadyTime folded_;
  double since_ = 0;
  double weighed_ = 0;
};

}  // namespace globogym::engine::kv
