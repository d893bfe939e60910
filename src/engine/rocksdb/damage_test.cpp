// Damage to a data directory, tried exhaustively on a small one: it is noticed, and what is whole can be saved.
#include <set>

#include "base/result_test.h"
#include "engine/rocksdb/recover.h"
#include "engine/rocksdb/trial_test.h"
#include "engine/rocksdb/verify.h"

namespace globogym::engine::rocksdb {
namespace {

using namespace trial;
using namespace std::chrono_literals;

async::Task<void> lease_some(engine::Engine& engine) {
  auto got = co_await engine.receive({"mail", 30s, 2, 0s});
  EXPECT_TRUE(got);
}

// A directory that was closed in order, or left as by kill -9 with one table file and a log.
void make(const std::string& directory, bool killed) {
  telemetry::Metrics metrics;
  async::AsioLoop loop;
  {
    auto engine = opened(directory, metrics);
    async::run_until_done(loop, fill(*engine, 0, 10));
  }
  if (!killed) return;
  auto engine = opened(directory, metrics);
  async::run_until_done(loop, lease_some(*engine));
  async::run_until_done(loop, fill(*engine, 10, 20));
  fs::copy(directory, directory + ".killed");
  engine.reset();
  fs::remove_all(directory);
  fs::rename(directory + ".killed", directory);
}

bool marks_notice(const std::string& directory) {
  auto problems = verify_marks(directory);
  return !problems || !problems->empty();
}

bool noticed(const std::string& directory) {
  if (marks_notice(directory)) return true;
  auto report = verify(directory);
  return !report || !report->problems.empty();
}

TEST(Damage, a_whole_directory_has_no_problems_whether_closed_or_killed) {
  for (bool killed : {false, true}) {
    TemporaryDirectory root;
    make(root / "engine", killed);
    auto report = verify(root / "engine");
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->problems.empty()) << report->problems[0];
    EXPECT_EQ(report->documents, killed ? 20u : 10u);
    EXPECT_EQ(report->messages, killed ? 20u : 10u);
  }
}

TEST(Damage, every_flipped_bit_of_a_closed_directory_is_noticed) {
  TemporaryDirectory root;
  const auto directory = root / "engine";
  make(directory, false);
  long slow = 0;
  for (const auto& path : files(directory)) {
    const auto whole = contents(path);
    // Table files are checked by the store's own checksums, for which it has to be opened: a bit a byte of them.
    const bool table = path.extension() == ".sst";
    for (std::size_t byte = 0; byte < whole.size(); ++byte) {
      for (int bit = 0; bit < 8; ++bit) {
        if (table && bit != static_cast<int>(byte % 8)) continue;
        if (table && byte % 7 != 0) continue;
        auto damaged = whole;
        damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << bit));
        overwrite(path, damaged);
        slow += table;
        ASSERT_TRUE(table ? noticed(directory) : marks_notice(directory)) << path << " byte " << byte << " bit " << bit;
      }
    }
    overwrite(path, whole);
  }
  EXPECT_GT(slow, 0);
}

TEST(Damage, every_truncation_of_a_closed_directory_is_noticed) {
  TemporaryDirectory root;
  const auto directory = root / "engine";
  make(directory, false);
  for (const auto& path : files(directory)) {
    const auto whole = contents(path);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      overwrite(path, whole.substr(0, length));
      ASSERT_TRUE(marks_notice(directory)) << path << " cut to " << length;
    }
    fs::remove(path);
    ASSERT_TRUE(marks_notice(directory)) << path << " removed";
    overwrite(path, whole);
  }
}

TEST(Damage, a_flipped_bit_in_any_byte_a_killed_process_left_is_noticed) {
  TemporaryDirectory root;
  const auto directory = root / "engine";
  make(directory, true);
  for (const auto& path : files(directory)) {
    const auto whole = contents(path);
    const std::size_t stride = path.extension() == ".sst" ? 29 : 3;
    for (std::size_t byte = 0; byte < whole.size(); byte += stride) {
      auto damaged = whole;
      damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << (byte % 8)));
      overwrite(path, damaged);
      ASSERT_TRUE(noticed(directory)) << path << " byte " << byte << " of " << whole.size();
    }
    overwrite(path, whole);
  }
}

TEST(Damage, a_killed_process_directory_without_any_one_of_its_files_is_refused) {
  TemporaryDirectory root;
  const auto directory = root / "engine";
  make(directory, true);
  std::size_t tried = 0;
  for (const auto& path : files(directory)) {
    const auto whole = contents_of_all(directory);
    fs::remove(path);

    telemetry::Metrics metrics;
    auto refused = open({.directory = directory, .disk_reserve = 0}, system_clock, metrics);

    EXPECT_FALSE(refused) << path;
    if (!refused) {
      EXPECT_EQ(refused.error().fault, Fault::damaged) << path << ": " << refused.error().message;
    }
    EXPECT_TRUE(noticed(directory)) << path;
    ++tried;
    if (refused) refused->reset();
    fs::remove_all(directory);
    fs::create_directory(directory);
    for (const auto& [name, bytes] : whole) overwrite(fs::path(directory) / name, bytes);
  }
  EXPECT_GE(tried, 8u) << "CURRENT, IDENTITY, MANIFEST, OPTIONS, SEAL, SYNCED, a log and tables";
  telemetry::Metrics metrics;
  auto engine = opened(directory, metrics);
  ASSERT_TRUE(engine) << "with all of them it opens";
  EXPECT_TRUE(has_document(*engine, 19));
}

