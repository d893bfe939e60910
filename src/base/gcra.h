// The generic cell rate algorithm (ITU-T I.371, annex A): at most `burst` requests at once, and one more every
// interval.
//
// Exact: in any window of time of length t at most burst + rate·t requests pass, and who keeps within that is never
// refused. The whole state of one client is one time: when its next request would be exactly on schedule.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace globogym {

// What a limit said to one request.
struct Verdict {
  bool passed = true;
  std::int64_t ahead =
      0;  // nanoseconds by which the schedule is used up beyond now, this request included if it passed
};

// How fast one may go. The interval is rounded up to a nanosecond, so the rate is never exceeded.
class Pace {
 public:
  // `per_second` is more than 0; `burst` is at least 1 and cut to what 100 years give back.
  Pace(double per_second, double burst);

  // Judges a request at `now`, and counts it in `next` if it passes. Times are nanoseconds of the steady clock; a
  // `next` that lies in the past is the same as one that was never used.
  Verdict take(std::int64_t& next, std::int64_t now) const {
    const std::int64_t base = next > now ? next : now;
    if (base - now > tolerance_) return {.passed = false, .ahead = base - now};
    next = base + interval_;
    return {.passed = true, .ahead = next - now};
  }

  // How many more may pass at the same instant.
  std::int64_t remaining(const Verdict& verdict) const;
  // How long until one more than that may; zero when the whole burst is there. After a refusal: how long to wait.
  Duration until_next(const Verdict& verdict) const;
  // How long the whole burst takes to come back.
  Duration window() const;

  std::int64_t burst() const { return tolerance_ / interval_ + 1; }
  std::int64_t interval() const { return interval_; }

 private:
  std::int64_t interval_;   // nanoseconds between two requests at the full rate
  std::int64_t tolerance_;  // how far ahead of the schedule the last request of a burst is
};

inline std::int64_t in_nanoseconds(SteadyTime time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

// One client's limit. Exact over all threads, in whatever order their times come; no lock.
class RateLimit {
 public:
  explicit RateLimit(Pace pace) : pace_(pace) {}
  Verdict take(SteadyTime now) { return take(in_nanoseconds(now)); }
  Verdict take(std::int64_t now);
  // The schedule: see Pace::take.
  std::int64_t next() const { return next_.load(std::memory_order_acquire); }
  const Pace& pace() const { return pace_; }

 private:
  const Pace pace_;
  std::atomic<std::int64_t> next_{std::numeric_limits<std::int64_t>::min()};
};

// Reads "50/s", as a key's own rate is written: a whole number of 1 to 1,000,000 a second.
std::optional<std::int64_t> parse_rate(std::string_view text);
// Reads "10000/month", as what a key may ask for in a month is written: a whole number of 1 to 1,000,000,000,000.
std::optional<std::int64_t> parse_quota(std::string_view text);

}  // namespace globogym
