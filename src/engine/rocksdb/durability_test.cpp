// What "on stable storage" rests on: each commit that was answered has been synced, whole, before the answer; and a
// sync that fails, whichever it is, costs no promise. This program's fdatasync and fsync are its own: they look, and
// fail on demand.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <set>

#include "engine/rocksdb/trial_test.h"

namespace globogym::engine::rocksdb {
namespace {

using namespace trial;
using namespace std::chrono_literals;

// The disk as it would be found after a loss of power, as far as logs are concerned: what their syncs covered.
class Watched {
 public:
  static Watched& disk() {
    static Watched watched;
    return watched;
  }

  void begin() {
    std::lock_guard lock(mutex_);
    on_ = true;
    synced_.clear();
    others_.clear();
    syncs_ = failed_ = fail_at_ = 0;
  }
  void end() {
    std::lock_guard lock(mutex_);
    on_ = false;
    seals_are_slow_ = false;
  }
  // The `number`th sync of a log from now on answers EIO, and does nothing.
  void fail_sync(int number) {
    std::lock_guard lock(mutex_);
    syncs_ = 0;
    fail_at_ = number;
  }
  int failed() {
    std::lock_guard lock(mutex_);
    return failed_;
  }
  bool holds(const std::string& text) {
    std::lock_guard lock(mutex_);
    for (const auto& [path, bytes] : synced_)
      if (bytes.find(text) != std::string::npos) return true;
    return false;
  }

  // Whether something of that name, other than a log, was synced.
  bool has_synced(const std::string& name) {
    std::lock_guard lock(mutex_);
    return others_.contains(name);
  }

  // Each sync of a seal takes a while from now on.
  void slow_seals() {
    seals_are_slow_ = true;
    most_seals_ = 0;
  }
  // How many seals were being synced at once, at most.
  int most_seals() const { return most_seals_; }

  int sync(int fd, int (*real)(int)) {
    if (seals_are_slow_ && fs::path(behind(fd)).filename() == "SEAL.new") {
      const int now = ++seals_;
      if (now > most_seals_) most_seals_ = now;
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      --seals_;
    }
    const std::string path = log_behind(fd);
    std::string before;
    {
      std::lock_guard lock(mutex_);
      if (on_ && !path.empty()) {
        if (++syncs_ == fail_at_) {
          ++failed_;
          errno = EIO;
          return -1;
        }
        before = contents(path);  // what is written later is not covered
      }
    }
    const std::string name = path.empty() ? fs::path(behind(fd)).filename().string() : std::string();
    const int done = real(fd);
    std::lock_guard lock(mutex_);
    if (!on_ || done != 0) return done;
    if (!before.empty()) synced_[path] = std::move(before);
    if (!name.empty()) others_.insert(name);
    return done;
  }

 private:
  static std::string behind(int fd) {
    char target[4096];
    const auto length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof target);
    return {target, length > 0 ? static_cast<std::size_t>(length) : 0};
  }
  // The path of the log that `fd` is open on; empty when it is something else.
  static std::string log_behind(int fd) {
    const std::string path = behind(fd);
    return path.ends_with(".log") ? path : std::string();
  }

  std::mutex mutex_;
  bool on_ = false;
  std::map<std::string, std::string> synced_;
  std::set<std::string> others_;
  int syncs_ = 0, fail_at_ = 0, failed_ = 0;
  std::atomic<bool> seals_are_slow_ = false;
  std::atomic<int> seals_ = 0, most_seals_ = 0;
};

class Durability : public testing::Test {
 protected:
  Durability() { Watched::disk().begin(); }
  ~Durability() override { Watched::disk().end(); }

