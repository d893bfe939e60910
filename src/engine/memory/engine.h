// The engine on a pretended disk: the same ledger as in production, deterministic, on one loop and a virtual clock.
// (engine/memory/store.h). For tests and the simulator; also what a demonstration without a disk could run on.
#pragma once

#include <memory>

#include "engine/kv/engine.h"
#include "engine/memory/store.h"

namespace globogym::engine::memory {

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

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;  // shared with the rounds that are posted on the loop
};

}  // namespace globogym::engine::memory
