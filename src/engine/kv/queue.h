// One queue as it is in memory: the head of its backlog, who holds what, and when a lease is over.
//
// The backlog lives in the store. In memory are only the messages that come next, up to a number of bytes, so memory
// does not depend on how long the queue is; a message that was just committed to a short queue is handed out from here
// and never read back. Pure bookkeeping: reads the store to refill, never writes it. One thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/assert.h"
#include "base/clock.h"
#include "engine/kv/records.h"
#include "engine/kv/store.h"

namespace globogym::engine::kv {

// A message in memory. Its attempts may be ahead of what is stored as its record.
struct Held {
  Place place;
  MessageRecord record;
  std::uint64_t counted_by = 0;  // token of the lease record that holds its attempts; 0: its own record does
  const std::string& id() const { return record.id; }
};

struct Leased {
  Held held;
  std::uint64_t token = 0;
};

class Queue {
 public:
  Queue(QueueNumber number, std::string name, std::size_t window_bytes)
      : number_(number), name_(std::move(name)), window_bytes_(window_bytes) {}

  QueueNumber number() const { return number_; }
  const std::string& name() const { return name_; }

  // Says that the store holds messages nobody has looked at yet, of each lane so many and one of them so old: after
  // opening.
  struct OnDisk {
    std::uint64_t count = 0;
    std::optional<Moment> oldest;
  };
  void expect_on_disk(const OnDisk& ready, const OnDisk& delayed);

  // A message has been written to the store.
  void publish(Held held);

  // The next message that may be handed out at `now`; nullopt when there is none. Refills from the store.
  Result<std::optional<Held>> next(Store& store, Moment now);

  // Takes a message that nobody holds out of memory, if it is there; the store is the caller's affair.
  std::optional<Held> withdraw(const Place& place, std::string_view id);

  // A leased message comes back unsettled.
  void come_back(Held held);

  void lease(Held held, std::uint64_t token) {
    const bool inserted = leased_.insert({std::move(held), token}).second;
    ASSERT(inserted);
  }
  const Leased* leased(std::string_view id) const {
    auto found = leased_.find(id);
    return found == leased_.end() ? nullptr : &*found;
  }
  Leased release(std::string_view id) { return std::move(leased_.extract(leased_.find(id)).value()); }
  std::size_t leased_count() const { return leased_.size(); }
  std::size_t leased_from(Lane lane) const;

  // When the earliest message that is known to be delayed becomes due.
  std::optional<Moment> next_due() const;
  // Something may be there to hand out, now or when it is due.
  bool maybe_ready(Moment now) const;
  std::size_t due_in_memory(Moment now) const;
  // More of them would not be handed out from memory, or soon would not.
  bool is_long() const { return ready_on_disk_ > 0 || ready_bytes_ > window_bytes_ / 2; }
  // When the oldest message was enqueued. Of those on disk only, one that may be gone is remembered until the rest of
  // them has been read.
  std::optional<Moment> oldest() const;

  std::size_t bytes_in_memory() const { return ready_bytes_ + delayed_bytes_; }

 private:
  using DelayedKey = std::pair<std::int64_t, std::string>;
  Result<void> refill_ready(Store& store);
  Result<void> refill_delayed(Store& store);
  void trim_delayed();

  QueueNumber number_;
  std::string name_;
  std::size_t window_bytes_;

  // Ready lane: some are in memory, in the order in which they will be handed out; `ready_on_disk_` are not. Those are
  // read in the order of their keys, from `ready_from_` on and round again, so that each one's turn comes.
  std::deque<Held> ready_;
  std::size_t ready_bytes_ = 0;
  std::uint64_t ready_on_disk_ = 0;
  std::string ready_from_;
  std::optional<Moment> oldest_ready_on_disk_;

  // Delayed lane: likewise, by when they are due.
  std::map<DelayedKey, Held> delayed_;
  std::size_t delayed_bytes_ = 0;
  std::optional<DelayedKey> delayed_beyond_;
  std::optional<Moment> oldest_delayed_beyond_;

  struct ById {
    using is_transparent = void;
    static std::string_view of(const Leased& leased) { return leased.held.id(); }
    static std::string_view of(std::string_view id) { return id; }
    std::size_t operator()(const auto& one) const { return std::hash<std::string_view>{}(of(one)); }
    bool operator()(const auto& one, const auto& other) const { return of(one) == of(other); }
  };
  std::unordered_set<Leased, ById, ById> leased_;
};

}  // namespace globogym::engine::kv
