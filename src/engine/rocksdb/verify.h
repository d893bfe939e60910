// Reads a whole data directory and says what of it is damaged. Changes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace globogym::engine::rocksdb {

struct Report {
  std::uint64_t documents = 0;
  std::uint64_t messages = 0;             // dead letters included
  std::uint64_t tables = 0;               // table files whose bytes were read and checked
  bool beside_a_running_service = false;  // then the two marks of the directory itself could not be compared
  std::vector<std::string> problems;      // a sentence each, naming the file, the record or the range of records
};

// Checks, in this order: the directory's own marks (SEAL, SYNCED), that it opens, each table file against its checksum,
// each record against its form, each message against the entry under its id, and the totals against what was counted.
//   not_found    there is no data directory
//   unavailable  it cannot be read
// `look` is called for every document that decodes.
using Look = std::function<void(const DocumentKey& key, std::string_view body)>;
Result<Report> verify(const std::string& directory, const Look& look = {});

// Only the quick half: the marks, without opening the store. Empty when nothing is wrong.
Result<std::vector<std::string>> verify_marks(const std::string& directory);

}  // namespace globogym::engine::rocksdb