  TemporaryDirectory root_;
  const std::string directory_ = root_ / "engine";
  telemetry::Metrics metrics_;
};

async::Task<void> commit_marked(engine::Engine& engine, std::string marker, Result<Committed>& answer, bool& synced) {
  Commit commit;
  commit.documents.push_back({{"members", "p", marker}, "{}", {}});
  answer = co_await engine.commit(std::move(commit));
  synced = Watched::disk().holds(marker);
}

TEST_F(Durability, every_commit_that_is_answered_has_been_synced_before) {
  auto engine = opened(directory_, metrics_);
  for (int i = 0; i < 50; ++i) {
    Result<Committed> answer;
    bool synced = false;
    wait_for(commit_marked(*engine, "marker-" + std::to_string(i) + "-", answer, synced));
    ASSERT_TRUE(answer);
    EXPECT_TRUE(synced) << i;
  }
}

async::Task<void> commit_many(engine::Engine& engine, int count, int& answered, int& synced_first) {
  async::Scope scope;
  auto one = [&](int i) -> async::Task<void> {
    Result<Committed> answer;
    bool synced = false;
    co_await commit_marked(engine, "together-" + std::to_string(i) + "-", answer, synced);
    answered += answer.has_value();
    synced_first += answer && synced;
  };
  for (int i = 0; i < count; ++i) scope.start(one(i));
  co_await scope.join();
}

TEST_F(Durability, commits_that_share_a_sync_are_all_in_it) {
  auto engine = opened(directory_, metrics_);
  int answered = 0, synced_first = 0;
  wait_for(commit_many(*engine, 400, answered, synced_first));
  EXPECT_EQ(answered, 400);
  EXPECT_EQ(synced_first, 400);
}

async::Task<void> settle_one(engine::Engine& engine, bool& synced) {
  auto got = co_await engine.receive({"mail", 30s, 1, 1s});
  EXPECT_TRUE(got && got->size() == 1);
  if (!got || got->empty()) co_return;
  Commit commit;
  commit.documents.push_back({{"members", "p", "settled-marker"}, "{}", {}});
  commit.settled.push_back({got->front().lease, Complete{}});
  auto done = co_await engine.commit(std::move(commit));
  EXPECT_TRUE(done);
  synced = Watched::disk().holds("settled-marker");
}

TEST_F(Durability, a_commit_that_finishes_work_has_been_synced_before_it_is_answered) {
  auto engine = opened(directory_, metrics_);
  wait_for(fill(*engine, 0, 1));
  bool synced = false;
  wait_for(settle_one(*engine, synced));
  EXPECT_TRUE(synced);
}

// Whichever sync it is: who was answered finds the commit again, also after a loss of power at that moment, for which
// the copy without what was not synced stands.
TEST_F(Durability, a_fault_of_any_sync_of_the_log_is_met_and_costs_no_promise) {
  constexpr int most = 12;
  for (int number = 1; number <= most; ++number) {
    const auto directory = root_ / ("engine-" + std::to_string(number));
    auto engine = opened(directory, metrics_);
    wait_for(fill(*engine, 0, 2));
    Watched::disk().fail_sync(number);
    const int failed = Watched::disk().failed();

    std::set<int> promised;
    int refused = 0;
    for (int i = 10; i < 10 + most; ++i) {
      auto done = wait_for(engine->commit(numbered(i)));
      if (done) {
        promised.insert(i);
        continue;
      }
      ++refused;
      EXPECT_EQ(done.error().fault, Fault::unavailable);
      EXPECT_TRUE(comes_true([&] { return engine->health().can_commit; })) << engine->health().problem;
    }

    EXPECT_EQ(Watched::disk().failed(), failed + 1) << "the fault of sync " << number << " was never met";
    EXPECT_EQ(refused, 1) << number << ": a commit whose sync failed is not answered as kept";
    for (int i : promised) EXPECT_TRUE(has_document(*engine, i)) << number << ": " << i;
    engine.reset();
    engine = opened(directory, metrics_);
    for (int i : promised) EXPECT_TRUE(has_document(*engine, i)) << number << ", opened again: " << i;
  }
}

// The log of a failed sync may be in the kernel's memory only, marked as written: what was recovered from it goes to
// tables, because a request that is repeated is answered with what it finds.
TEST_F(Durability, what_a_failed_sync_left_is_in_tables_before_it_is_found) {
  auto engine = opened(directory_, metrics_);
  wait_for(fill(*engine, 0, 2));
  Watched::disk().fail_sync(1);
  auto unknown = wait_for(engine->commit(numbered(500)));
  ASSERT_FALSE(unknown);
  ASSERT_TRUE(comes_true([&] { return engine->health().can_commit; })) << engine->health().problem;

  ASSERT_TRUE(has_document(*engine, 500)) << "written, and recovered from the log";

  bool in_a_table = false;
  for (const auto& path : files(directory_))
    in_a_table |= path.extension() == ".sst" && contents(path).find(R"({"n":500})") != std::string::npos;
  EXPECT_TRUE(in_a_table);
}

TEST_F(Durability, the_marks_of_a_directory_are_synced_before_they_count) {
  auto engine = opened(directory_, metrics_);
  for (const auto* name : {"SYNCED", "SEAL.new", "engine"}) EXPECT_TRUE(Watched::disk().has_synced(name)) << name;
  Watched::disk().begin();
  engine.reset();
  for (const auto* name : {"SEAL.new", "engine"}) EXPECT_TRUE(Watched::disk().has_synced(name)) << name << ", closed";
}

// Each opening leaves a table behind; when there are enough of them, the next one compacts while it opens.
TEST_F(Durability, a_store_that_compacts_while_it_is_opened_is_sealed_by_one_at_a_time) {
  Watched::disk().slow_seals();
  for (int i = 0; i < 12; ++i) {
    auto engine = opened(directory_, metrics_);
    ASSERT_TRUE(engine) << "opening " << i;
    wait_for(fill(*engine, i, i + 1));
  }
  EXPECT_EQ(Watched::disk().most_seals(), 1);
}

// A process killed between writing the log and syncing it leaves its changes in the kernel's memory only.
TEST_F(Durability, what_a_killed_process_left_is_synced_before_anything_is_built_on_it) {
  {
    auto engine = opened(directory_, metrics_);
    wait_for(fill(*engine, 0, 3));
    fs::copy(directory_, root_ / "killed");
  }
  Watched::disk().begin();

  auto engine = opened(root_ / "killed", metrics_);

  EXPECT_TRUE(Watched::disk().holds("member-1002"));
  EXPECT_TRUE(has_document(*engine, 2));
}

TEST_F(Durability, a_first_sync_that_fails_does_not_open) {
  {
    auto engine = opened(directory_, metrics_);
    wait_for(fill(*engine, 0, 3));
    fs::copy(directory_, root_ / "killed");
  }
  Watched::disk().fail_sync(1);

  auto refused = open({.directory = root_ / "killed", .disk_reserve = 0}, system_clock, metrics_);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::unavailable);
  auto engine = opened(root_ / "killed", metrics_);
  ASSERT_TRUE(engine) << "the next attempt";
  EXPECT_TRUE(has_document(*engine, 2));
}

}  // namespace
}  // namespace globogym::engine::rocksdb

extern "C" int fdatasync(int fd) {
  static const auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fdatasync"));
  return globogym::engine::rocksdb::Watched::disk().sync(fd, real);
}

extern "C" int fsync(int fd) {
  static const auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fsync"));
  return globogym::engine::rocksdb::Watched::disk().sync(fd, real);
}
