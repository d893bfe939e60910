// What documents, totals and the bounds of a commit promise: engine/engine.h's contract, tried on every adapter.
#include <gtest/gtest.h>

#include <set>

#include "engine_contract.h"

namespace globogym::engine {
namespace {

using namespace std::chrono_literals;

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
  EXPECT_EQ(fault_of(again), Fault::conflict);
  EXPECT_EQ(this->get(this->key("a"))->body, "1");
}

TYPED_TEST(EngineContract, a_document_is_changed_only_at_the_version_that_was_read) {
  auto first = this->commit(this->putting("a", "1"));
  auto second = this->commit(this->putting("a", "2", Expect::exactly(first->version)));
  ASSERT_TRUE(second);

  auto stale = this->commit(this->putting("a", "3", Expect::exactly(first->version)));

  EXPECT_EQ(fault_of(stale), Fault::conflict);
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

TYPED_TEST(EngineContract, a_scan_finds_what_begins_with_its_prefix_and_nothing_else) {
  for (const auto* id : {"a", "ab", "ab1", "ab2", "ab3", "ac", "b"}) ASSERT_TRUE(this->commit(this->putting(id, "x")));
  const auto ids = [&](std::string prefix, std::size_t limit) {
    std::vector<std::string> seen;
    std::string after;
    do {
      auto page = this->world_.run(
          this->world_.engine().scan({.container = "things", .after = after, .limit = limit, .prefix = prefix}));
      EXPECT_TRUE(page);
      if (!page) return seen;
      for (auto& document : page->documents) seen.push_back(document.key.id);
      after = page->cursor;
    } while (!after.empty());
    return seen;
  };

  for (const std::size_t limit : {1u, 2u, 3u, 100u}) {
    EXPECT_EQ(ids("ab", limit), (std::vector<std::string>{"ab", "ab1", "ab2", "ab3"})) << limit;
    EXPECT_EQ(ids("ab3", limit), (std::vector<std::string>{"ab3"})) << limit;
    EXPECT_EQ(ids("abc", limit), (std::vector<std::string>{})) << limit;
    EXPECT_EQ(ids("b", limit), (std::vector<std::string>{"b"})) << limit;
    EXPECT_EQ(ids("", limit).size(), 7u) << limit;
  }
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
    EXPECT_EQ(fault_of(result), Fault::invalid);
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

TYPED_TEST(EngineContract, an_erase_whose_expectation_no_longer_holds_is_refused) {
  auto first = this->commit(this->putting("a", "1"));
  ASSERT_TRUE(first);
  auto second = this->commit(this->putting("a", "2"));
  ASSERT_TRUE(second);
  auto erasing = [&](Expect expect) {
    Commit commit;
    commit.erased.push_back({this->key("a"), expect});
    return this->commit(std::move(commit));
  };

  EXPECT_EQ(fault_of(erasing(Expect::exactly(first->version))), Fault::conflict);
  EXPECT_EQ(fault_of(erasing(Expect::absent())), Fault::conflict);
  EXPECT_TRUE(this->get(this->key("a")));
  EXPECT_EQ(fault_of(erasing(Expect::exactly(second->version))), std::nullopt);
  EXPECT_EQ(fault_of(erasing(Expect::exactly(second->version))), Fault::conflict);
  EXPECT_EQ(fault_of(erasing(Expect::absent())), std::nullopt);
  EXPECT_EQ(fault_of(erasing(Expect::anything())), std::nullopt);
}

TYPED_TEST(EngineContract, what_was_erased_is_no_longer_at_the_version_it_had) {
  auto first = this->commit(this->putting("a", "1"));
  ASSERT_TRUE(first);
  Commit erase;
  erase.erased.push_back({this->key("a"), Expect::anything()});
  ASSERT_TRUE(this->commit(std::move(erase)));

  EXPECT_EQ(fault_of(this->commit(this->putting("a", "2", Expect::exactly(first->version)))), Fault::conflict);
  EXPECT_FALSE(this->get(this->key("a")));
}

TYPED_TEST(EngineContract, versions_go_on_above_every_earlier_one_also_after_a_crash) {
  Version last = 0;
  for (int i = 0; i < 6; ++i) {
    auto committed = this->commit(this->putting("a", std::to_string(i)));
    ASSERT_TRUE(committed);
    EXPECT_GT(committed->version, last);
    last = committed->version;
    if (i % 2 == 1) this->world_.crash();
    // What is expected is looked up on the disk now, or known from before.
    EXPECT_EQ(fault_of(this->commit(this->putting("a", "x", Expect::exactly(last - 1)))), Fault::conflict);
    EXPECT_EQ(fault_of(this->commit(this->putting("a", "x", Expect::exactly(last + 1)))), Fault::conflict);
  }
  auto document = this->get(this->key("a"));
  ASSERT_TRUE(document);
  EXPECT_EQ(document->version, last);
}

TYPED_TEST(EngineContract, documents_of_one_id_in_other_partitions_and_containers_are_others) {
  for (const DocumentKey& key :
       {DocumentKey{"c", "p", "i"}, DocumentKey{"c", "p2", "i"}, DocumentKey{"c2", "p", "i"}}) {
    Commit commit;
    commit.documents.push_back({key, key.container + key.partition, Expect::absent()});
    EXPECT_EQ(fault_of(this->commit(std::move(commit))), std::nullopt);
  }
  EXPECT_EQ(this->get({"c", "p2", "i"})->body, "cp2");
  EXPECT_EQ(this->get({"c2", "p", "i"})->body, "c2p");
  EXPECT_FALSE(this->get({"c2", "p2", "i"}));
}

TYPED_TEST(EngineContract, a_scan_takes_exactly_its_limit_and_says_whether_there_is_more) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(this->commit(this->putting(std::to_string(i), "x")));
  auto scan = [&](std::string after, std::size_t limit) {
    return this->world_.run(this->world_.engine().scan({"things", std::move(after), limit}));
  };

  auto whole = scan("", 10);
  auto most = scan("", 9);

  ASSERT_TRUE(whole && most);
  EXPECT_EQ(whole->documents.size(), 10u);
  EXPECT_TRUE(whole->cursor.empty());
  EXPECT_EQ(most->documents.size(), 9u);
  auto rest = scan(most->cursor, 9);
  ASSERT_TRUE(rest);
  ASSERT_EQ(rest->documents.size(), 1u);
  EXPECT_EQ(rest->documents[0].key, this->key("9"));
  EXPECT_EQ(fault_of(scan("not a cursor!", 9)), Fault::invalid);
}

TYPED_TEST(EngineContract, what_is_exactly_as_large_as_allowed_is_taken) {
  const std::string largest(1 << 20, 'x'), longest(255, 'i');
  Commit commit;
  commit.documents.push_back({{longest, longest, longest}, largest, Expect::absent()});
  commit.messages.push_back({std::string(64, 'q'), longest, largest, std::string(128, 't'), {}});
  commit.tallies.push_back({std::string(64, 't'), 1});
  ASSERT_EQ(fault_of(this->commit(std::move(commit))), std::nullopt);
  this->world_.restart();

  auto document = this->get({longest, longest, longest});
  auto got = this->receive(std::string(64, 'q'));

  ASSERT_TRUE(document);
  EXPECT_EQ(document->body, largest);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].message.body, largest);
  EXPECT_EQ(got[0].message.traceparent, std::string(128, 't'));
}

