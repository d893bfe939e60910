#include "engine/rocksdb/verify.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "engine/kv/records.h"
#include "engine/rocksdb/rocks.h"
#include "engine/rocksdb/seal.h"
#include "engine/rocksdb/walk.h"

namespace globogym::engine::rocksdb {

namespace rdb = ::rocksdb;
namespace fs = std::filesystem;

namespace {

bool in_use(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool locked = ::flock(fd, LOCK_EX | LOCK_NB) != 0;
  ::close(fd);
  return locked;
}

// Reads every record and holds messages, index and totals against each other.
class RecordCheck {
 public:
  RecordCheck(rdb::DB& db, const std::vector<rdb::ColumnFamilyHandle*>& families, const Look& look, Report& report)
      : db_(db), families_(families), look_(look), report_(report) {}

  void run() {
    walk(db_, family(kv::Space::documents), [&](auto key, auto value) { document(key, value); }, gap("documents"));
    walk(db_, family(kv::Space::messages), [&](auto key, auto value) { message(key, value); }, gap("messages"));
    walk(db_, family(kv::Space::meta), [&](auto key, auto value) { meta(key, value); }, gap("meta"));
    compare_totals();
  }

 private:
  rdb::ColumnFamilyHandle* family(kv::Space space) const { return families_[static_cast<std::size_t>(space)]; }

  std::function<void(std::string)> gap(std::string space) {
    return [this, space = std::move(space)](std::string what) {
      report_.problems.push_back("records of " + space + " cannot be read: " + what);
      has_gaps_ = true;
    };
  }

  void document(std::string_view key, std::string_view value) {
    ++report_.documents;
    auto parsed = kv::parse_document_value(value);
    const auto name = kv::parse_document_key(key);
    if (!name || !parsed) {
      report_.problems.push_back("document \"" + readable(key) + "\" does not decode");
      return;
    }
    newest_ = std::max(newest_, parsed->first);
    if (look_) look_(*name, parsed->second);
  }

  void message(std::string_view key, std::string_view value) {
    auto where = kv::parse_message_key(key);
    if (!where) {
      report_.problems.push_back("message \"" + readable(key) + "\" does not decode");
      return;
    }
    auto stored = [&](const kv::Place& place) {
      std::string found;
      const auto status = db_.Get(rdb::ReadOptions(), family(kv::Space::messages),
                                  kv::message_key(where->queue, place, where->id), &found);
      return status.ok() ? std::optional(found) : std::nullopt;
    };
    const std::string name = "message \"" + readable(where->id) + "\" of queue " + std::to_string(where->queue);
    if (where->place.lane == kv::Lane::ready && kv::is_stub(value)) {
      auto place = kv::parse_stub(value);
      if (!place) {
        report_.problems.push_back(name + " does not decode");
      } else if (!stored(*place)) {
        report_.problems.push_back(name + " is not where it should be, or cannot be read");
      }
      return;
    }
    ++report_.messages;
    auto record = kv::decode_message(value);
    if (!record || record->id != where->id) {
      report_.problems.push_back(name + " does not decode");
      return;
    }
    ++lanes_[{where->queue, where->place.lane}];
    if (where->place.lane == kv::Lane::ready) return;
    auto found = stored({kv::Lane::ready, 0});
    auto place = found ? kv::parse_stub(*found) : std::nullopt;
    if (!place || *place != where->place) report_.problems.push_back(name + " is not found under its id");
  }

  void meta(std::string_view key, std::string_view value) {
    if (key == kv::totals_key) {
      totals_ = kv::decode_totals(value);
      if (!totals_) report_.problems.push_back("the record of totals does not decode");
      return;
    }
    if (key.empty() || key[0] != kv::lease_prefix || !kv::decode_lease(value))
      report_.problems.push_back("record \"" + readable(key) + "\" does not decode");
  }

  void compare_totals() {
    if (has_gaps_) return;  // the counts cannot agree
    if (!totals_) {
      if (report_.documents + report_.messages > 0) report_.problems.push_back("the record of totals is missing");
      return;
    }
    if (totals_->version < newest_)
      report_.problems.push_back("a document is newer than the newest change the totals know");
    for (std::size_t i = 0; i < totals_->queues.size(); ++i) {
      const auto& queue = totals_->queues[i];
      auto compare = [&](kv::Lane lane, std::uint64_t total, const char* name) {
        const auto counted = lanes_[{static_cast<kv::QueueNumber>(i), lane}];
        if (counted != total)
          report_.problems.push_back("queue " + queue.name + " has " + std::to_string(counted) + " " + name +
                                     " messages, its total says " + std::to_string(total));
      };
      compare(kv::Lane::ready, queue.ready, "ready");
      compare(kv::Lane::delayed, queue.delayed, "delayed");
      compare(kv::Lane::dead, queue.dead, "dead");
    }
  }

