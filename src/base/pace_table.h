// One pace for each of any number of clients, in memory that does not grow.
//
// A client's place may be forgotten only when its whole burst has come back: then it is as if it had never been here.
// When every place where it could stand is taken by others who are not at rest, it shares one pace with its group (the
// network it is in), and when groups have no place left, with everybody else who has none. A client that gets a place
// of its own again starts with what its group had left. So nobody ever passes more than its burst + rate·t, whatever
// comes and goes; who is refused wrongly, when the table is full, is the full network's neighbour before a stranger.
//
// Exact and thread-safe; locks one of 64 shards for a few dozen nanoseconds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/clock.h"
#include "base/gcra.h"
#include "base/keyed_hash.h"

namespace globogym {

class PaceTable {
 public:
  struct Options {
    std::size_t clients = 1 << 18;  // places, rounded up to a power of two; 16 bytes each, touched when first used
    std::size_t groups = 1 << 14;
  };

  PaceTable(Pace pace, Options options, KeyedHash hash);

  // `client` names who it is, as bytes, `group` who it shares with when there is no room; empty: everybody.
  Verdict take(std::string_view client, std::string_view group, SteadyTime now);

  struct Size {
    std::size_t used = 0;      // places that have ever been taken
    std::size_t capacity = 0;  // places there are
    std::size_t bytes = 0;     // memory for all of them
    std::uint64_t shared = 0;  // requests judged by a shared pace, for want of a place
  };
  Size size() const;
  const Pace& pace() const { return everybody_.pace(); }

 private:
  struct Place {
    std::uint64_t client = 0;  // its hash; 0: never used
    std::int64_t next = 0;     // see Pace::take
  };
  struct alignas(64) Shard {
    std::mutex mutex;
    std::int64_t now = 0;  // the latest time seen here: a thread that was held up must not take time back
  };

  // Places for hashes. Each has two rows of eight where it may stand.
  class Level {
   public:
    static constexpr std::size_t shards = 64;
    static constexpr std::size_t row = 8;

    explicit Level(std::size_t places);
    Shard& shard(std::uint64_t hash) { return shards_[hash >> 58]; }
    // The place of `hash`, or one at rest that it may have, or null. Call under its shard's lock.
    Place* find(std::uint64_t hash);
    Place* at_rest(std::uint64_t hash, std::int64_t now);
    void occupy(Place& place, std::uint64_t hash, std::int64_t next);
    std::size_t used() const { return used_.load(std::memory_order_relaxed); }
    std::size_t capacity() const { return shards * rows_ * row; }

   private:
    struct Free {
      void operator()(Place* places) const { std::free(places); }
    };
    Place* first_row(std::uint64_t hash) const;
    Place* second_row(std::uint64_t hash) const;

    std::size_t rows_;  // in one shard; a power of two
    std::unique_ptr<Place[], Free> places_;
    std::unique_ptr<Shard[]> shards_;
    std::atomic<std::size_t> used_{0};
  };

  std::uint64_t hash_of(std::string_view name) const;
  std::int64_t schedule_of_group(std::string_view group, std::int64_t now);
  Verdict take_with_group(std::string_view group, std::int64_t now);

  const KeyedHash hash_;
  Level clients_, groups_;
  RateLimit everybody_;
  std::atomic<std::uint64_t> shared_{0};
};

}  // namespace globogym
