// The versions that documents were given lately: most expectations are about those, and need no look into the store.
//
// Known are all that the batch has put or erased, and many of those before it. It is a table of hashes, not of keys.
// Two documents of one hash are taken for each other, and the later one's version is answered for both; an expectation
// can then fail that holds, but none holds that has failed: whoever expects a version was told it of this document, so
// the commit of that version put this document, and no later one has put either of the two. Strangers cannot make
// hashes meet, because they are keyed.
#pragma once

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/keyed_hash.h"
#include "engine/engine.h"

namespace globogym::engine::kv {

class Versions {
 public:
  explicit Versions(KeyedHash hash);

  // By the batch, in the order of its commits. `version` is greater than all before.
  void put(std::string_view key, Version version);
  void erase(std::string_view key);
  // What the batch did can be read in the store now.
  void written();

  // 0: it is not there. Nothing: the store has to be asked.
  std::optional<Version> find(std::string_view key) const;

 private:
  struct Known {
    std::uint64_t hash;
    Version version;  // 0: of none
  };
  // Within a line of the processor's cache the oldest gives way.
  using Bucket = std::array<Known, 4>;
  static constexpr std::size_t bucket_count = std::size_t{1} << 16;
  Bucket& bucket_of(std::uint64_t hash) const { return buckets_.get()[hash % bucket_count]; }

  struct Free {
    void operator()(Bucket* buckets) const { std::free(buckets); }
  };

  KeyedHash hash_;
  std::unique_ptr<Bucket, Free> buckets_;  // 4 MiB; memory is taken when it is written to
  Version before_batch_ = 0, newest_ = 0;
  std::vector<Known> displaced_;               // put by the batch and no longer in the table
  std::set<std::string, std::less<>> erased_;  // by the batch
};

}  // namespace globogym::engine::kv
