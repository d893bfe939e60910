// Stored bytes that go bad under a running engine: it never answers less than there is as if that were all.
#include <set>

#include "engine/rocksdb/trial_test.h"

namespace globogym::engine::rocksdb {
namespace {

using namespace trial;
using namespace std::chrono_literals;

constexpr int many = 600;

async::Task<void> park_all(engine::Engine& engine, std::string queue) {
  for (;;) {
    auto got = co_await engine.receive({queue, 30s, 100, 0s});
    EXPECT_TRUE(got);
    if (!got || got->empty()) co_return;
    Commit commit;
    for (auto& each : *got)
      commit.settled.push_back({each.lease, DeadLetter{"recipient-refused", "why-" + each.message.id + "-"}});
    auto done = co_await engine.commit(std::move(commit));
    EXPECT_TRUE(done);
  }
}

class Unreadable : public testing::Test {
 protected:
  // Everything in tables, nothing in memory.
  void made_of(std::function<void(engine::Engine&)> fill_it) {
    {
      auto engine = opened(directory_, metrics_);
      fill_it(*engine);
    }
    engine_ = opened(directory_, metrics_, 4096);
  }
  // Flips a bit in the table where `text` stands, under the open engine.
  void spoil(const std::string& text) {
    int spoiled = 0;
    for (const auto& path : files(directory_)) {
      if (path.extension() != ".sst") continue;
      auto bytes = contents(path);
      const auto at = bytes.find(text);
      if (at == std::string::npos) continue;
      bytes[at + 1] = static_cast<char>(bytes[at + 1] ^ 0x10);
      overwrite(path, bytes);
      ++spoiled;
    }
    ASSERT_GE(spoiled, 1) << text << " is in no table";
  }
  template <class T>
  void is_damaged(const Result<T>& answer, const char* what) {
    ASSERT_FALSE(answer) << what;
    EXPECT_EQ(answer.error().fault, Fault::damaged) << what << ": " << answer.error().message;
    EXPECT_NE(engine_->health().problem.find("damaged"), std::string::npos) << what;
    EXPECT_NE(engine_->health().problem.find("globogym verify"), std::string::npos) << what;
  }

