// The engine's contract (engine/engine.h), tried on every adapter.
#include <gtest/gtest.h>

#include <set>

#include "engine_worlds.h"

namespace globogym::engine {
namespace {

using namespace std::chrono_literals;

template <class T>
class EngineContract : public testing::Test {
 public:
  T world_;

  Result<Committed> commit(Commit commit) { return world_.run(world_.engine().commit(std::move(commit))); }
  std::vector<Delivery> receive(const std::string& queue, std::size_t at_most = 1, Duration wait = 0s,
                                Duration lease = 30s) {
    auto got = world_.run(world_.engine().receive({queue, lease, at_most, wait}));
    EXPECT_TRUE(got) << got.error().message;
    return got ? std::move(*got) : std::vector<Delivery>();
  }
  std::optional<Document> get(const DocumentKey& key) {
    auto got = world_.run(world_.engine().get(key));
    EXPECT_TRUE(got) << got.error().message;
    return got ? *got : std::nullopt;
  }
  QueueStats stats(const std::string& queue) {
    auto all = world_.run(world_.engine().queues());
    EXPECT_TRUE(all);
    for (const auto& each : *all)
      if (each.name == queue) return each;
    return {.name = queue};
  }
  std::optional<KeptMessage> find(const std::string& queue, const std::string& id) {
    auto found = world_.run(world_.engine().find_message(queue, id));
    EXPECT_TRUE(found);
    return *found;
  }
  Result<Committed> send(const std::string& queue, const std::string& id, std::string body = "body") {
    Commit commit;
    commit.messages.push_back({queue, id, std::move(body), "", {}});
    return this->commit(std::move(commit));
  }
  Result<Committed> settle(const Lease& lease, decltype(Settle::how) how = Complete{}) {
    Commit commit;
    commit.settled.push_back({lease, std::move(how)});
    return this->commit(std::move(commit));
  }
  static DocumentKey key(std::string id) { return {"things", "p", std::move(id)}; }
  static Commit putting(std::string id, std::string body, Expect expect = {}) {
    Commit commit;
    commit.documents.push_back({key(std::move(id)), std::move(body), expect});
    return commit;
  }
};

using Worlds = testing::Types<MemoryWorld, RocksWorld>;
TYPED_TEST_SUITE(EngineContract, Worlds);

TYPED_TEST(EngineContract, a_committed_document_is_read_back_also_after_a_crash) {
  auto committed = this->commit(this->putting("a", R"({"x":1})"));
  ASSERT_TRUE(committed);

  this->world_.crash();

  auto document = this->get(this->key("a"));
  ASSERT_TRUE(document);
  EXPECT_EQ(document->body, R"({"x":1})");
  EXPECT_EQ(document->version, committed->version);
}

TYPED_TEST(EngineContract, a_document_that_must_be_absent_is_created_once) {
  ASSERT_TRUE(this->commit(this->putting("a", "1", Expect::absent())));

  auto again = this->commit(this->putting("a", "2", Expect::absent()));

  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().fault, Fault::conflict);
  EXPECT_EQ(this->get(this->key("a"))->body, "1");
}

TYPED_TEST(EngineContract, a_document_is_changed_only_at_the_version_that_was_read) {
  auto first = this->commit(this->putting("a", "1"));
  auto second = this->commit(this->putting("a", "2", Expect::exactly(first->version)));
  ASSERT_TRUE(second);

  auto stale = this->commit(this->putting("a", "3", Expect::exactly(first->version)));

  EXPECT_EQ(stale.error().fault, Fault::conflict);
  EXPECT_GT(second->version, first->version);
  EXPECT_EQ(this->get(this->key("a"))->body, "2");
}

TYPED_TEST(EngineContract, a_refused_commit_changes_nothing_at_all) {
  ASSERT_TRUE(this->commit(this->putting("a", "1")));
  Commit commit = this->putting("b", "new");
  commit.documents.push_back({this->key("a"), "2", Expect::absent()});
  commit.messages.push_back({"q", "m", "x", "", {}});
  commit.tallies.push_back({"count", 1});

  ASSERT_FALSE(this->commit(std::move(commit)));

  EXPECT_FALSE(this->get(this->key("b")));
  EXPECT_TRUE(this->receive("q").empty());
  EXPECT_TRUE(this->world_.run(this->world_.engine().tallies())->empty());
}

TYPED_TEST(EngineContract, of_many_commits_at_once_that_create_one_document_one_wins) {
  int won = 0, lost = 0;
  auto attempt = [](EngineContract<TypeParam>& t, int& w, int& l) -> async::Task<void> {
    Commit commit = t.putting("a", "x", Expect::absent());
    auto result = co_await t.world_.engine().commit(std::move(commit));
    ++(result ? w : l);
  };
  auto all = [](EngineContract<TypeParam>& t, decltype(attempt) one, int& w, int& l) -> async::Task<void> {
    async::Scope scope;
    for (int i = 0; i < 50; ++i) scope.start(one(t, w, l));
    co_await scope.join();
  };

  this->world_.on_loop([&] { return all(*this, attempt, won, lost); });

  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 49);
}

