#include "engine/rocksdb/store.h"

#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/experimental.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <filesystem>
#include <mutex>

#include "base/assert.h"
#include "engine/rocksdb/rocks.h"
#include "engine/rocksdb/seal.h"
#include "telemetry/log.h"

namespace globogym::engine::rocksdb {

namespace rdb = ::rocksdb;
namespace fs = std::filesystem;

namespace {

// RocksDB's own warnings, in our log; its information goes nowhere.
class LogLines final : public rdb::Logger {
 public:
  LogLines() : rdb::Logger(rdb::InfoLogLevel::WARN_LEVEL) {}
  using rdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override { Logv(rdb::InfoLogLevel::WARN_LEVEL, format, arguments); }
  __attribute__((format(printf, 3, 0))) void Logv(const rdb::InfoLogLevel level, const char* format,
                                                  va_list arguments) override {
    if (level < rdb::InfoLogLevel::WARN_LEVEL || level == rdb::InfoLogLevel::HEADER_LEVEL) return;
    char text[400];
    std::vsnprintf(text, sizeof text, format, arguments);
    log::warning("storage-engine", {{"says", std::string_view(text)}});
  }
};

// Holds the directory for this process, before anything in it is looked at.
class DirectoryLock {
 public:
  static Result<DirectoryLock> take(const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
      return fail(Fault::unavailable, "cannot open the data directory " + directory + ": " + std::strerror(errno));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd);
      return fail(Fault::unavailable,
                  "another process is using " + directory + "; stop it first, or give this one another --data");
    }
    return DirectoryLock(fd);
  }
  DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~DirectoryLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_;
};

Result<void> create_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) == 0) return {};
  if (errno != EEXIST)
    return fail(Fault::unavailable, "cannot create the data directory " + directory + ": " + std::strerror(errno));
  struct stat found{};
  if (::stat(directory.c_str(), &found) != 0 || !S_ISDIR(found.st_mode))
    return fail(Fault::unavailable, directory + " is not a directory");
  if (::access(directory.c_str(), R_OK | W_OK | X_OK) != 0)
    return fail(Fault::unavailable, "no permission to write in the data directory " + directory +
                                        "; it should belong to the user that runs the service, with mode 0700");
  return {};
}

// A log that a killed process left behind may be in the kernel's memory only. Later commits build on it.
Result<void> sync_logs(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".log") continue;
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;  // opening the store will say why
    const bool synced = ::fdatasync(fd) == 0;
    ::close(fd);
    if (!synced) return fail(Fault::unavailable, "cannot sync " + entry.path().string() + ": " + std::strerror(errno));
  }
  return {};
}

class RangeCursor final : public kv::Cursor {
 public:
  RangeCursor(rdb::DB& db, rdb::ColumnFamilyHandle* family, std::string_view from, std::string_view to)
      : to_(to), upper_(to_) {
    rdb::ReadOptions options;
    options.iterate_upper_bound = &upper_;
    options.readahead_size = std::size_t{256} << 10;
    options.fill_cache = false;
    iterator_.reset(db.NewIterator(options, family));
    iterator_->Seek(rdb::Slice(from.data(), from.size()));
  }
  bool next() override {
    if (started_) iterator_->Next();
    started_ = true;
    return iterator_->Valid();
  }
  std::string_view key() const override { return {iterator_->key().data(), iterator_->key().size()}; }
  std::string_view value() const override { return {iterator_->value().data(), iterator_->value().size()}; }
  std::optional<Error> error() const override {
    if (iterator_->status().ok()) return std::nullopt;
    return error_of(iterator_->status());
  }

 private:
  std::string to_;
  rdb::Slice upper_;
  std::unique_ptr<rdb::Iterator> iterator_;
  bool started_ = false;
};

Result<void> seal_open(const std::string& directory) {
  auto seal = take_seal(directory, false);
  if (!seal) return std::unexpected(seal.error());
  return write_seal(directory, *seal);
}

// Renews the seal when the manifest has grown. Called on RocksDB's own threads.
class Resealer final : public rdb::EventListener {
 public:
  explicit Resealer(std::string directory) : directory_(std::move(directory)) {}
  void OnFlushCompleted(rdb::DB*, const rdb::FlushJobInfo&) override { reseal(); }
  void OnCompactionCompleted(rdb::DB*, const rdb::CompactionJobInfo&) override { reseal(); }
  // From now on the directory is only closed, and sealed by who closes it.
  void stop() {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }

 private:
  void reseal() {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    // Best effort: an older seal is a weaker one, not a wrong one.
    if (auto sealed = seal_open(directory_); !sealed) log::warning("not-sealed", {{"reason", sealed.error().message}});
  }
  std::string directory_;
  std::mutex mutex_;
  bool stopped_ = false;
};

class RocksStore final : public Store {
 public:
  RocksStore(StoreOptions options, DirectoryLock lock, std::unique_ptr<SyncedMark> mark,
             std::shared_ptr<Resealer> resealer, Opened opened)
      : options_(std::move(options)),
        lock_(std::move(lock)),
        mark_(std::move(mark)),
        resealer_(std::move(resealer)),
        opened_(std::move(opened)) {}

