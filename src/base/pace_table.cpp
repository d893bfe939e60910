#include "base/pace_table.h"

#include <algorithm>
#include <bit>
#include <new>

namespace globogym {

PaceTable::PaceTable(Pace pace, Options options, KeyedHash hash)
    : hash_(hash), clients_(options.clients), groups_(options.groups), everybody_(pace) {}

// Why nobody gets more than the pace. Let a client's own schedule be what it would be with a place for ever. It never
// lies later than the one the client would be judged by here:
//   it has a place: that is its schedule, or later;
//   it has none: its place was forgotten at rest, so its schedule was not later than now; and since then whatever it
//   passed was counted by its group's (or everybody's), which moved on at least as far;
//   it is given a place: that begins with the group's schedule, which is not earlier than the client's.
// A group stands to everybody as a client to its group. Shard locks are taken clients before groups, and held across.
Verdict PaceTable::take(std::string_view client, std::string_view group, SteadyTime at) {
  const std::uint64_t hash = hash_of(client);
  Shard& shard = clients_.shard(hash);
  std::lock_guard lock(shard.mutex);
  const std::int64_t now = shard.now = std::max(shard.now, in_nanoseconds(at));

  if (Place* place = clients_.find(hash)) return pace().take(place->next, now);
  if (Place* place = clients_.at_rest(hash, now)) {
    std::int64_t next = schedule_of_group(group, now);
    const Verdict verdict = pace().take(next, now);
    if (verdict.passed) clients_.occupy(*place, hash, next);
    return verdict;
  }
  shared_.fetch_add(1, std::memory_order_relaxed);
  return take_with_group(group, now);
}

// Where a client without a place stands. While no client ever went without one, no group was used: nothing to look up.
std::int64_t PaceTable::schedule_of_group(std::string_view group, std::int64_t now) {
  if (shared_.load(std::memory_order_acquire) == 0) return now;
  if (group.empty()) return everybody_.next();
  const std::uint64_t hash = hash_of(group);
  std::lock_guard lock(groups_.shard(hash).mutex);
  if (const Place* place = groups_.find(hash)) return place->next;
  return everybody_.next();
}

Verdict PaceTable::take_with_group(std::string_view group, std::int64_t at) {
  if (group.empty()) return everybody_.take(at);
  const std::uint64_t hash = hash_of(group);
  Shard& shard = groups_.shard(hash);
  std::lock_guard lock(shard.mutex);
  const std::int64_t now = shard.now = std::max(shard.now, at);
  if (Place* place = groups_.find(hash)) return pace().take(place->next, now);
  if (Place* place = groups_.at_rest(hash, now)) {
    std::int64_t next = everybody_.next();
    const Verdict verdict = pace().take(next, now);
    if (verdict.passed) groups_.occupy(*place, hash, next);
    return verdict;
  }
  return everybody_.take(now);
}

std::uint64_t PaceTable::hash_of(std::string_view name) const {
  return std::max<std::uint64_t>(hash_(name), 1);
}

PaceTable::Size PaceTable::size() const {
  const std::size_t capacity = clients_.capacity() + groups_.capacity();
  return {.used = clients_.used() + groups_.used(),
          .capacity = capacity,
          .bytes = capacity * sizeof(Place) + 2 * Level::shards * sizeof(Shard),
          .shared = shared_.load(std::memory_order_relaxed)};
}

// ---- places ---------------------------------------------------------------------------------------------------------

// calloc's memory is the kernel's until it is written to, so an idle table costs next to nothing.
PaceTable::Level::Level(std::size_t places)
    : rows_(std::bit_ceil(std::max<std::size_t>(places / (shards * row), 1))),
      places_(static_cast<Place*>(std::calloc(shards * rows_ * row, sizeof(Place)))),
      shards_(std::make_unique<Shard[]>(shards)) {
  if (!places_) throw std::bad_alloc();
}

PaceTable::Place* PaceTable::Level::first_row(std::uint64_t hash) const {
  return &places_[((hash >> 58) * rows_ + (hash & (rows_ - 1))) * row];
}

PaceTable::Place* PaceTable::Level::second_row(std::uint64_t hash) const {
  return &places_[((hash >> 58) * rows_ + ((hash >> 29) & (rows_ - 1))) * row];
}

PaceTable::Place* PaceTable::Level::find(std::uint64_t hash) {
  for (Place* places : {first_row(hash), second_row(hash)})
    for (std::size_t i = 0; i < row; ++i)
      if (places[i].client == hash) return &places[i];
  return nullptr;
}

// From the row with more room: two choices fill a table to nine tenths before anybody goes without.
PaceTable::Place* PaceTable::Level::at_rest(std::uint64_t hash, std::int64_t now) {
  Place* best = nullptr;
  std::size_t most = 0;
  for (Place* places : {first_row(hash), second_row(hash)}) {
    Place* found = nullptr;
    std::size_t resting = 0;
    for (std::size_t i = 0; i < row; ++i) {
      if (places[i].client != 0 && places[i].next > now) continue;
      ++resting;
      if (!found) found = &places[i];
    }
    if (resting > most) {
      most = resting;
      best = found;
    }
  }
  return best;
}

void PaceTable::Level::occupy(Place& place, std::uint64_t hash, std::int64_t next) {
  if (place.client == 0) used_.fetch_add(1, std::memory_order_relaxed);
  place = {.client = hash, .next = next};
}

}  // namespace globogym
