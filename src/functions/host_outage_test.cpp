// The host and a dependency that fails: for everybody, for a while, and now and then.
#include <algorithm>

#include "functions/host.h"
#include "functions/world_test.h"

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

FunctionOptions mailing(int max_attempts = 4) {
  return {.name = "mailing", .dependency = "mail", .max_attempts = max_attempts};
}

QueueState state_of(const World& w, std::string_view queue) {
  for (auto& state : w.host->queues())
    if (state.queue == queue) return state;
  return {};
}

class Outage : public testing::TestWithParam<int> {};

TEST_P(Outage, however_long_burns_no_attempts_and_parks_nothing) {
  World w(static_cast<std::uint64_t>(GetParam()));
  auto& function = w.add(mailing());
  bool down = true;
  function.script = [&](const Invocation&) { return down ? fails_with(Fault::unavailable) : Result<void>(); };
  w.put_many("mailing", 0, 2000);
  w.start();

  w.loop.advance(std::chrono::hours(GetParam()));
  EXPECT_EQ(state_of(w, "mailing").state, QueueState::State::circuit_open);
  EXPECT_LT(function.starts.size(), 30u + 200u * static_cast<unsigned>(GetParam()));
  EXPECT_EQ(w.queue("mailing").dead_lettered, 0u);
  down = false;

  EXPECT_TRUE(w.drain("mailing", 5min));
  EXPECT_EQ(w.tally("done"), 2000);
  EXPECT_TRUE(std::ranges::all_of(function.starts, [](auto& start) { return start.attempt == 1; }));
  EXPECT_EQ(state_of(w, "mailing").state, QueueState::State::running);
}

INSTANTIATE_TEST_SUITE_P(Hours, Outage, testing::Values(1, 5, 20));

TEST(HostAndDependency, an_outage_in_the_middle_of_a_drain_burns_at_most_the_one_attempt_that_looked_like_poison) {
  World w;
  auto& function = w.add(mailing());
  bool down = false;
  function.script = [&](const Invocation&) { return down ? fails_with(Fault::timed_out) : Result<void>(); };
  w.put_many("mailing", 0, 5000);
  w.start();
  w.loop.advance(50ms);
  ASSERT_GT(w.tally("done"), 10);

  down = true;
  w.loop.advance(30min);
  down = false;

  EXPECT_TRUE(w.drain("mailing", 5min));
  EXPECT_EQ(w.tally("done"), 5000);
  EXPECT_LE(std::ranges::count_if(function.starts, [](auto& start) { return start.attempt > 1; }), 1);
}

