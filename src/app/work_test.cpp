#include "app/work.h"

#include <gtest/gtest.h>

namespace globogym::app {
namespace {

using namespace std::chrono_literals;

functions::Backoff with(Duration deferral_delay, Duration max_delay) {
  Config config;
  config.mail.deferral_delay = deferral_delay;
  config.retry.max_delay = max_delay;
  return deferrals(config);
}

TEST(Deferrals, wait_from_a_minute_to_an_hour_unless_told_otherwise) {
  const auto waits = deferrals(Config());

  EXPECT_EQ(waits.first_delay, 1min);
  EXPECT_EQ(waits.max_delay, 1h);
}

TEST(Deferrals, do_not_wait_longer_than_retries_that_were_made_shorter_than_their_first_wait) {
  EXPECT_EQ(with(1min, 1s).first_delay, 1s);
  EXPECT_EQ(with(1min, 1s).max_delay, 1s);
  EXPECT_EQ(with(1min, 1min).max_delay, 1h);
}

TEST(Deferrals, may_begin_with_more_than_an_hour) {
  EXPECT_EQ(with(2h, 5h).first_delay, 2h);
  EXPECT_EQ(with(2h, 5h).max_delay, 2h);
}

TEST(Deferrals, last_for_days_by_default_and_the_count_is_only_a_bound) {
  const Config config;
  const auto waits = deferrals(config);
  SeededRandom random(5);

  Duration lasted{};
  for (std::uint32_t attempt = 1; attempt < config.mail.max_attempts; ++attempt)
    lasted += waits.delay(static_cast<int>(attempt), random);

  EXPECT_EQ(config.mail.give_up_after, 96h);
  EXPECT_GT(lasted, 2 * config.mail.give_up_after);
}

}  // namespace
}  // namespace globogym::app
