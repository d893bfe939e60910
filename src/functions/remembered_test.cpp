#include "functions/remembered.h"

#include <gtest/gtest.h>

namespace globogym::functions {
namespace {

TEST(Remembered, an_effect_is_recalled_until_it_is_forgotten) {
  Remembered remembered(10);
  remembered.keep("m").effect = "sent";
  ++remembered.keep("m").lost_attempts;

  EXPECT_EQ(remembered.recall("m").effect, "sent");
  EXPECT_EQ(remembered.recall("m").lost_attempts, 1);
  remembered.forget("m");

  EXPECT_EQ(remembered.recall("m").effect, "");
}

TEST(Remembered, however_much_is_kept_it_stays_within_its_bound_and_the_newest_stay) {
  Remembered remembered(100);

  for (int i = 0; i < 10'000; ++i) {
    remembered.keep("m" + std::to_string(i)).effect = "sent";
    if (i % 3 == 0) remembered.forget("m" + std::to_string(i));
  }

  EXPECT_LE(remembered.size(), 100u);
  EXPECT_EQ(remembered.recall("m9998").effect, "sent");
}

}  // namespace
}  // namespace globogym::functions
