#include "base/gcra.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "base/random.h"

namespace globogym {
namespace {

using namespace std::chrono_literals;

constexpr SteadyTime start{1h};

// Whether a client that passed at these times (ascending) keeps to burst + rate·t in every window.
bool keeps_to(const Pace& pace, const std::vector<std::int64_t>& passed) {
  // From i to j there are j − i + 1, at most burst + (t[j] − t[i]) / interval. So t[j] − j·interval may lie below any
  // earlier t[i] − i·interval by no more than (burst − 1)·interval: the greatest of them decides.
  std::int64_t greatest = std::numeric_limits<std::int64_t>::min();
  for (std::size_t j = 0; j < passed.size(); ++j) {
    const std::int64_t here = passed[j] - static_cast<std::int64_t>(j) * pace.interval();
    greatest = std::max(greatest, here);
    if (here < greatest - (pace.burst() - 1) * pace.interval()) return false;
  }
  return true;
}

// The definition, without a state: a request conforms when no window that ends with it holds too many.
bool conforms(const Pace& pace, const std::vector<std::int64_t>& passed, std::int64_t now) {
  for (std::size_t i = 0; i < passed.size(); ++i) {
    const std::int64_t with_this = static_cast<std::int64_t>(passed.size() - i) + 1;
    if (with_this > pace.burst() + (now - passed[i]) / pace.interval()) return false;
  }
  return true;
}

TEST(Pace, a_burst_passes_at_once_and_the_next_waits_for_exactly_one_interval) {
  RateLimit limit(Pace(10, 10));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limit.take(start).passed) << i;

  const Verdict refused = limit.take(start);

  EXPECT_FALSE(refused.passed);
  EXPECT_EQ(limit.pace().until_next(refused), 100ms);
  EXPECT_FALSE(limit.take(start + 100ms - 1us).passed);
  EXPECT_TRUE(limit.take(start + 100ms).passed);
  EXPECT_FALSE(limit.take(start + 100ms).passed);
}

TEST(Pace, idle_time_is_not_saved_up_beyond_one_burst) {
  RateLimit limit(Pace(5, 5));
  EXPECT_TRUE(limit.take(start).passed);

  int passed = 0;
  while (limit.take(start + 24h).passed) ++passed;

  EXPECT_EQ(passed, 5);
}

TEST(Pace, it_tells_what_remains_and_when_there_is_more) {
  const Pace pace(2, 4);
  RateLimit limit(pace);

  const Verdict first = limit.take(start);
  EXPECT_EQ(pace.remaining(first), 3);
  EXPECT_EQ(pace.until_next(first), 500ms);
  for (int i = 2; i >= 0; --i) EXPECT_EQ(pace.remaining(limit.take(start)), i);
  const Verdict refused = limit.take(start + 200ms);

  EXPECT_EQ(pace.remaining(refused), 0);
  EXPECT_EQ(pace.until_next(refused), 300ms);
  EXPECT_EQ(pace.window(), 2s);
  for (const double rate : {1.0, 3.0, 7.0, 11.0, 999.0}) EXPECT_EQ(Pace(rate, rate).window(), 1s) << rate;
  EXPECT_EQ(pace.remaining(Verdict{.passed = true, .ahead = 0}), 4);
}

// What is told is what then happens: `remaining` more pass at that instant, and one more exactly at `until_next`.
TEST(Pace, what_it_tells_comes_true) {
  SeededRandom random(11);
  for (int round = 0; round < 2000; ++round) {
    const Pace pace(0.1 + random.unit() * 1000, 1.0 + static_cast<double>(random.below(50)));
    std::int64_t next = 0, now = 1'000'000'000'000;
    Verdict verdict;
    for (std::uint64_t i = 1 + random.below(80); i > 0; --i) {
      now += static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(pace.interval())));
      verdict = pace.take(next, now);
    }

    const std::int64_t remaining = pace.remaining(verdict);
    std::int64_t at_once = next, later = next;
    for (std::int64_t i = 0; i < remaining; ++i) ASSERT_TRUE(pace.take(at_once, now).passed);
    EXPECT_FALSE(pace.take(at_once, now).passed);

    const std::int64_t then = now + std::chrono::nanoseconds(pace.until_next(verdict)).count();
    for (std::int64_t i = 0; i < std::min(remaining + 1, pace.burst()); ++i)
      ASSERT_TRUE(pace.take(later, then).passed) << round;
  }
}

