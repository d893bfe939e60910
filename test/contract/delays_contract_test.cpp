// What a delay promises: engine/engine.h's contract, tried on every adapter.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "engine_contract.h"

namespace globogym::engine {
namespace {

using namespace std::chrono_literals;

TYPED_TEST_SUITE(EngineContract, Worlds);

TYPED_TEST(EngineContract, a_message_given_back_comes_when_it_is_due_with_its_history) {
  ASSERT_TRUE(this->send("q", "m"));
  auto first = this->receive("q");
  ASSERT_TRUE(this->settle(first[0].lease, GiveBack{60s, "451 busy", true}));

  EXPECT_TRUE(this->receive("q").empty());
  EXPECT_EQ(this->find("q", "m")->state, MessageState::delayed);
  EXPECT_EQ(this->stats("q").delayed, 1u);

  this->world_.advance(61s);
  auto second = this->receive("q");
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].attempt, 2);
  ASSERT_EQ(second[0].history.size(), 1u);
  EXPECT_EQ(second[0].history[0].error, "451 busy");
  EXPECT_EQ(second[0].history[0].number, 1);
}

TYPED_TEST(EngineContract, a_delayed_message_survives_a_crash_and_wakes_a_waiting_receiver) {
  Commit commit;
  commit.messages.push_back({"q", "m", "x", "", 1s});
  ASSERT_TRUE(this->commit(std::move(commit)));
  this->world_.crash();
  EXPECT_TRUE(this->receive("q").empty());
  const auto began = this->world_.now();

  auto got = this->receive("q", 1, 10s);

  EXPECT_EQ(got.size(), 1u);
  EXPECT_LT(this->world_.now() - began, 5s);
}

// In both worlds nearly all of them lie on the disk only: the window's end is where mistakes are made.
TYPED_TEST(EngineContract,
           many_delayed_messages_come_each_once_and_when_they_are_due_whatever_order_they_were_sent_in) {
  constexpr int count = 300;
  auto due = [](int i) { return 1h + std::chrono::minutes(i * 37 % count); };
  const auto start = this->world_.now();
  for (int i = 0; i < count; i += 10) {
    Commit commit;
    for (int j = i; j < i + 10; ++j)
      commit.messages.push_back({"q", std::to_string(j), std::string(200, 'x'), "", due(j)});
    ASSERT_TRUE(this->commit(std::move(commit)));
    if (i == 150) this->world_.restart();
  }
  EXPECT_TRUE(this->receive("q").empty());
  EXPECT_EQ(this->stats("q").delayed, static_cast<std::uint64_t>(count));
  EXPECT_EQ(this->stats("q").ready, 0u);

  std::map<std::string, int> came;
  std::set<std::string> done;
  this->world_.advance(1h);
  while (done.size() < count && this->world_.now() - start < 24h) {
    this->world_.advance(10min);
    for (auto got = this->receive("q", 4, 0s, 25min); !got.empty(); got = this->receive("q", 4, 0s, 25min)) {
      Commit commit;
      for (auto& delivery : got) {
        const auto& id = delivery.message.id;
        const int number = std::stoi(id), times = ++came[id];
        EXPECT_EQ(delivery.attempt, times) << id;
        EXPECT_FALSE(done.contains(id)) << id << " came again";
        EXPECT_LE(due(number), this->world_.now() - start) << id << " came too early";
        // The first, of some: kept until its lease is over, or given back for later, beyond the window's end. Others
        // done.
        if (times == 1 && number % 3 == 0) continue;
        if (times == 1 && number % 3 == 1) {
          commit.settled.push_back({delivery.lease, GiveBack{2h, "later", true}});
        } else {
          commit.settled.push_back({delivery.lease, Complete{}});
          done.insert(id);
        }
      }
      ASSERT_EQ(fault_of(this->commit(std::move(commit))), std::nullopt);
    }
  }

  EXPECT_EQ(done.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) EXPECT_EQ(came[std::to_string(i)], i % 3 == 2 ? 1 : 2) << i;
  const auto stats = this->stats("q");
  EXPECT_EQ(stats.ready + stats.delayed + stats.leased + stats.dead_lettered, 0u);
}

