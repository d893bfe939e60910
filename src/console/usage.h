// What the gateway's analytics have counted, as JSON for people and scripts and as series for Prometheus.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "console/parts.h"

namespace globogym::console {

// Reads "life", "1m", "15m" or "24h".
std::optional<gateway::Window> parse_window(std::string_view text);

// {"window","from","until","funnel","all","operations","callers"}; docs/operating.md says what is in each. `parked` and
// `pending` of the funnel are what there is now, whatever the window.
//   not_found  this process takes no sign-ups, so there is nothing to tell
Task<Result<std::string>> usage_json(const Parts& parts, gateway::Window window);

// Prometheus text, to follow the registry's. Bounded: operations × outcomes, and the callers that are kept apart.
std::string usage_series(const gateway::Analytics& analytics);

}  // namespace globogym::console