  rdb::DB& db_;
  const std::vector<rdb::ColumnFamilyHandle*>& families_;
  const Look& look_;
  Report& report_;
  std::map<std::pair<kv::QueueNumber, kv::Lane>, std::uint64_t> lanes_;
  std::optional<kv::Totals> totals_;
  Version newest_ = 0;
  bool has_gaps_ = false;
};

}  // namespace

Result<std::vector<std::string>> verify_marks(const std::string& directory) {
  std::vector<std::string> problems;
  if (!fs::is_directory(directory)) return fail(Fault::not_found, "there is no data directory " + directory);
  auto seal = read_seal(directory);
  auto mark = SyncedMark::read(directory);
  const bool exists = fs::exists(directory + "/CURRENT");
  if (!seal) {
    if (seal.error().fault != Fault::damaged) return std::unexpected(seal.error());
    problems.push_back(seal.error().message);
  } else if (*seal) {
    for (auto& broken : broken_seals(directory, **seal)) problems.push_back(std::move(broken));
  }
  if (!mark) {
    if (mark.error().fault != Fault::damaged) return std::unexpected(mark.error());
    problems.push_back(mark.error().message);
  } else if (*mark && (*mark)->slot_damaged) {
    problems.push_back(directory + "/" + std::string(synced_name) + ": one of its two copies does not check");
  }
  const bool promised = mark && *mark && (*mark)->sequence > 0;
  if (exists && mark && !*mark) problems.push_back(directory + "/" + std::string(synced_name) + " is missing");
  if (exists && promised && seal && !*seal)
    problems.push_back(directory + "/" + std::string(seal_name) + " is missing");
  if (!exists && promised) problems.push_back(directory + "/CURRENT is missing");
  return problems;
}

Result<Report> verify(const std::string& directory, const Look& look) {
  if (!fs::is_directory(directory)) return fail(Fault::not_found, "there is no data directory " + directory);
  Report report;
  report.beside_a_running_service = in_use(directory);
  if (!report.beside_a_running_service) {
    auto marks = verify_marks(directory);
    if (!marks) return std::unexpected(marks.error());
    report.problems = std::move(*marks);
  }
  if (!fs::exists(directory + "/CURRENT")) {
    if (report.problems.empty()) return fail(Fault::not_found, "there is no data in " + directory);
    return report;
  }

  StoreOptions options{.directory = directory};
  auto db_options = database_options(options);
  db_options.create_if_missing = false;
  db_options.create_missing_column_families = false;
  db_options.max_open_files = -1;  // a running service may delete a table while we read it
  Opened opened;
  rdb::DB* db = nullptr;
  rdb::Status status;
  for (int attempt = 0; attempt < 3; ++attempt) {
    status = rdb::DB::OpenForReadOnly(db_options, directory, families(options), &opened.families, &db);
    if (status.ok() || !report.beside_a_running_service) break;
  }
  if (!status.ok()) {
    report.problems.push_back(directory + " does not open: " + status.ToString());
    return report;
  }
  opened.db.reset(db);

  if (!report.beside_a_running_service) {
    auto mark = SyncedMark::read(directory);
    if (mark && *mark && db->GetLatestSequenceNumber() < (*mark)->sequence)
      report.problems.push_back(
          "the log ends early: " + std::to_string((*mark)->sequence - db->GetLatestSequenceNumber()) +
          " changes that were promised are missing");
  }
  std::vector<rdb::LiveFileMetaData> tables;
  db->GetLiveFilesMetaData(&tables);
  for (const auto& table : tables) {
    ++report.tables;
    const fs::path path = table.db_path + table.name;
    if (table_checks(path.string(), table.file_checksum)) continue;
    report.problems.push_back("table file " + path.string() + " (" + table.column_family_name + ", records \"" +
                              readable(table.smallestkey) + "\" to \"" + readable(table.largestkey) +
                              "\") does not match its checksum");
    for (auto* family : opened.families)
      if (family->GetName() == table.column_family_name)
        walk_table(
            db->GetOptions(family), path.string(), [](auto, auto) {},
            [&](std::string what) { report.problems.push_back("cannot be read: records " + what); });
  }
  RecordCheck(*db, opened.families, look, report).run();
  opened.close();
  return report;
}

}  // namespace globogym::engine::rocksdb
