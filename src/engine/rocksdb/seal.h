// Two small files that let a directory vouch for itself.
//
// SYNCED: a page shared with the kernel, so writing it costs no system call. It holds the number of the last change
// whose sync has returned. It may be behind after a loss of power, never ahead. SEAL: a list of files with their sizes
// and SHA-256, ended by the hash of the list itself. Written when the directory is opened (for the files that do not
// change while it is in use) and when it is closed (for all of them).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace globogym::engine::rocksdb {

class SyncedMark {
 public:
  // Opens or creates DIRECTORY/SYNCED for writing.
  static Result<std::unique_ptr<SyncedMark>> open(const std::string& directory);
  ~SyncedMark();
  SyncedMark(const SyncedMark&) = delete;
  std::uint64_t sequence() const { return sequence_; }
  void advance(std::uint64_t sequence);

  struct Reading {
    std::uint64_t sequence = 0;
    bool slot_damaged = false;  // one of the two copies does not check; the other one counts
  };
  // What the file says; nullopt when there is none. damaged when neither copy checks.
  static Result<std::optional<Reading>> read(const std::string& directory);

 private:
  SyncedMark(void* page, std::uint64_t sequence) : page_(page), sequence_(sequence) {}
  void* page_;
  std::uint64_t sequence_;
  unsigned next_slot_ = 0;
};

struct SealedFile {
  std::string name;
  std::uint64_t size = 0;
  std::string hash;  // hex SHA-256; "-" when the store itself has the file's checksum
};

struct Seal {
  bool clean = false;  // written by a clean close: lists every file of the directory
  std::vector<SealedFile> files;
};

inline constexpr std::string_view seal_name = "SEAL";
inline constexpr std::string_view synced_name = "SYNCED";

// nullopt when there is none; damaged when it does not check.
Result<std::optional<Seal>> read_seal(const std::string& directory);
// Replaces DIRECTORY/SEAL atomically and durably.
Result<void> write_seal(const std::string& directory, const Seal& seal);

// What stands in DIRECTORY now. Table files get hash "-". A clean seal leaves out SEAL, SYNCED and LOCK only.
Result<Seal> take_seal(const std::string& directory, bool clean);
// A sentence for each file that is not as sealed. Of an open seal a file may have gone that was replaced by a later
// one, and the manifest may have grown.
std::vector<std::string> broken_seals(const std::string& directory, const Seal& seal);

}  // namespace globogym::engine::rocksdb
