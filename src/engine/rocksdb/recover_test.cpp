// What recovery saves, by content and not by amount: attempts, versions, places and totals are those that were.
#include "engine/rocksdb/recover.h"

#include <set>

#include "engine/kv/records.h"
#include "engine/rocksdb/store.h"
#include "engine/rocksdb/trial_test.h"
#include "engine/rocksdb/verify.h"

namespace globogym::engine::rocksdb {
namespace {

using namespace trial;
using namespace std::chrono_literals;

class Recovery : public testing::Test {
 protected:
  // Written past the ledger, so that it can be as damage leaves it.
  void written(const std::function<void(Store&)>& put) {
    auto store = Store::open({.directory = directory_});
    ASSERT_TRUE(store) << store.error().message;
    put(**store);
    ASSERT_TRUE((*store)->write(true));
    ASSERT_TRUE((*store)->close());
  }
  // Two records so long that the second has a block of its table to itself.
  static void pad(Store& store, kv::Space space) {
    store.put(space, "~first", std::string(9000, 'x'));
    store.put(space, "~second", std::string(9000, 'x') + "padding" + std::string(9000, 'x'));
  }
  // Damages the padding of the table in which `beside` stands: the table does not check, and can be read up to there.
  void damage_the_table_of(const std::string& beside) {
    int damaged = 0;
    for (const auto& path : files(directory_)) {
      if (path.extension() != ".sst") continue;
      auto bytes = contents(path);
      const auto at = bytes.find("padding");
      if (at == std::string::npos || bytes.find(beside) == std::string::npos) continue;
      bytes[at + 2] = static_cast<char>(bytes[at + 2] ^ 0x01);
      overwrite(path, bytes);
      ++damaged;
    }
    ASSERT_EQ(damaged, 1) << "exactly one padded table holds " << beside;
  }
  void recovers(const Recount& recount = {}) {
    auto recovered = recover(directory_, saved_, recount);
    ASSERT_TRUE(recovered) << recovered.error().message;
    recovered_ = std::move(*recovered);
    auto report = verify(saved_);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->problems.empty()) << report->problems[0];
    engine_ = opened(saved_, metrics_);
    ASSERT_TRUE(engine_);
  }
  QueueStats mail() {
    auto queues = wait_for(engine_->queues());
    EXPECT_TRUE(queues);
    for (const auto& each : *queues)
      if (each.name == "mail") return each;
    return {};
  }
  std::vector<Delivery> receive(std::size_t at_most) {
    auto got = wait_for(engine_->receive({"mail", 30s, at_most, 0s}));
    EXPECT_TRUE(got);
    return got ? std::move(*got) : std::vector<Delivery>();
  }

  TemporaryDirectory root_;
  const std::string directory_ = root_ / "engine", saved_ = root_ / "saved";
  telemetry::Metrics metrics_;
  Recovered recovered_;
  std::unique_ptr<engine::Engine> engine_;
};

kv::MessageRecord message(const std::string& id, const std::string& body) {
  kv::MessageRecord record;
  record.id = id;
  record.body = body;
  record.enqueued_at = kv::Moment(system_clock.wall().time_since_epoch());
  return record;
}

std::string ready_key(const std::string& id) {
  return kv::message_key(0, {kv::Lane::ready, 0}, id);
}

kv::Totals totals(Version version, std::uint64_t ready) {
  kv::Totals all;
  all.version = version;
  all.queues.push_back({.name = "mail", .ready = ready});
  return all;
}

TEST_F(Recovery, attempts_that_were_running_are_counted) {
  {
    auto engine = opened(directory_, metrics_);
    wait_for(fill(*engine, 0, 3));
    auto got = wait_for(engine->receive({"mail", 30s, 2, 0s}));
    ASSERT_TRUE(got);
    ASSERT_EQ(got->size(), 2u);
    fs::copy(directory_, root_ / "killed");
  }
  fs::remove_all(directory_);
  fs::rename(root_ / "killed", directory_);

  recovers();

  std::map<std::string, int> attempts;
  for (const auto& each : receive(10)) attempts[each.message.id] = each.attempt;
  EXPECT_EQ(attempts, (std::map<std::string, int>{{"m1000", 2}, {"m1001", 2}, {"m1002", 1}}));
}

TEST_F(Recovery, attempts_of_which_only_a_damaged_table_tells_are_counted_too) {
  written([](Store& store) {
    kv::LeaseRecord lease;
    lease.entries.push_back({0, "m1", 7});
    store.put(kv::Space::meta, kv::lease_key(12345), kv::encode(lease));
    store.put(kv::Space::meta, kv::totals_key, kv::encode(totals(1, 1)));
    store.put(kv::Space::messages, ready_key("m1"), kv::encode(message("m1", "body")));
    pad(store, kv::Space::meta);
  });
  damage_the_table_of("totals");

  recovers();

  ASSERT_FALSE(recovered_.lost.empty()) << "a table that does not check is said";
  auto got = receive(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].attempt, 8);
  EXPECT_EQ(mail().name, "mail");
}

