// An enrollment as people are shown it: the stored document, with what its message is doing right now.
//
// A function writes a step's end (done, parked) into the document. While a step waits, runs or is retried only the
// queue knows, so the message that works on the current step is asked. Reads only; shared by the public API and the
// console.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"
#include "domain/enrollment.h"
#include "engine/engine.h"

namespace globogym::gateway {

using async::Task;

struct EnrollmentView {
  domain::Enrollment enrollment;            // the current step and the status as they are now
  std::string current_step;                 // name of the first unfinished step; empty: none
  std::optional<WallTime> next_attempt_at;  // of the current step, when it waits for another attempt
};

// Nothing when there is no such enrollment (or it cannot be an enrollment's id).
Task<Result<std::optional<EnrollmentView>>> view_enrollment(engine::Engine& engine, std::string enrollment_id);

// The document alone, without a look at the queue.
Task<Result<std::optional<domain::Enrollment>>> read_enrollment(engine::Engine& engine, std::string enrollment_id);

// The queue whose message works on this step; empty when none does.
std::string_view queue_of_step(std::string_view step_name);

// What the message says about the current step. Pure.
EnrollmentView merged(domain::Enrollment enrollment, const std::optional<engine::KeptMessage>& message);

// completed, rejected or parked: nothing more happens by itself.
bool has_ended(domain::Status status);

// What a stranger may see: nothing of it tells who is a member. An application reads `accepted` until it has been
// decided, and at least until the second whole second after it came; from then on a new member's and an old one's read
// alike: completed, every step done, at that second. What is parked before the decision is in our hands and reads
// `processing`. Other reasons to reject say nothing about membership and stay. Pure.
EnrollmentView masked(domain::Enrollment enrollment, WallTime now);

// How much of an enrollment somebody may see: masked(); all that is its own; and the member there was already, too.
enum class Sight { masked, own, members };

// A masked one is made of the document alone: whether a letter still waits is neither looked up nor to be seen in how
// long an answer takes. With Sight::members what was rejected as already-member has that member's id for its own.
Task<Result<std::optional<EnrollmentView>>> view_for(engine::Engine& engine, std::string enrollment_id, Sight sight,
                                                     const Clock& clock);

// As the public API answers it.
std::string to_json(const EnrollmentView& view);

}  // namespace globogym::gateway
