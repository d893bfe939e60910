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
#include <rocksdb/utilities/checkpoint.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include "base/assert.h"
#include "engine/rocksdb/directory.h"
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
  explicit LogLines(std::function<std::string(std::string)> named)
      : rdb::Logger(rdb::InfoLogLevel::WARN_LEVEL), named_(std::move(named)) {}
  using rdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override { Logv(rdb::InfoLogLevel::WARN_LEVEL, format, arguments); }
  __attribute__((format(printf, 3, 0))) void Logv(const rdb::InfoLogLevel level, const char* format,
                                                  va_list arguments) override {
    if (level < rdb::InfoLogLevel::WARN_LEVEL || level == rdb::InfoLogLevel::HEADER_LEVEL) return;
    char text[400];
    std::vsnprintf(text, sizeof text, format, arguments);
    log::warning("storage-engine", {{"says", std::string_view(named_ ? named_(text) : text)}});
  }

 private:
  const std::function<std::string(std::string)> named_;
};

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

// RocksDB starts these when it first has something to do for them. A limit on threads is better met at the start.
void start_background_threads(rdb::Env& env) {
  for (auto priority : {rdb::Env::Priority::HIGH, rdb::Env::Priority::LOW})
    env.Schedule([](void*) {}, nullptr, priority);
}

class RangeCursor final : public kv::Cursor {
 public:
  using Judge = std::function<Error(const rdb::Status&)>;
  RangeCursor(rdb::DB& db, rdb::ColumnFamilyHandle* family, std::string_view from, std::string_view to, Judge judge)
      : to_(to), upper_(to_), judge_(std::move(judge)) {
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
    if (iterator_->Valid()) return true;
    if (const auto status = iterator_->status(); !status.ok()) error_ = judge_(status);
    return false;
  }
  std::string_view key() const override { return {iterator_->key().data(), iterator_->key().size()}; }
  std::string_view value() const override { return {iterator_->value().data(), iterator_->value().size()}; }
  std::optional<Error> error() const override { return error_; }

 private:
  std::string to_;
  rdb::Slice upper_;
  Judge judge_;
  std::unique_ptr<rdb::Iterator> iterator_;
  std::optional<Error> error_;
  bool started_ = false;
};

Result<void> seal_open(const std::string& directory) {
  auto seal = take_seal(directory, false);
  if (!seal) return std::unexpected(seal.error());
  return write_seal(directory, *seal);
}

