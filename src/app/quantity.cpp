#include "app/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

namespace globogym::app {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// Largest first: writing takes the first that divides.
constexpr std::array duration_units = {Unit{"d", 86'400'000'000}, Unit{"h", 3'600'000'000}, Unit{"m", 60'000'000},
                                       Unit{"s", 1'000'000},      Unit{"ms", 1'000},        Unit{"us", 1}};
constexpr std::array size_units = {Unit{"TiB", 1LL << 40}, Unit{"GiB", 1LL << 30}, Unit{"MiB", 1LL << 20},
                                   Unit{"KiB", 1LL << 10}, Unit{"B", 1}};

std::optional<std::int64_t> parse(std::string_view text, std::span<const Unit> units) {
  std::int64_t number = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || number < 0) return std::nullopt;
  const std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  for (const Unit& known : units) {
    if (known.name != unit) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / known.factor) return std::nullopt;
    return number * known.factor;
  }
  return std::nullopt;
}

std::string write(std::int64_t amount, std::span<const Unit> units, std::string_view zero) {
  if (amount == 0) return std::string(zero);
  for (const Unit& unit : units)
    if (amount % unit.factor == 0) return std::to_string(amount / unit.factor) + std::string(unit.name);
  return std::to_string(amount) + std::string(units.back().name);
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const auto amount = parse(text, duration_units);
  if (!amount) return std::nullopt;
  return Duration(*amount);
}

std::string text(Duration duration) {
  return write(duration.count(), duration_units, "0s");
}

std::optional<Size> parse_size(std::string_view text) {
  const auto amount = parse(text, size_units);
  if (!amount) return std::nullopt;
  return Size{static_cast<std::uint64_t>(*amount)};
}

std::string text(Size size) {
  return write(static_cast<std::int64_t>(size.bytes), size_units, "0B");
}

std::string about(Size size) {
  for (const Unit& unit : size_units) {
    const double amount = static_cast<double>(size.bytes) / static_cast<double>(unit.factor);
    // What would be rounded up to 1024 of a unit is one of the next.
    if (unit.factor == 1) return std::to_string(size.bytes) + " B";
    if (amount < 1 && std::round(amount * 1024) < 1024) continue;
    const auto tenths = std::llround(amount * 10);
    std::string number = std::to_string(tenths >= 100 ? std::llround(amount) : tenths / 10);
    if (tenths < 100 && tenths % 10 != 0) number += "." + std::to_string(tenths % 10);
    return number + " " + std::string(unit.name);
  }
  return {};
}

std::optional<Rate> parse_rate(std::string_view text) {
  if (text == "off") return Rate{};
  double number = 0;
  auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (problem != std::errc() || !(number > 0) || number > 1e9) return std::nullopt;
  std::string_view tail(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  double seconds = 0;
  if (tail.starts_with("/s")) seconds = 1;
  if (tail.starts_with("/m")) seconds = 60;
  if (tail.starts_with("/h")) seconds = 3600;
  if (seconds == 0) return std::nullopt;
  tail.remove_prefix(2);

  Rate rate{.off = false, .per_second = number / seconds, .burst = std::max(1.0, number / seconds)};
  if (tail.empty()) return rate;
  constexpr std::string_view burst = " burst ";
  if (!tail.starts_with(burst)) return std::nullopt;
  tail.remove_prefix(burst.size());
  std::int64_t amount = 0;
  const auto [end, wrong] = std::from_chars(tail.data(), tail.data() + tail.size(), amount);
  if (wrong != std::errc() || end != tail.data() + tail.size() || amount < 1 || amount > 1'000'000'000)
    return std::nullopt;
  rate.burst = static_cast<double>(amount);
  return rate;
}

std::string text(const Rate& rate) {
  if (rate.off) return "off";
  struct {
    std::string_view unit;
    double seconds;
  } const units[] = {{"/s", 1}, {"/m", 60}, {"/h", 3600}};
  // The first unit in which the number is whole; else per hour as it is.
  std::string out;
  for (const auto& unit : units) {
    const double number = rate.per_second * unit.seconds;
    if (std::abs(number - std::round(number)) > 1e-9 * number) continue;
    out = std::to_string(static_cast<std::int64_t>(std::llround(number))) + std::string(unit.unit);
    break;
  }
  if (out.empty()) out = std::to_string(rate.per_second) + "/s";
  return out + " burst " + std::to_string(std::llround(rate.burst));
}

}  // namespace globogym::app
