// What becomes of a dead letter: engine/engine.h's contract, tried on every adapter.
#include <gtest/gtest.h>

#include <set>

#include "engine_contract.h"

namespace globogym::engine {
namespace {

using namespace std::chrono_literals;

TYPED_TEST_SUITE(EngineContract, Worlds);

TYPED_TEST(EngineContract, a_dead_letter_keeps_the_original_the_reason_and_every_attempt) {
  ASSERT_TRUE(this->send("q", "m", "original"));
  auto first = this->receive("q");
  ASSERT_TRUE(this->settle(first[0].lease, GiveBack{{}, "one", true}));
  auto second = this->receive("q");
  ASSERT_TRUE(this->settle(second[0].lease, DeadLetter{"attempts-exhausted", "two"}));
  this->world_.crash();

  auto page = this->world_.run(this->world_.engine().messages({.queue = "q", .limit = 10}));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->messages.size(), 1u);
  const auto& letter = page->messages[0];
  EXPECT_EQ(letter.message.body, "original");
  EXPECT_EQ(letter.dead_reason, "attempts-exhausted");
  ASSERT_EQ(letter.history.size(), 2u);
  EXPECT_EQ(letter.history[0].error, "one");
  EXPECT_EQ(letter.history[1].error, "two");
  EXPECT_EQ(letter.attempts, 2);
  EXPECT_TRUE(letter.dead_at);
  EXPECT_EQ(this->stats("q").dead_lettered, 1u);
  EXPECT_TRUE(this->receive("q").empty());
}

TYPED_TEST(EngineContract, a_revived_dead_letter_starts_anew_and_a_discarded_one_is_gone) {
  for (std::string id : {"a", "b"}) {
    ASSERT_TRUE(this->send("q", id));
    auto got = this->receive("q");
    ASSERT_TRUE(this->settle(got[0].lease, DeadLetter{"no", "reason"}));
  }
  Commit commit;
  commit.revived.push_back({"q", "a"});
  commit.discarded.push_back({"q", "b"});
  ASSERT_TRUE(this->commit(std::move(commit)));

  auto got = this->receive("q", 10);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].message.id, "a");
  EXPECT_EQ(got[0].attempt, 1);
  EXPECT_EQ(this->stats("q").dead_lettered, 0u);

  Commit again;
  again.revived.push_back({"q", "b"});
  EXPECT_EQ(fault_of(this->commit(std::move(again))), Fault::not_found);
}

TYPED_TEST(EngineContract, dead_letters_of_all_queues_are_listed_in_pages) {
  for (std::string queue : {"q1", "q2", "q3"})
    for (int i = 0; i < 7; ++i) {
      ASSERT_TRUE(this->send(queue, "m" + std::to_string(i)));
      auto got = this->receive(queue);
      ASSERT_TRUE(this->settle(got[0].lease, DeadLetter{"no", ""}));
    }
  std::set<std::string> seen;
  std::string after;
  int pages = 0;
  do {
    auto page = this->world_.run(this->world_.engine().messages({.after = after, .limit = 5}));
    ASSERT_TRUE(page);
    for (auto& letter : page->messages) EXPECT_TRUE(seen.insert(letter.message.queue + letter.message.id).second);
    after = page->cursor;
    ++pages;
  } while (!after.empty() && pages < 10);
  EXPECT_EQ(seen.size(), 21u);
}

TYPED_TEST(EngineContract, a_revived_dead_letter_keeps_its_history_and_counts_anew) {
  ASSERT_TRUE(this->send("q", "m", "original"));
  ASSERT_TRUE(this->settle(this->receive("q").at(0).lease, DeadLetter{"reason", "why"}));
  Commit revive;
  revive.revived.push_back({"q", "m"});
  ASSERT_TRUE(this->commit(std::move(revive)));
  this->world_.restart();

  auto got = this->receive("q");

  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].attempt, 1);
  EXPECT_EQ(got[0].message.body, "original");
  ASSERT_EQ(got[0].history.size(), 1u);
  EXPECT_EQ(got[0].history[0].error, "why");
  auto found = this->find("q", "m");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->dead_reason.empty());
  EXPECT_FALSE(found->dead_at);
}

