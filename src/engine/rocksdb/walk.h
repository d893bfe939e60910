// Walks over every record of a store, also past damaged blocks. For .cpp files of this folder.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "engine/rocksdb/rocks.h"

namespace globogym::engine::rocksdb {

// Calls `record` for each readable record in key order, and `gap` for each stretch that could not be read, with the
// last readable key before it and the first after it (empty: none).
void walk(::rocksdb::DB& db, ::rocksdb::ColumnFamilyHandle* family,
          const std::function<void(std::string_view key, std::string_view value)>& record,
          const std::function<void(std::string_view after, std::string_view before)>& gap);

// A key as people can read it: letters as they are, everything else as \xNN.
std::string readable(std::string_view key);

}  // namespace globogym::engine::rocksdb
