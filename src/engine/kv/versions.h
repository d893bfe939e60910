// What is known of documents' versions without a look into the store: of those that were put lately the version, and of
// all others whether somebody has put or erased one again since it was given a version that somebody expects.
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
  // What was put up to `newest` is not known. Before all others.
  void begin(Version newest) { unknown_up_to_ = newest_ = before_batch_ = newest; }

  // By the batch, in the order of its commits. `version` is greater than all before. `first`: there was no such
  // document.
  void put(std::string_view key, Version version, bool first);
  void erase(std::string_view key);
  // What the batch did can be read in the store now.
  void written();

  // 0: it is not there. Nothing: the store has to be asked.
  std::optional<Version> find(std::string_view key) const;
  // The document, which once had this version, has it still. False: the store has to be asked.
  bool has_stood_since(std::string_view key, Version version) const;

 private:
  struct Known {
    std::uint64_t hash;
    Version version;  // 0: of none
  };
  // Within a line of the processor's cache the oldest gives way.
  using Bucket = std::array<Known, 4>;
  static constexpr std::size_t bucket_count = std::size_t{1} << 16;
  Bucket& bucket_of(std::uint64_t hash) const { return buckets_.get()[hash % bucket_count]; }

  // A Bloom filter (Bloom, 1970) in blocks of a cache line. When it is full, with two million that were changed, it
  // takes two in a hundred others for changed; then it begins anew.
  using Block = std::array<std::uint64_t, 8>;
  static constexpr std::size_t block_count = std::size_t{1} << 15;
  static constexpr std::size_t changes_at_most = 2'000'000;
  void changed(std::uint64_t hash);

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };

  KeyedHash hash_;
  // 4 and 2 MiB; memory is taken when it is written to.
  std::unique_ptr<Bucket, Free> buckets_;
  std::unique_ptr<Block, Free> changed_;
  std::size_t changes_ = 0;
  Version unknown_up_to_ = 0, before_batch_ = 0, newest_ = 0;
  std::vector<Known> displaced_;               // put by the batch and no longer in the table
  std::set<std::string, std::less<>> erased_;  // by the batch
};

}  // namespace globogym::engine::kv