// Seals an open store, and again when its manifest has grown: a compaction may end on a thread of RocksDB's while the
// store is still being opened, and a seal has one writer at a time.
class Resealer final : public rdb::EventListener {
 public:
  explicit Resealer(std::string directory) : directory_(std::move(directory)) {}
  Result<void> seal() {
    std::lock_guard lock(mutex_);
    return seal_open(directory_);
  }
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
  RocksStore(StoreOptions options, std::unique_ptr<Directory> directory, std::string id,
             std::unique_ptr<SyncedMark> mark, std::shared_ptr<Resealer> resealer, Opened opened)
      : options_(std::move(options)),
        directory_(std::move(directory)),
        id_(std::move(id)),
        mark_(std::move(mark)),
        resealer_(std::move(resealer)),
        opened_(std::move(opened)) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory_->files(), error))
      if (entry.path().extension() == ".log") logs_.insert(std::strtoull(entry.path().filename().c_str(), nullptr, 10));
  }

  ~RocksStore() override {
    resealer_->stop();
    if (opened_.db) opened_.close();
  }

  void put(kv::Space space, std::string_view key, std::string_view head, std::string_view body) override {
    const rdb::Slice whole = slice(key);
    const std::array<rdb::Slice, 2> pieces = {slice(head), slice(body)};
    batch_.Put(family(space), {&whole, 1}, {pieces.data(), static_cast<int>(pieces.size())});
  }
  void erase(kv::Space space, std::string_view key) override { batch_.Delete(family(space), slice(key)); }
  void erase_once(kv::Space space, std::string_view key) override { batch_.SingleDelete(family(space), slice(key)); }

  Result<void> write(bool durable) override {
    rdb::WriteOptions options;
    options.sync = durable;
    const auto status = opened_.db->Write(options, &batch_);
    batch_.Clear();
    if (!status.ok()) return std::unexpected(judged(status));
    if (!durable) return {};
    mark_->advance(opened_.db->GetLatestSequenceNumber());
    return log_still_there();
  }

  Identity identity() const override { return {id_, directory_->inode(), mark_->sequence()}; }

  Result<void> still_there() override {
    if (auto there = log_still_there(); !there) return there;
    auto missing = missing_file();
    // What a compaction has just replaced is missing too, and no longer in use.
    if (missing && missing == missing_file())
      return fail(Fault::unavailable, directory_->path() + *missing + " is missing");
    return {};
  }

  Result<std::optional<std::string>> get(kv::Space space, std::string_view key) override {
    return get_with(rdb::ReadOptions(), space, key);
  }

  // What is in memory goes to tables first, so that the copy has as little log as can be. It vouches for itself like
  // the original: for every change there was when it was begun.
  Result<void> copy_into(const std::string& directory) override {
    const auto undone = [&](Error error) {
      std::error_code ignored;
      fs::remove_all(directory, ignored);
      return std::unexpected(directory_->named(std::move(error)));
    };
    std::error_code error;
    if (fs::exists(directory, error)) return fail(Fault::unavailable, directory + " is there already");
    const std::uint64_t promised = opened_.db->GetLatestSequenceNumber();
    rdb::Checkpoint* made = nullptr;
    if (auto status = rdb::Checkpoint::Create(opened_.db.get(), &made); !status.ok()) return undone(error_of(status));
    const std::unique_ptr<rdb::Checkpoint> checkpoint(made);
    if (auto status = checkpoint->CreateCheckpoint(directory, 0); !status.ok()) return undone(error_of(status));
    fs::copy_file(directory_->files() + "/IDENTITY", directory + "/IDENTITY", error);
    if (error) return undone({Fault::unavailable, "cannot copy IDENTITY to " + directory + ": " + error.message()});
    {
      auto mark = SyncedMark::open(directory);
      if (!mark) return undone(mark.error());
      (*mark)->advance(promised);
    }
    if (auto sealed = seal_open(directory); !sealed) return undone(sealed.error());
    return {};
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
    return std::make_unique<RangeCursor>(*opened_.db, family(space), from, to,
                                         [this](const rdb::Status& status) { return judged(status); });
  }

  Result<void> close() override {
    resealer_->stop();
    for (auto* each : opened_.families)
      if (auto status = opened_.db->Flush(rdb::FlushOptions(), each); !status.ok())
        return std::unexpected(judged(status));
    if (auto status = opened_.close(); !status.ok()) return std::unexpected(judged(status));
    auto seal = take_seal(directory_->files(), true);
    if (!seal) return std::unexpected(directory_->named(seal.error()));
    auto sealed = write_seal(directory_->files(), *seal);
    if (!sealed) return std::unexpected(directory_->named(sealed.error()));
    return {};
  }

 private:
  // The error that a status means, after those who want to know of damage have been told.
  Error judged(const rdb::Status& status) const {
    auto error = directory_->named(error_of(status));
    if (error.fault == Fault::damaged && options_.on_damage) options_.on_damage(error);
    return error;
  }

  // The directory and the log: what a commit that has been synced needs to be found again.
  Result<void> log_still_there() {
    if (auto there = directory_->still_there(); !there) return there;
    std::unique_ptr<rdb::LogFile> log;
    if (const auto status = opened_.db->GetCurrentWalFile(&log); !status.ok())
      return fail(Fault::unavailable, "the log in " + directory_->path() +
                                          " is missing or cannot be seen: " + directory_->naming()(status.ToString()));
    return {};
  }

  std::optional<std::string> missing_file() {
    const auto missing = [&](const std::string& name) {
      return ::access((directory_->files() + name).c_str(), F_OK) != 0;
    };
    std::vector<std::string> live;
    std::uint64_t manifest_size = 0;
    if (!opened_.db->GetLiveFiles(live, &manifest_size, false).ok()) return std::nullopt;
    for (auto& name : live)
      if (missing(name)) return std::move(name);
    // Logs before the current one, as long as what they hold is in no table.
    std::uint64_t oldest_needed = 0;
    if (!opened_.db->GetIntProperty(rdb::DB::Properties::kMinLogNumberToKeep, &oldest_needed)) return std::nullopt;
    logs_.erase(logs_.begin(), logs_.lower_bound(oldest_needed));
    std::unique_ptr<rdb::LogFile> current;
    if (opened_.db->GetCurrentWalFile(&current).ok()) logs_.insert(current->LogNumber());
    for (const auto number : logs_) {
      char name[32];
      std::snprintf(name, sizeof name, "/%06llu.log", static_cast<unsigned long long>(number));
      if (missing(name)) return name;
    }
    return std::nullopt;
  }

  static rdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
  rdb::ColumnFamilyHandle* family(kv::Space space) const { return opened_.families[static_cast<std::size_t>(space)]; }

  Result<std::optional<std::string>> get_with(const rdb::ReadOptions& options, kv::Space space, std::string_view key) {
    rdb::PinnableSlice value;
    const auto status = opened_.db->Get(options, family(space), slice(key), &value);
    if (status.ok()) return std::optional(value.ToString());
    if (status.IsNotFound()) return std::nullopt;
    if (status.IsIncomplete()) return fail(Fault::unavailable, "not in memory");
    return std::unexpected(judged(status));
  }

  StoreOptions options_;
  std::unique_ptr<Directory> directory_;
  const std::string id_;
  std::unique_ptr<SyncedMark> mark_;
  std::shared_ptr<Resealer> resealer_;
  Opened opened_;
  std::set<std::uint64_t> logs_;  // numbers of those seen that may still be needed
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
  db.info_log = std::make_shared<LogLines>(nullptr);
  // A tail that was never acknowledged may be torn; SYNCED tells whether what is missing had been promised.
  db.wal_recovery_mode = rdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.track_and_verify_wals_in_manifest = true;
  db.write_dbid_to_manifest = true;
  db.avoid_flush_during_recovery = !options.flush_recovered;
  db.file_checksum_gen_factory = rdb::GetFileChecksumGenCrc32cFactory();
  db.max_background_jobs = 2;
  db.max_open_files = 256;
  db.max_file_opening_threads = 1;  // threads of its own, for moments
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

