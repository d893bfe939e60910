// What the console looks at and acts on. Everything named here outlives it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/digest.h"
#include "engine/engine.h"
#include "functions/enrollment/mending.h"
#include "functions/function.h"
#include "functions/host.h"
#include "gateway/analytics.h"
#include "gateway/callers/api_keys.h"
#include "gateway/limits/quotas.h"
#include "telemetry/metrics.h"

namespace globogym::console {

using async::Task;

struct Parts {
  engine::Engine& engine;
  gateway::ApiKeys& keys;
  telemetry::Metrics& metrics;
  const Clock& clock;
  const Hmac& pseudonyms;  // what addresses are looked up by
  // Whose queues there are, and who says what changes when a dead letter is brought back. Only on_revived() is called.
  std::vector<functions::Function*> functions;
  // How a queue is served. Called on the console's loop; empty: every queue is running, as far as is known.
  std::function<functions::QueueState(std::string_view queue)> queue_state;
  // Lets a queue rest, or go on; false when no function works on it. Empty: this process works on none.
  std::function<bool(std::string_view queue, bool pause)> pause_queue;
  // A message a person wants tried: its destination's trouble does not keep it. Empty: nobody is to be told.
  std::function<void(std::string_view queue, std::string message_id)> ask_for;
  // Everything the service depends on, looked at now, and the configuration in force: JSON for `globogym doctor` and
  // `config explain`. Empty: no server runs.
  std::function<Task<Result<std::string>>()> checkup;
  std::function<std::string()> configuration;
  // What the gateway counts; null where there is none.
  const gateway::Analytics* analytics = nullptr;
  // What keys have used of their month; null: it is not told.
  const gateway::Quotas* quotas = nullptr;
  // Who mends addresses and letters; null: nobody does here.
  const functions::enrollment::Mending* mending = nullptr;
  // Where a copy of the engine is made for a backup: removed with everything in it and made anew. Empty: none is.
  std::string backup_directory = {};
  // Where it is written down who did what; null: in the log only.
  audit::Trail* trail = nullptr;
};

}  // namespace globogym::console
