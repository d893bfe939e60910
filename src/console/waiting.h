// What waits: a list for people, and trying one again because a person wants it.
//
// A list never shows what a message says, which is personal; it shows whose enrollment it belongs to.
#pragma once

#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "base/result.h"
#include "console/parts.h"

namespace globogym::console {

// With what keeps its whole queue back, which a message that was not even tried knows nothing of.
void write_waiting(JsonWriter& json, const Parts& parts, const engine::KeptMessage& message);

// {"items":[…],"next":"…"|null}: of each queue the delayed ones first, by when they are due, then the others, oldest
// first. A page may hold fewer than `limit`, or none, although there is a next one. invalid: `after` is no cursor of
// ours, or there is no such queue.
Task<Result<std::string>> waiting_json(const Parts& parts, std::string queue, std::string after, std::size_t limit);

// {"id","queue","was","detail"}: what waits is due at once, what is parked is replayed; the enrollment's story tells
// that `by` did it. not_found: there is no such enrollment; conflict: a sentence that says why there is nothing to try.
// `deed` outlives the task.
Task<Result<std::string>> retry_now(const Parts& parts, std::string enrollment_id, std::string by, audit::Deed& deed);

// The reason in {"reason":"…"}; empty when there is none. invalid: what is wrong with it.
Result<std::string> parse_reason_json(std::string_view body);

}  // namespace globogym::console
