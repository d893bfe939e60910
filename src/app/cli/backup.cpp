// backup and restore.
#include "app/backup.h"

#include <cstdio>
#include <filesystem>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/cli/operations.h"
#include "app/cli/print.h"
#include "app/cli/trail_check.h"
#include "app/quantity.h"
#include "base/json_writer.h"
#include "engine/rocksdb/store.h"

namespace globogym::app::cli {
namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "globogym: %s\n", error.message.c_str());
  if (error.fault == Fault::invalid) return usage;
  return error.fault == Fault::damaged || error.fault == Fault::not_found ? answer_is_no : cannot_open;
}

// The engine's copy in the data directory, for as long as it is needed. Where no server runs the engine is open only
// while it is made and while it is removed: a server that starts meanwhile finds it free.
class EngineCopy {
 public:
  static Result<std::unique_ptr<EngineCopy>> make(const Config& config) {
    auto operations = Operations::reach(config, Operations::Missing::is_error);
    if (!operations) return std::unexpected(operations.error());
    auto answer = (*operations)->ask("POST", "/admin/v1/backup");
    if (!answer) return std::unexpected(answer.error());
    if (answer->status >= 300) {
      const auto json = JsonDocument::parse(answer->body);
      return fail(Fault::unavailable, json ? json->root().text("detail") : "the server made no copy");
    }
    return std::unique_ptr<EngineCopy>(new EngineCopy(config));
  }
  // Whoever had it made may have gone meanwhile: then the next server, or the next backup, removes it.
  ~EngineCopy() {
    if (auto operations = Operations::reach(config_, Operations::Missing::is_error))
      (void)(*operations)->ask("DELETE", "/admin/v1/backup");
  }
  EngineCopy(const EngineCopy&) = delete;

 private:
  explicit EngineCopy(const Config& config) : config_(config) {}
  const Config& config_;
};

// "211 KiB", and what of it was copied when that is not all.
std::string amount(const Copied& copied) {
  std::string all = about(Size{copied.bytes});
  if (copied.new_bytes == copied.bytes) return all;
  if (copied.new_bytes == 0) return all + " (all of it was there)";
  return all + " (" + about(Size{copied.new_bytes}) + " copied, the rest was there)";
}

struct Checked {
  engine::rocksdb::Report report;
  std::uint64_t lines = 0;
  bool sound = false;  // whatever was promised is there; the audit trail may have been changed
};

// Every record and every line of a directory that nobody uses.
Result<Checked> check(const std::string& data) {
  TrailCheck trail;
  auto report = engine::rocksdb::verify(engine_directory(data), trail.look());
  if (!report) return std::unexpected(report.error());
  const bool sound = report->problems.empty();
  trail.check(audit_directory(data), false, report->problems);
  return Checked{std::move(*report), trail.lines(), sound};
}

int tell(const Context& context, std::string_view done_word, const std::string& where, const Copied& copied,
         const Checked& checked, WallTime taken, const std::string& then) {
  const auto& problems = checked.report.problems;
  if (context.json) {
    JsonWriter json;
    json.object()
        .member("ok", problems.empty())
        .member("takenAt", taken)
        .member("files", copied.files.size())
        .member("bytes", copied.bytes)
        .member("copiedBytes", copied.new_bytes)
        .member("documents", checked.report.documents)
        .member("messages", checked.report.messages)
        .member("auditLines", checked.lines)
        .key("problems")
        .array();
    for (const auto& problem : problems) json.value(problem);
    json.end().end();
    print(json.take());
  } else {
    for (const auto& problem : problems) print("damaged: " + problem);
    print(std::string(done_word) + " " + std::to_string(copied.files.size()) + " files, " + amount(copied) + " " +
          where);
    print(std::to_string(checked.report.documents) + " documents, " + std::to_string(checked.report.messages) +
          " messages, " + std::to_string(checked.lines) + " audit lines: " +
          (problems.empty() ? std::string("everything checks") : std::to_string(problems.size()) + " problems"));
    if (checked.sound && !problems.empty())
      print("everything else checks. The audit trail is copied as it is: look into it (docs/security.md)");
    if (checked.sound) print(then);
  }
  return problems.empty() ? done : answer_is_no;
}

}  // namespace

int backup(const Context& context, const std::string& into) {
  const Config& config = context.config.values;
  const std::string& data = config.service.data;
  if (auto may = may_be_looked_into(data); !may) return complain(may.error());
  std::error_code error;
  if (!std::filesystem::is_directory(engine_directory(data), error))
    return complain({Fault::unavailable, "there is no data directory " + data});
  if (auto alive = sign_of_life(data); !alive) return complain(alive.error());
  auto lock = BackupLock::take(data);
  if (!lock) return complain(lock.error());
  auto store = engine::rocksdb::identity_in(engine_directory(data));
  if (!store) return complain(store.error());
  if (auto begun = begin_backup(data, into, store->value_or("")); !begun) return complain(begun.error());

  Manifest manifest{.taken = SystemClock{}.wall(), .store = store->value_or("")};
  Result<Copied> copied;
  {
    auto copy = EngineCopy::make(config);
    if (!copy) return complain(copy.error());
    copied = copy_backup(data, into);
  }
  if (!copied) return complain(copied.error());
  // The copy, not what it was made of.
  auto checked = check(into);
  if (!checked) return complain(checked.error());
  if (checked->sound) {
    manifest.files = copied->files;
    if (auto finished = finish_backup(into, manifest); !finished) return complain(finished.error());
  }
  return tell(context, "backed up", "into " + into, *copied, *checked, manifest.taken,
              "restore with `globogym restore --from " + into + " --data NEW_DIRECTORY`");
}

int restore(const Context& context, const std::string& from) {
  const std::string& data = context.config.values.service.data;
  for (const auto& each : {from, data})
    if (auto may = may_be_looked_into(each); !may) return complain(may.error());
  auto manifest = read_manifest(from);
  if (!manifest) return complain(manifest.error());
  auto copied = restore_backup(from, data);
  if (!copied) return complain(copied.error());
  auto checked = check(data);
  if (!checked) return complain(checked.error());
  return tell(context, "restored", "into " + data, *copied, *checked, manifest->taken,
              "start with `globogym serve --data " + data + "`; what was accepted after the backup is not in it");
}

}  // namespace globogym::app::cli
