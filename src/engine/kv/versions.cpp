#include "engine/kv/versions.h"

#include <algorithm>
#include <new>
#include <ranges>

namespace globogym::engine::kv {
namespace {

// Whether `bit(word, mask)` says yes for each of a hash's five places in its block; all are asked. The low bits of the
// hash say which block that is.
template <class Bit>
bool all_bits(std::uint64_t hash, Bit bit) {
  bool all = true;
  for (int shift = 64 - 9; shift >= 64 - 5 * 9; shift -= 9) {
    const auto place = static_cast<unsigned>(hash >> shift) & 511u;
    all &= bit(place / 64, std::uint64_t{1} << (place % 64));
  }
  return all;
}

}  // namespace

Versions::Versions(KeyedHash hash)
    : hash_(hash),
      buckets_(static_cast<Bucket*>(std::calloc(bucket_count, sizeof(Bucket)))),
      changed_(static_cast<Block*>(std::calloc(block_count, sizeof(Block)))) {
  if (!buckets_ || !changed_) throw std::bad_alloc();
}

void Versions::changed(std::uint64_t hash) {
  if (++changes_ > changes_at_most) {
    std::fill_n(changed_.get(), block_count, Block{});
    changes_ = 1;
    unknown_up_to_ = newest_;
  }
  all_bits(hash, [&block = changed_.get()[hash % block_count]](unsigned word, std::uint64_t mask) {
    block[word] |= mask;
    return true;
  });
}

bool Versions::has_stood_since(std::string_view key, Version version) const {
  if (version <= unknown_up_to_ || version > newest_) return false;
  const std::uint64_t hash = hash_(key);
  return !all_bits(hash, [&block = changed_.get()[hash % block_count]](unsigned word, std::uint64_t mask) {
    return (block[word] & mask) != 0;
  });
}

void Versions::put(std::string_view key, Version version, bool first) {
  if (!erased_.empty())
    if (const auto found = erased_.find(key); found != erased_.end()) erased_.erase(found);
  const std::uint64_t hash = hash_(key);
  if (!first) changed(hash);
  newest_ = version;
  auto& bucket = bucket_of(hash);
  Known* oldest = bucket.data();
  for (auto& known : bucket) {
    if (known.version != 0 && known.hash == hash) {
      known.version = version;
      return;
    }
    if (known.version < oldest->version) oldest = &known;
  }
  if (oldest->version > before_batch_) displaced_.push_back(*oldest);
  *oldest = {hash, version};
}

void Versions::erase(std::string_view key) {
  changed(hash_(key));
  erased_.emplace(key);
}

void Versions::written() {
  for (const auto& key : erased_) {
    const std::uint64_t hash = hash_(key);
    for (auto& known : bucket_of(hash))
      if (known.hash == hash) known.version = 0;
  }
  erased_.clear();
  displaced_.clear();
  before_batch_ = newest_;
}

std::optional<Version> Versions::find(std::string_view key) const {
  if (!erased_.empty() && erased_.contains(key)) return 0;
  const std::uint64_t hash = hash_(key);
  for (const auto& known : bucket_of(hash))
    if (known.version != 0 && known.hash == hash) return known.version;
  for (const auto& known : std::views::reverse(displaced_))
    if (known.hash == hash) return known.version;
  return std::nullopt;
}

}  // namespace globogym::engine::kv
