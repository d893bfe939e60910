#include "functions/doubts.h"

#include <gtest/gtest.h>

namespace globogym::functions {
namespace {

TEST(Doubts, the_failures_of_a_few_are_their_own) {
  Doubts doubts(100);

  for (int round = 0; round < 10; ++round)
    for (std::uint64_t message = 1; message < Doubts::everybody; ++message)
      EXPECT_TRUE(doubts.weigh(message, 0).own) << message;
}

TEST(Doubts, what_fails_for_everybody_is_nobodys_own) {
  Doubts doubts(100);
  for (std::uint64_t message = 1; message <= Doubts::everybody; ++message) doubts.weigh(message, 7);

  for (int round = 2; round < 10; ++round)
    for (std::uint64_t message = 1; message <= Doubts::everybody; ++message) {
      const auto weighed = doubts.weigh(message, 7);
      EXPECT_FALSE(weighed.own);
      EXPECT_EQ(weighed.failures, round);
    }
}

TEST(Doubts, who_fails_while_others_are_served_is_to_blame_from_then_on) {
  Doubts doubts(100);
  std::uint64_t successes = 0;
  for (std::uint64_t message = 1; message <= 50; ++message) doubts.weigh(message, ++successes);
  ++successes;  // the last one that can be served

  for (std::uint64_t message = 1; message <= 50; ++message) EXPECT_TRUE(doubts.weigh(message, successes).own);
}

TEST(Doubts, who_failed_in_an_outage_is_not_to_blame_in_the_next_one) {
  Doubts doubts(100);
  for (std::uint64_t message = 1; message <= 50; ++message) doubts.weigh(message, 7);
  doubts.weigh(1000, 8);  // between the two it served others

  for (std::uint64_t message = 1; message <= 50; ++message) doubts.weigh(message, 9);
  for (std::uint64_t message = 1; message <= 50; ++message) EXPECT_FALSE(doubts.weigh(message, 9).own);
}

TEST(Doubts, those_known_to_be_to_blame_do_not_excuse_others) {
  Doubts doubts(100);
  std::uint64_t successes = 0;
  for (std::uint64_t message = 1; message <= 50; ++message) doubts.weigh(message, ++successes);
  ++successes;
  for (std::uint64_t message = 1; message <= 50; ++message) doubts.weigh(message, successes);

  EXPECT_TRUE(doubts.weigh(51, successes).own);
}

TEST(Doubts, what_is_over_is_forgotten_and_no_more_is_kept_than_said) {
  Doubts doubts(100);
  for (std::uint64_t message = 1; message <= 1000; ++message) doubts.weigh(message, 0);
  EXPECT_EQ(doubts.size(), 100u);

  for (std::uint64_t message = 1; message <= 1000; ++message) doubts.forget(message);

  EXPECT_EQ(doubts.size(), 0u);
}

}  // namespace
}  // namespace globogym::functions