TEST(Damage, without_its_contents_and_any_two_others_no_new_store_is_made_among_the_rest) {
  for (bool killed : {true, false}) {
    TemporaryDirectory root;
    const auto directory = root / "engine";
    make(directory, killed);
    const auto whole = contents_of_all(directory);
    for (const auto& [first, ignored] : whole)
      for (const auto& [second, ignored_too] : whole) {
        for (const auto& name : {std::string("CURRENT"), first, second}) fs::remove(fs::path(directory) / name);

        telemetry::Metrics metrics;
        auto refused = open({.directory = directory, .disk_reserve = 0}, system_clock, metrics);

        EXPECT_FALSE(refused) << "CURRENT, " << first << " and " << second << (killed ? ", killed" : ", closed");
        if (refused) refused->reset();
        fs::remove_all(directory);
        fs::create_directory(directory);
        for (const auto& [name, bytes] : whole) overwrite(fs::path(directory) / name, bytes);
      }
  }
}

TEST(Damage, a_log_that_lost_its_end_is_not_opened_and_nothing_is_forgotten_silently) {
  TemporaryDirectory root;
  const auto directory = root / "engine";
  make(directory, true);
  fs::path log;
  for (const auto& path : files(directory))
    if (path.extension() == ".log") log = path;
  const auto whole = contents(log);
  ASSERT_GT(whole.size(), 1000u);
  for (std::size_t length = 0; length < whole.size(); length += 97) {
    overwrite(log, whole.substr(0, length));
    EXPECT_TRUE(noticed(directory)) << "log cut to " << length;
  }
  overwrite(log, whole.substr(0, whole.size() - 1));

  telemetry::Metrics metrics;
  auto refused = open({.directory = directory, .disk_reserve = 0}, system_clock, metrics);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::damaged);
  EXPECT_NE(refused.error().message.find("globogym verify"), std::string::npos) << refused.error().message;
  auto again = open({.directory = directory, .disk_reserve = 0}, system_clock, metrics);
  EXPECT_FALSE(again) << "a second start is no more lenient than the first";
}

// A log is written in blocks of 32 KiB. What stands in the others can be read all the same, and must not be taken for
// all there is.
TEST(Damage, a_log_damaged_in_its_middle_is_not_opened_without_what_stood_there) {
  TemporaryDirectory root;
  const auto directory = root / "engine", killed = root / "killed";
  {
    telemetry::Metrics metrics;
    auto engine = opened(directory, metrics);
    wait_for(fill(*engine, 0, 500));
    fs::copy(directory, killed);
  }
  fs::path log;
  for (const auto& path : files(killed))
    if (path.extension() == ".log") log = path.filename();
  const auto whole = contents(fs::path(killed) / log);
  ASSERT_GT(whole.size(), 3u * 32 * 1024);
  for (const std::size_t byte : {std::size_t{20}, std::size_t{10'000}, std::size_t{40'000}, whole.size() - 33'000}) {
    fs::remove_all(directory);
    fs::copy(killed, directory);
    auto damaged = whole;
    damaged[byte] = static_cast<char>(damaged[byte] ^ 1);
    overwrite(fs::path(directory) / log, damaged);

    telemetry::Metrics metrics;
    auto refused = open({.directory = directory, .disk_reserve = 0}, system_clock, metrics);

    EXPECT_EQ(ending_of(refused), Fault::damaged) << "byte " << byte << " of " << whole.size();
  }
}

TEST(Damage, a_torn_end_that_was_never_promised_does_not_keep_the_service_from_starting) {
  TemporaryDirectory root;
  const auto directory = root / "engine";
  make(directory, true);
  for (const auto& path : files(directory))
    if (path.extension() == ".log") overwrite(path, contents(path) + std::string(100, 'x'));

  telemetry::Metrics metrics;
  auto engine = opened(directory, metrics);

  ASSERT_TRUE(engine);
  async::AsioLoop loop;
  auto tallies = async::run_until_done(loop, engine->tallies());
  EXPECT_EQ(tallies->at("members"), 20);
}

TEST(Damage, what_is_whole_is_recovered_around_what_is_not) {
  TemporaryDirectory root;
  const auto directory = root / "engine";
  telemetry::Metrics metrics;
  async::AsioLoop loop;
  {
    auto engine = opened(directory, metrics);
    async::run_until_done(loop, fill(*engine, 0, 600));
  }
  // One byte in the middle of the largest table file.
  fs::path table;
  for (const auto& path : files(directory))
    if (path.extension() == ".sst" && (table.empty() || fs::file_size(path) > fs::file_size(table))) table = path;
  auto bytes = contents(table);
  bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] ^ 0x10);
  overwrite(table, bytes);
  auto report = verify(directory);
  ASSERT_TRUE(report);
  EXPECT_TRUE(std::ranges::any_of(report->problems, [](const std::string& problem) {
    return problem.starts_with("records of messages cannot be read: after ");
  }));

  auto recovered = recover(directory, root / "saved", {});

  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_FALSE(recovered->lost.empty());
  EXPECT_GT(recovered->documents + recovered->messages, 600u * 2 - 300);
  auto clean = verify(root / "saved");
  ASSERT_TRUE(clean);
  EXPECT_TRUE(clean->problems.empty()) << clean->problems[0];
  EXPECT_EQ(clean->documents, recovered->documents);
  auto engine = opened(root / "saved", metrics);
  ASSERT_TRUE(engine);
  async::run_until_done(loop, fill(*engine, 700, 701));
}

