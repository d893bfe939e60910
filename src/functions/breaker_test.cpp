#include "functions/breaker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;
using State = Breaker::State;

// A breaker and a clock to hold against it.
struct Bench {
  SeededRandom random{11};
  std::vector<State> changes;
  Breaker breaker{{}, random, [this](State state, std::string_view) { changes.push_back(state); }};
  SteadyTime now{1h};
  std::uint64_t message = 0;

  Breaker::Ticket begin() {
    auto ticket = breaker.begin(now);
    EXPECT_TRUE(ticket.has_value());
    return ticket.value_or(Breaker::Ticket{});
  }
  void succeed() { breaker.succeeded(begin(), now); }
  bool fail() { return breaker.failed(begin(), ++message, now); }
  void open() {
    while (breaker.state() == State::closed) fail();
  }
  void wait_for_probe() { now = breaker.next_probe().value_or(now); }
  void half_open() {
    open();
    wait_for_probe();
    succeed();
  }
};

TEST(Breaker, failures_of_different_messages_in_a_row_open_it) {
  Bench b;
  for (int i = 0; i < 4; ++i) b.fail();
  EXPECT_EQ(b.breaker.state(), State::closed);

  b.fail();

  EXPECT_EQ(b.breaker.state(), State::open);
  EXPECT_EQ(b.breaker.allowance(b.now), 0u);
  EXPECT_FALSE(b.breaker.begin(b.now).has_value());
}

TEST(Breaker, one_message_that_fails_again_and_again_does_not_open_it) {
  Bench b;

  for (int i = 0; i < 19; ++i) b.breaker.failed(b.begin(), 77, b.now);

  EXPECT_EQ(b.breaker.state(), State::closed);
}

TEST(Breaker, successes_between_failures_keep_it_closed_until_failures_are_the_most) {
  Bench b;
  for (int i = 0; i < 100; ++i) {
    b.fail();
    b.succeed();
  }
  EXPECT_EQ(b.breaker.state(), State::closed);

  for (int i = 0; i < 1000 && b.breaker.state() == State::closed; ++i) {
    if (i % 5 == 4)
      b.succeed();
    else
      b.fail();
  }

  EXPECT_EQ(b.breaker.state(), State::open);
}

TEST(Breaker, a_failure_is_the_messages_own_only_when_others_succeeded_meanwhile) {
  Bench b;
  b.succeed();
  EXPECT_FALSE(b.fail()) << "what succeeded before it began proves nothing";

  const auto suspect = b.begin();
  b.succeed();
  EXPECT_TRUE(b.breaker.failed(suspect, 1000, b.now));

  const auto one = b.begin(), other = b.begin();
  b.succeed();
  b.breaker.failed(one, 1001, b.now);
  EXPECT_FALSE(b.breaker.failed(other, 1002, b.now)) << "the second failure in a row may be an outage's beginning";
}

TEST(Breaker, one_probe_at_a_time_goes_out_while_it_is_open) {
  Bench b;
  b.open();
  b.wait_for_probe();
  EXPECT_EQ(b.breaker.allowance(b.now), 1u);

  const auto probe = b.begin();

  EXPECT_TRUE(probe.probe);
  EXPECT_EQ(b.breaker.allowance(b.now), 0u);
  EXPECT_FALSE(b.breaker.begin(b.now + 29s).has_value());
  EXPECT_FALSE(b.breaker.failed(probe, 1, b.now)) << "a probe's failure is never the message's own";
  EXPECT_EQ(b.breaker.state(), State::open);
}

TEST(Breaker, a_probe_that_takes_unusually_long_makes_room_for_another_and_each_more_later) {
  Bench b;
  b.open();
  b.wait_for_probe();
  const auto began = b.now;
  const auto first = b.begin();
  const auto second_probe_at = [&] {
    while (b.breaker.allowance(b.now) == 0 && b.now < began + 1h) b.now += 1s;
    return (b.now - began) / 1s;
  };

  EXPECT_EQ(second_probe_at(), 30);
  b.begin();
  EXPECT_EQ(second_probe_at(), 90);
  const auto third = b.begin();
  EXPECT_TRUE(third.probe);
  b.breaker.succeeded(third, b.now);

  EXPECT_EQ(b.breaker.state(), State::half_open);
  b.breaker.succeeded(first, b.now);
  EXPECT_EQ(b.breaker.state(), State::half_open);
}

