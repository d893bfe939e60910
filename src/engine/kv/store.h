// An ordered key-value store with atomic batches: all that the ledger asks of a disk.
//
// One thread writes. What write(durable) returned success for survives a crash; what was written without `durable`
// survives the process but perhaps not the machine. A write that failed leaves the store unusable: what it contains
// must be found out by opening it again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace globogym::engine::kv {

// Kept apart because they live differently: messages come and go, documents stay, meta is small.
enum class Space : unsigned char { meta, documents, messages };
inline constexpr std::size_t spaces = 3;

// Walks over keys in ascending byte order.
class Cursor {
 public:
  virtual ~Cursor() = default;
  // Steps on; false at the end or at damage (see error()). Must be called before the first key().
  virtual bool next() = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  // Set when next() stopped because stored bytes do not check or could not be read.
  virtual std::optional<Error> error() const = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Collect into the batch. Views are copied.
  void put(Space space, std::string_view key, std::string_view value) { put(space, key, value, {}); }
  // The value in two pieces, which belong together.
  virtual void put(Space space, std::string_view key, std::string_view head, std::string_view body) = 0;
  virtual void erase(Space space, std::string_view key) = 0;
  // Like erase, for a key that has been put exactly once since it was last erased: lets the store forget both early.
  virtual void erase_once(Space space, std::string_view key) = 0;

  // Writes the batch, all or nothing, and empties it.
  virtual Result<void> write(bool durable) = 0;

  // These see what has been written, not the batch. Safe from any thread.
  virtual Result<std::optional<std::string>> get(Space space, std::string_view key) = 0;
  // Keys in [from, to).
  virtual std::unique_ptr<Cursor> range(Space space, std::string_view from, std::string_view to) = 0;
};

}  // namespace globogym::engine::kv
