#include "gateway/limits/quotas.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/time_text.h"
#include "gateway/world_test.h"

namespace globogym::gateway {
namespace {

using namespace std::chrono_literals;

// Quotas on a pretended disk that a process can die on; the wall clock is set by hand.
class QuotasTest : public ::testing::Test {
 protected:
  struct SetClock final : Clock {
    explicit SetClock(const Clock& steady_clock) : steadily(steady_clock) {}
    const Clock& steadily;
    WallTime now = *parse_rfc3339("2026-11-22T13:30:05Z");
    WallTime wall() const override { return now; }
    SteadyTime steady() const override { return steadily.steady(); }
  };

  async::SimLoop loop;
  engine::memory::Disk disk;
  SetClock clock{loop.clock()};
  testing::TroubledEngine engine;
  std::optional<Quotas> quotas;

  QuotasTest() { start(); }

  void start() {
    loop.post([this] { engine.inner.emplace(disk); });
    loop.settle();
    quotas.emplace(engine, clock);
    const auto loaded = loop.run(quotas->load());
    ASSERT_TRUE(loaded) << loaded.error().message;
  }

  // The process dies, and the disk forgets what was not synced.
  void crash(Random& random) {
    engine.inner->die();
    loop.run_until_idle(1min);
    quotas.reset();
    engine.inner.reset();
    disk.lose_power(random);
    start();
  }

  void restart() {
    const auto closed = loop.run(quotas->close());
    ASSERT_TRUE(closed) << closed.error().message;
    quotas.reset();
    engine.inner.reset();
    start();
  }

  bool passes(const std::string& key, std::int64_t quota) {
    if (const auto standing = quotas->try_take(key, quota)) return standing->passed;
    auto standing = loop.run(quotas->take(key, quota));
    EXPECT_TRUE(standing) << standing.error().message;
    return standing && standing->passed;
  }

  std::int64_t passed_of(const std::string& key, std::int64_t quota, std::int64_t requests) {
    std::int64_t passed = 0;
    for (std::int64_t i = 0; i < requests; ++i) passed += passes(key, quota);
    return passed;
  }

  std::vector<std::string> records() {
    auto page = loop.run(engine.scan({.container = "quotas", .after = "", .limit = 1000}));
    std::vector<std::string> out;
    for (const auto& document : page->documents) out.push_back(document.key.partition + " " + document.key.id);
    std::ranges::sort(out);
    return out;
  }

  static async::Task<void> take_into(Quotas* quotas, std::string key, std::int64_t quota,
                                     std::vector<Result<QuotaStanding>>* out) {
    auto standing = co_await quotas->take(std::move(key), quota);
    out->push_back(std::move(standing));
  }
};

TEST_F(QuotasTest, exactly_the_quota_passes_and_the_answer_tells_where_one_stands) {
  auto first = loop.run(quotas->take("key", 250));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->used, 1);
  EXPECT_EQ(first->quota, 250);
  EXPECT_EQ(first->month_seconds, 30 * 86'400);
  EXPECT_EQ(first->seconds_left, 8 * 86'400 + 10 * 3600 + 29 * 60 + 55);

  EXPECT_EQ(passed_of("key", 250, 1000), 249);
  EXPECT_EQ(passed_of("another", 3, 10), 3);
  EXPECT_EQ(quotas->used("key"), 250);
  EXPECT_EQ(quotas->used("nobody"), 0);
}

TEST_F(QuotasTest, few_requests_of_a_large_quota_wait_for_the_disk) {
  engine.commits.clear();
  EXPECT_EQ(passed_of("key", 100'000, 50'000), 50'000);
  EXPECT_LE(engine.commits.size(), 52u);  // blocks of a thousand
}

TEST_F(QuotasTest, a_restart_continues_where_it_was) {
  EXPECT_EQ(passed_of("key", 1000, 123), 123);
  restart();
  EXPECT_EQ(quotas->used("key"), 123);
  EXPECT_EQ(passed_of("key", 1000, 2000), 877);
  restart();
  EXPECT_EQ(passed_of("key", 1000, 10), 0);
}

TEST_F(QuotasTest, a_crash_never_gives_more_and_wastes_at_most_a_block) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SeededRandom random(seed);
    const std::string key = "key-" + std::to_string(seed);
    const auto quota = static_cast<std::int64_t>(1 + random.below(3000));
    const std::int64_t block = std::clamp<std::int64_t>(quota / 100, 1, 1000);
    std::int64_t passed = 0, crashes = 0;
    for (int round = 0; round < 12; ++round) {
      passed +=
          passed_of(key, quota, static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(quota) / 4 + 2)));
      if (random.below(3) == 0) {
        restart();
      } else {
        crash(random);
        ++crashes;
      }
      ASSERT_LE(passed, quota) << seed;
      ASSERT_GE(quotas->used(key), passed) << seed;
      ASSERT_LE(quotas->used(key), passed + crashes * (block + block / 4 + 1)) << seed;
    }
    passed += passed_of(key, quota, quota + 10);
    EXPECT_LE(passed, quota) << seed;
    EXPECT_GE(passed, quota - crashes * (block + block / 4 + 1)) << seed;
  }
}