TYPED_TEST(EngineContract, an_erased_document_is_gone_and_may_be_created_again) {
  auto first = this->commit(this->putting("a", "1"));
  Commit erase;
  erase.erased.push_back({this->key("a"), Expect::exactly(first->version)});
  ASSERT_TRUE(this->commit(std::move(erase)));
  EXPECT_FALSE(this->get(this->key("a")));
  EXPECT_TRUE(this->commit(this->putting("a", "2", Expect::absent())));
}

TYPED_TEST(EngineContract, a_container_is_scanned_in_pages_without_gaps_or_repeats) {
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(this->commit(this->putting("id" + std::to_string(100 + i), "x")));
  Commit other;
  other.documents.push_back({{"things2", "p", "id100"}, "y", {}});
  ASSERT_TRUE(this->commit(std::move(other)));

  std::vector<std::string> seen;
  std::string after;
  do {
    auto page = this->world_.run(this->world_.engine().scan({"things", after, 10}));
    ASSERT_TRUE(page);
    for (auto& document : page->documents) seen.push_back(document.key.id);
    after = page->cursor;
  } while (!after.empty());

  ASSERT_EQ(seen.size(), 25u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 25u);
}

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
  EXPECT_EQ(refused.error().fault, Fault::lease_lost);
  EXPECT_FALSE(this->get(this->key("effect")));
  EXPECT_TRUE(this->settle(next[0].lease));
}

TYPED_TEST(EngineContract, a_lease_that_expired_and_was_not_handed_out_again_is_over_too) {
  ASSERT_TRUE(this->send("q", "m"));
  auto late = this->receive("q", 1, 0s, 10s);
  this->world_.advance(11s);
  this->stats("q");

  EXPECT_EQ(this->settle(late[0].lease).error().fault, Fault::lease_lost);
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
  EXPECT_EQ(this->settle(before[0].lease).error().fault, Fault::lease_lost);
  auto after = this->receive("q");
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(this->settle(before[0].lease).error().fault, Fault::lease_lost);
  EXPECT_TRUE(this->settle(after[0].lease));
}

TYPED_TEST(EngineContract, a_message_given_back_comes_when_it_is_due_with_its_history) {
  ASSERT_TRUE(this->send("q", "m"));
  auto first = this->receive("q");
  ASSERT_TRUE(this->settle(first[0].lease, GiveBack{this->world_.now() + 60s, "451 busy", true}));

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

TYPED_TEST(EngineContract, a_message_given_back_uncounted_is_as_if_never_handed_out) {
  ASSERT_TRUE(this->send("q", "m"));
  for (int i = 0; i < 5; ++i) {
    auto got = this->receive("q");
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].attempt, 1);
    ASSERT_TRUE(this->settle(got[0].lease, GiveBack{{}, "", false}));
  }
}

TYPED_TEST(EngineContract, a_delayed_message_survives_a_crash_and_wakes_a_waiting_receiver) {
  Commit commit;
  commit.messages.push_back({"q", "m", "x", "", this->world_.now() + 1s});
  ASSERT_TRUE(this->commit(std::move(commit)));
  this->world_.crash();
  EXPECT_TRUE(this->receive("q").empty());

  auto got = this->receive("q", 1, 10s);

  EXPECT_EQ(got.size(), 1u);
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

TYPED_TEST(EngineContract, a_dead_letter_keeps_the_original_the_reason_and_every_attempt) {
  ASSERT_TRUE(this->send("q", "m", "original"));
  auto first = this->receive("q");
  ASSERT_TRUE(this->settle(first[0].lease, GiveBack{{}, "one", true}));
  auto second = this->receive("q");
  ASSERT_TRUE(this->settle(second[0].lease, DeadLetter{"attempts-exhausted", "two"}));
  this->world_.crash();

  auto page = this->world_.run(this->world_.engine().dead_letters({"q", "", 10}));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->letters.size(), 1u);
  const auto& letter = page->letters[0];
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
  EXPECT_EQ(this->commit(std::move(again)).error().fault, Fault::not_found);
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
    auto page = this->world_.run(this->world_.engine().dead_letters({"", after, 5}));
    ASSERT_TRUE(page);
    for (auto& letter : page->letters) EXPECT_TRUE(seen.insert(letter.message.queue + letter.message.id).second);
    after = page->cursor;
    ++pages;
  } while (!after.empty() && pages < 10);
  EXPECT_EQ(seen.size(), 21u);
}

