// An enrollment as people are shown it: the stored document, with what its message is doing right now.
//
// The document says how an enrollment began and how it ended. In between only the queues know: the message that works
// on the current step is asked, and a letter's message tells of the steps before it. Reads only; shared by the public
// API and the console.
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

// What has come of it, without a look at what its message is doing.
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

// Of a masked one nothing tells whether a letter still waits, which only a new member's does: for each the same is
// looked up, and the answer hides how long that took. With Sight::members what was rejected as already-member has that
// member's id for its own.
Task<Result<std::optional<EnrollmentView>>> view_for(engine::Engine& engine, std::string enrollment_id, Sight sight,
                                                     const Clock& clock);

// As the public API answers it.
std::string to_json(const EnrollmentView& view);

}  // namespace globogym::gateway
