// The whole service on a virtual clock: some hundred seeds, the same story twice, and promises broken on purpose.
#include <gtest/gtest.h>

#include "simulation/world.h"
#include "telemetry/log.h"

namespace globogym::simulation {
namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t seeds = 100;  // ten times as slow
#else
constexpr std::uint64_t seeds = 500;
#endif

class Simulation : public testing::Test {
 protected:
  Simulation() { log::set_level(log::Level::error); }

  // The story's end, for the person who reads a failure.
  static std::string last_lines(const Scenario& scenario) {
    const auto outcome = live(scenario, {.story = true});
    std::string out = "again: globogym-sim --seeds " + std::to_string(scenario.seed) + " --verbose\n";
    for (const auto& promise : outcome.broken) out += "broken: " + promise + "\n";
    return out;
  }
};

TEST_F(Simulation, every_promise_is_kept_in_every_world) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto scenario = draw_scenario(seed);

    const auto outcome = live(scenario);

    ASSERT_TRUE(outcome.broken.empty()) << last_lines(scenario);
  }
}

TEST_F(Simulation, every_promise_is_kept_while_some_letters_are_in_trouble_and_clocks_are_set) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto scenario = draw_scenario(seed, true);

    const auto outcome = live(scenario);

    ASSERT_TRUE(outcome.broken.empty()) << last_lines(scenario);
  }
}

TEST_F(Simulation, the_same_seed_tells_the_same_story) {
  for (std::uint64_t seed = 1001; seed <= 1020; ++seed) {
    const auto scenario = draw_scenario(seed, seed % 2 == 0);

    const auto once = live(scenario, {.story = true});
    const auto again = live(scenario, {.story = true});

    ASSERT_EQ(once.story, again.story) << seed;
    EXPECT_EQ(once.fingerprint, again.fingerprint) << seed;
  }
}

// A world that can only be seen to fail is worth something: each of these breaks one promise.
Scenario quiet_world() {
  Scenario scenario = draw_scenario(7);
  scenario.faults.clear();
  scenario.people = {{.email = "ada@example.com", .mailbox = Mailbox::ordinary, .troubles = {}}};
  scenario.visitors = 1;
  scenario.visits = {{.habit = Habit::plain, .person = 0, .at = Duration(0), .seed = 1}};
  scenario.lost_answers = 0;
  return scenario;
}

bool mentions(const Outcome& outcome, std::string_view words) {
  for (const auto& promise : outcome.broken)
    if (promise.find(words) != std::string::npos) return true;
  return false;
}

TEST_F(Simulation, a_quiet_world_completes_what_it_promised) {
  const auto outcome = live(quiet_world());

  EXPECT_TRUE(outcome.broken.empty());
  EXPECT_EQ(outcome.promised, 1u);
  EXPECT_EQ(outcome.completed, 1u);
  EXPECT_EQ(outcome.copies, 1u);
}

TEST_F(Simulation, an_acknowledgement_before_the_write_is_noticed) {
  EXPECT_TRUE(mentions(live(quiet_world(), {.canary = Canary::acknowledges_before_the_write}), "answered 202 is gone"));
}

TEST_F(Simulation, a_letter_the_mail_system_forgot_is_noticed) {
  EXPECT_TRUE(mentions(live(quiet_world(), {.canary = Canary::forgets_a_letter}), "never welcomed"));
}

TEST_F(Simulation, a_letter_sent_twice_for_no_reason_is_noticed) {
  EXPECT_TRUE(mentions(live(quiet_world(), {.canary = Canary::doubles_a_letter}), "twice for no reason"));
}

TEST_F(Simulation, a_letter_that_changed_between_two_copies_is_noticed) {
  EXPECT_TRUE(mentions(live(quiet_world(), {.canary = Canary::changes_a_letter}), "copies of a letter differ"));
}

TEST_F(Simulation, a_member_that_is_lost_is_noticed) {
  EXPECT_TRUE(mentions(live(quiet_world(), {.canary = Canary::loses_a_member}), "has no member"));
}

// Who comes when nobody else does: see World::come_to_rest().
void add_others(Scenario& scenario) {
  scenario.visitors = scenario.people.size();
  for (int i = 0; i < 96; ++i) scenario.people.push_back({.email = "late" + std::to_string(i) + "@example.com"});
}

// A letter that is refused for a while, in a quiet world.
Scenario world_with_a_busy_box() {
  Scenario scenario = quiet_world();
  add_others(scenario);
  scenario.people.front().troubles = {Trouble::deferred, Trouble::deferred};
  return scenario;
}

// Letters for one mail domain are put off for ever, others are not.
Scenario world_with_a_bad_destination() {
  Scenario scenario = quiet_world();
  scenario.mail_time = std::chrono::milliseconds(10);
  scenario.destinations = {{.domain = "bad.example", .reply = "451 4.3.0 lookup failure", .for_ever = true}};
  for (int i = 0; i < 8; ++i) {
    scenario.people.push_back({.email = "p" + std::to_string(i) + (i < 4 ? "@bad.example" : "@good.example")});
    scenario.visits.push_back({.habit = Habit::plain,
                               .person = scenario.people.size() - 1,
                               .at = std::chrono::seconds(i),
                               .seed = static_cast<std::uint64_t>(i) + 2});
  }
  add_others(scenario);
  return scenario;
}

Scenario world_without_mail() {
  Scenario scenario = world_with_a_bad_destination();
  scenario.destinations.clear();
  scenario.faults = {{.kind = Fault::Kind::mail_unreachable, .time = std::chrono::minutes(10)}};
  return scenario;
}

TEST_F(Simulation, a_bad_destination_parks_its_own_and_nobody_elses_letters) {
  const auto outcome = live(world_with_a_bad_destination());

  EXPECT_TRUE(outcome.broken.empty()) << outcome.broken.front();
  EXPECT_EQ(outcome.parked, 4u);
}

TEST_F(Simulation, a_slow_letter_that_is_given_up_for_no_reason_is_noticed) {
  EXPECT_TRUE(mentions(live(quiet_world(), {.canary = Canary::gives_up_on_a_slow_answer}), "twice for no reason"));
}

TEST_F(Simulation, a_good_letter_that_waits_while_only_others_are_in_trouble_is_noticed) {
  EXPECT_TRUE(
      mentions(live(world_with_a_bad_destination(), {.canary = Canary::keeps_good_letters_waiting}), "a good letter"));
}

TEST_F(Simulation, a_lease_that_ends_early_is_noticed) {
  auto scenario = quiet_world();
  scenario.mail_time = std::chrono::seconds(10);

  EXPECT_TRUE(mentions(live(scenario, {.canary = Canary::cuts_leases_short}), "that another holds"));
}

TEST_F(Simulation, a_message_that_waits_too_long_is_noticed) {
  EXPECT_TRUE(mentions(live(world_with_a_busy_box(), {.canary = Canary::lets_messages_wait_too_long}),
                       "is due and nobody is given it"));
}

TEST_F(Simulation, a_message_that_does_not_wait_is_noticed) {
  EXPECT_TRUE(mentions(live(world_with_a_busy_box(), {.canary = Canary::lets_messages_not_wait}), "before its time"));
}

TEST_F(Simulation, probes_whose_pauses_do_not_grow_are_noticed) {
  EXPECT_TRUE(live(world_without_mail()).broken.empty());
  EXPECT_TRUE(mentions(live(world_without_mail(), {.canary = Canary::probes_without_growing_pauses}), "too soon"));
}

}  // namespace
}  // namespace globogym::simulation
