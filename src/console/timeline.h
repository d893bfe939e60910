// The story of one enrollment, in the order it happened.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "console/parts.h"
#include "engine/engine.h"
#include "gateway/answers/enrollment_view.h"

namespace globogym::console {

// {"id","status","reason","memberId","events":[{"at","event","step","attempt","detail","by"}],"next":{…}|null};
// `events` are accepted, attempt-failed, step-done, step-skipped, parked, replayed, discarded, completed and rejected.
// `next` says what it waits for: `message`, the enrollment's own in timeline_queue(), when there is one.
std::string timeline_json(const gateway::EnrollmentView& view, const std::optional<engine::KeptMessage>& message);

// The queue that knows more of it than the enrollment does; empty: none.
std::string_view timeline_queue(const gateway::EnrollmentView& view);

// Looked up, with its message. Nothing when there is no such enrollment.
Task<Result<std::optional<std::string>>> find_timeline(const Parts& parts, std::string enrollment_id);

}  // namespace globogym::console
