// The story of one enrollment, in the order it happened.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "console/parts.h"

namespace globogym::console {

// {"id","status","reason","memberId","events":[{"at","event","step","attempt","detail","by"}],"next":{…}|null};
// `events` are accepted, attempt-failed, step-done, step-skipped, parked, replayed, discarded, completed and rejected.
// `next` says what it waits for. Nothing when there is no such enrollment.
Task<Result<std::optional<std::string>>> timeline_json(const Parts& parts, std::string enrollment_id);

}  // namespace globogym::console
