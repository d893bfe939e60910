#include "base/time_zone.h"

#include <absl/time/time.h>

#include <string_view>

namespace globogym {

struct TimeZone::Rules {
  absl::TimeZone zone;
};

namespace {

// The library also takes paths, "localtime", and offsets: none of them says where a place is.
bool is_place(std::string_view name) {
  if (name.size() > 100 || name == "localtime" || name == "posixrules" || name == "Factory") return false;
  for (const std::string_view other : {"posix/", "right/", "Fixed/"})
    if (name.starts_with(other)) return false;
  bool part_begins = true;
  for (const char c : name) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (part_begins && !letter) return false;
    part_begins = c == '/';
    if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '+' && c != '-' && c != '/') return false;
  }
  return !part_begins;
}

}  // namespace

TimeZone::TimeZone(std::string name) : name_(std::move(name)) {
  Rules rules;
  if (is_place(name_) && absl::LoadTimeZone(name_, &rules.zone)) rules_ = std::make_shared<const Rules>(rules);
}

bool TimeZone::known() const {
  return rules_ != nullptr || name_ == "UTC";
}

std::chrono::year_month_day TimeZone::day_at(WallTime moment) const {
  if (!rules_) return std::chrono::floor<std::chrono::days>(moment);
  const absl::CivilDay day(rules_->zone.At(absl::FromUnixMicros(moment.time_since_epoch().count())).cs);
  return {std::chrono::year(static_cast<int>(day.year())), std::chrono::month(static_cast<unsigned>(day.month())),
          std::chrono::day(static_cast<unsigned>(day.day()))};
}

}  // namespace globogym
