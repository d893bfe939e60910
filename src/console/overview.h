// The state of the whole at a glance: queues, totals, health. Cheap: nothing here depends on how much is stored.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "console/parts.h"
#include "http/http.h"

namespace globogym::console {

// [{"name","ready","leased","delayed","deadLettered","oldestSeconds","state","waiting","lastError","lastErrorAt",
// "blockedSince","nextAttemptAt","drainSeconds"}]: every function's queue, used or not. What is null is not known.
Task<Result<std::string>> queues_json(const Parts& parts);

// {"members","enrollments":{"accepted",…},"mailsSent"}
Task<Result<std::string>> stats_json(const Parts& parts);

// {"version","canCommit","belowReserve","freeBytes","problem"}
std::string health_json(const Parts& parts);

// Prometheus text; brings the gauges of queues and totals up to date first.
Task<Result<std::string>> metrics_text(const Parts& parts);

// Server-sent events: one `state` event a second with {"queues","stats","health"}.
std::unique_ptr<http::Feed> live_feed(const Parts& parts, Duration every);

}  // namespace globogym::console
