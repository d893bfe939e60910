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

TEST_F(Simulation, the_same_seed_tells_the_same_story) {
  for (std::uint64_t seed = 1001; seed <= 1020; ++seed) {
    const auto scenario = draw_scenario(seed);

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

}  // namespace
}  // namespace globogym::simulation