// Every life writes tables of its own, which overlap: what one of them loses must hide nothing in the others.
TEST(Damage, a_damaged_table_costs_no_more_than_what_it_held) {
  TemporaryDirectory root;
  const auto directory = root / "engine";
  telemetry::Metrics metrics;
  constexpr int lives = 4, each = 6;
  for (int life = 0; life < lives; ++life) {
    async::AsioLoop loop;
    auto engine = opened(directory, metrics);
    // Interleaved: 0 4 8 …, 1 5 9 …, so that each table spans the whole range.
    for (int i = 0; i < each; ++i) async::run_until_done(loop, fill(*engine, i * lives + life, i * lives + life + 1));
  }
  int tables = 0;
  for (const auto& path : files(directory)) {
    if (path.extension() != ".sst") continue;
    ++tables;
    const auto whole = contents(path);
    for (const std::size_t at : {std::size_t{20}, whole.size() / 2, whole.size() - 10}) {
      auto damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
      overwrite(path, damaged);
      fs::remove_all(root / "saved");

      auto recovered = recover(directory, root / "saved", {});

      ASSERT_TRUE(recovered) << path << " at " << at << ": " << recovered.error().message;
      EXPECT_GE(recovered->documents, static_cast<std::uint64_t>((lives - 1) * each)) << path << " at " << at;
      EXPECT_GE(recovered->messages, static_cast<std::uint64_t>((lives - 1) * each)) << path << " at " << at;
      if (recovered->documents + recovered->messages < 2u * lives * each) {
        EXPECT_FALSE(recovered->lost.empty()) << path << " at " << at;
      }
      auto engine = opened(root / "saved", metrics);
      ASSERT_TRUE(engine);
      async::AsioLoop loop;
      auto queues = async::run_until_done(loop, engine->queues());
      ASSERT_TRUE(queues);
      ASSERT_EQ(queues->size(), 1u);
      EXPECT_EQ(queues->at(0).name, "mail") << path << " at " << at;
    }
    overwrite(path, whole);
  }
  EXPECT_GE(tables, lives);
}

TEST(Damage, a_damaged_log_is_recovered_up_to_the_damage) {
  TemporaryDirectory root;
  const auto directory = root / "engine";
  make(directory, true);
  for (const auto& path : files(directory))
    if (path.extension() == ".log") overwrite(path, contents(path).substr(0, fs::file_size(path) - 5));

  auto recovered = recover(directory, root / "saved", {});

  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_EQ(recovered->documents, 19u);
  EXPECT_EQ(recovered->messages, 19u);
  ASSERT_EQ(recovered->lost.size(), 1u) << "what was promised and is missing is said";
  EXPECT_NE(recovered->lost[0].find("promised"), std::string::npos) << recovered->lost[0];
  EXPECT_TRUE(verify(root / "saved")->problems.empty());
}

TEST(Damage, what_a_log_damaged_in_the_middle_held_is_said_to_be_lost) {
  TemporaryDirectory root;
  const auto directory = root / "engine";
  make(directory, true);
  for (const auto& path : files(directory)) {
    if (path.extension() != ".log") continue;
    auto bytes = contents(path);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    overwrite(path, bytes);
  }

  auto recovered = recover(directory, root / "saved", {});

  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_LT(recovered->documents, 20u);
  EXPECT_FALSE(recovered->lost.empty());
  EXPECT_TRUE(verify(root / "saved")->problems.empty());
}

TEST(Damage, a_second_process_is_told_that_the_directory_is_in_use) {
  TemporaryDirectory root;
  telemetry::Metrics metrics;
  auto first = opened(root / "engine", metrics);
  auto second = open({.directory = root / "engine", .disk_reserve = 0}, system_clock, metrics);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::unavailable);
  EXPECT_NE(second.error().message.find("another process"), std::string::npos);
  auto report = verify(root / "engine");
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->beside_a_running_service);
  EXPECT_TRUE(report->problems.empty());
  auto recovered = recover(root / "engine", root / "saved", {});
  ASSERT_FALSE(recovered) << "a directory that changes while it is copied";
  EXPECT_EQ(recovered.error().fault, Fault::unavailable);
}

}  // namespace
}  // namespace globogym::engine::rocksdb