// Ages and times are compared with some seconds to spare: a world on a real disk takes real time.
TYPED_TEST(EngineContract, a_wall_clock_set_back_delays_nothing_and_hides_no_age) {
  ASSERT_TRUE(this->send("q", "new", "x", 600s));
  ASSERT_TRUE(this->send("q", "again"));
  auto got = this->receive("q");
  ASSERT_EQ(got.size(), 1u);
  ASSERT_TRUE(this->settle(got[0].lease, GiveBack{600s, "451 later", true}));
  this->world_.advance(300s);

  this->world_.step_wall(-24h);

  for (std::string id : {"new", "again"}) {
    auto found = this->find("q", id);
    ASSERT_TRUE(found && found->due);
    EXPECT_LT(std::chrono::abs(*found->due - this->world_.now() - 300s), 10s);
    EXPECT_LT(std::chrono::abs(this->world_.now() - found->enqueued_at - 300s), 10s);
  }
  const auto oldest = this->stats("q").oldest;
  ASSERT_TRUE(oldest);
  EXPECT_LT(std::chrono::abs(this->world_.now() - *oldest - 300s), 10s);
  EXPECT_TRUE(this->receive("q", 10).empty());
  this->world_.advance(301s);
  got = this->receive("q", 10);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_LT(std::chrono::abs(this->world_.now() - got[0].enqueued_at - 601s), 10s);
  EXPECT_LT(std::chrono::abs(got[0].age - 601s), 10s);
}

TYPED_TEST(EngineContract, a_wall_clock_set_forward_ends_no_delay_and_no_lease) {
  ASSERT_TRUE(this->send("q", "held"));
  auto held = this->receive("q", 1, 0s, 600s);
  ASSERT_EQ(held.size(), 1u);
  ASSERT_TRUE(this->send("q", "m", "x", 600s));

  this->world_.step_wall(24h);

  EXPECT_TRUE(this->receive("q", 10).empty());
  EXPECT_EQ(this->stats("q").delayed, 1u);
  EXPECT_EQ(this->stats("q").leased, 1u);
  EXPECT_TRUE(this->settle(held[0].lease));
  this->world_.advance(601s);
  EXPECT_EQ(this->receive("q", 10).size(), 1u);
}

TYPED_TEST(EngineContract, a_waiting_receiver_is_woken_in_time_though_the_wall_clock_was_set_back) {
  ASSERT_TRUE(this->send("q", "m", "x", 300ms));
  this->world_.step_wall(-24h);

  auto got = this->receive("q", 1, 3600s);

  EXPECT_EQ(got.size(), 1u);
}

// A process cannot know how long it was away when the clock has gone back; no message waits longer for it than it was
// to.
TYPED_TEST(EngineContract, a_wall_clock_set_back_while_the_process_is_away_starts_no_delay_anew) {
  ASSERT_TRUE(this->send("q", "early", "x", 600s));
  this->world_.advance(300s);
  ASSERT_TRUE(this->send("q", "late", "x", 600s));
  this->world_.step_wall(-24h);
  this->world_.restart();

  this->world_.advance(310s);
  EXPECT_EQ(this->receive("q", 10, 0s, 1h).size(), 1u);
  this->world_.advance(310s);
  EXPECT_EQ(this->receive("q", 10, 0s, 1h).size(), 1u);
}

TYPED_TEST(EngineContract, time_goes_on_from_where_it_stood_however_often_the_clock_was_set) {
  ASSERT_TRUE(this->send("q", "m", "x", 3600s));
  for (Duration step : {Duration(-24h), Duration(48h), Duration(-1h)}) {
    this->world_.step_wall(step);
    ASSERT_TRUE(this->commit(this->putting("a", "x")));
    this->world_.restart();
    EXPECT_TRUE(this->receive("q").empty());
    const auto found = this->find("q", "m");
    ASSERT_TRUE(found && found->due);
    EXPECT_LT(std::chrono::abs(*found->due - this->world_.now() - 3600s), 60s);
  }
  this->world_.advance(3601s);
  EXPECT_EQ(this->receive("q").size(), 1u);
}

TYPED_TEST(EngineContract, what_became_due_while_the_process_was_away_is_due) {
  ASSERT_TRUE(this->send("q", "m", "x", 3600s));
  this->world_.restart();
  this->world_.advance(3601s);
  this->world_.restart();
  EXPECT_EQ(this->receive("q").size(), 1u);
}

TYPED_TEST(EngineContract, a_delay_that_nobody_can_mean_is_ten_years) {
  ASSERT_TRUE(this->send("q", "m", "x", Duration::max()));
  this->world_.advance(std::chrono::years(10) - 1h);
  EXPECT_TRUE(this->receive("q").empty());
  this->world_.advance(2h);
  EXPECT_EQ(this->receive("q").size(), 1u);
}

}  // namespace
}  // namespace globogym::engine
