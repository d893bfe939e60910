// A store whose directory is moved away, unmounted or replaced while it runs: nothing is promised that would not be
// found again, nothing else is taken for it, and when it is back all goes on.
#include <set>

#include "engine/rocksdb/store.h"
#include "engine/rocksdb/trial_test.h"

namespace globogym::engine::rocksdb {
namespace {

using namespace trial;
using namespace std::chrono_literals;

class Vanished : public testing::Test {
 protected:
  Vanished() : engine_(opened(directory_, metrics_)) { wait_for(fill(*engine_, 0, 10)); }

  bool ready() const { return engine_->health().can_commit; }
  std::string problem() const { return engine_->health().problem; }
  bool says(std::string_view words) const { return problem().find(words) != std::string::npos; }
  void goes_on() {
    ASSERT_TRUE(comes_true([&] { return ready(); })) << problem();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(has_document(*engine_, i)) << i;
    auto tallies = wait_for(engine_->tallies());
    ASSERT_TRUE(tallies);
    EXPECT_EQ(tallies->at("members"), 10);
    wait_for(fill(*engine_, 10, 11));
  }

  TemporaryDirectory root_;
  const std::string directory_ = root_ / "engine";
  telemetry::Metrics metrics_;
  std::unique_ptr<engine::Engine> engine_;
};

TEST_F(Vanished, a_directory_moved_away_is_noticed_without_a_request_and_none_is_made_in_its_place) {
  fs::rename(directory_, root_ / "elsewhere");

  ASSERT_TRUE(comes_true([&] { return !ready(); }));
  EXPECT_TRUE(says(directory_ + " is not there")) << problem();
  auto refused = wait_for(engine_->commit(numbered(50)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::unavailable);
  // What cannot be looked up is not absent.
  EXPECT_FALSE(wait_for(engine_->scan({"members", "", 10})));
  EXPECT_FALSE(wait_for(engine_->get({"members", "p", "member-1001"})));
  EXPECT_FALSE(wait_for(engine_->queues()));
  EXPECT_FALSE(wait_for(engine_->find_message("mail", "m1001")));
  // Long enough for several attempts at opening again.
  ASSERT_FALSE(comes_true([&] { return ready() || fs::exists(directory_); }, 2s));

  fs::rename(root_ / "elsewhere", directory_);
  goes_on();
}

TEST_F(Vanished, the_directory_above_it_moved_away_is_the_same) {
  TemporaryDirectory above;
  telemetry::Metrics metrics;
  fs::create_directory(above / "data");
  auto engine = opened(above / "data/engine", metrics);
  wait_for(fill(*engine, 0, 3));

  fs::rename(above / "data", above / "other");
  ASSERT_TRUE(comes_true([&] { return !engine->health().can_commit; }));
  fs::create_directory(above / "data");
  ASSERT_FALSE(comes_true([&] { return engine->health().can_commit || fs::exists(above / "data/engine"); }, 2s));
  fs::remove(above / "data");
  fs::rename(above / "other", above / "data");

  ASSERT_TRUE(comes_true([&] { return engine->health().can_commit; })) << engine->health().problem;
  EXPECT_TRUE(has_document(*engine, 2));
}

TEST_F(Vanished, another_store_in_its_place_is_neither_used_nor_changed) {
  {
    telemetry::Metrics metrics;
    auto other = opened(root_ / "other", metrics);
    wait_for(fill(*other, 500, 700));
  }
  const auto untouched = contents_of_all(root_ / "other");
  fs::rename(directory_, root_ / "elsewhere");
  fs::rename(root_ / "other", directory_);

  ASSERT_TRUE(comes_true([&] { return says("another store"); })) << problem();
  EXPECT_FALSE(ready());
  ASSERT_FALSE(comes_true([&] { return ready(); }, 2s));
  EXPECT_TRUE(contents_of_all(directory_) == untouched);

  fs::rename(directory_, root_ / "other");
  fs::rename(root_ / "elsewhere", directory_);
  goes_on();
}

TEST_F(Vanished, an_empty_directory_in_its_place_as_an_unmounted_disk_leaves_it_stays_empty) {
  fs::rename(directory_, root_ / "elsewhere");
  fs::create_directory(directory_);

  ASSERT_TRUE(comes_true([&] { return says("no store"); })) << problem();
  ASSERT_FALSE(comes_true([&] { return ready(); }, 2s));
  EXPECT_TRUE(fs::is_empty(directory_));

  fs::remove(directory_);
  fs::rename(root_ / "elsewhere", directory_);
  goes_on();
}

TEST_F(Vanished, a_copy_in_its_place_is_not_taken_for_it) {
  fs::copy(directory_, root_ / "copy", fs::copy_options::recursive);
  wait_for(fill(*engine_, 20, 21));
  fs::rename(directory_, root_ / "elsewhere");
  fs::rename(root_ / "copy", directory_);

  ASSERT_TRUE(comes_true([&] { return says("a copy"); })) << problem();
  ASSERT_FALSE(comes_true([&] { return ready(); }, 2s));

  fs::rename(directory_, root_ / "copy");
  fs::rename(root_ / "elsewhere", directory_);
  ASSERT_TRUE(comes_true([&] { return ready(); })) << problem();
  EXPECT_TRUE(has_document(*engine_, 20));
}

// As after kill -9: what the last life wrote is in its log only, and there is a log of this life besides.
TEST_F(Vanished, a_file_in_use_that_is_removed_is_noticed_and_when_it_is_back_all_goes_on) {
  wait_for(fill(*engine_, 30, 31));
  engine_.reset();
  engine_ = opened(directory_, metrics_);
  wait_for(fill(*engine_, 31, 32));
  fs::copy(directory_, root_ / "killed");
  std::set<std::string> names;
  const auto begin_anew = [&] {
    engine_.reset();
    fs::remove_all(directory_);
    fs::copy(root_ / "killed", directory_);
    engine_ = opened(directory_, metrics_);
    wait_for(fill(*engine_, 40, 41));
  };
  begin_anew();
  for (const auto& entry : fs::directory_iterator(directory_)) names.insert(entry.path().filename().string());
  std::size_t tried = 0;
  for (const auto& name : names) {
    begin_anew();
    if (!fs::exists(fs::path(directory_) / name)) continue;
    // RocksDB keeps two of these and reads none; a lock file holds nothing, and is made anew.
    if (name.starts_with("OPTIONS-") || name == "LOCK") continue;
    fs::rename(fs::path(directory_) / name, root_ / "taken");

    EXPECT_TRUE(comes_true([&] { return !ready(); })) << name;

    fs::rename(root_ / "taken", fs::path(directory_) / name);
    EXPECT_TRUE(comes_true([&] { return ready(); })) << name << ": " << problem();
    for (int i : {0, 9, 30, 31, 40}) EXPECT_TRUE(has_document(*engine_, i)) << name << ": " << i;
    ++tried;
  }
  EXPECT_GE(tried, 8u) << "CURRENT, IDENTITY, SEAL, SYNCED, a manifest, tables and two logs";
}

// As when a supervisor starts the service again and again while its directory is being restored.
TEST_F(Vanished, a_log_that_was_missing_at_several_starts_is_read_when_it_is_back) {
  wait_for(fill(*engine_, 30, 33));
  fs::copy(directory_, root_ / "killed");
  fs::path newest;
  for (const auto& path : files(root_ / "killed"))
    if (path.extension() == ".log") newest = path;
  ASSERT_FALSE(newest.empty());
  fs::rename(newest, root_ / "taken");
  const auto before = contents_of_all(root_ / "killed");

  for (int i = 0; i < 3; ++i) {
    auto refused = Store::open({.directory = root_ / "killed"});
    ASSERT_FALSE(refused) << i;
    EXPECT_EQ(refused.error().fault, Fault::damaged);
    EXPECT_NE(refused.error().message.find("put it back"), std::string::npos) << refused.error().message;
    EXPECT_EQ(contents_of_all(root_ / "killed"), before) << "a refusal changes nothing";
  }

  fs::rename(root_ / "taken", newest);
  auto engine = opened(root_ / "killed", metrics_);
  ASSERT_TRUE(engine);
  for (int i : {0, 9, 30, 32}) EXPECT_TRUE(has_document(*engine, i)) << i;
}

TEST_F(Vanished, a_store_that_is_gone_when_it_is_to_be_the_same_is_not_made) {
  auto refused =
      Store::open({.directory = root_ / "nothing", .same_as = Identity{.id = "x", .inode = 1, .promised = 1}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::unavailable);
  EXPECT_FALSE(fs::exists(root_ / "nothing"));
}

TEST_F(Vanished, an_older_state_restored_into_the_same_directory_is_not_taken_for_it) {
  engine_.reset();
  auto store = Store::open({.directory = directory_});
  ASSERT_TRUE(store);
  auto later = (*store)->identity();
  store->reset();
  ++later.promised;

  auto refused = Store::open({.directory = directory_, .same_as = later});

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::unavailable);
  EXPECT_NE(refused.error().message.find("less than was promised"), std::string::npos) << refused.error().message;
  --later.promised;
  auto same = Store::open({.directory = directory_, .same_as = later});
  EXPECT_TRUE(same) << same.error().message;
}

// The window between two looks: what is synced into a directory that has been moved is kept there, and promised to
// nobody.
TEST_F(Vanished, a_commit_into_a_moved_directory_is_kept_there_and_answered_that_it_may_not_be) {
  engine_.reset();
  auto store = Store::open({.directory = directory_});
  ASSERT_TRUE(store);
  fs::rename(directory_, root_ / "elsewhere");

  (*store)->put(kv::Space::meta, "key", "value");
  auto written = (*store)->write(true);

  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().fault, Fault::unavailable);
  store->reset();
  EXPECT_FALSE(fs::exists(directory_));
  auto found = Store::open({.directory = root_ / "elsewhere"});
  ASSERT_TRUE(found) << found.error().message;
  auto value = (*found)->get(kv::Space::meta, "key");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->value_or(""), "value");
}

TEST_F(Vanished, a_store_moved_while_it_is_open_closes_cleanly_where_it_is) {
  engine_.reset();
  auto store = Store::open({.directory = directory_});
  ASSERT_TRUE(store);
  {
    telemetry::Metrics metrics;
    auto other = opened(root_ / "other", metrics);
    wait_for(fill(*other, 500, 520));
  }
  const auto untouched = contents_of_all(root_ / "other");
  fs::rename(directory_, root_ / "elsewhere");
  fs::rename(root_ / "other", directory_);

  auto closed = (*store)->close();

  EXPECT_TRUE(closed) << closed.error().message;
  store->reset();
  EXPECT_TRUE(contents_of_all(directory_) == untouched) << "files of another store were changed";
  telemetry::Metrics metrics;
  auto engine = opened(root_ / "elsewhere", metrics);
  ASSERT_TRUE(engine);
  EXPECT_TRUE(has_document(*engine, 9));
}

}  // namespace
}  // namespace globogym::engine::rocksdb
