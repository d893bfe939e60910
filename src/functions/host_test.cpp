#include "functions/host.h"

#include <algorithm>

#include "functions/world_test.h"

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

FunctionOptions mailing(int max_attempts = 4) {
  return {.name = "mailing", .dependency = "mail", .max_attempts = max_attempts};
}
FunctionOptions storing() {
  return {.name = "storing", .max_attempts = 4, .max_concurrency = 32};
}

TEST(Host, every_message_ends_in_one_commit_with_its_effects) {
  World w;
  auto& function = w.add(mailing());
  w.start();

  w.put_many("mailing", 0, 500);

  EXPECT_TRUE(w.drain("mailing", 1min));
  EXPECT_EQ(w.tally("done"), 500);
  EXPECT_EQ(function.starts.size(), 500u);
  EXPECT_TRUE(std::ranges::all_of(function.starts, [](auto& start) { return start.attempt == 1; }));
}

TEST(Host, concurrency_grows_from_few_with_the_backlog_and_never_beyond_the_maximum) {
  World w;
  auto options = mailing();
  options.max_concurrency = 100;
  auto& function = w.add(options);
  function.takes = 20ms;
  w.put_many("mailing", 0, 5000);
  w.start();

  w.loop.advance(15ms);
  EXPECT_LE(function.most_running, 8u);

  EXPECT_TRUE(w.drain("mailing", 1min));
  EXPECT_EQ(function.most_running, 100u);
  EXPECT_EQ(w.tally("done"), 5000);
}

TEST(Host, a_function_without_a_dependency_uses_its_maximum_at_once) {
  World w;
  auto& function = w.add(storing());
  w.put_many("storing", 0, 100);
  w.start();

  w.loop.advance(4ms);

  EXPECT_EQ(function.running, 32u);
  EXPECT_TRUE(w.drain("storing", 1min));
}

TEST(Host, poison_is_parked_after_exactly_its_attempts_with_its_history_and_blocks_nobody) {
  World w;
  auto& function = w.add(mailing(4));
  const std::set<std::string> poison = {"m3", "m500", "m999"};
  function.script = [&](const Invocation& invocation) {
    return poison.contains(invocation.message.id) ? fails_with(Fault::deferred) : Result<void>();
  };
  w.start();
  w.put_many("mailing", 0, 1000);
  w.loop.advance(1s);
  EXPECT_EQ(w.tally("done"), 997);

  EXPECT_TRUE(w.drain("mailing"));

  EXPECT_EQ(w.queue("mailing").dead_lettered, 3u);
  for (auto& id : poison) {
    const auto letter = w.message("mailing", id);
    ASSERT_TRUE(letter.has_value());
    EXPECT_EQ(letter->dead_reason, "attempts-exhausted");
    EXPECT_EQ(letter->attempts, 4);
    ASSERT_EQ(letter->history.size(), 4u);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(letter->history[static_cast<std::size_t>(i)].number, i + 1);
    EXPECT_EQ(letter->history[0].error, "as the script says");
    EXPECT_EQ(std::ranges::count(function.starts, id, &Scripted::Start::id), 4);
    EXPECT_EQ(w.document("parked", "p", id), "4 attempts-exhausted");
  }
}

TEST(Host, poison_that_looks_like_an_outage_is_parked_while_others_succeed) {
  World w;
  auto& function = w.add(mailing(3));
  function.script = [&](const Invocation& invocation) {
    return invocation.message.id == "m0" ? fails_with(Fault::unavailable) : Result<void>();
  };
  w.start();
  w.put("mailing", "m0");

  for (int i = 1; i < 6000; i += 20) {
    w.put_many("mailing", i, i + 20);
    w.loop.advance(100ms);
  }

  ASSERT_TRUE(w.message("mailing", "m0").has_value());
  EXPECT_EQ(w.message("mailing", "m0")->dead_reason, "attempts-exhausted");
  EXPECT_EQ(w.tally("done"), 6000);
}

