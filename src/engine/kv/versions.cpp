#include "engine/kv/versions.h"

#include <new>
#include <ranges>

namespace globogym::engine::kv {

Versions::Versions(KeyedHash hash)
    : hash_(hash), buckets_(static_cast<Bucket*>(std::calloc(bucket_count, sizeof(Bucket)))) {
  if (!buckets_) throw std::bad_alloc();
}

void Versions::put(std::string_view key, Version version) {
  if (!erased_.empty())
    if (const auto found = erased_.find(key); found != erased_.end()) erased_.erase(found);
  newest_ = version;
  const std::uint64_t hash = hash_(key);
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