TEST(Breaker, an_attempt_that_takes_unusually_long_does_not_hold_the_ramp_up) {
  Bench b;
  b.open();
  b.wait_for_probe();
  b.breaker.answered(b.begin(), b.now);
  ASSERT_EQ(b.breaker.state(), State::half_open);
  b.begin();
  b.now += 30s - 1ms;
  EXPECT_EQ(b.breaker.allowance(b.now), 0u);

  b.now += 1ms;

  EXPECT_EQ(b.breaker.allowance(b.now), 1u);
}

TEST(Breaker, pauses_between_probes_grow_to_the_longest_and_a_probes_message_stays_away_longer) {
  Bench b;
  b.open();
  Duration before{};
  for (int i = 0; i < 20; ++i) {
    b.wait_for_probe();
    b.fail();
    const Duration pause = *b.breaker.next_probe() - b.now;
    EXPECT_LE(pause, 36s);
    EXPECT_GT(b.breaker.stay_away(), pause) << "the next probe is another message";
    if (i < 3) EXPECT_GT(pause, before);
    before = pause;
  }
  EXPECT_GE(before, 24s);
}

TEST(Breaker, a_probe_that_ended_without_asking_the_dependency_gives_way_to_the_next_at_once) {
  Bench b;
  b.open();
  b.wait_for_probe();

  b.breaker.abandoned(b.begin(), b.now);

  EXPECT_EQ(b.breaker.state(), State::open);
  EXPECT_EQ(b.breaker.allowance(b.now), 1u);
}

TEST(Breaker, a_probe_that_was_refused_shows_that_the_dependency_answers) {
  Bench b;
  b.open();
  b.wait_for_probe();

  b.breaker.answered(b.begin(), b.now);

  EXPECT_EQ(b.breaker.state(), State::half_open);
}

TEST(Breaker, load_returns_in_a_ramp_that_doubles) {
  Bench b;
  b.half_open();
  ASSERT_EQ(b.breaker.state(), State::half_open);

  std::vector<std::size_t> widths;
  while (b.breaker.state() == State::half_open) {
    const auto width = b.breaker.allowance(b.now);
    if (widths.empty() || widths.back() != width) widths.push_back(width);
    std::vector<Breaker::Ticket> round;
    for (std::size_t i = 0; i < width; ++i) round.push_back(b.begin());
    for (auto ticket : round) b.breaker.succeeded(ticket, b.now);
  }

  EXPECT_EQ(widths, (std::vector<std::size_t>{1, 2, 4, 8, 16, 32, 64, 128}));
  EXPECT_EQ(b.changes, (std::vector{State::open, State::half_open, State::closed}));
}

TEST(Breaker, at_the_ramps_foot_one_failure_is_poison_and_a_second_before_any_success_opens_it_again) {
  Bench b;
  b.half_open();

  EXPECT_FALSE(b.fail()) << "while the dependency is just coming back nothing is the message's own";
  EXPECT_EQ(b.breaker.state(), State::half_open);
  EXPECT_EQ(b.breaker.allowance(b.now), 1u);
  b.succeed();
  b.fail();
  EXPECT_EQ(b.breaker.state(), State::half_open) << "a success was between them";
  b.breaker.failed(b.begin(), b.message, b.now);
  EXPECT_EQ(b.breaker.state(), State::half_open) << "the same message twice is one";

  b.fail();
  b.fail();

  EXPECT_EQ(b.breaker.state(), State::open);
}

TEST(Breaker, the_pause_is_longer_when_it_opens_again_and_short_once_it_has_closed) {
  Bench b;
  b.half_open();
  for (Duration before = 1s; before < 20s; before = b.breaker.stay_away() / 2) {
    b.fail();
    b.fail();
    ASSERT_EQ(b.breaker.state(), State::open);
    EXPECT_GE(b.breaker.stay_away() / 2, before * 3 / 2);
    b.wait_for_probe();
    b.succeed();
  }

  b.now += 11s;
  ASSERT_GT(b.breaker.allowance(b.now), 1000u);
  b.open();

  EXPECT_EQ(b.breaker.stay_away(), 2s);
}

TEST(Breaker, the_ramp_goes_on_while_one_in_ten_fails) {
  int closed = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Bench b;
    b.half_open();
    SeededRandom chance(seed);
    int rounds = 0;
    for (; b.breaker.state() == State::half_open && rounds < 100; ++rounds) {
      std::vector<Breaker::Ticket> round;
      while (b.breaker.allowance(b.now) > 0) round.push_back(b.begin());
      for (const auto ticket : round)
        chance.below(10) == 0 ? void(b.breaker.failed(ticket, ++b.message, b.now)) : b.breaker.succeeded(ticket, b.now);
    }

    EXPECT_LE(rounds, 40) << seed;
    if (b.breaker.state() == State::closed) ++closed;
  }
  EXPECT_GE(closed, 95) << "two of two at the ramp's foot may fail by chance";
}