TEST(Host, what_is_refused_or_makes_no_sense_is_parked_at_once_with_its_reason) {
  World w;
  auto options = mailing();
  options.refused_reason = "recipient-refused";
  auto& function = w.add(options);
  function.script = [](const Invocation& invocation) {
    return fails_with(invocation.message.id == "refused" ? Fault::refused : Fault::invalid);
  };
  w.start();
  w.put("mailing", "refused");
  w.put("mailing", "invalid");

  EXPECT_TRUE(w.drain("mailing", 1min));

  EXPECT_EQ(function.starts.size(), 2u);
  EXPECT_EQ(w.message("mailing", "refused")->dead_reason, "recipient-refused");
  EXPECT_EQ(w.message("mailing", "invalid")->dead_reason, "invalid-message");
}

TEST(Host, retries_wait_longer_each_time) {
  World w;
  auto& function = w.add(mailing(6));
  function.script = [](const Invocation&) { return fails_with(Fault::deferred); };
  w.start();
  w.put("mailing", "m");

  EXPECT_TRUE(w.drain("mailing"));

  ASSERT_EQ(function.starts.size(), 6u);
  for (std::size_t i = 1; i < 6; ++i) EXPECT_GE(function.starts[i].at - function.starts[i - 1].at, 1s);
}

TEST(Host, a_message_whose_worker_crashed_is_attempted_again_and_the_attempt_counted) {
  World w;
  auto& first = w.add(storing());
  first.takes = 1h;
  w.put("storing", "m");
  w.start();
  w.loop.advance(1s);
  ASSERT_EQ(first.running, 1u);

  w.crash();
  auto& second = w.add(storing());
  w.start();

  EXPECT_TRUE(w.drain("storing", 5min));
  ASSERT_EQ(second.starts.size(), 1u);
  EXPECT_EQ(second.starts[0].attempt, 2);
  EXPECT_EQ(w.tally("done"), 1);
}

TEST(Host, a_message_that_crashes_every_worker_is_parked_after_its_attempts) {
  World w;
  w.put("storing", "m");
  for (int i = 0; i < 4; ++i) {
    w.add(storing()).takes = 1h;
    w.start();
    w.loop.advance(1s);
    w.crash();
  }
  auto& last = w.add(storing());
  w.start();

  EXPECT_TRUE(w.drain("storing", 5min));

  EXPECT_TRUE(last.starts.empty());
  EXPECT_EQ(w.message("storing", "m")->dead_reason, "attempts-exhausted");
}

TEST(Host, attempts_that_died_with_their_process_are_not_held_against_a_message_that_then_fails) {
  World w;
  w.put("mailing", "m");
  for (int i = 0; i < 3; ++i) {
    w.add(mailing(4)).takes = 1h;
    w.start();
    w.loop.advance(1s);
    w.crash();
  }
  auto& last = w.add(mailing(4));
  last.script = [&](const Invocation&) {
    return last.starts.size() < 4 ? fails_with(Fault::deferred) : Result<void>();
  };
  w.start();

  EXPECT_TRUE(w.drain("mailing"));

  EXPECT_EQ(w.tally("done"), 1);
  EXPECT_EQ(last.starts.back().attempt, 7);
}

TEST(Host, a_commit_that_comes_after_the_lease_is_refused_and_the_message_done_by_another) {
  World w;
  auto options = storing();
  options.attempt_time = 10s;
  auto& function = w.add(options);
  // Hears no stop and takes longer than its lease, the first time.
  function.takes = 0s;
  int runs = 0;
  function.before_commit = [&](const Invocation&) {
    if (++runs == 1) w.loop.advance(2min);
  };
  w.put("storing", "m");
  w.start();

  EXPECT_TRUE(w.drain("storing", 5min));

  EXPECT_EQ(w.tally("done"), 1);
  EXPECT_EQ(runs, 2);
  EXPECT_NE(w.metrics.text().find("outcome=\"lease-lost\"} 1"), std::string::npos);
}

TEST(Host, an_attempt_is_asked_to_end_at_its_deadline_and_that_counts) {
  World w;
  auto options = storing();
  options.attempt_time = 10s;
  options.max_attempts = 2;
  auto& function = w.add(options);
  function.takes = 1h;
  w.put("storing", "m");
  w.start();

  EXPECT_TRUE(w.drain("storing", 5min));

  EXPECT_EQ(function.starts.size(), 2u);
  EXPECT_EQ(w.message("storing", "m")->dead_reason, "attempts-exhausted");
}

