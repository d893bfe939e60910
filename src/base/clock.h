// Time, as something that is handed in.
//
// Wall time is what records carry and people read; it may jump. Steady time measures leases and time-outs; it never
// goes back. The simulator's clock answers both from one virtual counter.
#pragma once

#include <chrono>

namespace globogym {

using Duration = std::chrono::microseconds;
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::microseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
};

// The machine's own clocks.
class SystemClock final : public Clock {
 public:
  WallTime wall() const override { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
  SteadyTime steady() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
  }
};

}  // namespace globogym