TEST(Breaker, a_ramp_in_which_most_fail_narrows_and_one_in_which_nearly_everything_fails_opens) {
  Bench b;
  b.half_open();
  while (b.breaker.allowance(b.now) < 16) b.succeed();

  for (int i = 0; i < 24 && b.breaker.allowance(b.now) == 16; ++i) i % 3 == 0 ? b.succeed() : void(b.fail());
  EXPECT_EQ(b.breaker.state(), State::half_open);
  EXPECT_EQ(b.breaker.allowance(b.now), 8u);

  for (int i = 0; i < 200 && b.breaker.state() == State::half_open; ++i) i % 5 == 0 ? b.succeed() : void(b.fail());
  EXPECT_EQ(b.breaker.state(), State::open);
}

TEST(Breaker, a_ramp_with_little_to_do_ends_after_a_while_without_failure) {
  Bench b;
  b.half_open();

  b.now += 9s;
  EXPECT_EQ(b.breaker.allowance(b.now), 1u);
  b.now += 2s;

  EXPECT_GT(b.breaker.allowance(b.now), 1000u);
  EXPECT_EQ(b.breaker.state(), State::closed);
}

TEST(Breaker, a_failed_round_begins_the_quiet_time_anew) {
  Bench b;
  b.half_open();
  b.now += 9s;
  b.fail();
  b.succeed();

  b.now += 2s;
  EXPECT_LE(b.breaker.allowance(b.now), 4u);
  EXPECT_EQ(b.breaker.state(), State::half_open);
  b.now += 9s;

  EXPECT_GT(b.breaker.allowance(b.now), 1000u);
  EXPECT_EQ(b.breaker.state(), State::closed);
}

TEST(Breaker, a_ramp_without_service_does_not_end_by_time) {
  Bench b;
  b.open();
  b.wait_for_probe();
  b.breaker.answered(b.begin(), b.now);
  ASSERT_EQ(b.breaker.state(), State::half_open);

  b.now += 1h;
  EXPECT_EQ(b.breaker.allowance(b.now), 1u) << "it answers, and nobody has been served";
  b.succeed();
  b.fail();
  b.now += 1h;
  EXPECT_LE(b.breaker.allowance(b.now), 2u) << "nobody has been served since that failure";
  EXPECT_EQ(b.breaker.state(), State::half_open);
}

TEST(Breaker, it_says_why_it_opens_and_closes) {
  SeededRandom random{3};
  std::vector<std::string> said;
  Breaker breaker({}, random, [&](State, std::string_view why) { said.emplace_back(why); });
  SteadyTime now{1h};
  for (std::uint64_t message = 1; message <= 5; ++message) breaker.failed(*breaker.begin(now), message, now);
  now = *breaker.next_probe();
  breaker.succeeded(*breaker.begin(now), now);
  now += 11s;
  breaker.allowance(now);

  EXPECT_EQ(said, (std::vector<std::string>{"so many different messages failed in a row", "a probe was served",
                                            "it has served for a while"}));
}

TEST(Breaker, what_failed_more_than_ten_seconds_ago_is_no_part_of_the_ratio) {
  Bench b;
  const auto mostly_fails = [&](int times) {
    for (int i = 0; i < times; ++i) i % 4 == 0 ? b.succeed() : void(b.fail());
  };
  mostly_fails(16);
  b.now += 11s;

  mostly_fails(16);
  EXPECT_EQ(b.breaker.state(), State::closed) << "too few in ten seconds to tell";

  b.now += 6s;
  mostly_fails(4);
  EXPECT_EQ(b.breaker.state(), State::open) << "the five seconds before count, too";
}

TEST(Breaker, however_long_an_outage_hardly_anything_is_attempted_and_nothing_is_blamed) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Bench b;
    b.random = SeededRandom(seed);
    for (int i = 0; i < 50; ++i) b.succeed();
    const SteadyTime outage = b.now;
    const Duration length = std::chrono::hours(1 + static_cast<int>(seed % 5));
    int attempts = 0, blamed = 0;
    while (b.now - outage < length) {
      for (auto n = std::min<std::size_t>(b.breaker.allowance(b.now), 64); n > 0 && b.breaker.allowance(b.now) > 0;
           --n) {
        ++attempts;
        if (b.fail()) ++blamed;
      }
      b.now += 100ms;
    }

    EXPECT_EQ(blamed, 0) << seed;
    EXPECT_LT(attempts, 20 + length / 20s) << seed;
  }
}

}  // namespace
}  // namespace globogym::functions
