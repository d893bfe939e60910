#include "base/gcra.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace globogym {
namespace {

constexpr double second = 1e9;
// The steady clock's own counter lasts 292 years.
constexpr double longest = 100.0 * 365 * 86'400 * second;
constexpr std::int64_t max_rate = 1'000'000;
constexpr std::int64_t max_quota = 1'000'000'000'000;

}  // namespace

Pace::Pace(double per_second, double burst) {
  // A rate that came by division (100 a minute) must not cost a nanosecond for its last bit.
  const double exact = second / per_second;
  const double whole = std::round(exact);
  const double interval = std::abs(exact - whole) < 1e-6 ? whole : std::ceil(exact);
  interval_ = static_cast<std::int64_t>(std::clamp(interval, 1.0, longest));
  const double most = longest / static_cast<double>(interval_);
  tolerance_ = (static_cast<std::int64_t>(std::clamp(std::floor(burst), 1.0, std::max(1.0, most))) - 1) * interval_;
}

std::int64_t Pace::remaining(const Verdict& verdict) const {
  if (verdict.ahead <= 0) return burst();
  if (verdict.ahead > tolerance_) return 0;
  return (tolerance_ - verdict.ahead) / interval_ + 1;
}

Duration Pace::until_next(const Verdict& verdict) const {
  if (verdict.ahead <= 0) return Duration::zero();
  return std::chrono::ceil<Duration>(
      std::chrono::nanoseconds(verdict.ahead + remaining(verdict) * interval_ - tolerance_));
}

Duration Pace::window() const {
  // Each interval may have been rounded up to a nanosecond: three a second are three in one, not in two.
  return std::chrono::ceil<Duration>(std::chrono::nanoseconds(tolerance_ + interval_ - (burst() - 1)));
}

Verdict RateLimit::take(std::int64_t now) {
  std::int64_t seen = next_.load(std::memory_order_relaxed);
  for (;;) {
    std::int64_t next = seen;
    const Verdict verdict = pace_.take(next, now);
    if (!verdict.passed || next_.compare_exchange_weak(seen, next, std::memory_order_acq_rel)) return verdict;
  }
}

std::optional<std::int64_t> parse_rate(std::string_view text) {
  if (!text.ends_with("/s")) return std::nullopt;
  text.remove_suffix(2);
  std::int64_t rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error != std::errc() || end != text.data() + text.size() || rate < 1 || rate > max_rate) return std::nullopt;
  return rate;
}

std::optional<std::int64_t> parse_quota(std::string_view text) {
  constexpr std::string_view unit = "/month";
  if (!text.ends_with(unit)) return std::nullopt;
  text.remove_suffix(unit.size());
  std::int64_t quota = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), quota);
  if (error != std::errc() || end != text.data() + text.size() || quota < 1 || quota > max_quota) return std::nullopt;
  return quota;
}

}  // namespace globogym
