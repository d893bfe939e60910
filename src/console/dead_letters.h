// Dead letters: what could not be done, why, and bringing it back.
//
// A dead letter's id is "<queue>:<message id>". A list never shows what a letter says, which is personal; it shows
// whose enrollment it belongs to. Bringing one back is one commit together with what its function changes in the
// documents. A filter's selection is frozen at the moment it was first asked for: what is parked again meanwhile is not
// taken twice.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/audit.h"
#include "base/json_writer.h"
#include "base/result.h"
#include "console/parts.h"

namespace globogym::console {

struct DeadLetterId {
  std::string queue;
  std::string message_id;
};
std::optional<DeadLetterId> parse_dead_letter_id(std::string_view text);

// The enrollment a message of ours is about; empty when its body tells none.
std::string enrollment_of(const engine::Message& message);

void write_dead_letter(JsonWriter& json, const engine::KeptMessage& letter);

// {"items":[…],"next":"…"|null}. invalid: `after` is no cursor of ours, or there is no such queue.
Task<Result<std::string>> dead_letters_json(const Parts& parts, std::string queue, std::string after,
                                            std::size_t limit);

// not_found: there is no such dead letter.
Task<Result<engine::KeptMessage>> find_dead_letter(const Parts& parts, DeadLetterId id);

struct Selection {
  std::vector<std::string> ids;  // these, or when empty everything that matches:
  std::string queue;             // empty: every queue
  std::string reason;            // empty: every reason
  std::string after;             // where an earlier step of the same job stopped
};

enum class Verb { replay, discard };

// One step of a job: at most `at_most` letters or `time`, whichever is first. {"replayed" or "discarded":n,
// "failed":[{"id","detail"}],"next":"…"|null}; with a `next` there is more to do. `by` goes into the stories of the
// enrollments; `deed` learns what was acted upon. invalid: there is no such queue, or `after` is none of a step's.
struct StepBound {
  std::size_t at_most = 10'000;
  Duration time = std::chrono::seconds(5);
};
Task<Result<std::string>> act_on_dead_letters(const Parts& parts, Verb verb, Selection selection, StepBound bound,
                                              std::string by, audit::Deed& deed);

// Reads {"ids":[…]} or {"filter":{"queue","reason"},"after"}. invalid: what is wrong with it.
Result<Selection> parse_selection(std::string_view body);

}  // namespace globogym::console
