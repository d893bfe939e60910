// What a lease promises: engine/engine.h's contract, tried on every adapter.
#include <gtest/gtest.h>

#include "engine_contract.h"

namespace globogym::engine {
namespace {

using namespace std::chrono_literals;

TYPED_TEST_SUITE(EngineContract, Worlds);

TYPED_TEST(EngineContract, a_late_workers_commit_is_refused_whole) {
  ASSERT_TRUE(this->send("q", "m"));
  auto late = this->receive("q", 1, 0s, 10s);
  this->world_.advance(11s);
  auto next = this->receive("q", 1, 5s);
  ASSERT_EQ(next.size(), 1u);

  Commit commit = this->putting("effect", "of the late one");
  commit.settled.push_back({late[0].lease, Complete{}});
  auto refused = this->commit(std::move(commit));

  ASSERT_FALSE(refused);
  EXPECT_EQ(fault_of(refused), Fault::lease_lost);
  EXPECT_FALSE(this->get(this->key("effect")));
  EXPECT_TRUE(this->settle(next[0].lease));
}

TYPED_TEST(EngineContract, a_lease_that_expired_and_was_not_handed_out_again_is_over_too) {
  ASSERT_TRUE(this->send("q", "m"));
  auto late = this->receive("q", 1, 0s, 10s);
  this->world_.advance(11s);
  this->stats("q");

  EXPECT_EQ(fault_of(this->settle(late[0].lease)), Fault::lease_lost);
}

TYPED_TEST(EngineContract, an_attempt_that_crashed_was_counted) {
  ASSERT_TRUE(this->send("q", "m"));
  for (int attempt = 1; attempt <= 3; ++attempt) {
    auto got = this->receive("q");
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].attempt, attempt);
    this->world_.restart();
  }
}

TYPED_TEST(EngineContract, a_lease_does_not_outlive_the_process_that_held_it) {
  ASSERT_TRUE(this->send("q", "m"));
  auto before = this->receive("q");
  this->world_.restart();
  EXPECT_EQ(fault_of(this->settle(before[0].lease)), Fault::lease_lost);
  auto after = this->receive("q");
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(fault_of(this->settle(before[0].lease)), Fault::lease_lost);
  EXPECT_TRUE(this->settle(after[0].lease));
}

TYPED_TEST(EngineContract, a_message_given_back_uncounted_is_as_if_never_handed_out) {
  ASSERT_TRUE(this->send("q", "m"));
  for (int i = 0; i < 5; ++i) {
    auto got = this->receive("q");
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].attempt, 1);
    ASSERT_TRUE(this->settle(got[0].lease, GiveBack{{}, "", false}));
  }
}

TYPED_TEST(EngineContract, a_lease_holds_until_just_before_its_end) {
  ASSERT_TRUE(this->send("q", "m"));
  auto got = this->receive("q", 1, 0s, 600s);
  ASSERT_EQ(got.size(), 1u);

  this->world_.advance(599s);

  EXPECT_TRUE(this->receive("q").empty());
  EXPECT_EQ(this->stats("q").leased, 1u);
  EXPECT_TRUE(this->settle(got[0].lease));
}

TYPED_TEST(EngineContract, what_another_holds_is_not_taken_by_the_end_of_an_old_hand_out) {
  ASSERT_TRUE(this->send("q", "a"));
  ASSERT_TRUE(this->send("q", "b"));
  auto together = this->receive("q", 2, 0s, 600s);
  ASSERT_EQ(together.size(), 2u);
  ASSERT_TRUE(this->settle(together[0].lease, GiveBack{}));
  auto another = this->receive("q", 1, 0s, 3600s);
  ASSERT_EQ(another.size(), 1u);

  this->world_.advance(601s);
  auto ended = this->receive("q", 10);

  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].message.id, together[1].message.id);
  EXPECT_TRUE(this->settle(another[0].lease));
  EXPECT_TRUE(this->settle(ended[0].lease));
}

TYPED_TEST(EngineContract, a_waiting_receiver_is_woken_by_a_leases_end) {
  ASSERT_TRUE(this->send("q", "m"));
  ASSERT_EQ(this->receive("q", 1, 0s, 300ms).size(), 1u);

  const auto before = this->world_.now();
  auto got = this->receive("q", 1, 3600s);

  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].attempt, 2);
  EXPECT_LT(this->world_.now() - before, 60s);
}

