// Moves the analytics' windows on every five seconds, and writes down now and then when keys were used: on a thread of
// its own that does nothing else.
#pragma once

#include <memory>

#include "base/clock.h"
#include "engine/engine.h"
#include "gateway/analytics.h"
#include "gateway/callers/api_keys.h"

namespace globogym::app {

class UsageClock {
 public:
  // Begins at once. All must outlive it.
  UsageClock(gateway::Analytics& analytics, gateway::ApiKeys& keys, engine::Engine& engine,
             Duration every = std::chrono::seconds(5));
  // Waits until the thread has ended.
  ~UsageClock();
  UsageClock(const UsageClock&) = delete;
  UsageClock& operator=(const UsageClock&) = delete;

 private:
  struct Running;
  std::unique_ptr<Running> running_;
};

}  // namespace globogym::app
