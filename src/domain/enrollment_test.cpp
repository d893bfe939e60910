#include "domain/enrollment.h"

#include <gtest/gtest.h>

#include <set>

#include "domain/catalogue.h"
#include "domain/date.h"

namespace globogym::domain {
namespace {

TEST(Enrollment, a_fresh_one_is_accepted_with_three_pending_steps) {
  const auto enrollment = accepted_enrollment("e1", WallTime(std::chrono::milliseconds(5)), "key-1");

  EXPECT_EQ(enrollment.id, "e1");
  EXPECT_EQ(enrollment.status, Status::accepted);
  EXPECT_EQ(enrollment.created_by, "key-1");
  EXPECT_FALSE(enrollment.reason || enrollment.member_id || enrollment.completed_at);
  ASSERT_EQ(enrollment.steps.size(), 3u);
  EXPECT_EQ(enrollment.steps[0].name, step::validate);
  EXPECT_EQ(enrollment.steps[1].name, step::store_member);
  EXPECT_EQ(enrollment.steps[2].name, step::welcome_mail);
  for (const auto& step : enrollment.steps) {
    EXPECT_EQ(step.status, StepStatus::pending);
    EXPECT_EQ(step.attempts, 0);
  }
}

TEST(Enrollment, statuses_have_the_names_of_the_contract) {
  for (const char* word : {"accepted", "processing", "completed", "rejected", "parked"}) {
    ASSERT_TRUE(parse_status(word).has_value()) << word;
    EXPECT_EQ(name(*parse_status(word)), word);
  }
  for (const char* word : {"pending", "running", "retrying", "done", "parked", "skipped"}) {
    ASSERT_TRUE(parse_step_status(word).has_value()) << word;
    EXPECT_EQ(name(*parse_step_status(word)), word);
  }
  for (const char* word : {"", "Accepted", "done ", "unknown"}) {
    EXPECT_FALSE(parse_status(word).has_value()) << word;
    EXPECT_FALSE(parse_step_status(word).has_value()) << word;
  }
}

TEST(Enrollment, a_step_is_found_by_name_and_can_be_changed) {
  auto enrollment = accepted_enrollment("e1", {}, "");

  find_step(enrollment, step::store_member)->status = StepStatus::done;

  EXPECT_EQ(enrollment.steps[1].status, StepStatus::done);
  EXPECT_EQ(find_step(enrollment, "no-such-step"), nullptr);
  EXPECT_EQ(find_step(std::as_const(enrollment), step::validate), &enrollment.steps[0]);
}

TEST(Enrollment, a_step_remembers_its_last_8_rounds_and_of_each_the_last_16_failures) {
  Step step;
  for (int number = 1; number <= 12; ++number) {
    Round round{.status = StepStatus::parked, .attempts = number, .ended = {}, .reason = {}, .failures = {}};
    for (int failure = 1; failure <= 20; ++failure)
      round.failures.push_back({.number = failure, .at = {}, .error = "450"});
    remember_round(step, std::move(round));
  }

  ASSERT_EQ(step.earlier.size(), rounds_kept);
  EXPECT_EQ(step.earlier.front().attempts, 5);
  EXPECT_EQ(step.earlier.back().attempts, 12);
  ASSERT_EQ(step.earlier.back().failures.size(), failures_kept);
  EXPECT_EQ(step.earlier.back().failures.front().number, 5);
}

TEST(Enrollment, a_round_that_was_only_waited_for_is_none) {
  Step step;
  remember_round(step, {.status = StepStatus::retrying, .attempts = 0, .ended = {}, .reason = {}, .failures = {}});
  EXPECT_TRUE(step.earlier.empty());

  remember_round(step, {.status = StepStatus::retrying,
                        .attempts = 1,
                        .ended = {},
                        .reason = {},
                        .failures = {{.number = 1, .at = {}, .error = "450"}}});
  EXPECT_EQ(step.earlier.size(), 1u);
}

TEST(Enrollment, trying_again_at_once_however_often_pushes_nothing_else_out_of_what_people_did) {
  Enrollment enrollment;
  remember_intervention(enrollment, {.at = {}, .what = "address-corrected", .by = "key"});
  for (int i = 0; i < 40; ++i) remember_intervention(enrollment, {.at = {}, .what = std::string(retried), .by = "key"});
  remember_intervention(enrollment, {.at = {}, .what = "replayed", .by = "key"});

  ASSERT_EQ(enrollment.interventions.size(), interventions_kept);
  EXPECT_EQ(enrollment.interventions.front().what, "address-corrected");
  EXPECT_EQ(enrollment.interventions.back().what, "replayed");
}

TEST(Enrollment, a_step_remembers_its_last_16_failures) {
  Step step;
  for (int i = 1; i <= 40; ++i) {
    remember_failure(step, {.number = i, .error = "failure " + std::to_string(i)});
    EXPECT_LE(step.failures.size(), failures_kept);
  }

  ASSERT_EQ(step.failures.size(), failures_kept);
  EXPECT_EQ(step.failures.front().number, 25);
  EXPECT_EQ(step.failures.back().number, 40);
  EXPECT_EQ(step.last_error, "failure 40");
}

TEST(Catalogue, the_sample_has_six_clubs_and_four_plans_with_ids_of_their_own) {
  const auto catalogue = sample_catalogue();

  std::set<std::string> ids;
  for (const auto& club : catalogue.clubs) ids.insert(club.id);
  EXPECT_EQ(ids.size(), 6u);
  ids.clear();
  for (const auto& plan : catalogue.plans) ids.insert(plan.id);
  EXPECT_EQ(ids.size(), 4u);
  ASSERT_NE(catalogue.find_club("london-shoreditch"), nullptr);
  EXPECT_EQ(catalogue.find_club("london-shoreditch")->minimum_age, 16);
  EXPECT_NE(catalogue.find_plan("premium-annual"), nullptr);
  EXPECT_EQ(catalogue.find_club("premium-annual"), nullptr);
  EXPECT_EQ(catalogue.find_plan(""), nullptr);
}

TEST(Date, is_written_as_it_is_read) {
  for (const char* text : {"0000-01-01", "0099-12-31", "1990-12-10", "2024-02-29", "9999-12-31"})
    EXPECT_EQ(iso_date(parse_date(text).value()), text);
}

}  // namespace
}  // namespace globogym::domain
