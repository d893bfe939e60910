#include "engine/rocksdb/recover.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "engine/kv/records.h"
#include "engine/rocksdb/rocks.h"
#include "engine/rocksdb/seal.h"
#include "engine/rocksdb/walk.h"

namespace globogym::engine::rocksdb {

namespace rdb = ::rocksdb;
namespace fs = std::filesystem;

namespace {

// The directory, while it is copied: what a running server changed meanwhile would be damage in the copy.
class Held {
 public:
  explicit Held(const std::string& directory)
      : descriptor_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
        alone_(descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {}
  Held(const Held&) = delete;
  ~Held() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  bool alone() const { return alone_; }

 private:
  const int descriptor_;
  const bool alone_;
};

// Opens a private copy with every leniency RocksDB has; rebuilds its table of contents when even that fails.
Result<Opened> open_leniently(const std::string& copy, std::vector<std::string>& lost) {
  StoreOptions options{.directory = copy, .flush_recovered = true};
  auto db_options = database_options(options);
  db_options.create_if_missing = false;
  db_options.paranoid_checks = false;
  db_options.track_and_verify_wals_in_manifest = false;
  db_options.wal_recovery_mode = rdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  auto described = families(options);
  auto open = [&](Opened& opened) {
    rdb::DB* db = nullptr;
    auto status = rdb::DB::Open(db_options, copy, described, &opened.families, &db);
    opened.db.reset(db);
    return status;
  };
  Opened opened;
  auto status = open(opened);
  if (status.ok()) return opened;
  lost.push_back("the store did not open (" + status.ToString() +
                 "); its table of contents was rebuilt from its files");
  if (auto repaired = rdb::RepairDB(copy, db_options, described); !repaired.ok())
    return std::unexpected(error_of(repaired));
  db_options.create_missing_column_families = true;
  status = open(opened);
  if (!status.ok()) return std::unexpected(error_of(status));
  return opened;
}

// A damaged log is read around the damage, in stretches, and nobody can say which records the rest held. Says at least
// that there was something; nothing when the log holds all that was promised.
std::optional<std::string> what_the_log_lost(const std::string& from) {
  StoreOptions options{.directory = from};
  auto db_options = database_options(options);
  db_options.create_if_missing = false;
  db_options.create_missing_column_families = false;
  Opened opened;
  rdb::DB* db = nullptr;
  const auto status = rdb::DB::OpenForReadOnly(db_options, from, families(options), &opened.families, &db);
  opened.db.reset(db);
  if (!status.ok())
    return "an unknown number of changes, the last ones most likely: the store does not open as it is (" +
           status.ToString() + ")";
  const auto newest = db->GetLatestSequenceNumber();
  opened.close();
  const auto mark = SyncedMark::read(from);
  if (!mark || !*mark || newest >= (*mark)->sequence) return std::nullopt;
  return "the last " + std::to_string((*mark)->sequence - newest) + " changes that were promised: the log ends early";
}

// What can be read of tables that do not check, by key, of each space. A key that several of them hold: any.
using Salvage = std::array<std::map<std::string, std::string>, kv::spaces>;

// Takes every table that does not check out of the copy, keeping what can be read of it, and rebuilds the store from
// the others: one damaged table would otherwise stand before what all others say of the keys in its range.
Result<Salvage> take_out_damaged_tables(const std::string& copy, Opened& opened, std::vector<std::string>& lost) {
  Salvage salvage;
  std::vector<rdb::LiveFileMetaData> tables, damaged;
  opened.db->GetLiveFilesMetaData(&tables);
  for (const auto& table : tables)
    if (!table_checks(table.db_path + table.name, table.file_checksum)) damaged.push_back(table);
  if (damaged.empty()) return salvage;
  for (const auto& table : damaged) {
    for (std::size_t space = 0; space < kv::spaces; ++space) {
      if (opened.families[space]->GetName() != table.column_family_name) continue;
      walk_table(
          opened.db->GetOptions(opened.families[space]), table.db_path + table.name,
          [&](auto key, auto value) { salvage[space].insert_or_assign(std::string(key), std::string(value)); },
          [&](std::string what) { lost.push_back("records of " + table.column_family_name + " " + what); });
    }
    lost.push_back(
        "table " + table.name.substr(1) +
        " is damaged: what it said of deleted or replaced records is forgotten, so work that was done may be "
        "done again, and a document may be an older one");
  }
  opened.close();
  std::error_code error;
  for (const auto& table : damaged) fs::remove(copy + table.name, error);
  StoreOptions options{.directory = copy, .flush_recovered = true};
  auto db_options = database_options(options);
  db_options.create_if_missing = false;
  db_options.paranoid_checks = false;
  db_options.create_missing_column_families = true;
  auto described = families(options);
  if (auto status = rdb::RepairDB(copy, db_options, described); !status.ok()) return std::unexpected(error_of(status));
  rdb::DB* db = nullptr;
  const auto status = rdb::DB::Open(db_options, copy, described, &opened.families, &db);
  opened.db.reset(db);
  if (!status.ok()) return std::unexpected(error_of(status));
  return salvage;
}

}  // namespace

Result<Recovered> recover(const std::string& from, const std::string& to, const Recount& recount) {
  Recovered result;
  if (!fs::is_directory(from)) return fail(Fault::not_found, "there is no data directory " + from);
  if (fs::exists(to)) return fail(Fault::invalid, to + " exists already; name a directory that does not");

  const Held held(from);
  if (!held.alone())
    return fail(Fault::unavailable, "cannot have " + from + " for ourselves; stop the process that is using it first");

  const std::string copy = to + ".working";
  std::error_code error;
  fs::remove_all(copy, error);
  fs::create_directories(copy, error);
  for (const auto& entry : fs::directory_iterator(from, error)) {
    const auto name = entry.path().filename().string();
    if (!entry.is_regular_file() || name == "LOCK" || name == seal_name || name == synced_name) continue;
    fs::copy_file(entry.path(), fs::path(copy) / name, error);
    if (error) return fail(Fault::unavailable, "cannot copy " + entry.path().string() + ": " + error.message());
  }
  if (auto lost = what_the_log_lost(from)) result.lost.push_back(std::move(*lost));
  auto opened = open_leniently(copy, result.lost);
  if (!opened) return std::unexpected(opened.error());
  auto salvage = take_out_damaged_tables(copy, *opened, result.lost);
  if (!salvage) return std::unexpected(salvage.error());
  auto saved = Store::open({.directory = to});
  if (!saved) return std::unexpected(saved.error());
  auto& store = **saved;

  auto gap = [&](const char* space) {
    return
        [&result, space](std::string what) { result.lost.push_back(std::string("records of ") + space + ": " + what); };
  };
  Result<void> written;
  std::size_t staged = 0;
  auto maybe_write = [&] {
    if (++staged % 1000 == 0 && written) written = store.write(true);
  };
  auto family = [&](kv::Space space) { return opened->families[static_cast<std::size_t>(space)]; };

  kv::Totals totals;
  std::map<std::string, std::int64_t> counts;
  Version newest = 0;
  std::map<std::string, std::string, std::less<>> leases;
  walk(
      *opened->db, family(kv::Space::meta),
      [&](auto key, auto value) {
        if (key == kv::totals_key) {
          if (auto decoded = kv::decode_totals(value)) totals = std::move(*decoded);
        } else if (kv::decode_lease(value)) {
          leases.emplace(key, value);
        }
      },
      gap("meta"));
  // Of totals the newest, and of attempts too many rather than too few: of a message the highest count wins.
  for (const auto& [key, value] : (*salvage)[static_cast<std::size_t>(kv::Space::meta)]) {
    if (key != kv::totals_key) {
      if (kv::decode_lease(value)) leases.emplace(key, value);
    } else if (auto decoded = kv::decode_totals(value); decoded && decoded->version > totals.version) {
      totals = std::move(*decoded);
    }
  }
  const auto document = [&](std::string_view key, std::string_view value) {
    auto parsed_key = kv::parse_document_key(key);
    auto parsed = kv::parse_document_value(value);
    if (!parsed_key || !parsed) {
      result.lost.push_back("document \"" + readable(key) + "\"");
      return;
    }
    newest = std::max(newest, parsed->first);
    ++result.documents;
    if (recount.document && !recount.document(*parsed_key, parsed->second, counts)) return;
    store.put(kv::Space::documents, key, value);
    maybe_write();
  };
  auto& documents = (*salvage)[static_cast<std::size_t>(kv::Space::documents)];
  walk(
      *opened->db, family(kv::Space::documents),
      [&](auto key, auto value) {
        // Of two versions the newer one; what is left over afterwards was in damaged tables only.
        const auto found = documents.find(std::string(key));
        const auto here = kv::parse_document_value(value);
        const auto there = found == documents.end() ? std::nullopt : kv::parse_document_value(found->second);
        document(key, here && there && there->first > here->first ? std::string_view(found->second) : value);
        if (found != documents.end()) documents.erase(found);
      },
      gap("documents"));
  for (const auto& [key, value] : documents) document(key, value);
  for (auto& queue : totals.queues) queue.ready = queue.delayed = queue.dead = 0;
  // One id, one message: when the word that it had moved was lost with a damaged table, it can stand in two places. And
  // what the whole tables say of it goes before what a damaged one said.
  std::set<std::pair<kv::QueueNumber, std::string>> seen;
  const auto message = [&](std::string_view key, std::string_view value) {
    if (kv::is_stub(value)) return;  // made anew from the messages
    auto where = kv::parse_message_key(key);
    auto record = kv::decode_message(value);
    if (!where || !record || record->id != where->id) {
      result.lost.push_back("message \"" + readable(key) + "\"");
      return;
    }
    const auto queue = where->queue;
    const auto& place = where->place;
    if (!seen.emplace(queue, record->id).second) return;
    newest = std::max(newest, record->version);
    while (totals.queues.size() <= queue)
      totals.queues.push_back({.name = "recovered-" + std::to_string(totals.queues.size())});
    auto& lanes = totals.queues[queue];
    ++(place.lane == kv::Lane::ready ? lanes.ready : place.lane == kv::Lane::delayed ? lanes.delayed : lanes.dead);
    ++result.messages;
    result.message_ids.insert(record->id);
    if (recount.message) recount.message(lanes.name, record->id, counts);
    store.put(kv::Space::messages, key, value);
    if (place.lane != kv::Lane::ready)
      store.put(kv::Space::messages, kv::message_key(queue, {kv::Lane::ready, 0}, where->id), kv::stub(place));
    maybe_write();
  };
  walk(*opened->db, family(kv::Space::messages), message, gap("messages"));
  for (const auto& [key, value] : (*salvage)[static_cast<std::size_t>(kv::Space::messages)]) message(key, value);

  // The attempts that were running count, as after any crash. Of a queue that is not known there is nothing to count.
  for (const auto& [key, value] : leases) {
    const auto lease = kv::decode_lease(value);
    const bool known =
        std::ranges::all_of(lease->entries, [&](const auto& entry) { return entry.queue < totals.queues.size(); });
    if (known) store.put(kv::Space::meta, key, value);
  }
  totals.version = std::max(totals.version, newest);
  if (recount.document) {
    totals.tallies.clear();
    for (const auto& [name, value] : counts) totals.tallies.emplace_back(name, value);
  }
  store.put(kv::Space::meta, kv::totals_key, kv::encode(totals));
  if (written) written = store.write(true);
  if (!written) return std::unexpected(written.error());
  if (auto closed = store.close(); !closed) return std::unexpected(closed.error());
  opened->close();
  fs::remove_all(copy, error);
  return result;
}

}  // namespace globogym::engine::rocksdb
