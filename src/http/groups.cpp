#include "http/groups.h"

#include "base/assert.h"

namespace globogym::http {

bool ConnectionGroups::enter(const std::string& group) {
  std::lock_guard lock(mutex_);
  const auto [at, is_new] = held_.try_emplace(group, 0);
  if (at->second >= most_) {
    if (is_new) held_.erase(at);
    return false;
  }
  ++at->second;
  return true;
}

void ConnectionGroups::leave(const std::string& group) {
  std::lock_guard lock(mutex_);
  const auto at = held_.find(group);
  ASSERT(at != held_.end() && at->second > 0);
  if (--at->second == 0) held_.erase(at);
}

std::size_t ConnectionGroups::size() const {
  std::lock_guard lock(mutex_);
  return held_.size();
}

}  // namespace globogym::http
