// The key-value store on RocksDB: one directory, one writer, strict about what it opens.
//
// Beside RocksDB's own files the directory holds two of ours (docs/data-model.md): SYNCED, the number of the last
// change known to be on stable storage, so that a log that has lost its end is noticed; and SEAL, the sizes and hashes
// of the other files, so that damage to them is noticed too. Opening refuses a directory that fails either check and
// says what to run; it never goes on with less than was promised.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/kv/store.h"

namespace globogym::engine::rocksdb {

struct StoreOptions {
  std::string directory;
  std::size_t memtable_bytes = 32u << 20;  // each of the two large spaces; at most two of them at a time
  std::size_t cache_bytes = 32u << 20;     // blocks read back, their indexes and filters
  bool flush_recovered = false;            // write what the log held to tables at once: after a failed sync, when the
                                           // log's own bytes in memory cannot be trusted to be on disk
};

class Store : public kv::Store {
 public:
  // Opens or creates the store.
  //   unavailable  the directory cannot be used (permissions, another process, no space); the message says which
  //   damaged      stored bytes do not check, or the log ends before what was promised
  static Result<std::unique_ptr<Store>> open(StoreOptions options);

  // Ends cleanly: what is in memory goes to tables, and the directory is sealed. A store that is only destroyed is left
  // as after a crash.
  virtual Result<void> close() = 0;

  // Like get(), but only when no disk needs to be touched; Fault::unavailable when it does.
  virtual Result<std::optional<std::string>> get_from_memory(kv::Space space, std::string_view key) = 0;

  // Begins, in the background, to give the disk back what deleted and replaced records still occupy.
  virtual void reclaim() = 0;
};

}  // namespace globogym::engine::rocksdb
