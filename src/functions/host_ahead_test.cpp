// What the host leases ahead of its attempts.
#include "functions/world_test.h"

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

FunctionOptions mailing(std::size_t at_a_time) {
  return {.name = "mailing", .dependency = "mail", .max_attempts = 4, .max_concurrency = at_a_time};
}

TEST(LeasedAhead, an_attempt_that_ends_is_followed_by_the_next_in_the_same_moment) {
  // Given an engine whose commits take their time, and many that wait,
  World w;
  w.on_loop([&] {
    w.host.reset();
    w.engine.emplace(w.disk, engine::memory::Options{.sync_time = 20ms});
    w.host.emplace(*w.engine, w.loop.clock(), w.random, w.metrics, w.options);
  });
  auto& function = w.add(mailing(4));
  w.put_many("mailing", 0, 2000);
  w.start();
  w.loop.advance(1s);
  function.starts.clear();

  w.loop.advance(500ms);

  // then each of the four places is used all the time: 400 attempts of 5 ms in half a second, or nearly.
  EXPECT_GE(function.starts.size(), 350u);
  EXPECT_EQ(function.most_running, 4u);
}

TEST(LeasedAhead, no_more_than_what_soon_begins_and_nothing_while_answers_are_slow) {
  World w;
  auto& function = w.add(mailing(4));
  function.takes = 2s;
  w.put_many("mailing", 0, 4000);
  w.start();

  for (int i = 0; i < 100; ++i) {
    w.loop.advance(270ms);
    EXPECT_LE(w.queue("mailing").leased, 4u);
  }

  function.takes = 5ms;
  w.loop.advance(3s);
  std::size_t most = 0;
  for (int i = 0; i < 100; ++i) {
    w.loop.advance(7ms);
    most = std::max<std::size_t>(most, w.queue("mailing").leased);
  }
  EXPECT_GT(most, 8u);
  EXPECT_LE(most, 4u + 80 + 4) << "those that run, a tenth of a second's, and those whose commit is under way";
}

TEST(LeasedAhead, goes_back_uncounted_when_its_attempt_does_not_begin_soon) {
  World w;
  auto& function = w.add(mailing(4));
  w.put_many("mailing", 0, 400);
  w.start();
  w.loop.advance(100ms);
  ASSERT_GT(w.queue("mailing").leased, 4u);

  // When answers do not come any more,
  function.takes = 40s;
  w.loop.advance(5s);

  // then only those that are being worked on are leased, and nobody else lost an attempt.
  EXPECT_EQ(w.queue("mailing").leased, 4u);
  function.takes = 5ms;
  EXPECT_TRUE(w.drain("mailing", 5min));
  EXPECT_EQ(w.tally("done"), 400);
  EXPECT_TRUE(std::ranges::all_of(function.starts, [](auto& start) { return start.attempt == 1; }));
}

class LeasedAheadGoesBack : public testing::TestWithParam<std::string> {};

TEST_P(LeasedAheadGoesBack, uncounted_when_no_attempt_may_begin) {
  World w;
  auto& function = w.add(mailing(4));
  w.put_many("mailing", 0, 400);
  w.start();
  w.loop.advance(100ms);
  ASSERT_GT(w.queue("mailing").leased, 4u);

  const auto done_before = w.tally("done");
  if (GetParam() == "paused") w.host->pause("mailing");
  if (GetParam() == "outage") function.script = [](const Invocation&) { return fails_with(Fault::unavailable); };
  if (GetParam() == "stopped") w.stop_host();
  w.loop.advance(GetParam() == "outage" ? 20s : 3s);

  EXPECT_LE(w.queue("mailing").leased, GetParam() == "outage" ? 1u : 0u);
  EXPECT_LE(w.tally("done"), done_before + 4) << "what was only leased is not begun any more";
  if (GetParam() == "stopped") return;
  if (GetParam() == "paused") w.host->resume("mailing");
  function.script = [](const Invocation&) { return Result<void>(); };
  EXPECT_TRUE(w.drain("mailing", 5min));
  EXPECT_EQ(w.tally("done"), 400);
  // Only those under way when an outage begins may have lost an attempt by it.
  EXPECT_LE(std::ranges::count_if(function.starts, [](auto& start) { return start.attempt > 1; }),
            GetParam() == "outage" ? 4 : 0);
}

INSTANTIATE_TEST_SUITE_P(When, LeasedAheadGoesBack, testing::Values("paused", "outage", "stopped"),
                         [](const auto& given) { return given.param; });

}  // namespace
}  // namespace globogym::functions