  TemporaryDirectory root_;
  const std::string directory_ = root_ / "engine";
  telemetry::Metrics metrics_;
  std::unique_ptr<engine::Engine> engine_;
};

TEST_F(Unreadable, a_scan_that_meets_damage_says_so_instead_of_ending) {
  made_of([](auto& engine) { wait_for(fill(engine, 0, many)); });
  spoil(R"({"n":300})");
  std::string after;
  std::size_t seen = 0;
  for (;;) {
    auto page = wait_for(engine_->scan({"members", after, 50}));
    if (!page) {
      is_damaged(page, "scan");
      break;
    }
    seen += page->documents.size();
    after = page->cursor;
    ASSERT_FALSE(after.empty()) << "it ended after " << seen << " documents as if there were no more";
  }
  EXPECT_LE(seen, 300u);
}

TEST_F(Unreadable, a_document_in_a_damaged_block_is_not_absent) {
  made_of([](auto& engine) { wait_for(fill(engine, 0, many)); });
  spoil(R"({"n":300})");
  const DocumentKey key{"members", "p", "member-1300"};

  auto got = wait_for(engine_->get(key));
  is_damaged(got, "get");

  // Or one person would be a member twice.
  Commit again;
  again.documents.push_back({key, "{}", Expect::absent()});
  auto committed = wait_for(engine_->commit(std::move(again)));
  is_damaged(committed, "commit");

  // What is whole is served, and new promises are kept.
  EXPECT_TRUE(has_document(*engine_, 599));
  EXPECT_TRUE(wait_for(engine_->commit(numbered(many))));
  EXPECT_TRUE(engine_->health().can_commit);
}

TEST_F(Unreadable, a_message_in_a_damaged_block_is_not_gone) {
  made_of([](auto& engine) { wait_for(fill(engine, 0, many)); });
  spoil("body 300");
  auto found = wait_for(engine_->find_message("mail", "m1300"));
  is_damaged(found, "find_message");
}

TEST_F(Unreadable, a_queue_hands_out_what_lies_before_damage_once_and_then_says_so) {
  made_of([](auto& engine) {
    wait_for(fill(engine, 0, many));
    Commit commit;
    commit.messages.push_back({"other", "whole", "body", "", {}});
    EXPECT_TRUE(wait_for(engine.commit(std::move(commit))));
  });
  spoil("body 300");
  std::set<std::string> handed_out;
  for (;;) {
    auto got = wait_for(engine_->receive({"mail", 1h, 7, 0s}));
    if (!got) {
      is_damaged(got, "receive");
      break;
    }
    ASSERT_FALSE(got->empty()) << "it was as if there were no more, after " << handed_out.size();
    Commit commit;
    for (const auto& each : *got) {
      EXPECT_TRUE(handed_out.insert(each.message.id).second) << each.message.id << " came twice";
      EXPECT_EQ(each.attempt, 1);
      commit.settled.push_back({each.lease, Complete{}});
    }
    auto done = wait_for(engine_->commit(std::move(commit)));
    ASSERT_TRUE(done) << done.error().message;
  }
  EXPECT_GT(handed_out.size(), 100u);
  EXPECT_LE(handed_out.size(), 300u);
  is_damaged(wait_for(engine_->receive({"mail", 1h, 7, 0s})), "again");

  // Only that queue stands.
  EXPECT_TRUE(engine_->health().can_commit);
  EXPECT_TRUE(wait_for(engine_->commit(numbered(many))));
  auto other = wait_for(engine_->receive({"other", 30s, 7, 0s}));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->size(), 1u);
}

TEST_F(Unreadable, a_queue_of_what_waits_says_so_too) {
  made_of([](auto& engine) {
    Commit commit;
    for (int i = 0; i < many; ++i)
      commit.messages.push_back({"mail", "m" + std::to_string(1000 + i), "body " + std::to_string(i), "", 300ms});
    EXPECT_TRUE(wait_for(engine.commit(std::move(commit))));
  });
  spoil("body 300");
  std::set<std::string> handed_out;
  for (;;) {
    auto got = wait_for(engine_->receive({"mail", 1h, 50, 10s}));
    if (!got) {
      is_damaged(got, "receive");
      break;
    }
    ASSERT_FALSE(got->empty()) << "it was as if there were no more, after " << handed_out.size();
    for (const auto& each : *got)
      EXPECT_TRUE(handed_out.insert(each.message.id).second) << each.message.id << " came twice";
  }
  EXPECT_LE(handed_out.size(), 300u);
}

TEST_F(Unreadable, dead_letters_that_cannot_be_read_are_not_left_out) {
  made_of([](auto& engine) {
    wait_for(fill(engine, 0, many));
    wait_for(park_all(engine, "mail"));
  });
  spoil("why-m1300-");
  std::string after;
  for (;;) {
    auto page = wait_for(engine_->messages({.queue = "mail", .after = after, .limit = 100}));
    if (!page) {
      is_damaged(page, "dead_letters");
      break;
    }
    after = page->cursor;
    ASSERT_FALSE(after.empty()) << "it ended as if there were no more";
  }
}

TEST_F(Unreadable, a_lease_that_cannot_be_read_is_not_forgotten_at_the_next_start) {
  made_of([](auto& engine) {
    wait_for(fill(engine, 0, 3));
    auto got = wait_for(engine.receive({"mail", 30s, 1, 0s}));
    EXPECT_TRUE(got && got->size() == 1);
  });
  engine_.reset();
  // The table of leases and totals is read when the store is opened.
  for (const auto& path : files(directory_)) {
    if (path.extension() != ".sst") continue;
    auto bytes = contents(path);
    const auto at = bytes.find("totals");
    if (at == std::string::npos) continue;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    overwrite(path, bytes);
  }
  auto refused = open({.directory = directory_, .disk_reserve = 0}, system_clock, metrics_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::damaged) << refused.error().message;
}

}  // namespace
}  // namespace globogym::engine::rocksdb
