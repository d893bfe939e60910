#include "identity/verified.h"

#include <algorithm>

namespace globogym::identity {

VerifiedTokens::VerifiedTokens(std::size_t at_most)
    : generation_(std::max<std::size_t>(1, at_most / shard_count / 2)) {}

std::shared_ptr<const Verified> VerifiedTokens::find(const Sha256& token) {
  Shard& held = shard(token);
  const std::lock_guard lock(held.mutex);
  if (const auto found = held.young.find(token); found != held.young.end()) {
    if (!found->second->key->withdrawn) return found->second;
    held.young.erase(found);
    return nullptr;
  }
  auto node = held.old.extract(token);
  if (node.empty() || node.mapped()->key->withdrawn) return nullptr;
  auto verified = node.mapped();
  if (held.young.size() >= generation_) {
    held.old = std::move(held.young);
    held.young.clear();
  }
  held.young.insert(std::move(node));
  return verified;
}

void VerifiedTokens::keep(const Sha256& token, std::shared_ptr<const Verified> verified) {
  Shard& held = shard(token);
  const std::lock_guard lock(held.mutex);
  if (held.young.size() >= generation_) {
    held.old = std::move(held.young);
    held.young.clear();
  }
  held.young.insert_or_assign(token, std::move(verified));
}

void VerifiedTokens::forget(const Sha256& token) {
  Shard& held = shard(token);
  const std::lock_guard lock(held.mutex);
  held.young.erase(token);
  held.old.erase(token);
}

void VerifiedTokens::forget_withdrawn() {
  for (Shard& held : shards_) {
    const std::lock_guard lock(held.mutex);
    const auto withdrawn = [](const auto& entry) { return entry.second->key->withdrawn.load(); };
    std::erase_if(held.young, withdrawn);
    std::erase_if(held.old, withdrawn);
  }
}

std::size_t VerifiedTokens::size() const {
  std::size_t all = 0;
  for (const Shard& held : shards_) {
    const std::lock_guard lock(held.mutex);
    all += held.young.size() + held.old.size();
  }
  return all;
}

}  // namespace globogym::identity
