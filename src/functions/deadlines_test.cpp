#include "functions/deadlines.h"

#include <gtest/gtest.h>

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

TEST(Deadlines, an_attempt_is_asked_to_end_after_its_time_and_not_before) {
  Deadlines deadlines(32s);
  const SteadyTime start{1h};
  const auto place = deadlines.join(start);

  deadlines.sweep(start + 31s);
  EXPECT_FALSE(place->stop.stop_requested());

  deadlines.sweep(start + 33s);
  EXPECT_FALSE(place->stop.stop_requested()) << "what arrived while the process stood still comes first";
  deadlines.sweep(start + 33s);
  EXPECT_TRUE(place->stop.stop_requested());
  EXPECT_TRUE(place->passed);
  deadlines.leave(place);
}

TEST(Deadlines, attempts_that_begin_together_share_and_later_ones_do_not) {
  Deadlines deadlines(32s);
  const SteadyTime start{1h};

  const auto first = deadlines.join(start);
  const auto second = deadlines.join(start + 500ms);
  const auto third = deadlines.join(start + 5s);

  EXPECT_EQ(first, second);
  EXPECT_NE(first, third);
  deadlines.sweep(start + 34s);
  deadlines.sweep(start + 34s);
  EXPECT_TRUE(first->stop.stop_requested());
  EXPECT_FALSE(third->stop.stop_requested());
  for (auto place : {first, second, third}) deadlines.leave(place);
}

TEST(Deadlines, an_attempt_has_all_of_its_time_and_at_most_a_sixteenth_more) {
  for (const Duration later : {Duration(0), Duration(999ms), Duration(1s), Duration(1001ms)}) {
    Deadlines deadlines(32s);
    const SteadyTime start{1h};
    const auto first = deadlines.join(start);
    const auto place = deadlines.join(start + later);

    deadlines.sweep(start + later + 32s - 1us);
    deadlines.sweep(start + later + 32s - 1us);
    EXPECT_FALSE(place->stop.stop_requested());

    deadlines.sweep(start + later + 34s);
    deadlines.sweep(start + later + 34s);
    EXPECT_TRUE(place->stop.stop_requested());
    deadlines.leave(first);
    deadlines.leave(place);
  }
}

TEST(Deadlines, while_the_process_stands_still_no_attempts_time_passes) {
  Deadlines deadlines(32s);
  const SteadyTime start{1h};
  const auto before = deadlines.join(start);
  const SteadyTime awake = start + 10s + 2h;
  const auto after = deadlines.join(awake);

  deadlines.stood_still(start + 10s, 2h);

  deadlines.sweep(awake);
  deadlines.sweep(awake + 21s);
  deadlines.sweep(awake + 21s);
  EXPECT_FALSE(before->stop.stop_requested());
  deadlines.sweep(awake + 23s);
  deadlines.sweep(awake + 23s);
  EXPECT_TRUE(before->stop.stop_requested());
  EXPECT_FALSE(after->stop.stop_requested());
  deadlines.sweep(awake + 34s);
  deadlines.sweep(awake + 34s);
  EXPECT_TRUE(after->stop.stop_requested());
  deadlines.leave(before);
  deadlines.leave(after);
}

TEST(Deadlines, an_attempt_that_begins_after_a_stop_is_not_stopped_by_it) {
  Deadlines deadlines(32s);
  const SteadyTime start{1h};
  deadlines.leave(deadlines.join(start));
  deadlines.stop_all();

  const auto place = deadlines.join(start);

  EXPECT_FALSE(place->stop.stop_requested());
  deadlines.leave(place);
}

}  // namespace
}  // namespace globogym::functions
