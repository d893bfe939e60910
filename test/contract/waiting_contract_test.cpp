// What waits can be looked at and brought forward: engine/engine.h's contract, tried on every adapter.
#include <gtest/gtest.h>

#include <set>

#include "engine_contract.h"

namespace globogym::engine {
namespace {

using namespace std::chrono_literals;

TYPED_TEST_SUITE(EngineContract, Worlds);

Commit hastening(std::string queue, std::string id) {
  Commit commit;
  commit.hastened.push_back({std::move(queue), std::move(id)});
  return commit;
}

TYPED_TEST(EngineContract, what_waits_is_listed_the_delayed_first_by_when_they_are_due) {
  ASSERT_TRUE(this->send("q", "later", "body", 2h));
  ASSERT_TRUE(this->send("q", "soon", "body", 1h));
  ASSERT_TRUE(this->send("q", "dead"));
  ASSERT_TRUE(this->settle(this->receive("q").at(0).lease, DeadLetter{"no", "reason"}));
  ASSERT_TRUE(this->send("q", "held"));
  const auto held = this->receive("q");
  ASSERT_TRUE(this->send("q", "now"));
  ASSERT_TRUE(this->send("other", "now"));

  auto page = this->world_.run(
      this->world_.engine().messages({.which = MessageQuery::Which::waiting, .queue = "q", .limit = 10}));

  ASSERT_TRUE(page);
  std::vector<std::pair<std::string, MessageState>> seen;
  for (const auto& each : page->messages) seen.emplace_back(each.message.id, each.state);
  EXPECT_EQ(seen, (std::vector<std::pair<std::string, MessageState>>{{"soon", MessageState::delayed},
                                                                     {"later", MessageState::delayed},
                                                                     {"held", MessageState::leased},
                                                                     {"now", MessageState::ready}}));
  EXPECT_TRUE(page->cursor.empty());
  ASSERT_TRUE(page->messages.at(0).due);
  EXPECT_LT(std::chrono::abs(*page->messages[0].due - this->world_.now() - 1h), 1min);
  EXPECT_EQ(page->messages.at(2).attempts, 1);
}

TYPED_TEST(EngineContract, what_waits_is_listed_in_pages_each_once_and_none_left_out) {
  std::set<std::string> sent;
  for (std::string queue : {"q1", "q2"})
    for (int i = 0; i < 9; ++i) {
      ASSERT_TRUE(this->send(queue, "m" + std::to_string(i), "body", i % 3 == 0 ? 1h : 0s));
      sent.insert(queue + ":m" + std::to_string(i));
    }

  std::set<std::string> seen;
  std::string after;
  int pages = 0;
  do {
    auto page = this->world_.run(
        this->world_.engine().messages({.which = MessageQuery::Which::waiting, .after = after, .limit = 2}));
    ASSERT_TRUE(page);
    for (const auto& each : page->messages) EXPECT_TRUE(seen.insert(each.message.queue + ":" + each.message.id).second);
    after = page->cursor;
  } while (!after.empty() && ++pages < 100);

  EXPECT_EQ(seen, sent);
}

TYPED_TEST(EngineContract, a_cursor_of_the_dead_is_none_of_the_waiting) {
  for (std::string id : {"a", "b"}) {
    ASSERT_TRUE(this->send("q", id));
    ASSERT_TRUE(this->settle(this->receive("q").at(0).lease, DeadLetter{"no", ""}));
  }
  auto dead = this->world_.run(this->world_.engine().messages({.limit = 1}));
  ASSERT_TRUE(dead);

  EXPECT_EQ(fault_of(this->world_.run(this->world_.engine().messages(
                {.which = MessageQuery::Which::waiting, .after = dead->cursor, .limit = 1}))),
            Fault::invalid);
}

TYPED_TEST(EngineContract, a_hastened_message_is_handed_out_at_once_ahead_of_the_others_with_all_it_has_been_through) {
  ASSERT_TRUE(this->send("q", "m", "original"));
  ASSERT_TRUE(this->settle(this->receive("q").at(0).lease, GiveBack{2h, "451 later", true}));
  this->world_.advance(1s);
  ASSERT_TRUE(this->send("q", "fresh"));
  EXPECT_TRUE(this->stats("q").next_due);

  ASSERT_TRUE(this->commit(hastening("q", "m")));

  auto got = this->receive("q", 2);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].message.id, "m");
  EXPECT_EQ(got[0].message.body, "original");
  EXPECT_EQ(got[0].attempt, 2);
  ASSERT_EQ(got[0].history.size(), 1u);
  EXPECT_EQ(got[0].history[0].error, "451 later");
  ASSERT_TRUE(this->settle(got[0].lease));
  ASSERT_TRUE(this->settle(got[1].lease));
  this->world_.advance(3h);
  EXPECT_TRUE(this->receive("q").empty());
}

TYPED_TEST(EngineContract, a_hastened_message_is_due_also_after_a_crash) {
  ASSERT_TRUE(this->send("q", "m", "body", 2h));
  ASSERT_TRUE(this->commit(hastening("q", "m")));

  this->world_.crash();

  EXPECT_EQ(this->receive("q").size(), 1u);
}

TYPED_TEST(EngineContract, one_far_behind_what_memory_holds_is_hastened_too) {
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(this->send("q", "m" + std::to_string(i), std::string(200, 'x'), 1h + std::chrono::seconds(i)));

  ASSERT_TRUE(this->commit(hastening("q", "m299")));

  auto got = this->receive("q", 10);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].message.id, "m299");
  EXPECT_EQ(this->stats("q").delayed, 299u);
}

