// The engine on RocksDB: the embedded default.
//
// One committer thread owns the ledger: all commits that wait when a sync begins share it. Reads that find their
// document in memory are answered on the caller's thread, the others by a reader thread. When the disk refuses a write,
// nothing is acknowledged any more; the store is closed and opened again, from what is on the disk, until that works.
// The same when its directory has been moved away, unmounted or replaced; then it waits for that very store.
#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/rocksdb/store.h"
#include "telemetry/metrics.h"

namespace globogym::engine::rocksdb {

struct Options {
  std::string directory;  // created with mode 0700 when it is not there; its parent must be
  // Bytes: with less free than this and 6 KiB for each message in the backlog (18 where its letter becomes a file),
  // health() says so and new work is to be refused. 0: never.
  std::uint64_t disk_reserve = 256u << 20;
  // The same in inodes: 4096 and these for each message. 1 where every letter becomes a file on this disk.
  std::uint64_t files_to_finish_a_message = 0;
  std::size_t window_bytes = 8u << 20;  // messages of one queue kept in memory, per lane
  std::size_t memtable_bytes = 32u << 20;
  std::size_t cache_bytes = 32u << 20;
};

// Opens the engine and starts its threads.
//   unavailable  another process has the directory, it cannot be used, or its disk is full
//   damaged      see Store::open
Result<std::unique_ptr<engine::Engine>> open(Options options, const Clock& clock, telemetry::Metrics& metrics);

}  // namespace globogym::engine::rocksdb
