// A place's calendar: which day it is there.
//
// Zones are those of the IANA data base of this machine (Debian's package tzdata). One is read when it is named; from
// then on it is a value that asks nobody anything. A zone that this machine does not know is UTC, and says so when
// asked.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/clock.h"

namespace globogym {

class TimeZone {
 public:
  TimeZone() = default;                 // UTC
  explicit TimeZone(std::string name);  // "Europe/London"; case matters

  const std::string& name() const { return name_; }
  bool known() const;

  // The day of the calendar at that moment. Every moment has one, however the clocks are changed.
  std::chrono::year_month_day day_at(WallTime moment) const;

  bool operator==(const TimeZone& other) const { return name_ == other.name_; }

 private:
  struct Rules;

  std::string name_ = "UTC";
  std::shared_ptr<const Rules> rules_;  // null: UTC
};

}  // namespace globogym