TYPED_TEST(EngineContract, to_hasten_what_is_due_or_leased_changes_nothing_and_what_is_dead_or_gone_is_not_found) {
  ASSERT_TRUE(this->send("q", "leased"));
  auto held = this->receive("q");
  ASSERT_TRUE(this->send("q", "ready"));

  EXPECT_TRUE(this->commit(hastening("q", "leased")));
  EXPECT_TRUE(this->commit(hastening("q", "ready")));
  EXPECT_EQ(fault_of(this->commit(hastening("q", "none"))), Fault::not_found);
  EXPECT_EQ(fault_of(this->commit(hastening("nowhere", "ready"))), Fault::not_found);

  EXPECT_EQ(this->receive("q", 10).size(), 1u);
  ASSERT_TRUE(this->settle(held.at(0).lease, DeadLetter{"no", ""}));
  EXPECT_EQ(fault_of(this->commit(hastening("q", "leased"))), Fault::not_found);
}

Commit replacing(std::string id, std::string body) {
  Commit commit;
  commit.messages.push_back({.queue = "q", .id = std::move(id), .body = std::move(body), .replaces = true});
  return commit;
}

TYPED_TEST(EngineContract, a_message_takes_the_place_of_one_that_waits_or_is_dead_and_begins_anew) {
  ASSERT_TRUE(this->send("q", "dead", "old"));
  ASSERT_TRUE(this->settle(this->receive("q").at(0).lease, DeadLetter{"no", "reason"}));
  ASSERT_TRUE(this->send("q", "delayed", "old"));
  ASSERT_TRUE(this->settle(this->receive("q").at(0).lease, GiveBack{2h, "451 later", true}));
  ASSERT_TRUE(this->send("q", "ready", "old"));

  for (const auto* id : {"dead", "delayed", "ready", "none"}) ASSERT_TRUE(this->commit(replacing(id, "new"))) << id;

  EXPECT_EQ(this->stats("q").dead_lettered, 0u);
  auto got = this->receive("q", 10);
  ASSERT_EQ(got.size(), 4u);
  for (const auto& each : got) {
    EXPECT_EQ(each.message.body, "new") << each.message.id;
    EXPECT_EQ(each.attempt, 1);
    EXPECT_TRUE(each.history.empty());
    ASSERT_TRUE(this->settle(each.lease));
  }
  this->world_.advance(3h);
  EXPECT_TRUE(this->receive("q").empty());
  const auto stats = this->stats("q");
  EXPECT_EQ(stats.ready + stats.delayed + stats.leased, 0u);
}

TYPED_TEST(EngineContract, what_is_leased_is_not_replaced) {
  ASSERT_TRUE(this->send("q", "m", "old"));
  const auto held = this->receive("q");

  EXPECT_EQ(fault_of(this->commit(replacing("m", "new"))), Fault::conflict);

  ASSERT_TRUE(this->settle(held.at(0).lease, GiveBack{0s, "", true}));
  ASSERT_TRUE(this->commit(replacing("m", "new")));
  EXPECT_EQ(this->receive("q", 10).at(0).message.body, "new");
}

TYPED_TEST(EngineContract, a_replacement_is_there_after_a_crash_and_what_it_replaced_is_not) {
  ASSERT_TRUE(this->send("q", "m", "old", 2h));
  ASSERT_TRUE(this->commit(replacing("m", "new")));

  this->world_.crash();

  auto got = this->receive("q", 10);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].message.body, "new");
  ASSERT_TRUE(this->settle(got[0].lease));
  this->world_.advance(3h);
  EXPECT_TRUE(this->receive("q").empty());
}

TYPED_TEST(EngineContract, one_that_memory_does_not_hold_is_replaced_too_and_every_other_comes_once) {
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(this->send("q", "m" + std::to_string(i), std::string(200, 'x')));

  ASSERT_TRUE(this->commit(replacing("m0", "new")));
  ASSERT_TRUE(this->commit(replacing("m299", "new")));

  std::set<std::string> seen;
  std::set<std::string> fresh;
  for (auto got = this->receive("q", 50); !got.empty(); got = this->receive("q", 50))
    for (const auto& each : got) {
      EXPECT_TRUE(seen.insert(each.message.id).second) << each.message.id;
      if (each.message.body == "new") fresh.insert(each.message.id);
      ASSERT_TRUE(this->settle(each.lease));
    }
  EXPECT_EQ(seen.size(), 300u);
  EXPECT_EQ(fresh, (std::set<std::string>{"m0", "m299"}));
}

TYPED_TEST(EngineContract, the_oldest_that_is_delayed_is_known_after_a_restart_whatever_else_waits) {
  ASSERT_TRUE(this->send("q", "a-old", "body", 10h));
  this->world_.advance(1h);
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(this->send("q", "b" + std::to_string(i), std::string(200, 'x')));
  this->world_.restart();

  // Some are read and done with; the delayed one is not due yet.
  for (const auto& each : this->receive("q", 250)) ASSERT_TRUE(this->settle(each.lease));

  ASSERT_TRUE(this->stats("q").oldest);
  EXPECT_GE(this->world_.now() - *this->stats("q").oldest, 59min);
}

TYPED_TEST(EngineContract, how_fast_messages_come_and_go_is_measured) {
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(this->send("q", "a" + std::to_string(i)));
    ASSERT_TRUE(this->send("q", "b" + std::to_string(i)));
    for (const auto& each : this->receive("q", 1)) ASSERT_TRUE(this->settle(each.lease));
    this->world_.advance(1s);
  }

  EXPECT_NEAR(this->stats("q").coming, 2, 0.5);
  EXPECT_NEAR(this->stats("q").going, 1, 0.25);
  this->world_.advance(10min);
  EXPECT_LT(this->stats("q").coming, 0.01);
}

}  // namespace
}  // namespace globogym::engine
