// The host and messages that are put off: how long they wait, how often they are tried, and when they are given up.
#include <algorithm>

#include "functions/host.h"
#include "functions/world_test.h"

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

FunctionOptions mailing() {
  return {.name = "mailing",
          .dependency = "mail",
          .max_attempts = 1000,
          .deferrals = Backoff{.first_delay = 1min, .max_delay = 1h},
          .give_up_after = 96h};
}

TEST(HostAndDeferrals, a_greylisted_message_is_tried_a_handful_of_times_and_done_soon_after_it_may) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World w(seed);
    auto& function = w.add(mailing());
    const auto begin = w.loop.clock().steady();
    function.script = [&](const Invocation&) {
      return w.loop.clock().steady() - begin < 300s ? fails_with(Fault::deferred) : Result<void>();
    };
    w.start();
    w.put("mailing", "m");

    EXPECT_TRUE(w.drain("mailing", 30min)) << seed;

    EXPECT_EQ(w.tally("done"), 1);
    EXPECT_LE(function.starts.size(), 6u) << seed;
    for (std::size_t i = 1; i < function.starts.size(); ++i)
      EXPECT_GE(function.starts[i].at - function.starts[i - 1].at, 1min);
  }
}

TEST(HostAndDeferrals, what_is_put_off_for_ever_is_given_up_by_time_and_not_by_count) {
  World w;
  auto& function = w.add(mailing());
  function.script = [](const Invocation&) { return fails_with(Fault::deferred); };
  w.start();
  w.put("mailing", "m");

  w.loop.advance(96h - 1min);
  ASSERT_EQ(w.queue("mailing").dead_lettered, 0u);
  w.loop.advance(2h);

  ASSERT_EQ(w.queue("mailing").dead_lettered, 1u);
  EXPECT_EQ(w.message("mailing", "m")->dead_reason, "attempts-exhausted");
  EXPECT_GT(function.starts.size(), 96u) << "an hour is the longest wait";
  EXPECT_LT(function.starts.size(), 500u);
}

// As a wall clock that was set forward looks: the message is older than it is.
TEST(HostAndDeferrals, a_message_that_is_old_at_its_first_failures_is_not_given_up_for_it) {
  World w;
  w.put("mailing", "m");
  w.loop.advance(1000h);
  auto& function = w.add(mailing());
  function.script = [&](const Invocation&) {
    return function.starts.size() < 8 ? fails_with(Fault::deferred) : Result<void>();
  };
  w.start();

  EXPECT_TRUE(w.drain("mailing", 24h));

  EXPECT_EQ(w.tally("done"), 1);
}

TEST(HostAndDeferrals, a_wall_clock_set_forward_or_back_makes_nobody_older_or_younger) {
  for (const Duration step : {-1000h, 1000h}) {
    World w;
    auto& function = w.add(mailing());
    function.script = [&](const Invocation&) {
      // While an attempt is under way, and while nothing is.
      if (function.starts.size() == 20) w.loop.step_wall(step);
      return fails_with(Fault::deferred);
    };
    w.start();
    w.put("mailing", "m");
    w.loop.advance(48h);
    w.loop.step_wall(step);

    w.loop.advance(48h - 1min);
    EXPECT_EQ(w.queue("mailing").dead_lettered, 0u) << step / 1h;
    w.loop.advance(2h);

    EXPECT_EQ(w.queue("mailing").dead_lettered, 1u) << step / 1h;
  }
}

TEST(HostAndDeferrals, the_count_stays_as_a_bound) {
  World w;
  auto options = mailing();
  options.max_attempts = 5;
  auto& function = w.add(options);
  function.script = [](const Invocation&) { return fails_with(Fault::deferred); };
  w.start();
  w.put("mailing", "m");

  EXPECT_TRUE(w.drain("mailing", 24h));

  EXPECT_EQ(function.starts.size(), 5u);
  EXPECT_EQ(w.queue("mailing").dead_lettered, 1u);
}

