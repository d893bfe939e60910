#include "functions/doubts.h"

#include <gtest/gtest.h>

namespace globogym::functions {
namespace {

// A dependency as seen from here: every attempt begins and ends before the next.
struct Dependency {
  Doubts doubts{100};
  Doubts::Served served;

  void serves(int times = 1) {
    served.successes += static_cast<std::uint64_t>(times);
    served.begun += static_cast<std::uint64_t>(times);
    served.newest_served = served.begun;
  }
  // An attempt that began long ago.
  void serves_late() { ++served.successes; }
  Doubts::Weighed fails(std::uint64_t message) {
    ++served.begun;
    return doubts.weigh(message, served);
  }
  void all_fail(std::uint64_t messages) {
    for (std::uint64_t message = 1; message <= messages; ++message) fails(message);
  }
};

TEST(Doubts, the_failures_of_a_few_are_their_own) {
  Dependency mail;

  for (int round = 0; round < 10; ++round)
    for (std::uint64_t message = 1; message < Doubts::everybody; ++message) EXPECT_TRUE(mail.fails(message).own);
}

TEST(Doubts, what_fails_for_everybody_is_nobodys_own) {
  Dependency mail;
  mail.serves(7);
  mail.all_fail(Doubts::everybody);

  for (int round = 2; round < 10; ++round)
    for (std::uint64_t message = 1; message <= Doubts::everybody; ++message) {
      const auto weighed = mail.fails(message);
      EXPECT_FALSE(weighed.own);
      EXPECT_EQ(weighed.failures, round);
    }
}

TEST(Doubts, who_fails_while_others_are_served_is_to_blame_from_then_on) {
  Dependency mail;
  for (std::uint64_t message = 1; message <= 50; ++message) {
    mail.serves();
    mail.fails(message);
  }
  mail.serves();  // the last one that can be served

  for (int round = 0; round < 3; ++round)
    for (std::uint64_t message = 1; message <= 50; ++message) EXPECT_TRUE(mail.fails(message).own);
}

TEST(Doubts, those_known_to_be_to_blame_do_not_excuse_others) {
  Dependency mail;
  for (std::uint64_t message = 1; message <= 50; ++message) {
    mail.serves();
    mail.fails(message);
  }
  mail.serves();
  mail.all_fail(50);

  EXPECT_TRUE(mail.fails(51).own);
}

TEST(Doubts, who_failed_in_an_outage_is_not_to_blame_in_the_next_one) {
  Dependency mail;
  mail.all_fail(50);
  mail.serves(100);

  mail.all_fail(50);

  for (std::uint64_t message = 1; message <= 50; ++message) EXPECT_FALSE(mail.fails(message).own);
}

TEST(Doubts, what_was_under_way_when_an_outage_began_blames_nobody) {
  Dependency mail;
  mail.serves(100);
  for (std::uint64_t message = 1; message <= 50; ++message) {
    mail.fails(message);
    mail.serves_late();
  }
  mail.all_fail(Doubts::everybody);

  for (std::uint64_t message = 1; message <= 50; ++message) EXPECT_FALSE(mail.fails(message).own);
}

TEST(Doubts, who_is_passed_over_again_and_again_is_to_blame_in_the_end) {
  Dependency mail;
  for (int round = 0; round <= Doubts::passed_over_often; ++round) {
    mail.all_fail(50);
    mail.serves();
  }

  for (std::uint64_t message = 1; message <= 50; ++message) EXPECT_TRUE(mail.fails(message).own);
}

TEST(Doubts, what_is_over_is_forgotten_and_no_more_is_kept_than_said) {
  Dependency mail;
  mail.all_fail(1000);
  EXPECT_EQ(mail.doubts.size(), 100u);

  for (std::uint64_t message = 1; message <= 1000; ++message) mail.doubts.forget(message);

  EXPECT_EQ(mail.doubts.size(), 0u);
}

}  // namespace
}  // namespace globogym::functions