TEST(Host, an_attempt_is_not_asked_to_end_because_the_whole_process_stood_still) {
  World w;
  auto options = storing();
  options.attempt_time = 30s;
  auto& function = w.add(options);
  function.takes = 1h + 20s;
  int came_to_its_end = 0;
  function.before_commit = [&](const Invocation&) { ++came_to_its_end; };
  w.put("storing", "m");
  w.start();
  w.loop.advance(5s);

  w.loop.stand_still(1h);
  w.loop.advance(16s);

  EXPECT_EQ(came_to_its_end, 1);
}

TEST(Host, a_conflict_is_run_again_at_once_and_not_counted) {
  World w;
  auto& function = w.add(storing());
  int conflicts = 0;
  function.before_commit = [&](const Invocation& invocation) {
    if (invocation.rerun < 3) ++conflicts;
  };
  function.script = [&](const Invocation& invocation) {
    return invocation.rerun < 3 ? fails_with(Fault::conflict) : Result<void>();
  };
  w.put("storing", "m");
  w.start();

  EXPECT_TRUE(w.drain("storing", 1s));

  EXPECT_EQ(function.starts.size(), 4u);
  EXPECT_EQ(function.starts.back().attempt, 1);
  EXPECT_EQ(w.tally("done"), 1);
}

TEST(Host, a_conflict_that_never_ends_is_poison) {
  World w;
  auto& function = w.add(storing());
  function.script = [&](const Invocation& invocation) {
    return invocation.message.id == "m" ? fails_with(Fault::conflict) : Result<void>();
  };
  w.put("storing", "m");
  w.put("storing", "n");
  w.start();

  EXPECT_TRUE(w.drain("storing"));

  EXPECT_EQ(w.message("storing", "m")->dead_reason, "attempts-exhausted");
  EXPECT_EQ(w.message("storing", "m")->attempts, 4);
  EXPECT_EQ(w.tally("done"), 1);
}

TEST(Host, a_disk_that_refuses_for_a_while_loses_nothing_and_does_nothing_twice) {
  for (const bool kept : {false, true}) {
    World w;
    auto& function = w.add(mailing());
    w.start();
    w.put_many("mailing", 0, 200);
    w.loop.advance(3ms);

    w.disk.fail_writes(3, 4, kept);

    EXPECT_TRUE(w.drain("mailing", 10min));
    EXPECT_EQ(w.tally("done"), 200) << kept;
    EXPECT_EQ(w.queue("mailing").dead_lettered, 0u);
    EXPECT_GE(function.starts.size(), 200u);
  }
}