TEST(HostAndDeferrals, other_failures_do_not_wait_as_long) {
  World w;
  auto& function = w.add(mailing());
  function.script = [&](const Invocation&) {
    return function.starts.size() < 3 ? fails_with(Fault::unavailable) : Result<void>();
  };
  w.start();
  w.put("mailing", "m");

  EXPECT_TRUE(w.drain("mailing", 30s));

  EXPECT_EQ(w.tally("done"), 1);
}

TEST(HostAndDeferrals, an_unknown_outcome_is_given_up_sooner_because_each_may_be_a_copy) {
  World w;
  auto& function = w.add(mailing());
  function.script = [](const Invocation& invocation) {
    return invocation.message.id == "m" ? fails_with(Fault::unknown_outcome) : Result<void>();
  };
  w.start();
  w.put("mailing", "m");
  for (int i = 0; i < 200; ++i) {
    w.put("mailing", "good" + std::to_string(i));
    w.loop.advance(5min);
  }

  ASSERT_EQ(w.queue("mailing").dead_lettered, 1u);
  EXPECT_EQ(std::ranges::count(function.starts, "m", &Scripted::Start::id), 8);
  EXPECT_EQ(w.tally("done"), 200);
}

TEST(HostAndDeferrals, attempts_that_do_not_count_leave_no_history) {
  World w;
  auto& function = w.add(mailing());
  function.script = [](const Invocation&) { return fails_with(Fault::unavailable); };
  w.start();
  w.put("mailing", "m");
  w.loop.advance(1h);
  ASSERT_GT(function.starts.size(), 10u);

  const auto kept = w.message("mailing", "m");

  ASSERT_TRUE(kept.has_value());
  EXPECT_TRUE(kept->history.empty());
  EXPECT_LE(kept->attempts, 1);
}

TEST(HostAndDeferrals, the_queue_tells_what_failed_last_and_since_when_nothing_got_through) {
  World w;
  auto& function = w.add(mailing());
  function.script = [](const Invocation&) { return fails_with(Fault::deferred); };
  w.start();
  w.put("mailing", "m");
  const auto began = w.loop.clock().wall();
  w.loop.advance(30min);

  auto state = w.host->queues().at(0);
  EXPECT_EQ(state.last_error, "as the script says");
  ASSERT_TRUE(state.blocked_since && state.last_error_at);
  EXPECT_LT(*state.blocked_since - began, 1min);
  EXPECT_GT(*state.last_error_at - began, 1min);

  function.script = [](const Invocation&) { return Result<void>(); };
  EXPECT_TRUE(w.drain("mailing", 4h));
  EXPECT_FALSE(w.host->queues().at(0).blocked_since);
  EXPECT_EQ(w.host->queues().at(0).last_error, "as the script says");
}

TEST(HostAndDeferrals, what_a_person_asks_for_is_tried_although_its_destination_has_to_wait) {
  World w;
  auto& function = w.add(mailing());
  function.destination_of = [](const engine::Message& message) { return message.id.starts_with("good") ? 2 : 1; };
  function.script = [](const Invocation& invocation) {
    return invocation.message.id.starts_with("good") ? Result<void>() : fails_with(Fault::deferred);
  };
  w.start();
  for (int i = 0; i < 6; ++i) w.put("mailing", "bad-" + std::to_string(i));
  for (int i = 0; i < 300; ++i) {
    w.put("mailing", "good-" + std::to_string(i));
    w.loop.advance(1min);
  }
  const auto tried = [&] { return std::ranges::count(function.starts, std::string("bad-3"), &Scripted::Start::id); };
  const auto before = tried();
  const auto hasten = [&] {
    engine::Commit commit;
    commit.hastened.push_back({"mailing", "bad-3"});
    EXPECT_TRUE(w.loop.run(w.engine->commit(std::move(commit))).has_value());
    w.loop.advance(1s);
  };

  EXPECT_TRUE(w.host->ask_for("mailing", "bad-3"));
  hasten();

  EXPECT_EQ(tried(), before + 1);
  EXPECT_FALSE(w.host->ask_for("nowhere", "bad-3"));
}

}  // namespace
}  // namespace globogym::functions
