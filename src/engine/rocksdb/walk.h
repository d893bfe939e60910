// Reads records past RocksDB's own idea of what is readable. For .cpp files of this folder.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "engine/rocksdb/rocks.h"

namespace globogym::engine::rocksdb {

// Calls `record` for each record in key order. Stops at damage and says so in `lost`.
void walk(::rocksdb::DB& db, ::rocksdb::ColumnFamilyHandle* family,
          const std::function<void(std::string_view key, std::string_view value)>& record,
          const std::function<void(std::string what)>& lost);

// The same for one table file, and past its damaged blocks: `lost` is told of each stretch, "in 000012.sst after "a"
// and before "b"". What other tables say of a key is not known here.
void walk_table(const ::rocksdb::Options& options, const std::string& path,
                const std::function<void(std::string_view key, std::string_view value)>& record,
                const std::function<void(std::string what)>& lost);

// Whether the file at `path` has the checksum that RocksDB recorded when it wrote it.
bool table_checks(const std::string& path, const std::string& expected);

// A key as people can read it: letters as they are, everything else as \xNN.
std::string readable(std::string_view key);

}  // namespace globogym::engine::rocksdb