TEST(HostAndDependency, a_dependency_that_comes_and_goes_parks_nothing) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World w(seed);
    auto& function = w.add(mailing(8));
    function.takes = 30ms;
    bool down = false;
    function.script = [&](const Invocation&) {
      return down ? fails_with(w.random.below(2) ? Fault::unavailable : Fault::timed_out) : Result<void>();
    };
    w.put_many("mailing", 0, 4000);
    w.start();
    int most_attempts = 0;
    for (int i = 0; i < 60; ++i) {
      w.loop.advance(Duration(static_cast<Duration::rep>(w.random.below(down ? 60'000'000 : 700'000))));
      down = !down;
    }
    down = false;

    EXPECT_TRUE(w.drain("mailing"));

    for (auto& start : function.starts) most_attempts = std::max(most_attempts, start.attempt);
    EXPECT_EQ(w.tally("done"), 4000) << seed;
    EXPECT_EQ(w.queue("mailing").dead_lettered, 0u) << seed;
    EXPECT_LE(most_attempts, 3) << seed;
  }
}

TEST(HostAndDependency, one_probe_at_a_time_goes_out_and_each_is_another_message) {
  World w;
  auto& function = w.add(mailing());
  function.script = [](const Invocation&) { return fails_with(Fault::timed_out); };
  function.takes = 20s;
  w.put_many("mailing", 0, 100);
  w.start();
  w.loop.advance(1min);
  ASSERT_EQ(state_of(w, "mailing").breaker, Breaker::State::open);
  function.starts.clear();
  function.most_running = 0;

  w.loop.advance(10min);

  EXPECT_EQ(function.most_running, 1u);
  ASSERT_GT(function.starts.size(), 5u);
  for (std::size_t i = 1; i < function.starts.size(); ++i) {
    EXPECT_NE(function.starts[i].id, function.starts[i - 1].id);
    EXPECT_GE(function.starts[i].at - function.starts[i - 1].at, 20s);
  }
}

TEST(HostAndDependency, a_poison_probe_does_not_keep_the_breaker_open) {
  World w;
  auto& function = w.add(mailing());
  bool down = true;
  function.script = [&](const Invocation& invocation) {
    return down || invocation.message.id == "m0" ? fails_with(Fault::timed_out) : Result<void>();
  };
  w.put_many("mailing", 0, 50);
  w.start();
  w.loop.advance(10min);

  down = false;

  w.loop.advance(3min);
  EXPECT_EQ(w.tally("done"), 49);
}

TEST(HostAndDependency, after_an_outage_load_returns_in_a_ramp) {
  World w;
  auto& function = w.add(mailing());
  bool down = true;
  function.script = [&](const Invocation&) { return down ? fails_with(Fault::unavailable) : Result<void>(); };
  function.takes = 100ms;
  w.put_many("mailing", 0, 1500);
  w.start();
  w.loop.advance(10min);
  down = false;
  function.starts.clear();

  EXPECT_TRUE(w.drain("mailing", 5min));

  // How many began in each tenth of a second since the first that succeeded.
  std::map<Duration::rep, int> rounds;
  for (auto& start : function.starts) ++rounds[(start.at - function.starts[0].at) / 100ms];
  EXPECT_LE(rounds[0], 1);
  EXPECT_LE(rounds[1], 2);
  EXPECT_LE(rounds[2], 4);
  EXPECT_LE(rounds[3], 8);
  EXPECT_LE(rounds[4], 16);
}

TEST(HostAndDependency, a_dependency_that_puts_everybody_off_parks_nobody) {
  World w;
  auto& function = w.add(mailing());
  bool puts_off = true;
  function.script = [&](const Invocation& invocation) {
    return puts_off || invocation.message.id == "m7" ? fails_with(Fault::deferred) : Result<void>();
  };
  w.start();
  w.put_many("mailing", 0, 500);
  w.loop.advance(3h);
  ASSERT_EQ(w.queue("mailing").dead_lettered, 0u);

  puts_off = false;

  EXPECT_TRUE(w.drain("mailing"));
  EXPECT_EQ(w.tally("done"), 499);
  EXPECT_EQ(w.queue("mailing").dead_lettered, 1u);
}

// How many are done in a minute when one attempt in `fails` fails (0: none).
std::int64_t done_in_a_minute(std::uint64_t seed, std::uint64_t fails, Fault fault) {
  SeededRandom chance(seed);  // outlives the world, which ends with work in hand
  World w(seed);
  auto options = mailing(20);
  options.max_concurrency = 8;
  auto& function = w.add(options);
  function.takes = 100ms;
  function.script = [&](const Invocation&) {
    return fails != 0 && chance.below(fails) == 0 ? fails_with(fault) : Result<void>();
  };
  w.put_many("mailing", 0, 5'000);
  w.start();
  w.loop.advance(1min);
  EXPECT_EQ(w.queue("mailing").dead_lettered, 0u);
  return w.tally("done");
}

TEST(HostAndDependency, when_one_attempt_in_ten_fails_nine_tenths_are_done) {
  const auto undisturbed = done_in_a_minute(1, 0, Fault::unavailable);
  ASSERT_GT(undisturbed, 4'000);

  for (const Fault fault : {Fault::unavailable, Fault::unknown_outcome}) {
    const auto done = done_in_a_minute(2, 10, fault);
    EXPECT_GT(done, undisturbed * 85 / 100) << name(fault);
    EXPECT_LT(done, undisturbed * 93 / 100) << name(fault);
  }
}

// Only what it said itself may give up what is for a destination.
TEST(HostAndDependency, a_first_not_now_after_an_outage_longer_than_a_message_may_wait_gives_nobody_up) {
  World w;
  auto& function = w.add({.name = "mailing",
                          .dependency = "mail",
                          .max_attempts = 1000,
                          .deferrals = Backoff{.first_delay = 1min, .max_delay = 1h},
                          .give_up_after = 4h});
  function.destination_of = [](const engine::Message&) { return 1; };
  bool out = true;
  int put_off = 0;
  function.script = [&](const Invocation&) {
    if (out) return fails_with(Fault::timed_out);
    return ++put_off <= 3 ? fails_with(Fault::deferred) : Result<void>();
  };
  w.start();
  w.put_many("mailing", 0, 3);
  w.loop.advance(5h);
  out = false;

  EXPECT_TRUE(w.drain("mailing", 1h));

  EXPECT_EQ(w.tally("done"), 3);
}

}  // namespace
}  // namespace globogym::functions
