// The key-value store on RocksDB: one directory, one writer, strict about what it opens.
//
// Beside RocksDB's own files the directory holds two of ours (docs/data-model.md): SYNCED, the number of the last
// change known to be on stable storage, so that a log that has lost its end is noticed; and SEAL, the sizes and hashes
// of the other files, so that damage to them is noticed too. Opening refuses a directory that fails either check and
// says what to run; it never goes on with less than was promised. A durable write is answered only when the directory
// is then still where it was opened: what was moved away a moment before is kept, but nobody is promised that it is
// found.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/kv/store.h"

namespace globogym::engine::rocksdb {

// Which store it is, so that another one in its place is not taken for it.
struct Identity {
  std::string id;              // made with the store and kept in it (IDENTITY); a copy has the same
  std::uint64_t inode = 0;     // of its directory; a copy has another
  std::uint64_t promised = 0;  // the number of the last change whose sync has returned
};

struct StoreOptions {
  std::string directory;
  std::size_t memtable_bytes = 32u << 20;  // each of the two large spaces; at most two of them at a time
  std::size_t cache_bytes = 32u << 20;     // blocks read back, their indexes and filters
  bool flush_recovered = false;            // write what the log held to tables at once: after a failed sync, when the
                                           // log's own bytes in memory cannot be trusted to be on disk
  // The store this process has had before: it is opened and no other, and none is made.
  std::optional<Identity> same_as{};
  // Told of stored bytes that do not check, on the thread that met them.
  std::function<void(const Error&)> on_damage{};
};

// The id of the store in `directory`; nothing when there is none. unavailable: it cannot be read.
Result<std::optional<std::string>> identity_in(const std::string& directory);

class Store : public kv::Store {
 public:
  // Opens or creates the store.
  //   unavailable  the directory cannot be used (permissions, another process, no space), or does not hold the store it
  //                is to be the same as; the message says which
  //   damaged      stored bytes do not check, or the log ends before what was promised
  static Result<std::unique_ptr<Store>> open(StoreOptions options);

  // Ends cleanly: what is in memory goes to tables, and the directory is sealed. A store that is only destroyed is left
  // as after a crash.
  virtual Result<void> close() = 0;

  virtual Identity identity() const = 0;

  // Whether what was written will be found again: the directory is where it was opened and none of the files in use is
  // gone. Waits for no disk. unavailable: what is wrong. The writing thread only.
  virtual Result<void> still_there() = 0;

  // Like get(), but only when no disk needs to be touched; Fault::unavailable when it does.
  virtual Result<std::optional<std::string>> get_from_memory(kv::Space space, std::string_view key) = 0;

  // See engine::Engine::copy_into(). Any thread, beside the writing one; waits for the disk.
  virtual Result<void> copy_into(const std::string& directory) = 0;

  // Begins, in the background, to give the disk back what deleted and replaced records still occupy.
  virtual void reclaim() = 0;
};

}  // namespace globogym::engine::rocksdb
