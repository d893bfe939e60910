// The engine on a pretended disk: the same ledger as in production, deterministic, on one loop and a virtual clock.
//
// The disk outlives the engine. It can forget what was not synced, tear the write that is under way, refuse its n-th
// write, or be full. For tests and the simulator; also what a demonstration without a disk could run on.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/kv/engine.h"

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
  void set_full(bool full);
  std::size_t writes() const;

 private:
  friend class Engine;
  friend class MemoryStore;
  struct State;
  std::unique_ptr<State> state_;
};

struct Options {
  Duration sync_time = std::chrono::microseconds(200);  // how long a round takes, in the loop's time
  Duration reopen_after = std::chrono::milliseconds(500);
  std::size_t window_bytes = 8u << 20;
};

class Engine final : public kv::Engine {
 public:
  // Opens what is on `disk`. All calls come from the current loop, which must outlive the engine.
  Engine(Disk& disk, Options options = {});
  ~Engine() override;

  // The process dies: nothing written from now on reaches the disk, every call ends with `cancelled`.
  void die();

  Task<Result<std::optional<Document>>> get(DocumentKey key) override;
  Task<Result<ScanPage>> scan(Scan scan) override;
  Health health() const override;
  void close_receivers() override;

 protected:
  void submit(kv::Request& request) override;
  const Clock& clock() const override;

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;  // shared with the rounds that are posted on the loop
};

}  // namespace globogym::engine::memory