TEST_F(Recovery, an_attempt_in_a_queue_that_is_lost_does_not_keep_the_rest_from_opening) {
  written([](Store& store) {
    kv::LeaseRecord lease;
    lease.entries.push_back({5, "m1", 7});
    store.put(kv::Space::meta, kv::lease_key(12345), kv::encode(lease));
    store.put(kv::Space::messages, ready_key("m1"), kv::encode(message("m1", "body")));
  });

  recovers();

  EXPECT_EQ(recovered_.messages, 1u);
}

TEST_F(Recovery, versions_go_on_above_every_one_that_was_recovered) {
  const DocumentKey key{"members", "p", "a"};
  written([&](Store& store) {
    store.put(kv::Space::documents, kv::document_key(key), kv::document_value(900, "{}"));
    store.put(kv::Space::meta, kv::totals_key, kv::encode(totals(5, 0)));  // older than the document
  });

  recovers();

  Commit commit;
  commit.documents.push_back({key, "{}", Expect::exactly(900)});
  auto done = wait_for(engine_->commit(std::move(commit)));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_GT(done->version, 900u);
}

TEST_F(Recovery, versions_go_on_above_those_of_documents_that_were_erased) {
  written([](Store& store) { store.put(kv::Space::meta, kv::totals_key, kv::encode(totals(900, 0))); });

  recovers();

  auto done = wait_for(engine_->commit(numbered(1)));
  ASSERT_TRUE(done);
  EXPECT_GT(done->version, 900u);
}

TEST_F(Recovery, a_message_that_stands_in_two_places_comes_once) {
  written([](Store& store) {
    store.put(kv::Space::meta, kv::totals_key, kv::encode(totals(5, 1)));
    store.put(kv::Space::messages, ready_key("twice"), kv::encode(message("twice", "body")));
    const auto due = (system_clock.wall() - 1h).time_since_epoch().count();
    store.put(kv::Space::messages, kv::message_key(0, {kv::Lane::delayed, due}, "twice"),
              kv::encode(message("twice", "body")));
    store.put(kv::Space::messages, ready_key("once"), kv::encode(message("once", "body")));
  });

  recovers();

  EXPECT_EQ(recovered_.messages, 2u);
  std::multiset<std::string> ids;
  for (const auto& each : receive(10)) ids.insert(each.message.id);
  EXPECT_EQ(ids, (std::multiset<std::string>{"once", "twice"}));
  EXPECT_EQ(mail().leased, 2u);
  EXPECT_EQ(mail().ready + mail().delayed, 0u);
}

TEST_F(Recovery, one_id_in_two_queues_is_two_messages) {
  written([](Store& store) {
    auto all = totals(5, 1);
    all.queues.push_back({.name = "other", .ready = 1});
    store.put(kv::Space::meta, kv::totals_key, kv::encode(all));
    store.put(kv::Space::messages, ready_key("same"), kv::encode(message("same", "body")));
    store.put(kv::Space::messages, kv::message_key(1, {kv::Lane::ready, 0}, "same"),
              kv::encode(message("same", "other body")));
  });

  recovers();

  EXPECT_EQ(recovered_.messages, 2u);
  EXPECT_EQ(receive(10).size(), 1u);
  auto other = wait_for(engine_->receive({"other", 30s, 10, 0s}));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->size(), 1u);
}

