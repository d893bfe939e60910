#include "functions/destinations.h"

#include <gtest/gtest.h>

namespace globogym::functions {
namespace {

constexpr auto fresh = Destinations::Kind::fresh;
constexpr auto tried = Destinations::Kind::tried;

// A dependency as seen from here: every attempt begins and ends before the next.
struct Dependency {
  Destinations destinations{100};
  Destinations::Served served;

  void serves(int times = 1) {
    served.successes += static_cast<std::uint64_t>(times);
    served.begun += static_cast<std::uint64_t>(times);
    served.newest_served = served.begun;
  }
  // An attempt that began long ago.
  void serves_late() { ++served.successes; }
  Destinations::Weighed fails(std::uint64_t message, Destinations::Kind kind = fresh, bool answered = true) {
    ++served.begun;
    return destinations.weigh(message, kind, answered, served);
  }
  void all_fail(std::uint64_t messages) {
    for (std::uint64_t message = 1; message <= messages; ++message) fails(message);
  }
};

TEST(Destinations, the_failures_of_a_few_are_their_own) {
  Dependency mail;

  for (int round = 0; round < 10; ++round)
    for (std::uint64_t message = 1; message < Destinations::everybody; ++message) EXPECT_TRUE(mail.fails(message).own);
}

TEST(Destinations, what_fails_for_everybody_is_nobodys_own) {
  Dependency mail;
  mail.serves(7);
  mail.all_fail(Destinations::everybody);

  for (int round = 2; round < 10; ++round)
    for (std::uint64_t message = 1; message <= Destinations::everybody; ++message) {
      const auto weighed = mail.fails(message);
      EXPECT_FALSE(weighed.own);
      EXPECT_EQ(weighed.failures, round);
    }
}

TEST(Destinations, who_fails_while_others_are_served_is_to_blame_from_then_on) {
  Dependency mail;
  for (std::uint64_t message = 1; message <= 50; ++message) {
    mail.serves();
    mail.fails(message);
  }
  mail.serves();  // the last one that can be served

  for (int round = 0; round < 3; ++round)
    for (std::uint64_t message = 1; message <= 50; ++message) EXPECT_TRUE(mail.fails(message).own);
}

TEST(Destinations, those_known_to_be_to_blame_do_not_excuse_others) {
  Dependency mail;
  for (std::uint64_t message = 1; message <= 50; ++message) {
    mail.serves();
    mail.fails(message);
  }
  mail.serves();
  mail.all_fail(50);

  EXPECT_TRUE(mail.fails(51).own);
}

TEST(Destinations, who_failed_in_an_outage_is_not_to_blame_in_the_next_one) {
  Dependency mail;
  mail.all_fail(50);
  mail.serves(100);

  mail.all_fail(50);

  for (std::uint64_t message = 1; message <= 50; ++message) EXPECT_FALSE(mail.fails(message).own);
}

TEST(Destinations, what_was_under_way_when_an_outage_began_blames_nobody) {
  Dependency mail;
  mail.serves(100);
  for (std::uint64_t message = 1; message <= 50; ++message) {
    mail.fails(message);
    mail.serves_late();
  }
  mail.all_fail(Destinations::everybody);

  for (std::uint64_t message = 1; message <= 50; ++message) EXPECT_FALSE(mail.fails(message).own);
}

TEST(Destinations, who_is_passed_over_again_and_again_is_to_blame_in_the_end) {
  Dependency mail;
  for (int round = 0; round <= Destinations::passed_over_often; ++round) {
    mail.all_fail(50);
    mail.serves();
  }

  for (std::uint64_t message = 1; message <= 50; ++message) EXPECT_TRUE(mail.fails(message).own);
}

TEST(Destinations, what_is_over_is_forgotten_and_no_more_is_kept_than_said) {
  Dependency mail;
  mail.all_fail(1000);
  EXPECT_EQ(mail.destinations.size(), 100u);

  for (std::uint64_t message = 1; message <= 1000; ++message) mail.destinations.forget(message);

  EXPECT_EQ(mail.destinations.size(), 0u);
}

TEST(Destinations, one_destination_that_fails_with_many_messages_is_no_more_than_one) {
  Dependency mail;
  mail.serves();

  for (int message = 0; message < 100; ++message) EXPECT_TRUE(mail.fails(1).own);
}

TEST(Destinations, it_is_said_once_when_nobody_is_served) {
  Dependency mail;
  for (std::uint64_t key = 1; key < Destinations::everybody; ++key) EXPECT_FALSE(mail.fails(key).nobody_is_served);

  EXPECT_TRUE(mail.fails(Destinations::everybody).nobody_is_served);
  EXPECT_FALSE(mail.fails(Destinations::everybody + 1).nobody_is_served);
  EXPECT_FALSE(mail.fails(1).nobody_is_served);
}

TEST(Destinations, a_first_later_is_not_held_against_what_has_been_tried_nor_a_second_against_what_is_fresh) {
  Dependency mail;
  for (int i = 0; i < 5; ++i) {
    const auto weighed = mail.fails(1, fresh);
    EXPECT_EQ(weighed.in_vain, 0);
    EXPECT_EQ(weighed.fresh_in_vain, i);
    mail.serves();
  }

  EXPECT_EQ(mail.fails(1, tried).in_vain, 1);
  EXPECT_EQ(mail.fails(1, tried).in_vain, 1) << "nobody else was served meanwhile";
  mail.serves();
  const auto weighed = mail.fails(1, tried);
  EXPECT_EQ(weighed.in_vain, 2);
  EXPECT_EQ(weighed.fresh_in_vain, 4);
}

TEST(Destinations, counts_what_was_put_off_since_anybody_was_served) {
  Dependency mail;
  EXPECT_EQ(mail.fails(1).in_a_row, 1);
  EXPECT_EQ(mail.fails(2).in_a_row, 2);
  EXPECT_EQ(mail.fails(1, tried, false).in_a_row, 2) << "not answered";
  EXPECT_EQ(mail.fails(1, tried).in_a_row, 3);
  mail.serves();
  EXPECT_EQ(mail.fails(1, tried).in_a_row, 1);
}

TEST(Destinations, a_connection_that_dies_is_no_answer) {
  Dependency mail;
  for (int i = 0; i < 5; ++i) {
    const auto weighed = mail.fails(1, tried, false);
    EXPECT_EQ(weighed.unanswered, i);
    EXPECT_EQ(weighed.in_vain, 0);
    mail.serves();
  }

  const auto weighed = mail.fails(1, tried);
  EXPECT_EQ(weighed.unanswered, 4);
  EXPECT_EQ(weighed.in_vain, 1);
}

TEST(Destinations, one_that_fails_again_and_again_is_tried_by_one_message_at_a_time) {
  Dependency mail;
  const SteadyTime now{std::chrono::hours(1)};
  for (int i = 1; i < Destinations::one_at_a_time; ++i) mail.fails(1);
  mail.destinations.begin(1, tried, 101, now);
  EXPECT_FALSE(mail.destinations.waits(1, tried, false, now));
  mail.fails(1);

  mail.destinations.begin(1, tried, 102, now);
  EXPECT_EQ(mail.destinations.waits(1, tried, false, now), now);
  EXPECT_EQ(mail.destinations.waits(1, tried, true, now), now) << "whoever is overdue waits for a turn, too";
  EXPECT_FALSE(mail.destinations.waits(2, tried, false, now));
  mail.destinations.end(1, 101);
  EXPECT_TRUE(mail.destinations.waits(1, tried, false, now)) << "that was another attempt";
  mail.destinations.end(1, 102);

  EXPECT_FALSE(mail.destinations.waits(1, tried, false, now));
}

TEST(Destinations, one_that_was_put_off_waits_until_then_or_until_it_is_served) {
  Dependency mail;
  const SteadyTime now{std::chrono::hours(1)};
  const SteadyTime later = now + std::chrono::minutes(1);
  EXPECT_FALSE(mail.destinations.put_off(1, tried, later)) << "of one that is not known there is nothing to say";
  mail.fails(1);

  EXPECT_TRUE(mail.destinations.put_off(1, tried, now));
  EXPECT_FALSE(mail.destinations.put_off(1, tried, later));

  EXPECT_EQ(mail.destinations.waits(1, tried, false, now), later);
  EXPECT_EQ(mail.destinations.waits(1, tried, false, later - Duration(1)), later);
  EXPECT_FALSE(mail.destinations.waits(1, tried, true, now)) << "overdue";
  EXPECT_FALSE(mail.destinations.waits(1, tried, false, later));
  mail.destinations.begin(1, tried, 7, now);
  EXPECT_EQ(mail.destinations.waits(1, tried, true, now), later);
  mail.destinations.forget(1);
  EXPECT_FALSE(mail.destinations.waits(1, tried, false, now));
}

TEST(Destinations, what_has_not_failed_yet_is_not_kept_waiting_by_what_has) {
  Dependency mail;
  const SteadyTime now{std::chrono::hours(1)};
  const SteadyTime later = now + std::chrono::seconds(20);
  mail.fails(1);
  mail.destinations.put_off(1, tried, later);
  mail.destinations.begin(1, tried, 7, now);

  EXPECT_FALSE(mail.destinations.waits(1, fresh, false, now));
  mail.destinations.begin(1, fresh, 8, now);
  EXPECT_EQ(mail.destinations.waits(1, fresh, false, now), now) << "one of them at a time";
  mail.destinations.end(1, 8);
  EXPECT_FALSE(mail.destinations.waits(1, fresh, false, now));
  EXPECT_TRUE(mail.destinations.waits(1, tried, false, later)) << "that is still being tried";
}

TEST(Destinations, an_attempt_that_takes_unusually_long_has_had_its_turn) {
  Dependency mail;
  const SteadyTime now{std::chrono::hours(1)};
  mail.fails(1);
  mail.destinations.put_off(1, tried, now);
  mail.destinations.begin(1, tried, 7, now);
  EXPECT_TRUE(mail.destinations.waits(1, tried, false, now + unusually_long - Duration(1)));

  EXPECT_FALSE(mail.destinations.waits(1, tried, false, now + unusually_long));
  mail.destinations.begin(1, tried, 8, now + unusually_long);
  EXPECT_TRUE(mail.destinations.waits(1, tried, false, now + unusually_long)) << "the next one has it now";
  mail.destinations.end(1, 7);
  EXPECT_TRUE(mail.destinations.waits(1, tried, false, now + unusually_long));
}

TEST(Destinations, what_is_fresh_waits_by_itself) {
  Dependency mail;
  const SteadyTime now{std::chrono::hours(1)};
  const SteadyTime sooner = now + std::chrono::seconds(1);
  const SteadyTime later = now + std::chrono::minutes(1);
  mail.fails(1);
  mail.destinations.put_off(1, tried, later);

  EXPECT_FALSE(mail.destinations.put_off(1, fresh, sooner)) << "it has been put off before";

  EXPECT_EQ(mail.destinations.waits(1, fresh, false, now), sooner);
  EXPECT_EQ(mail.destinations.waits(1, tried, false, now), later);
  EXPECT_FALSE(mail.destinations.waits(1, fresh, false, sooner));
}

}  // namespace
}  // namespace globogym::functions