TEST(Host, a_disk_that_fails_again_and_again_burns_no_attempts) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    World w(seed);
    auto& mails = w.add(mailing(8));
    w.add(storing());
    w.start();
    for (int round = 0; round < 100; ++round) {
      w.disk.fail_writes(1, 0, false);  // no more of the last round's
      while (w.engine->health().can_commit == false) w.loop.advance(100ms);
      w.put(round % 2 ? "mailing" : "storing", std::to_string(round));
      w.disk.fail_writes(1 + static_cast<int>(w.random.below(4)), 1 + static_cast<int>(w.random.below(2)),
                         w.random.below(2) == 1);
      mails.takes = Duration(static_cast<Duration::rep>(w.random.below(50'000)));
      w.loop.advance(Duration(static_cast<Duration::rep>(w.random.below(1'500'000))));
    }
    w.disk.fail_writes(1, 0, false);

    EXPECT_TRUE(w.drain("mailing"));
    EXPECT_TRUE(w.drain("storing"));

    EXPECT_EQ(w.tally("done"), 100) << seed;
    EXPECT_EQ(w.queue("mailing").dead_lettered, 0u) << seed;
    EXPECT_EQ(w.queue("storing").dead_lettered, 0u) << seed;
  }
}

TEST(Host, stop_lets_attempts_finish_and_gives_back_what_does_not) {
  World w;
  auto& function = w.add(mailing());
  function.takes = 1h;
  w.put_many("mailing", 0, 50);
  w.start();
  w.loop.advance(1s);
  ASSERT_EQ(function.running, 8u);

  const auto before = w.loop.clock().steady();
  w.stop_host();

  EXPECT_LE(w.loop.clock().steady() - before, 6s);
  const auto stats = w.queue("mailing");
  EXPECT_EQ(stats.leased, 0u);
  EXPECT_EQ(stats.ready + stats.delayed, 50u);
  EXPECT_EQ(w.message("mailing", "m0")->attempts, 0);
}

TEST(Host, stop_returns_when_an_effect_is_done_and_the_engine_does_not_serve) {
  World w;
  auto& function = w.add(mailing());
  std::size_t starts = 0;  // counted here: the function ends with its host
  function.script = [&](const Invocation& invocation) -> Result<void> {
    ++starts;
    const_cast<Invocation&>(invocation).remembered = "sent";  // NOLINT: as a function notes its effect
    return fails_with(Fault::conflict);                       // and then cannot read what it needs
  };
  w.start();
  w.put("mailing", "m0");
  w.loop.advance(1s);
  ASSERT_GT(starts, 3u);

  const auto before = w.loop.clock().steady();
  const auto starts_before = starts;
  w.stop_host();

  EXPECT_LE(w.loop.clock().steady() - before, 7s);
  EXPECT_LE(starts - starts_before, 20u);
}

TEST(Host, stop_returns_soon_when_there_is_nothing_to_do) {
  World w;
  w.add(mailing());
  w.add(storing());
  w.start();
  w.loop.advance(10s);

  const auto before = w.loop.clock().steady();
  w.engine->close_receivers();
  w.stop_host();

  EXPECT_LE(w.loop.clock().steady() - before, 10ms);
}

TEST(Host, a_paused_queue_waits_and_the_others_go_on) {
  World w;
  auto& mails = w.add(mailing());
  auto& stores = w.add(storing());
  w.start();
  w.loop.advance(1s);
  EXPECT_TRUE(w.host->pause("mailing"));
  EXPECT_FALSE(w.host->pause("unknown"));
  w.put_many("mailing", 0, 10);
  w.put_many("storing", 10, 20);

  w.loop.advance(1min);

  EXPECT_TRUE(mails.starts.empty());
  EXPECT_EQ(stores.starts.size(), 10u);
  EXPECT_EQ(w.host->queue_state("mailing"), "paused");
  EXPECT_EQ(w.queue("mailing").leased, 0u);
  w.host->resume("mailing");
  EXPECT_TRUE(w.drain("mailing", 5s));
  EXPECT_EQ(w.host->queue_state("mailing"), "running");
}

TEST(Host, functions_with_one_dependency_share_its_breaker) {
  World w;
  auto& mails = w.add(mailing());
  auto other = mailing();
  other.name = "newsletter";
  auto& letters = w.add(other);
  mails.script = letters.script = [](const Invocation&) { return fails_with(Fault::unavailable); };
  w.start();
  w.put_many("mailing", 0, 20);
  w.loop.advance(10s);
  ASSERT_EQ(w.host->queue_state("mailing"), "circuit-open");
  EXPECT_EQ(w.host->queue_state("newsletter"), "circuit-open");

  w.put_many("newsletter", 0, 100);
  w.loop.advance(1s);

  EXPECT_LE(letters.starts.size(), 1u);
}

TEST(Host, the_same_seed_tells_the_same_story) {
  auto story = [](std::uint64_t seed) {
    World w(seed);
    auto& function = w.add(mailing());
    function.script = [](const Invocation& invocation) {
      return invocation.message.id.ends_with("7") && invocation.attempt < 3 ? fails_with(Fault::deferred)
                                                                            : Result<void>();
    };
    w.start();
    w.put_many("mailing", 0, 100);
    w.drain("mailing");
    std::string told;
    for (auto& start : function.starts)
      told += start.id + "@" + std::to_string(start.at.time_since_epoch().count()) + " ";
    return told;
  };

  EXPECT_EQ(story(1), story(1));
  EXPECT_NE(story(1), story(2));
}

}  // namespace
}  // namespace globogym::functions