  ~RocksStore() override {
    resealer_->stop();
    if (opened_.db) opened_.close();
  }

  void put(kv::Space space, std::string_view key, std::string_view value) override {
    batch_.Put(family(space), slice(key), slice(value));
  }
  void erase(kv::Space space, std::string_view key) override { batch_.Delete(family(space), slice(key)); }
  void erase_once(kv::Space space, std::string_view key) override { batch_.SingleDelete(family(space), slice(key)); }

  Result<void> write(bool durable) override {
    rdb::WriteOptions options;
    options.sync = durable;
    const auto status = opened_.db->Write(options, &batch_);
    batch_.Clear();
    if (!status.ok()) return std::unexpected(error_of(status));
    if (durable) mark_->advance(opened_.db->GetLatestSequenceNumber());
    return {};
  }

  Result<std::optional<std::string>> get(kv::Space space, std::string_view key) override {
    return get_with(rdb::ReadOptions(), space, key);
  }

  // What fails here fails again at the next write, which is where it is answered for.
  void reclaim() override {
    rdb::FlushOptions flush;
    flush.wait = false;
    for (auto* each : opened_.families) {
      opened_.db->Flush(flush, each).PermitUncheckedError();
      rdb::experimental::SuggestCompactRange(opened_.db.get(), each, nullptr, nullptr).PermitUncheckedError();
    }
  }

  Result<std::optional<std::string>> get_from_memory(kv::Space space, std::string_view key) override {
    rdb::ReadOptions options;
    options.read_tier = rdb::kBlockCacheTier;
    return get_with(options, space, key);
  }

  std::unique_ptr<kv::Cursor> range(kv::Space space, std::string_view from, std::string_view to) override {
    return std::make_unique<RangeCursor>(*opened_.db, family(space), from, to);
  }

  Result<void> close() override {
    resealer_->stop();
    for (auto* each : opened_.families)
      if (auto status = opened_.db->Flush(rdb::FlushOptions(), each); !status.ok())
        return std::unexpected(error_of(status));
    if (auto status = opened_.close(); !status.ok()) return std::unexpected(error_of(status));
    auto seal = take_seal(options_.directory, true);
    if (!seal) return std::unexpected(seal.error());
    return write_seal(options_.directory, *seal);
  }

 private:
  static rdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
  rdb::ColumnFamilyHandle* family(kv::Space space) const { return opened_.families[static_cast<std::size_t>(space)]; }

  Result<std::optional<std::string>> get_with(const rdb::ReadOptions& options, kv::Space space, std::string_view key) {
    rdb::PinnableSlice value;
    const auto status = opened_.db->Get(options, family(space), slice(key), &value);
    if (status.ok()) return std::optional(value.ToString());
    if (status.IsNotFound()) return std::nullopt;
    if (status.IsIncomplete()) return fail(Fault::unavailable, "not in memory");
    return std::unexpected(error_of(status));
  }

  StoreOptions options_;
  DirectoryLock lock_;
  std::unique_ptr<SyncedMark> mark_;
  std::shared_ptr<Resealer> resealer_;
  Opened opened_;
  rdb::WriteBatch batch_;
};

// What to do about damage. `data` is the server's data directory, in which the store's own lies.
std::string advice_for(const std::string& data) {
  return "; stop the service and run: globogym verify --data " + data + ", then: globogym recover --data " + data +
         " --into NEW";
}

Error damaged(const rdb::Status& status, const std::string& data) {
  return {Fault::damaged, "the stored data is damaged (" + status.ToString() + ")" + advice_for(data)};
}

}  // namespace

Error error_of(const rdb::Status& status) {
  if (status.IsCorruption()) return damaged(status, "DATA");
  if (status.IsNoSpace() || status.subcode() == rdb::Status::kNoSpace)
    return {Fault::unavailable, "the disk is full: " + status.ToString()};
  return {Fault::unavailable, "the disk does not serve: " + status.ToString()};
}

rdb::Status Opened::close() {
  for (auto* family : families) db->DestroyColumnFamilyHandle(family);
  families.clear();
  auto status = db->Close();
  db.reset();
  return status;
}

rdb::DBOptions database_options(const StoreOptions& options) {
  rdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.info_log = std::make_shared<LogLines>();
  // A tail that was never acknowledged may be torn; SYNCED tells whether what is missing had been promised.
  db.wal_recovery_mode = rdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.track_and_verify_wals_in_manifest = true;
  db.write_dbid_to_manifest = true;
  db.avoid_flush_during_recovery = !options.flush_recovered;
  db.file_checksum_gen_factory = rdb::GetFileChecksumGenCrc32cFactory();
  db.max_background_jobs = 2;
  db.max_open_files = 256;
  db.max_file_opening_threads = 2;
  db.max_total_wal_size = 3 * options.memtable_bytes;
  // Bulk writes of tables must not queue before the log's sync.
  db.bytes_per_sync = std::size_t{512} << 10;
  db.strict_bytes_per_sync = true;
  db.rate_limiter.reset(rdb::NewGenericRateLimiter(std::int64_t{160} << 20));
  db.skip_stats_update_on_db_open = true;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.allow_concurrent_memtable_write = false;
  return db;
}