TEST(Pace, rates_slower_than_one_a_second_and_of_any_size_are_exact) {
  EXPECT_EQ(Pace(30.0 / 60, 60).interval(), 2'000'000'000);
  EXPECT_EQ(Pace(100.0 / 60, 1).interval(), 600'000'000);
  EXPECT_EQ(Pace(1000.0 / 3600, 1).interval(), 3'600'000'000);
  EXPECT_EQ(Pace(1'000'000, 1).interval(), 1000);
  EXPECT_EQ(Pace(3, 1).interval(), 333'333'334);  // rounded up: never more than asked for
  EXPECT_EQ(Pace(7, 12).burst(), 12);
}

TEST(Pace, numbers_beyond_the_clock_are_cut_and_do_not_overflow) {
  RateLimit limit(Pace(1.0 / 3600, 1e9));
  EXPECT_GT(limit.pace().burst(), 800'000);
  EXPECT_LE(limit.pace().burst(), 1'000'000);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limit.take(start).passed);
  RateLimit slow(Pace(1e-12, 1));
  EXPECT_TRUE(slow.take(start).passed);
  EXPECT_FALSE(slow.take(start + 24h).passed);
}

// Against the definition, decision for decision: nobody gets more in any window, and nobody is refused what is theirs.
TEST(Pace, every_decision_is_what_the_definition_says_whatever_the_schedule) {
  SeededRandom random(7);
  for (int round = 0; round < 300; ++round) {
    const Pace pace(0.01 + random.unit() * 200, 1.0 + static_cast<double>(random.below(20)));
    RateLimit limit(pace);
    std::vector<std::int64_t> passed;
    std::int64_t now = 1'000'000'000;
    const auto interval = static_cast<std::uint64_t>(pace.interval());
    for (int i = 0; i < 250; ++i) {
      switch (random.below(5)) {  // at once, a little, one interval to the nanosecond, some, a long rest
        case 0:
          break;
        case 1:
          now += static_cast<std::int64_t>(random.below(interval / 4 + 1));
          break;
        case 2:
          now += pace.interval() - static_cast<std::int64_t>(random.below(2));
          break;
        case 3:
          now += static_cast<std::int64_t>(random.below(3 * interval));
          break;
        default:
          if (random.below(20) == 0) now += pace.interval() * pace.burst();
      }
      const bool should = conforms(pace, passed, now);
      ASSERT_EQ(limit.take(now).passed, should) << "round " << round << ", request " << i;
      if (should) passed.push_back(now);
    }
    EXPECT_TRUE(keeps_to(pace, passed)) << round;
  }
}

// Times are drawn before they are judged, so threads bring them in any order; the bound holds for the times all the
// same.
TEST(Pace, a_rate_is_a_whole_number_a_second) {
  EXPECT_EQ(parse_rate("50/s"), 50);
  EXPECT_EQ(parse_rate("1000000/s"), 1'000'000);
  for (const auto text : {"", "/s", "0/s", "-1/s", "1000001/s", "50", "50/m", "5.5/s", "50 /s", "50/s "})
    EXPECT_FALSE(parse_rate(text)) << text;
}

TEST(Pace, a_quota_is_read_strictly) {
  EXPECT_EQ(parse_quota("1/month"), 1);
  EXPECT_EQ(parse_quota("1000000000000/month"), 1'000'000'000'000);
  for (const auto text : {"", "/month", "0/month", "-5/month", "1000000000001/month", "5", "5/day", "5 /month",
                          "5/months", "99999999999999999999/month", "5.5/month", "+5/month"})
    EXPECT_FALSE(parse_quota(text)) << text;
}

TEST(RateLimit, threads_together_get_no_more_than_the_pace_in_any_window_and_no_less_in_all) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRandom random(seed);
    const Pace pace(1000.0 + static_cast<double>(random.below(100'000)), 1.0 + static_cast<double>(random.below(100)));
    RateLimit limit(pace);
    std::atomic<std::int64_t> clock{1'000'000'000};
    constexpr std::int64_t requests = 20'000;
    const std::int64_t step = pace.interval() / 4 + 1;
    std::vector<std::vector<std::int64_t>> passed(4);
    std::vector<std::thread> threads;
    for (auto& mine : passed)
      threads.emplace_back([&] {
        for (std::int64_t i = 0; i < requests / 4; ++i) {
          const std::int64_t now = clock.fetch_add(step);
          if (limit.take(now).passed) mine.push_back(now);
        }
      });
    for (auto& thread : threads) thread.join();

    std::vector<std::int64_t> all;
    for (const auto& mine : passed) all.insert(all.end(), mine.begin(), mine.end());
    std::ranges::sort(all);
    EXPECT_TRUE(keeps_to(pace, all)) << seed;
    const std::int64_t due = requests * step / pace.interval();
    EXPECT_GE(static_cast<std::int64_t>(all.size()), due - 1) << seed;
    EXPECT_LE(static_cast<std::int64_t>(all.size()), due + pace.burst() + 1) << seed;
  }
}

TEST(RateLimit, threads_that_come_at_one_instant_share_one_burst) {
  constexpr std::int64_t burst = 2'000'000;  // long enough for threads to be interrupted anywhere
  RateLimit limit(Pace(1, static_cast<double>(burst)));
  std::atomic<std::int64_t> passed{0};
  std::atomic<int> there{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      ++there;
      while (there < 4) std::this_thread::yield();
      std::int64_t mine = 0;
      for (std::int64_t request = 0; request < burst; ++request) mine += limit.take(std::int64_t{1'000'000'000}).passed;
      passed += mine;
    });
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(passed, burst);
}

TEST(RateLimit, what_these_tests_measure_with_can_say_no) {
  EXPECT_TRUE(keeps_to(Pace(1, 1), {0, 1'000'000'000}));
  EXPECT_FALSE(keeps_to(Pace(1, 1), {0, 999'999'999}));
  EXPECT_FALSE(keeps_to(Pace(1, 2), {0, 0, 999'999'999}));
  EXPECT_TRUE(keeps_to(Pace(1, 2), {0, 0, 1'000'000'000}));
}

}  // namespace
}  // namespace globogym
