// A backup: a directory that holds a copy of a data directory, whole or known not to be.
//
//   DIR/engine/  DIR/audit/  DIR/store.id     the files, as in the data directory
//   DIR/backup.part                           while a copy is being made
//   DIR/backup.manifest                       once it is whole: written last, names every file with size and SHA-256
//
// A copy goes on where an interrupted one ended, and takes from an earlier backup in the same directory what has not
// changed. The manifest is text, specified in docs/data-model.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace globogym::app {

struct BackedUpFile {
  std::string path;  // "engine/000012.sst"
  std::uint64_t size = 0;
  std::string sha256;  // hex
};

struct Manifest {
  WallTime taken{};   // everything promised before is in it
  std::string store;  // which: see DATA/store.id
  std::vector<BackedUpFile> files;
};

std::string to_text(const Manifest& manifest);
// damaged: it is none, or was changed.
Result<Manifest> parse_manifest(std::string_view text);
// not_found: there is no whole backup; damaged.
Result<Manifest> read_manifest(const std::string& directory);

// Whether the directory is one, whole or not.
bool is_backup(const std::string& directory);

// Held by who copies from a data directory.
class BackupLock {
 public:
  // unavailable: another backup of it is being made, or the directory cannot be written to
  static Result<std::unique_ptr<BackupLock>> take(const std::string& data);
  ~BackupLock();
  BackupLock(const BackupLock&) = delete;

 private:
  explicit BackupLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

// Removes what a backup that was interrupted left in the data directory, unless one is being made.
void forget_unfinished_backup(const std::string& data);

// Makes `into` ready: new, empty, or holding a backup of the store `store` (empty: any), which is no whole one from now
// on.
//   invalid      it holds something else, or lies in `data`; then nothing was made
//   unavailable  it cannot be written to
Result<void> begin_backup(const std::string& data, const std::string& into, const std::string& store);

struct Copied {
  std::vector<BackedUpFile> files;
  std::uint64_t bytes = 0;      // of all of them
  std::uint64_t new_bytes = 0;  // of those that were not there already
};

// Copies the engine's copy in `data`, the audit trail and store.id to `into`, and removes what else stands there.
Result<Copied> copy_backup(const std::string& data, const std::string& into);

// Makes it a whole one, durably.
Result<void> finish_backup(const std::string& into, const Manifest& manifest);

// Copies a whole backup to a data directory that is new or empty, or to which the same was not copied to its end.
//   not_found, damaged  there is no whole backup
//   invalid             the data directory is not empty, or it and the backup lie in each other
//   unavailable         a disk does not serve
Result<Copied> restore_backup(const std::string& from, const std::string& data);
// Stands in a data directory until a restore has been finished.
std::string restore_mark(const std::string& data);

}  // namespace globogym::app