TEST_F(QuotasTest, a_new_month_begins_anew) {
  EXPECT_EQ(passed_of("key", 10, 20), 10);
  EXPECT_EQ(records(), (std::vector<std::string>{"key 2026-11"}));

  clock.now = *parse_rfc3339("2026-12-01T00:00:00Z");
  EXPECT_EQ(quotas->used("key"), 0);
  EXPECT_EQ(passed_of("key", 10, 20), 10);
  EXPECT_EQ(records(), (std::vector<std::string>{"key 2026-11", "key 2026-12"}));
  clock.now = *parse_rfc3339("2027-01-31T23:59:59Z");
  auto standing = loop.run(quotas->take("key", 10));
  ASSERT_TRUE(standing && standing->passed);
  EXPECT_EQ(standing->seconds_left, 1);
  EXPECT_EQ(standing->month_seconds, 31 * 86'400);
}

TEST_F(QuotasTest, of_each_key_the_twelve_months_written_last_are_kept) {
  auto in_month = [&](int number) {
    clock.now = std::chrono::sys_days(std::chrono::year(2027) / 1 / 15) + std::chrono::days(31 * number);
  };
  EXPECT_EQ(passed_of("resting", 10, 1), 1);
  for (int i = 0; i < 14; ++i) {
    in_month(i);
    EXPECT_EQ(passed_of("key", 10, 1), 1);
    if (i == 7) restart();
  }

  const auto kept = records();

  ASSERT_EQ(kept.size(), 13u);
  EXPECT_EQ(kept.front(), "key 2027-03");
  EXPECT_EQ(kept[11], "key 2028-02");
  EXPECT_EQ(kept.back(), "resting 2026-11");
  restart();
  EXPECT_EQ(records(), kept);
}

TEST_F(QuotasTest, a_month_is_not_forgotten_by_a_jump_forward_and_back) {
  EXPECT_EQ(passed_of("key", 10, 20), 10);
  for (const char* jump : {"2027-01-15T00:00:00Z", "2036-05-01T00:00:00Z", "1970-01-01T00:00:00Z"}) {
    clock.now = *parse_rfc3339(jump);
    EXPECT_EQ(passed_of("key", 10, 1), 1) << jump;
    restart();
    clock.now = *parse_rfc3339("2026-11-22T13:30:05Z");
    EXPECT_EQ(passed_of("key", 10, 20), 0) << jump;
    restart();
    EXPECT_EQ(passed_of("key", 10, 20), 0) << jump;
    EXPECT_EQ(quotas->used("key"), 10);
  }
}

TEST_F(QuotasTest, a_clock_that_is_set_back_and_forth_gives_nothing_twice) {
  std::map<std::string, std::int64_t> passed;
  SeededRandom random(5);
  for (int i = 0; i < 300; ++i) {
    const char* month = random.below(2) == 0 ? "2026-11-30T23:59:59Z" : "2026-12-01T00:00:00Z";
    clock.now = *parse_rfc3339(month);
    passed[month] += passed_of("key", 200, static_cast<std::int64_t>(random.below(5)));
    if (i % 50 == 49) restart();
  }
  for (const auto& [month, count] : passed) {
    EXPECT_LE(count, 200) << month;
    EXPECT_GT(count, 0) << month;
  }
}

TEST_F(QuotasTest, many_at_once_share_one_write_and_get_no_more_than_there_is) {
  engine.commits.clear();
  std::vector<Result<QuotaStanding>> answers;
  async::Scope scope;
  loop.post([&] {
    for (int i = 0; i < 500; ++i) scope.start(take_into(&*quotas, "key", 20'000, &answers));
  });
  loop.run_until_idle(1min);

  ASSERT_EQ(answers.size(), 500u);
  EXPECT_LE(engine.commits.size(), 8u);  // blocks of 200
  for (const auto& answer : answers) EXPECT_TRUE(answer && answer->passed);

  answers.clear();
  loop.post([&] {
    for (int i = 0; i < 50; ++i) scope.start(take_into(&*quotas, "small", 7, &answers));
  });
  loop.run_until_idle(1min);
  EXPECT_EQ(std::ranges::count_if(answers, [](const auto& answer) { return answer && answer->passed; }), 7);
  EXPECT_EQ(answers.size(), 50u);
}

TEST_F(QuotasTest, when_nothing_can_be_written_nothing_is_allowed_but_what_was_reserved) {
  EXPECT_EQ(passed_of("key", 1000, 1), 1);  // reserves ten
  engine.commit_fails = Error{Fault::unavailable, "the disk is gone"};

  std::int64_t passed = 0;
  std::optional<Error> error;
  for (int i = 0; i < 20; ++i) {
    const auto standing = loop.run(quotas->take("key", 1000));
    if (standing)
      passed += standing->passed;
    else
      error = standing.error();
  }
  EXPECT_EQ(passed, 9);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault, Fault::unavailable);
  std::vector<Result<QuotaStanding>> answers;
  async::Scope scope;
  loop.post([&] {
    for (int i = 0; i < 10; ++i) scope.start(take_into(&*quotas, "key", 1000, &answers));
  });
  loop.run_until_idle(1min);
  EXPECT_EQ(std::ranges::count_if(answers, [](const auto& answer) { return !answer; }), 10);

  engine.commit_fails.reset();
  EXPECT_EQ(passed_of("key", 1000, 2000), 990);
}

// A write that may or may not have happened must not be counted as not having happened.
TEST_F(QuotasTest, an_unknown_outcome_gives_nothing_twice) {
  for (const bool kept : {true, false}) {
    SeededRandom random(9);
    const std::string key = kept ? "kept" : "lost";
    std::int64_t passed = passed_of(key, 100, 10);
    disk.fail_writes(1, 1, kept);
    const auto failed = loop.run(quotas->take(key, 100));
    if (failed) passed += failed->passed;
    loop.advance(5s);  // the engine recovers
    passed += passed_of(key, 100, 30);
    crash(random);
    passed += passed_of(key, 100, 200);
    EXPECT_LE(passed, 100) << kept;
    EXPECT_GE(passed, 98) << kept;
  }
}

}  // namespace
}  // namespace globogym::gateway
