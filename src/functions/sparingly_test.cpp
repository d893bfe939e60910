#include "functions/sparingly.h"

#include <gtest/gtest.h>

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

TEST(Sparingly, so_many_pass_in_a_while_and_the_next_says_how_many_did_not) {
  Sparingly lines(2, 10min);
  const SteadyTime start{1h};

  EXPECT_EQ(lines.pass(start), 0u);
  EXPECT_EQ(lines.pass(start + 1min), 0u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(lines.pass(start + 10min - 1us), std::nullopt);

  EXPECT_EQ(lines.pass(start + 10min), 5u);
  EXPECT_EQ(lines.pass(start + 10min), 0u);
  EXPECT_EQ(lines.pass(start + 10min), std::nullopt);
}

TEST(SparinglyEach, the_first_of_each_passes_and_of_too_many_the_oldest_are_forgotten) {
  SparinglyEach lines(2, 1min);
  const SteadyTime start{1h};

  EXPECT_EQ(lines.pass(1, start), 0u);
  EXPECT_EQ(lines.pass(2, start), 0u);
  EXPECT_EQ(lines.pass(1, start), std::nullopt);
  EXPECT_EQ(lines.pass(1, start), std::nullopt);
  EXPECT_EQ(lines.pass(1, start + 1min), 2u);

  for (std::uint64_t key = 3; key < 1000; ++key) EXPECT_EQ(lines.pass(key, start), 0u);
  EXPECT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines.pass(1, start + 1min), 0u);
}

}  // namespace
}  // namespace globogym::functions
