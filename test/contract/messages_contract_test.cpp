// What becomes of a message: handed out, woken for, refused when it is there already, dead, in a backlog larger than
// memory: engine/engine.h's contract, tried on every adapter.
#include <gtest/gtest.h>

#include "engine_contract.h"

namespace globogym::engine {
namespace {

using namespace std::chrono_literals;

TYPED_TEST_SUITE(EngineContract, Worlds);

TYPED_TEST(EngineContract, a_message_is_handed_out_until_it_is_settled) {
  ASSERT_TRUE(this->send("q", "m", "hello"));

  auto first = this->receive("q", 1, 0s, 10s);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].message.body, "hello");
  EXPECT_EQ(first[0].attempt, 1);
  EXPECT_TRUE(this->receive("q").empty()) << "a leased message is nobody else's";

  this->world_.advance(11s);
  auto second = this->receive("q", 1, 5s);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].attempt, 2);

  ASSERT_TRUE(this->settle(second[0].lease));
  this->world_.advance(60s);
  EXPECT_TRUE(this->receive("q").empty());
  EXPECT_FALSE(this->find("q", "m"));
}

TYPED_TEST(EngineContract, a_duplicate_message_id_is_refused_silently_while_the_first_is_kept) {
  ASSERT_TRUE(this->send("q", "m", "first"));
  ASSERT_TRUE(this->send("q", "m", "second"));
  auto got = this->receive("q", 10);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].message.body, "first");
  ASSERT_TRUE(this->send("q", "m", "third"));
  EXPECT_TRUE(this->receive("q", 10).empty());
  ASSERT_TRUE(this->send("other", "m", "elsewhere")) << "an id is unique in its queue only";
  EXPECT_EQ(this->receive("other").size(), 1u);
}

// The window of these worlds is 4 KiB a queue.
TYPED_TEST(EngineContract, what_is_further_along_goes_first_when_that_is_asked_for) {
  const auto receive_for = [&](const std::string& goes_on_to) {
    auto got = this->world_.run(this->world_.engine().receive(
        {.queue = "first", .lease_for = 30s, .at_most = 1, .wait_for = Duration(0), .goes_on_to = goes_on_to}));
    return got ? got->size() : 99;
  };
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(this->send("first", "m" + std::to_string(i)));
  EXPECT_EQ(receive_for("then"), 1u) << "a queue nobody has written to is no reason";
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(this->send("then", "m" + std::to_string(i), std::string(1000, 'x'), 0s));
  EXPECT_EQ(receive_for("then"), 0u);
  EXPECT_EQ(receive_for(""), 1u);
  EXPECT_EQ(receive_for("elsewhere"), 1u);

  for (int left = 10; left > 0; --left) ASSERT_TRUE(this->settle(this->receive("then").at(0).lease));
  EXPECT_EQ(receive_for("then"), 1u);

  for (int i = 0; i < 10; ++i) ASSERT_TRUE(this->send("then", "l" + std::to_string(i), std::string(1000, 'x'), 60s));
  EXPECT_EQ(receive_for("then"), 1u) << "what is put off keeps nobody waiting";
}

TYPED_TEST(EngineContract, a_waiting_receiver_is_woken_by_a_commit) {
  std::vector<Delivery> got;
  auto waiter = [](EngineContract<TypeParam>& t, std::vector<Delivery>& out) -> async::Task<void> {
    Receive receive{"q", 10s, 5, 30s};
    auto result = co_await t.world_.engine().receive(std::move(receive));
    if (result) out = std::move(*result);
  };
  auto sender = [](EngineContract<TypeParam>& t) -> async::Task<void> {
    Commit commit;
    commit.messages.push_back({"q", "m", "x", "", {}});
    auto committed = co_await t.world_.engine().commit(std::move(commit));
    EXPECT_TRUE(committed);
  };
  auto both = [](EngineContract<TypeParam>& t, decltype(waiter) w, decltype(sender) s,
                 std::vector<Delivery>& out) -> async::Task<void> {
    async::Scope scope;
    scope.start(w(t, out));
    scope.start(s(t));
    co_await scope.join();
  };

  this->world_.on_loop([&] { return both(*this, waiter, sender, got); });

  EXPECT_EQ(got.size(), 1u);
}