namespace {

// Why `directory` does not hold the store that is wanted; nothing when it does.
Result<void> same_store(const Directory& directory, const Identity& wanted) {
  const auto wrong = [&](const std::string& what) {
    return fail(Fault::unavailable, "at " + directory.path() + " stands " + what +
                                        ": put the store back that this process has had, and all goes on by itself");
  };
  auto id = identity_in(directory.files());
  if (!id) return std::unexpected(directory.named(id.error()));
  if (!*id) return wrong("no store; is its disk not mounted?");
  if (**id != wanted.id) return wrong("another store (" + **id + " instead of " + wanted.id + ")");
  // Its device may have another number when it has been attached again.
  if (directory.inode() != wanted.inode)
    return wrong("a copy of the store, which may lack what was promised since (to go on with the copy, start again)");
  return {};
}

// Whether files of a store stand here, whose CURRENT is missing if it is. The first start, interrupted, leaves none.
bool holds_a_store(const std::string& files) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(files, error)) {
    const auto name = entry.path().filename();
    if (name == seal_name || name.extension() == ".sst" || name.extension() == ".log") return true;
  }
  return false;
}

// Whether all that was promised can be read, before anything is opened for writing: a store that is opened without one
// of its logs goes on without it, and when the log comes back it is behind the store for good. A refusal changes
// nothing.
Result<void> holds_what_was_promised(const Directory& directory, const StoreOptions& options, std::uint64_t promised,
                                     const std::string& advice) {
  auto db_options = database_options(options);
  db_options.info_log = std::make_shared<LogLines>(directory.naming());
  Opened opened;
  rdb::DB* db = nullptr;
  const auto status = rdb::DB::OpenForReadOnly(db_options, directory.files(), families(options), &opened.families, &db);
  if (!status.ok()) return {};  // opening it will say why, and looks once more
  opened.db.reset(db);
  const std::uint64_t newest = db->GetLatestSequenceNumber();
  opened.close();
  if (newest >= promised) return {};
  return fail(Fault::damaged, "the log in " + directory.path() + " ends early: " + std::to_string(promised - newest) +
                                  " changes that were promised are missing. Nothing was changed: if a file that ends "
                                  "in .log has been moved away, put it back; if none was, " +
                                  advice.substr(2));
}

