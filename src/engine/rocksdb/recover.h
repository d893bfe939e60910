// Saves what can be read of a damaged data directory into a new one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "engine/engine.h"

namespace globogym::engine::rocksdb {

struct Recovered {
  std::uint64_t documents = 0;
  std::uint64_t messages = 0;
  std::unordered_set<std::string> message_ids;  // of the messages saved, whichever queue they are in
  std::vector<std::string> lost;                // a sentence for each file, record or range that could not be read
};

// Lets the caller count anew what the old totals may no longer say: called for every document that can be read, and
// then for every message.
struct Recount {
  using Counts = std::map<std::string, std::int64_t>;
  // False: it is not saved, because what it says may no longer be so.
  std::function<bool(const DocumentKey& key, std::string_view body, Counts&)> document = {};
  std::function<void(std::string_view queue, std::string_view id, Counts&)> message = {};
};

// Reads `from` (which must not be in use, and is not changed) and writes everything readable to `to`, which must not
// exist. The copy that is worked on needs as much space again while this runs.
//   not_found    there is nothing at `from`
//   invalid      `to` exists
//   unavailable  the disk does not serve, or `from` is in use
Result<Recovered> recover(const std::string& from, const std::string& to, const Recount& recount);

}  // namespace globogym::engine::rocksdb