TYPED_TEST(EngineContract, a_receiver_that_finds_nothing_is_answered_when_its_time_is_over) {
  EXPECT_TRUE(this->receive("nothing", 1, 50ms).empty());
}

TYPED_TEST(EngineContract, closing_receivers_cancels_those_who_wait_and_those_who_come) {
  auto waiter = [](EngineContract<TypeParam>& t, Fault& fault) -> async::Task<void> {
    Receive receive{"q", 10s, 1, 3600s};
    auto result = co_await t.world_.engine().receive(std::move(receive));
    fault = result ? Fault::invalid : result.error().fault;
  };
  auto close = [](EngineContract<TypeParam>& t, decltype(waiter) w, Fault& fault) -> async::Task<void> {
    async::Scope scope;
    scope.start(w(t, fault));
    t.world_.engine().close_receivers();
    co_await scope.join();
  };
  Fault first = Fault::invalid, second = Fault::invalid;
  this->world_.on_loop([&] { return close(*this, waiter, first); });
  this->world_.on_loop([&] { return waiter(*this, second); });
  EXPECT_EQ(first, Fault::cancelled);
  EXPECT_EQ(second, Fault::cancelled);
  EXPECT_TRUE(this->commit(this->putting("a", "still commits")));
}

// The window of these worlds is 4 KiB a queue: nearly everything below lives on disk only.
TYPED_TEST(EngineContract, a_backlog_larger_than_memory_is_handed_out_whole_and_ids_that_sort_by_time_in_order) {
  constexpr int count = 500;
  for (int i = 0; i < count; i += 10) {
    Commit commit;
    for (int j = i; j < i + 10; ++j)
      commit.messages.push_back({"q", std::to_string(1000 + j), std::string(200, 'x'), "", {}});
    ASSERT_TRUE(this->commit(std::move(commit)));
    if (i == 250) this->world_.restart();
  }
  EXPECT_EQ(this->stats("q").ready, static_cast<std::uint64_t>(count));

  std::vector<int> order;
  for (;;) {
    auto got = this->receive("q", 7);
    if (got.empty()) break;
    Commit commit;
    for (auto& delivery : got) {
      order.push_back(std::stoi(delivery.message.id));
      commit.settled.push_back({delivery.lease, Complete{}});
    }
    if (order.size() < 100) commit.messages.push_back({"q", "late", "x", "", 3600s});
    ASSERT_TRUE(this->commit(std::move(commit)));
  }

  ASSERT_EQ(order.size(), static_cast<std::size_t>(count));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(this->stats("q").ready, 0u);
  EXPECT_EQ(this->stats("q").delayed, 1u);
}

TYPED_TEST(EngineContract, one_id_twice_in_one_commit_is_one_message) {
  Commit commit;
  commit.messages.push_back({"q", "m", "first", "", {}});
  commit.messages.push_back({"q", "m", "second", "", 60s});
  commit.messages.push_back({"other", "m", "elsewhere", "", {}});
  ASSERT_TRUE(this->commit(std::move(commit)));

  auto stats = this->stats("q");
  auto got = this->receive("q", 10);

  EXPECT_EQ(stats.ready, 1u);
  EXPECT_EQ(stats.delayed, 0u);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].message.body, "first");
  ASSERT_TRUE(this->settle(got[0].lease));
  this->world_.advance(61s);
  EXPECT_TRUE(this->receive("q", 10).empty());
  EXPECT_EQ(this->receive("other").size(), 1u);
}