// One table does not check and can be read all the same: what it says counts when it is newer, and only then.
class OfTwoTables : public Recovery, public testing::WithParamInterface<bool> {};

TEST_P(OfTwoTables, the_newer_of_two_versions_wins) {
  const bool newer_is_damaged = GetParam();
  const DocumentKey key{"members", "p", "a"}, left_alone{"members", "p", "b"};
  written([&](Store& store) {
    store.put(kv::Space::meta, kv::totals_key, kv::encode(totals(1, 0)));
    store.put(kv::Space::documents, kv::document_key(key), kv::document_value(1, R"({"is":"older"})"));
    store.put(kv::Space::documents, kv::document_key(left_alone), kv::document_value(1, R"({"is":"alone"})"));
    pad(store, kv::Space::documents);
  });
  written([&](Store& store) {
    store.put(kv::Space::meta, kv::totals_key, kv::encode(totals(2, 0)));
    store.put(kv::Space::documents, kv::document_key(key), kv::document_value(2, R"({"is":"newer"})"));
    pad(store, kv::Space::documents);
  });
  damage_the_table_of(newer_is_damaged ? "newer" : "older");

  recovers();

  EXPECT_EQ(recovered_.documents, 2u) << "one document is one, from however many tables";
  auto found = wait_for(engine_->get(key));
  ASSERT_TRUE(found && found->has_value());
  EXPECT_EQ((*found)->body, R"({"is":"newer"})");
  EXPECT_EQ((*found)->version, 2u);
  EXPECT_TRUE(wait_for(engine_->get(left_alone))->has_value());
}

INSTANTIATE_TEST_SUITE_P(Recovery, OfTwoTables, testing::Bool());

TEST_F(Recovery, what_whole_tables_say_of_a_message_goes_before_what_a_damaged_one_said) {
  written([](Store& store) {
    store.put(kv::Space::meta, kv::totals_key, kv::encode(totals(1, 1)));
    store.put(kv::Space::messages, ready_key("moved"), kv::encode(message("moved", "as it was at first")));
    pad(store, kv::Space::messages);
  });
  written([](Store& store) {
    // It waits since: a stub stands where it was.
    const kv::Place place{kv::Lane::delayed, (system_clock.wall() + 1h).time_since_epoch().count()};
    store.put(kv::Space::messages, ready_key("moved"), kv::stub(place));
    store.put(kv::Space::messages, kv::message_key(0, place, "moved"), kv::encode(message("moved", "as it is now")));
  });
  damage_the_table_of("as it was at first");

  recovers();

  EXPECT_EQ(recovered_.messages, 1u);
  EXPECT_EQ(mail().delayed, 1u);
  EXPECT_EQ(mail().ready, 0u);
  auto found = wait_for(engine_->find_message("mail", "moved"));
  ASSERT_TRUE(found && found->has_value());
  EXPECT_EQ((*found)->message.body, "as it is now");
}