TYPED_TEST(EngineContract, attempts_whose_lease_ended_are_counted_over_a_restart_too) {
  ASSERT_TRUE(this->send("q", "m"));
  for (int attempt = 1; attempt <= 3; ++attempt) {
    ASSERT_EQ(this->receive("q", 1, 0s, 10s).size(), 1u);
    this->world_.advance(11s);
  }
  this->world_.restart();

  auto found = this->find("q", "m");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->attempts, 3);
  auto got = this->receive("q");
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].attempt, 4);
}

TYPED_TEST(EngineContract, of_a_hand_out_half_settled_the_rest_was_counted) {
  ASSERT_TRUE(this->send("q", "a"));
  ASSERT_TRUE(this->send("q", "b"));
  auto got = this->receive("q", 2);
  ASSERT_EQ(got.size(), 2u);
  ASSERT_TRUE(this->settle(got[0].lease));
  this->world_.restart();

  auto left = this->receive("q", 2);

  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].message.id, got[1].message.id);
  EXPECT_EQ(left[0].attempt, 2);
}

TYPED_TEST(EngineContract, an_attempt_is_counted_wherever_its_message_lay) {
  ASSERT_TRUE(this->send("q", "delayed", "x", 10s));
  this->world_.advance(11s);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    auto got = this->receive("q");
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].attempt, attempt);
    this->world_.restart();
  }
}

TYPED_TEST(EngineContract, a_leased_message_says_so_and_what_attempt_it_is) {
  ASSERT_TRUE(this->send("q", "m"));
  auto got = this->receive("q");
  ASSERT_EQ(got.size(), 1u);

  auto found = this->find("q", "m");

  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, MessageState::leased);
  EXPECT_EQ(found->attempts, 1);
  EXPECT_FALSE(found->due);
  ASSERT_TRUE(this->settle(got[0].lease, GiveBack{0s, "later", true}));
  found = this->find("q", "m");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, MessageState::ready);
  EXPECT_EQ(found->attempts, 1);
}

TYPED_TEST(EngineContract, one_lease_is_settled_once_in_a_commit) {
  ASSERT_TRUE(this->send("q", "m"));
  auto got = this->receive("q");
  ASSERT_EQ(got.size(), 1u);
  Commit twice;
  twice.settled.push_back({got[0].lease, GiveBack{}});
  twice.settled.push_back({got[0].lease, Complete{}});

  EXPECT_EQ(fault_of(this->commit(std::move(twice))), Fault::invalid);

  EXPECT_TRUE(this->settle(got[0].lease));
}

TYPED_TEST(EngineContract, the_last_sixteen_attempts_are_kept) {
  ASSERT_TRUE(this->send("q", "m"));
  for (int attempt = 1; attempt <= 17; ++attempt) {
    auto got = this->receive("q");
    ASSERT_EQ(got.size(), 1u);
    ASSERT_EQ(got[0].history.size(), static_cast<std::size_t>(std::min(attempt - 1, 16)));
    ASSERT_TRUE(this->settle(got[0].lease, GiveBack{0s, "error " + std::to_string(attempt), true}));
  }
  this->world_.restart();

  auto got = this->receive("q");

  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].attempt, 18);
  ASSERT_EQ(got[0].history.size(), 16u);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(got[0].history[static_cast<std::size_t>(i)].number, i + 2);
    EXPECT_EQ(got[0].history[static_cast<std::size_t>(i)].error, "error " + std::to_string(i + 2));
  }
}

TYPED_TEST(EngineContract, a_long_error_is_cut_and_a_missing_one_leaves_no_history) {
  ASSERT_TRUE(this->send("q", "m"));
  ASSERT_TRUE(this->settle(this->receive("q").at(0).lease, GiveBack{0s, std::string(501, 'e'), true}));
  ASSERT_TRUE(this->settle(this->receive("q").at(0).lease, GiveBack{0s, "", true}));

  auto got = this->receive("q");

  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].attempt, 3);
  ASSERT_EQ(got[0].history.size(), 1u);
  EXPECT_EQ(got[0].history[0].error, std::string(500, 'e'));
}

TYPED_TEST(EngineContract, what_is_given_back_at_once_goes_before_what_came_later) {
  ASSERT_TRUE(this->send("q", "1"));
  auto got = this->receive("q");
  ASSERT_EQ(got.size(), 1u);
  this->world_.advance(1s);
  ASSERT_TRUE(this->send("q", "2"));
  ASSERT_TRUE(this->settle(got[0].lease, GiveBack{}));

  got = this->receive("q");

  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].message.id, "1");
}

}  // namespace
}  // namespace globogym::engine