TYPED_TEST(EngineContract, what_is_one_byte_too_long_is_refused_and_so_is_what_contradicts_itself) {
  auto refused = [&](auto change) {
    Commit commit;
    change(commit);
    EXPECT_EQ(fault_of(this->commit(std::move(commit))), Fault::invalid);
  };
  refused([](Commit& c) { c.messages.push_back({std::string(65, 'q'), "m", "x", "", {}}); });
  refused([](Commit& c) { c.messages.push_back({"q", std::string(256, 'i'), "x", "", {}}); });
  refused([](Commit& c) { c.messages.push_back({"q", "m", std::string((1 << 20) + 1, 'x'), "", {}}); });
  refused([](Commit& c) { c.messages.push_back({"q", "m", "x", std::string(129, 't'), {}}); });
  refused([](Commit& c) { c.messages.push_back({"q.dot", "m", "x", "", {}}); });
  refused([](Commit& c) { c.tallies.push_back({std::string(65, 't'), 1}); });
  refused([](Commit& c) { c.tallies.push_back({"", 1}); });
  refused([](Commit& c) { c.documents.push_back({{std::string(256, 'c'), "p", "i"}, "x", {}}); });
  refused([](Commit& c) { c.documents.push_back({{"c", std::string(256, 'p'), "i"}, "x", {}}); });
  refused([](Commit& c) { c.erased.push_back({{"c", "p", ""}, {}}); });
  refused([&](Commit& c) {
    c.documents.push_back({this->key("a"), "x", {}});
    c.erased.push_back({this->key("a"), {}});
  });
}

TYPED_TEST(EngineContract, commits_of_one_round_see_each_other) {
  auto committing = [](EngineContract<TypeParam>& t, Commit commit, std::optional<Fault>& fault) -> async::Task<void> {
    auto result = co_await t.world_.engine().commit(std::move(commit));
    fault = fault_of(result);
  };
  ASSERT_TRUE(this->commit(this->putting("there", "1")));
  std::vector<Commit> commits;
  commits.push_back(this->putting("new", "1", Expect::absent()));
  commits.push_back(this->putting("new", "2", Expect::absent()));
  Commit erase;
  erase.erased.push_back({this->key("there"), Expect::anything()});
  commits.push_back(std::move(erase));
  commits.push_back(this->putting("there", "2", Expect::absent()));
  commits.push_back({});
  commits.back().messages.push_back({"q", "m", "first", "", {}});
  commits.push_back({});
  commits.back().messages.push_back({"q", "m", "second", "", {}});
  std::vector<std::optional<Fault>> faults(commits.size());
  auto all = [](EngineContract<TypeParam>& t, decltype(committing) one, std::vector<Commit>& each,
                std::vector<std::optional<Fault>>& out) -> async::Task<void> {
    async::Scope scope;
    for (std::size_t i = 0; i < each.size(); ++i) scope.start(one(t, std::move(each[i]), out[i]));
    co_await scope.join();
  };

  this->world_.on_loop([&] { return all(*this, committing, commits, faults); });

  const std::vector<std::optional<Fault>> expected{std::nullopt, Fault::conflict, std::nullopt,
                                                   std::nullopt, std::nullopt,    std::nullopt};
  EXPECT_EQ(faults, expected);
  EXPECT_EQ(this->get(this->key("new"))->body, "1");
  EXPECT_EQ(this->get(this->key("there"))->body, "2");
  auto got = this->receive("q", 10);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].message.body, "first");
}

}  // namespace
}  // namespace globogym::engine
