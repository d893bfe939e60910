#include "console/sessions.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace globogym::console {

Sessions::Sessions(const Clock& clock, Random& random, SessionBounds bounds)
    : clock_(clock), random_(random), bounds_(bounds) {}

std::string Sessions::open(std::string key_id) {
  std::array<unsigned char, 32> bytes;
  random_.fill(bytes);
  std::string id = base64url(bytes);
  const std::lock_guard lock(mutex_);
  make_room(key_id);
  const SteadyTime now = clock_.steady();
  sessions_[sha256(id)] = {std::move(key_id), now, now, clock_.wall() + bounds_.life};
  return id;
}

std::optional<Session> Sessions::find(std::string_view id, bool used) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(sha256(id));
  if (found == sessions_.end()) return std::nullopt;
  if (is_over(found->second)) {
    sessions_.erase(found);
    return std::nullopt;
  }
  if (used) found->second.used = clock_.steady();
  return Session{found->second.key_id, found->second.ends};
}

void Sessions::end(std::string_view id) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(sha256(id));
}

std::size_t Sessions::count() {
  const std::lock_guard lock(mutex_);
  std::erase_if(sessions_, [&](const auto& entry) { return is_over(entry.second); });
  return sessions_.size();
}

bool Sessions::is_over(const Kept& kept) const {
  const SteadyTime now = clock_.steady();
  return now >= kept.opened + bounds_.life || now >= kept.used + bounds_.idle;
}

// The caller holds the lock.
void Sessions::make_room(const std::string& key_id) {
  std::erase_if(sessions_, [&](const auto& entry) { return is_over(entry.second); });
  const auto drop_least_used = [&](std::size_t bound, auto belongs) {
    auto least = sessions_.end();
    std::size_t count = 0;
    for (auto it = sessions_.begin(); it != sessions_.end(); ++it) {
      if (!belongs(it->second)) continue;
      ++count;
      if (least == sessions_.end() || it->second.used < least->second.used) least = it;
    }
    if (count >= bound) sessions_.erase(least);
  };
  drop_least_used(bounds_.of_a_key, [&](const Kept& kept) { return kept.key_id == key_id; });
  drop_least_used(bounds_.of_all, [](const Kept&) { return true; });
}

}  // namespace globogym::console