std::vector<rdb::ColumnFamilyDescriptor> families(const StoreOptions& options) {
  rdb::BlockBasedTableOptions table;
  table.block_cache = rdb::NewLRUCache(options.cache_bytes);
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rdb::NewBloomFilterPolicy(10));
  // In pieces of one block each: with a deep backlog whole indexes and filters would push each other out of the cache.
  table.index_type = rdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.pin_top_level_index_and_filter = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.block_size = std::size_t{8} << 10;
  table.format_version = 5;
  table.checksum = rdb::kXXH3;  // Debian builds RocksDB without the processor's CRC-32C instruction

  rdb::ColumnFamilyOptions common;
  common.table_factory.reset(rdb::NewBlockBasedTableFactory(table));
  common.write_buffer_size = options.memtable_bytes;
  common.max_write_buffer_number = 3;
  common.memtable_whole_key_filtering = true;
  common.memtable_prefix_bloom_size_ratio = 0.03;
  common.level0_file_num_compaction_trigger = 6;
  common.level0_slowdown_writes_trigger = 40;
  common.level0_stop_writes_trigger = 80;
  common.target_file_size_base = std::size_t{32} << 20;
  common.level_compaction_dynamic_level_bytes = true;
  common.compression = rdb::kNoCompression;

  auto meta = common;
  meta.write_buffer_size = std::size_t{1} << 20;
  // New keys mostly come right after the one before: ids begin with the time. Lets an insert start there.
  auto documents = common;
  documents.memtable_insert_with_hint_prefix_extractor.reset(rdb::NewFixedPrefixTransform(2));
  auto messages = common;
  messages.memtable_insert_with_hint_prefix_extractor.reset(rdb::NewFixedPrefixTransform(3));
  documents.bottommost_compression = rdb::kLZ4Compression;
  return {{rdb::kDefaultColumnFamilyName, meta}, {"documents", documents}, {"messages", messages}};
}

Result<std::unique_ptr<Store>> Store::open(StoreOptions options) {
  const auto& directory = options.directory;
  if (auto created = create_directory(directory); !created) return std::unexpected(created.error());
  auto lock = DirectoryLock::take(directory);
  if (!lock) return std::unexpected(lock.error());

  // What the directory says of itself.
  const std::string parent = fs::path(directory).parent_path().string();
  const std::string data = parent.empty() ? "." : parent;
  const std::string advice = advice_for(data);
  auto seal = read_seal(directory);
  if (!seal) return fail(seal.error().fault, seal.error().message + advice);
  if (*seal) {
    for (const auto& broken : broken_seals(directory, **seal)) return fail(Fault::damaged, broken + advice);
  }
  auto promised = SyncedMark::read(directory);
  if (!promised) return fail(promised.error().fault, promised.error().message + advice);
  const bool exists = fs::exists(directory + "/CURRENT");
  if (exists && !*promised)
    return fail(Fault::damaged, directory + "/" + std::string(synced_name) + " is missing" + advice);
  if (!exists && *promised && (*promised)->sequence > 0)
    return fail(Fault::damaged, directory + "/CURRENT is missing" + advice);
  if (exists && !*seal) {
    // The seal is written before the first change is: without it, only a store that promised nothing is whole.
    if ((*promised)->sequence > 0)
      return fail(Fault::damaged, directory + "/" + std::string(seal_name) + " is missing" + advice);
  }

  if (exists) {
    // From here on the files change: a clean seal no longer holds.
    if (auto sealed = seal_open(directory); !sealed) return std::unexpected(sealed.error());
    if (auto synced = sync_logs(directory); !synced) return std::unexpected(synced.error());
  }
  auto mark = SyncedMark::open(directory);
  if (!mark) return std::unexpected(mark.error());

  Opened opened;
  rdb::DB* db = nullptr;
  auto resealer = std::make_shared<Resealer>(directory);
  auto db_options = database_options(options);
  db_options.listeners.push_back(resealer);
  const auto status = rdb::DB::Open(db_options, directory, families(options), &opened.families, &db);
  if (status.IsCorruption()) return std::unexpected(damaged(status, data));
  if (!status.ok()) return std::unexpected(error_of(status));
  opened.db.reset(db);
  db->GetEnv()->LowerThreadPoolCPUPriority(rdb::Env::Priority::LOW, rdb::CpuPriority::kLow);
  if (db->GetLatestSequenceNumber() < (*mark)->sequence()) {
    const auto missing = (*mark)->sequence() - db->GetLatestSequenceNumber();
    resealer->stop();
    opened.close();
    return fail(Fault::damaged, "the log in " + directory + " ends early: " + std::to_string(missing) +
                                    " changes that were promised are missing" + advice);
  }
  if (auto sealed = seal_open(directory); !sealed) {
    resealer->stop();
    opened.close();
    return std::unexpected(sealed.error());
  }
  return std::make_unique<RocksStore>(std::move(options), std::move(*lock), std::move(*mark), std::move(resealer),
                                      std::move(opened));
}

}  // namespace globogym::engine::rocksdb