// A replay takes what was parked before it began, and compares with the clock it sees.
TYPED_TEST(EngineContract, when_a_letter_died_is_told_by_the_wall_clock_as_it_stands_now) {
  ASSERT_TRUE(this->send("q", "m"));
  ASSERT_TRUE(this->settle(this->receive("q").at(0).lease, DeadLetter{"reason", "why"}));
  this->world_.advance(600s);

  this->world_.step_wall(-24h);

  auto found = this->find("q", "m");
  ASSERT_TRUE(found && found->dead_at);
  EXPECT_LT(std::chrono::abs(this->world_.now() - *found->dead_at - 600s), 60s);
  ASSERT_EQ(found->history.size(), 1u);
  EXPECT_LT(std::chrono::abs(this->world_.now() - found->history[0].at - 600s), 60s);
}

TYPED_TEST(EngineContract, a_commit_names_a_dead_letter_once_and_only_a_dead_one) {
  ASSERT_TRUE(this->send("q", "dead"));
  ASSERT_TRUE(this->settle(this->receive("q").at(0).lease, DeadLetter{"no", ""}));
  ASSERT_TRUE(this->send("q", "alive"));
  auto naming = [&](std::vector<std::string> revived, std::vector<std::string> discarded) {
    Commit commit;
    for (auto& id : revived) commit.revived.push_back({"q", id});
    for (auto& id : discarded) commit.discarded.push_back({"q", id});
    return fault_of(this->commit(std::move(commit)));
  };

  EXPECT_EQ(naming({"dead", "dead"}, {}), Fault::invalid);
  EXPECT_EQ(naming({}, {"dead", "dead"}), Fault::invalid);
  EXPECT_EQ(naming({"dead"}, {"dead"}), Fault::invalid);
  EXPECT_EQ(naming({"alive"}, {}), Fault::not_found);
  EXPECT_EQ(naming({}, {"alive"}), Fault::not_found);
  EXPECT_EQ(naming({}, {"dead"}), std::nullopt);
  EXPECT_EQ(naming({}, {"dead"}), Fault::not_found);
  EXPECT_EQ(this->stats("q").dead_lettered, 0u);
  EXPECT_EQ(this->stats("q").ready, 1u);
}

TYPED_TEST(EngineContract, dead_letters_of_one_queue_are_listed_without_the_others) {
  for (std::string queue : {"q1", "q2", "q3"})
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(this->send(queue, "m" + std::to_string(i)));
      ASSERT_TRUE(this->settle(this->receive(queue).at(0).lease, DeadLetter{"no", ""}));
    }
  auto page = [&](std::string queue, std::string after, std::size_t limit) {
    return this->world_.run(
        this->world_.engine().messages({.queue = std::move(queue), .after = std::move(after), .limit = limit}));
  };

  auto whole = page("q2", "", 3);
  auto first = page("q2", "", 2);

  ASSERT_TRUE(whole && first);
  ASSERT_EQ(whole->messages.size(), 3u);
  EXPECT_TRUE(whole->cursor.empty());
  for (const auto& letter : whole->messages) EXPECT_EQ(letter.message.queue, "q2");
  ASSERT_EQ(first->messages.size(), 2u);
  auto rest = page("q2", first->cursor, 2);
  ASSERT_TRUE(rest);
  ASSERT_EQ(rest->messages.size(), 1u);
  EXPECT_EQ(rest->messages[0].message.id, "m2");
  EXPECT_EQ(fault_of(page("q2", "nonsense!", 2)), Fault::invalid);
}

}  // namespace
}  // namespace globogym::engine