TYPED_TEST(EngineContract, a_duplicate_is_refused_wherever_the_first_one_lies) {
  ASSERT_TRUE(this->send("q", "delayed", "first", 60s));
  ASSERT_TRUE(this->send("q", "dead", "first"));
  ASSERT_TRUE(this->settle(this->receive("q").at(0).lease, DeadLetter{"no", ""}));
  ASSERT_TRUE(this->send("q", "leased", "first"));
  ASSERT_EQ(this->receive("q").size(), 1u);

  for (std::string id : {"delayed", "dead", "leased"}) ASSERT_TRUE(this->send("q", id, "second"));

  EXPECT_TRUE(this->receive("q", 10).empty());
  for (std::string id : {"delayed", "dead", "leased"}) {
    auto found = this->find("q", id);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->message.body, "first");
  }
  auto stats = this->stats("q");
  EXPECT_EQ(stats.ready, 0u);
  EXPECT_EQ(stats.leased, 1u);
  EXPECT_EQ(stats.delayed, 1u);
  EXPECT_EQ(stats.dead_lettered, 1u);
}

TYPED_TEST(EngineContract, an_id_is_free_again_when_its_message_is_done) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(this->send("q", "m", std::to_string(i)));
    auto got = this->receive("q");
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].message.body, std::to_string(i));
    EXPECT_EQ(got[0].attempt, 1);
    ASSERT_TRUE(this->settle(got[0].lease));
    if (i == 1) this->world_.restart();
  }
}

TYPED_TEST(EngineContract, no_more_are_handed_out_than_asked_for_and_no_fewer_than_there_are) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(this->send("q", std::to_string(i)));

  EXPECT_EQ(this->receive("q", 2).size(), 2u);
  EXPECT_EQ(this->stats("q").leased, 2u);
  EXPECT_EQ(this->stats("q").ready, 3u);
  EXPECT_EQ(this->receive("q", 10).size(), 3u);
  EXPECT_EQ(this->stats("q").ready, 0u);
}

TYPED_TEST(EngineContract, queues_side_by_side_keep_to_themselves_over_a_restart) {
  for (std::string queue : {"a", "b", "c"})
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(this->send(queue, std::to_string(100 + i), queue + std::string(300, 'x')));
  this->world_.restart();

  for (std::string queue : {"b", "a", "c"}) {
    auto got = this->receive(queue, 100);
    ASSERT_EQ(got.size(), 30u) << queue;
    for (auto& delivery : got) EXPECT_EQ(delivery.message.body[0], queue[0]);
    EXPECT_EQ(this->stats(queue).leased, 30u);
  }
}

TYPED_TEST(EngineContract, the_age_of_the_oldest_is_known_whatever_it_waits_for_and_after_a_restart) {
  ASSERT_TRUE(this->send("delayed", "m", "x", 3600s));
  ASSERT_TRUE(this->send("leased", "m"));
  ASSERT_EQ(this->receive("leased", 1, 0s, 3600s).size(), 1u);
  ASSERT_TRUE(this->send("ready", "m"));
  ASSERT_TRUE(this->send("dead", "m"));
  ASSERT_TRUE(this->settle(this->receive("dead").at(0).lease, DeadLetter{"no", ""}));
  const auto sent = this->world_.now();
  this->world_.advance(600s);
  for (std::string queue : {"delayed", "leased", "ready"})
    for (int i = 0; i < 30; ++i)
      ASSERT_TRUE(this->send(queue, "n" + std::to_string(i), std::string(300, 'x'), queue == "delayed" ? 60s : 0s));

  for (int life = 0; life < 2; ++life) {
    for (std::string queue : {"delayed", "leased", "ready"}) {
      const auto oldest = this->stats(queue).oldest;
      ASSERT_TRUE(oldest) << queue;
      EXPECT_LT(std::chrono::abs(*oldest - sent), 60s) << queue;
    }
    EXPECT_FALSE(this->stats("dead").oldest);
    this->world_.restart();
  }
}

}  // namespace
}  // namespace globogym::engine
