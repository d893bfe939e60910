// What store, verify and recover share of RocksDB. Included by .cpp files of this folder only.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <memory>
#include <vector>

#include "engine/rocksdb/store.h"

namespace globogym::engine::rocksdb {

Error error_of(const ::rocksdb::Status& status);

struct Opened {
  std::unique_ptr<::rocksdb::DB> db;
  std::vector<::rocksdb::ColumnFamilyHandle*> families;  // by kv::Space
  ::rocksdb::Status close();
};

::rocksdb::DBOptions database_options(const StoreOptions& options);
// In the order of kv::Space.
std::vector<::rocksdb::ColumnFamilyDescriptor> families(const StoreOptions& options);

}  // namespace globogym::engine::rocksdb