TEST_F(Recovery, what_waits_and_what_is_dead_is_found_under_its_id_and_counted) {
  {
    auto engine = opened(directory_, metrics_);
    wait_for(fill(*engine, 0, 4));
    auto got = wait_for(engine->receive({"mail", 30s, 2, 0s}));
    ASSERT_TRUE(got);
    Commit commit;
    commit.settled.push_back({got->at(0).lease, DeadLetter{"recipient-refused", "no such mailbox"}});
    commit.settled.push_back({got->at(1).lease, GiveBack{.delay = 1h, .error = "later"}});
    ASSERT_TRUE(wait_for(engine->commit(std::move(commit))));
  }

  recovers();

  EXPECT_EQ(mail().ready, 2u);
  EXPECT_EQ(mail().delayed, 1u);
  EXPECT_EQ(mail().dead_lettered, 1u);
  auto dead = wait_for(engine_->find_message("mail", "m1000"));
  ASSERT_TRUE(dead && dead->has_value());
  EXPECT_EQ((*dead)->state, MessageState::dead_lettered);
  EXPECT_EQ((*dead)->dead_reason, "recipient-refused");
  auto waiting = wait_for(engine_->find_message("mail", "m1001"));
  ASSERT_TRUE(waiting && waiting->has_value());
  EXPECT_EQ((*waiting)->state, MessageState::delayed);
  ASSERT_EQ((*waiting)->history.size(), 1u);
  EXPECT_EQ((*waiting)->history[0].error, "later");
  auto tallies = wait_for(engine_->tallies());
  ASSERT_TRUE(tallies);
  EXPECT_EQ(tallies->at("members"), 4) << "without a recount the totals stay as they were";
}

TEST_F(Recovery, totals_can_be_counted_anew_from_what_was_saved) {
  {
    auto engine = opened(directory_, metrics_);
    wait_for(fill(*engine, 0, 4));
    Commit wrong;
    wrong.tallies.push_back({"members", 100});
    wrong.tallies.push_back({"nothing", 1});
    ASSERT_TRUE(wait_for(engine->commit(std::move(wrong))));
  }

  recovers({.document =
                [](const DocumentKey& key, std::string_view, Recount::Counts& counts) {
                  counts["members"] += key.container == "members";
                  return true;
                },
            .message = [](std::string_view queue, std::string_view,
                          Recount::Counts& counts) { counts[std::string(queue)] += 1; }});

  auto tallies = wait_for(engine_->tallies());
  ASSERT_TRUE(tallies);
  EXPECT_EQ(*tallies, (std::map<std::string, std::int64_t>{{"mail", 4}, {"members", 4}}));
}

TEST_F(Recovery, a_document_that_is_not_wanted_is_left_out) {
  {
    auto engine = opened(directory_, metrics_);
    Commit commit;
    commit.documents.push_back({{"settings", "s", "kept"}, "{}", Expect::anything()});
    commit.documents.push_back({{"settings", "s", "left-out"}, "{}", Expect::anything()});
    ASSERT_TRUE(wait_for(engine->commit(std::move(commit))));
  }

  recovers(
      {.document = [](const DocumentKey& key, std::string_view, Recount::Counts&) { return key.id != "left-out"; }});

  EXPECT_TRUE(wait_for(engine_->get({"settings", "s", "kept"}))->has_value());
  EXPECT_FALSE(wait_for(engine_->get({"settings", "s", "left-out"}))->has_value());
}

TEST_F(Recovery, a_message_of_a_queue_whose_name_is_lost_is_kept_under_another) {
  written([](Store& store) {
    store.put(kv::Space::messages, kv::message_key(2, {kv::Lane::ready, 0}, "m"), kv::encode(message("m", "body")));
  });

  recovers();

  auto got = wait_for(engine_->receive({"recovered-2", 30s, 1, 0s}));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->size(), 1u);
}

TEST_F(Recovery, tokens_of_leases_never_repeat) {
  std::uint64_t token = 0;
  {
    auto engine = opened(directory_, metrics_);
    wait_for(fill(*engine, 0, 1));
    auto got = wait_for(engine->receive({"mail", 30s, 1, 0s}));
    ASSERT_TRUE(got && got->size() == 1);
    token = got->at(0).lease.token;
  }

  recovers();

  auto got = receive(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_GT(got[0].lease.token, token);
}

TEST_F(Recovery, it_changes_nothing_where_it_reads_and_leaves_no_copy) {
  {
    auto engine = opened(directory_, metrics_);
    wait_for(fill(*engine, 0, 4));
  }
  const auto before = contents_of_all(directory_);

  recovers();

  EXPECT_TRUE(contents_of_all(directory_) == before);
  EXPECT_FALSE(fs::exists(saved_ + ".working"));
}

}  // namespace
}  // namespace globogym::engine::rocksdb
