// Durations, sizes and rates as a person writes them in a configuration file: "250ms", "16KiB", "100/s burst 200".
//
// Reading is strict (a unit is needed, nothing may follow), and what `text` writes reads back as the same value; what
// `about` writes is for people only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace globogym::app {

// us, ms, s, m, h, d. A whole number and one unit; "0s" is allowed.
std::optional<Duration> parse_duration(std::string_view text);
std::string text(Duration duration);

// A number of bytes: B, KiB, MiB, GiB, TiB.
struct Size {
  std::uint64_t bytes = 0;
  auto operator<=>(const Size&) const = default;
};
std::optional<Size> parse_size(std::string_view text);
std::string text(Size size);
// As people say it, rounded to two or three digits: "211 KiB", "1.4 GiB"; bytes are exact.
std::string about(Size size);

// "100/s", "100/s burst 200", "30/m", "1000/h", or "off". Without a burst it is one second's worth, at least 1.
struct Rate {
  bool off = true;
  double per_second = 0;
  double burst = 0;
  bool operator==(const Rate&) const = default;
};
std::optional<Rate> parse_rate(std::string_view text);
std::string text(const Rate& rate);

}  // namespace globogym::app
