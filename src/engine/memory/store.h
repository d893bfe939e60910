// A pretended disk, and the store of the process that has it open.
//
// The disk outlives the process. It can forget what was not synced, tear the write that is under way, refuse its n-th
// write or read, or be full. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/kv/store.h"

namespace globogym::engine::memory {

class Disk {
 public:
  Disk();
  ~Disk();
  Disk(const Disk&) = delete;

  // The machine loses power: what was not written durably is gone, back to a random point in the order of writing.
  void lose_power(Random& random);
  // Writes fail from the `n`-th on (1 is the next one), `times` of them. A failed write may have happened: `kept` says.
  void fail_writes(int n, int times, bool kept);
  // Reads fail likewise: a look at one key, or one step of a walk, is a read.
  void fail_reads(std::size_t n, std::size_t times);
  void set_full(bool full);
  bool full() const;
  std::size_t writes() const;
  std::size_t reads() const;
  // How often a process has begun to read it.
  std::size_t openings() const;

 private:
  friend class Store;
  struct State;
  std::unique_ptr<State> state_;
};

class Store final : public kv::Store {
 public:
  explicit Store(Disk& disk);

  using kv::Store::put;
  void put(kv::Space space, std::string_view key, std::string_view head, std::string_view body) override;
  void erase(kv::Space space, std::string_view key) override;
  void erase_once(kv::Space space, std::string_view key) override;
  Result<void> write(bool durable) override;
  Result<std::optional<std::string>> get(kv::Space space, std::string_view key) override;
  std::unique_ptr<kv::Cursor> range(kv::Space space, std::string_view from, std::string_view to) override;

  // Its process dies: nothing more is written or read.
  void die() { dead_ = true; }

  struct Change {
    kv::Space space;
    std::string key;
    std::optional<std::string> value;  // nullopt: erased
    bool once = false;                 // erased by somebody who says that it was put once
  };

 private:
  Disk::State& disk_;
  std::vector<Change> batch_;
  bool dead_ = false;
};

}  // namespace globogym::engine::memory
