#include "functions/retry.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

struct Row {
  const char* story;
  Failure failure;
  Verdict verdict;
};

constexpr Verdict again{Action::give_back, true, {}};
constexpr Verdict as_if_never_tried{Action::give_back, false, {}};
constexpr Verdict exhausted{Action::park, true, parked::attempts_exhausted};

const std::vector<Row> table = {
    {"refused parks at once", {.fault = Fault::refused, .max_attempts = 8}, {Action::park, true, parked::refused}},
    {"invalid parks at once",
     {.fault = Fault::invalid, .max_attempts = 8},
     {Action::park, true, parked::invalid_message}},
    {"damaged parks at once",
     {.fault = Fault::damaged, .max_attempts = 8},
     {Action::park, true, parked::damaged_record}},
    {"deferred like everybody does not count",
     {.fault = Fault::deferred, .attempt = 8, .max_attempts = 8, .everybodys = true},
     as_if_never_tried},
    {"losing everybody's letters does not count",
     {.fault = Fault::unknown_outcome, .attempt = 8, .max_attempts = 8, .everybodys = true},
     as_if_never_tried},
    {"deferred counts", {.fault = Fault::deferred, .attempt = 7, .max_attempts = 8}, again},
    {"deferred for the last time parks", {.fault = Fault::deferred, .attempt = 8, .max_attempts = 8}, exhausted},
    {"deferred for longer than it may parks",
     {.fault = Fault::deferred, .max_attempts = 8, .overdue = true},
     exhausted},
    {"… unless everybody is",
     {.fault = Fault::deferred, .max_attempts = 8, .overdue = true, .everybodys = true},
     as_if_never_tried},
    {"… and an outage is nobody's time",
     {.fault = Fault::unavailable, .max_attempts = 8, .overdue = true, .has_dependency = true},
     as_if_never_tried},
    {"the eighth unknown outcome parks",
     {.fault = Fault::unknown_outcome, .max_attempts = 1000, .unknown_outcomes = 8},
     exhausted},
    {"the seventh does not", {.fault = Fault::unknown_outcome, .max_attempts = 1000, .unknown_outcomes = 7}, again},
    {"… nor the eighth when everybody's letters are lost",
     {.fault = Fault::unknown_outcome, .max_attempts = 1000, .unknown_outcomes = 8, .everybodys = true},
     as_if_never_tried},
    {"what is not there counts", {.fault = Fault::not_found, .max_attempts = 8}, again},
    {"a probe's failure does not count, however healthy",
     {.fault = Fault::unavailable,
      .max_attempts = 8,
      .has_dependency = true,
      .dependency_healthy = true,
      .probe = true},
     as_if_never_tried},
    {"an unknown outcome counts", {.fault = Fault::unknown_outcome, .attempt = 1, .max_attempts = 8}, again},
    {"a probe's unknown outcome does not",
     {.fault = Fault::unknown_outcome, .attempt = 8, .max_attempts = 8, .has_dependency = true, .probe = true},
     as_if_never_tried},
    {"an outage does not count, not even at the last attempt",
     {.fault = Fault::unavailable, .attempt = 8, .max_attempts = 8, .has_dependency = true},
     as_if_never_tried},
    {"failing while others succeed counts",
     {.fault = Fault::unavailable, .attempt = 2, .max_attempts = 8, .has_dependency = true, .dependency_healthy = true},
     again},
    {"… and parks in the end",
     {.fault = Fault::timed_out, .attempt = 8, .max_attempts = 8, .has_dependency = true, .dependency_healthy = true},
     exhausted},
    {"a time-out without a dependency is the message's own", {.fault = Fault::timed_out, .max_attempts = 8}, again},
    {"the engine's outage does not count", {.fault = Fault::unavailable, .max_attempts = 1}, as_if_never_tried},
    {"a full disk does not count", {.fault = Fault::full, .max_attempts = 1}, as_if_never_tried},
    {"a conflict is run again", {.fault = Fault::conflict, .max_attempts = 1}, {Action::run_again, false, {}}},
    {"a conflict that does not end counts",
     {.fault = Fault::conflict, .max_attempts = 2, .run_again_enough = true},
     again},
    {"a lost lease is dropped", {.fault = Fault::lease_lost, .max_attempts = 1}, {Action::drop, false, {}}},
    {"a shut-down does not count", {.fault = Fault::cancelled, .max_attempts = 1}, as_if_never_tried},
    {"a deadline without a dependency counts",
     {.fault = Fault::cancelled, .max_attempts = 8, .deadline_passed = true},
     again},
    {"a deadline in an outage does not",
     {.fault = Fault::cancelled, .max_attempts = 8, .has_dependency = true, .deadline_passed = true},
     as_if_never_tried},
};

TEST(Retry, each_failure_has_its_fate) {
  for (const auto& row : table) EXPECT_EQ(judge(row.failure), row.verdict) << row.story;
}

TEST(Backoff, every_delay_stays_between_the_first_and_the_longest) {
  const Backoff backoff{.first_delay = 500ms, .max_delay = 20s};
  SeededRandom random(1);

  for (int failures = 1; failures < 100; ++failures)
    for (int i = 0; i < 50; ++i) {
      const Duration delay = backoff.delay(failures, random);
      ASSERT_GE(delay, 500ms);
      ASSERT_LE(delay, 20s);
    }
}

TEST(Backoff, delays_grow_on_average_until_the_longest) {
  const Backoff backoff{.first_delay = 1s, .max_delay = 300s};
  SeededRandom random(2);

  Duration before{};
  for (int failures : {1, 2, 3, 4, 6, 8}) {
    Duration sum{};
    for (int i = 0; i < 2000; ++i) sum += backoff.delay(failures, random);
    EXPECT_GT(sum, before) << failures;
    before = sum;
  }
}

TEST(Backoff, messages_that_failed_together_do_not_come_back_together) {
  const Backoff backoff;
  SeededRandom random(3);

  std::set<Duration> delays;
  for (int i = 0; i < 100; ++i) delays.insert(backoff.delay(3, random));

  EXPECT_GT(delays.size(), 95u);
}

TEST(Backoff, the_same_seed_gives_the_same_delays) {
  const Backoff backoff;
  SeededRandom one(4), other(4);

  for (int failures = 1; failures < 20; ++failures)
    EXPECT_EQ(backoff.delay(failures, one), backoff.delay(failures, other));
}

}  // namespace
}  // namespace globogym::functions