TYPED_TEST(EngineContract, documents_messages_and_settlement_land_together) {
  ASSERT_TRUE(this->send("q", "m"));
  auto got = this->receive("q");
  Commit commit = this->putting("doc", "x", Expect::absent());
  commit.settled.push_back({got[0].lease, Complete{}});
  commit.messages.push_back({"next", "m", "y", "00-trace", {}});
  commit.tallies.push_back({"done", 1});
  ASSERT_TRUE(this->commit(std::move(commit)));
  this->world_.crash();

  EXPECT_TRUE(this->get(this->key("doc")));
  EXPECT_FALSE(this->find("q", "m"));
  auto next = this->receive("next");
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].message.traceparent, "00-trace");
  EXPECT_EQ(this->world_.run(this->world_.engine().tallies())->at("done"), 1);
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
    if (order.size() < 100) commit.messages.push_back({"q", "late", "x", "", this->world_.now() + 3600s});
    ASSERT_TRUE(this->commit(std::move(commit)));
  }

  ASSERT_EQ(order.size(), static_cast<std::size_t>(count));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(this->stats("q").ready, 0u);
  EXPECT_EQ(this->stats("q").delayed, 1u);
}

TYPED_TEST(EngineContract, many_delayed_messages_come_each_once_whatever_order_they_were_sent_in) {
  constexpr int count = 300;
  const auto start = this->world_.now() + 1h;
  for (int i = 0; i < count; i += 10) {
    Commit commit;
    for (int j = i; j < i + 10; ++j)
      commit.messages.push_back(
          {"q", std::to_string(j), std::string(200, 'x'), "", start + std::chrono::seconds(j * 37 % count)});
    ASSERT_TRUE(this->commit(std::move(commit)));
  }
  this->world_.advance(3h);

  std::set<std::string> seen;
  std::vector<Lease> held;
  for (;;) {
    auto got = this->receive("q", 20, 0s, 1h);
    if (got.empty()) break;
    // Hold half for a while, so that leased messages lie around the window's edge.
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_TRUE(seen.insert(got[i].message.id).second) << got[i].message.id << " came twice";
      if (i % 2) {
        held.push_back(got[i].lease);
      } else {
        ASSERT_TRUE(this->settle(got[i].lease));
      }
    }
  }
  for (auto& lease : held) ASSERT_TRUE(this->settle(lease));
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(count));
  EXPECT_EQ(this->stats("q").ready + this->stats("q").delayed + this->stats("q").leased, 0u);
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

TYPED_TEST(EngineContract, totals_are_exact_after_a_crash) {
  for (int i = 0; i < 20; ++i) {
    Commit commit;
    commit.messages.push_back({"q", std::to_string(i), "x", "", {}});
    commit.tallies.push_back({"enrollments.accepted", 1});
    ASSERT_TRUE(this->commit(std::move(commit)));
  }
  auto got = this->receive("q", 5);
  for (auto& delivery : got) {
    Commit commit;
    commit.settled.push_back({delivery.lease, Complete{}});
    commit.tallies.push_back({"enrollments.accepted", -1});
    commit.tallies.push_back({"enrollments.completed", 1});
    ASSERT_TRUE(this->commit(std::move(commit)));
  }
  this->receive("q", 3);
  this->world_.crash();

  auto tallies = this->world_.run(this->world_.engine().tallies());
  EXPECT_EQ(tallies->at("enrollments.accepted"), 15);
  EXPECT_EQ(tallies->at("enrollments.completed"), 5);
  auto stats = this->stats("q");
  EXPECT_EQ(stats.ready + stats.delayed, 15u);
  EXPECT_EQ(stats.leased, 0u);
  EXPECT_EQ(this->receive("q", 100).size(), 15u);
}

TYPED_TEST(EngineContract, what_breaks_a_bound_is_refused_with_a_sentence) {
  auto refuse = [&](Commit commit) {
    auto result = this->commit(std::move(commit));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().fault, Fault::invalid);
    EXPECT_FALSE(result.error().message.empty());
  };
  refuse(this->putting("", "x"));
  refuse(this->putting(std::string(256, 'i'), "x"));
  refuse(this->putting(std::string("a\0b", 3), "x"));
  refuse(this->putting("a", std::string((1 << 20) + 1, 'x')));
  Commit twice = this->putting("a", "1");
  twice.documents.push_back(twice.documents[0]);
  refuse(std::move(twice));
  for (std::string queue : {"", "Upper", "with space"}) {
    Commit commit;
    commit.messages.push_back({queue, "m", "x", "", {}});
    refuse(std::move(commit));
  }
  Commit no_id;
  no_id.messages.push_back({"q", "", "x", "", {}});
  refuse(std::move(no_id));
}

}  // namespace
}  // namespace globogym::engine