Result<std::unique_ptr<Store>> open_in(std::unique_ptr<Directory> directory, StoreOptions options) {
  const auto& files = directory->files();
  if (options.same_as) {
    if (auto same = same_store(*directory, *options.same_as); !same) return std::unexpected(same.error());
  }
  // What the directory says of itself.
  const std::string parent = fs::path(directory->path()).parent_path().string();
  const std::string data = parent.empty() ? "." : parent;
  const std::string advice = advice_for(data);
  auto seal = read_seal(files);
  // What cannot be read is not damaged: whoever asks may not, or the disk is ill.
  const auto judged = [&](const Error& why) {
    return fail(why.fault, why.message + (why.fault == Fault::damaged ? advice : "; run as the owner of " + data));
  };
  if (!seal) return judged(seal.error());
  if (*seal) {
    for (const auto& broken : broken_seals(files, **seal)) return fail(Fault::damaged, broken + advice);
  }
  auto promised = SyncedMark::read(files);
  if (!promised) return judged(promised.error());
  const bool exists = fs::exists(files + "/CURRENT");
  if (exists && !*promised)
    return fail(Fault::damaged, files + "/" + std::string(synced_name) + " is missing" + advice);
  if (!exists && ((*promised && (*promised)->sequence > 0) || holds_a_store(files)))
    return fail(Fault::damaged, files + "/CURRENT is missing" + advice);
  if (exists && !*seal) {
    // The seal is written before the first change is: without it, only a store that promised nothing is whole.
    if ((*promised)->sequence > 0)
      return fail(Fault::damaged, files + "/" + std::string(seal_name) + " is missing" + advice);
  }
  if (options.same_as && (!exists || !*promised || (*promised)->sequence < options.same_as->promised))
    return fail(Fault::unavailable, directory->path() +
                                        " holds less than was promised: it is older than the store that this "
                                        "process has had; put that one back, and all goes on by itself");

  if (exists && (!*seal || !(*seal)->clean) && *promised) {
    auto whole = holds_what_was_promised(*directory, options, (*promised)->sequence, advice);
    if (!whole) return std::unexpected(whole.error());
  }

  if (exists) {
    // From here on the files change: a clean seal no longer holds.
    if (auto sealed = seal_open(files); !sealed) return std::unexpected(sealed.error());
    if (auto synced = sync_logs(files); !synced) return std::unexpected(synced.error());
  }
  auto mark = SyncedMark::open(files);
  if (!mark) return std::unexpected(mark.error());

  Opened opened;
  rdb::DB* db = nullptr;
  auto resealer = std::make_shared<Resealer>(files);
  auto db_options = database_options(options);
  db_options.create_if_missing = !options.same_as;
  db_options.info_log = std::make_shared<LogLines>(directory->naming());
  db_options.listeners.push_back(resealer);
  const auto status = rdb::DB::Open(db_options, files, families(options), &opened.families, &db);
  if (status.IsCorruption()) return std::unexpected(damaged(status, data));
  if (!status.ok()) return std::unexpected(error_of(status));
  opened.db.reset(db);
  const auto give_up = [&](Error error) {
    resealer->stop();
    opened.close();
    return std::unexpected(std::move(error));
  };
  db->GetEnv()->LowerThreadPoolCPUPriority(rdb::Env::Priority::LOW, rdb::CpuPriority::kLow);
  start_background_threads(*db->GetEnv());
  std::string id;
  if (auto known = db->GetDbIdentity(id); !known.ok()) return give_up(error_of(known));
  if (db->GetLatestSequenceNumber() < (*mark)->sequence()) {
    const auto missing = (*mark)->sequence() - db->GetLatestSequenceNumber();
    return give_up({Fault::damaged, "the log in " + directory->path() + " ends early: " + std::to_string(missing) +
                                        " changes that were promised are missing" + advice});
  }
  if (auto sealed = resealer->seal(); !sealed) return give_up(sealed.error());
  directory->remember_lock_file();
  return std::make_unique<RocksStore>(std::move(options), std::move(directory), std::move(id), std::move(*mark),
                                      std::move(resealer), std::move(opened));
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(StoreOptions options) {
  auto directory = Directory::hold(options.directory,
                                   options.same_as ? Directory::Missing::is_an_error : Directory::Missing::is_made);
  if (!directory) return std::unexpected(directory.error());
  const auto named = (*directory)->naming();
  auto opened = open_in(std::move(*directory), std::move(options));
  // Messages are about the files as this process reaches them; people know them by another name.
  if (!opened) return fail(opened.error().fault, named(opened.error().message));
  return opened;
}

Result<std::optional<std::string>> identity_in(const std::string& directory) {
  const auto path = directory + "/IDENTITY";
  std::ifstream in(path);
  if (!in) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return fail(Fault::unavailable, "cannot read " + path + ": " + std::strerror(errno));
  }
  std::string id;
  in >> id;
  if (id.empty()) return std::nullopt;
  return id;
}

}  // namespace globogym::engine::rocksdb
