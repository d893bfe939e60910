// An enrollment and its story: accepted, processed step by step, and ended in exactly one way.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace globogym::domain {

enum class Status { accepted, processing, completed, rejected, parked };

// The steps of a plain enrollment, in order. Subscribers to new members add "notify-<name>" after them.
namespace step {
inline constexpr std::string_view validate = "validate";
inline constexpr std::string_view store_member = "store-member";
inline constexpr std::string_view welcome_mail = "welcome-mail";
}  // namespace step

// Why an enrollment is rejected when the address is a member's. Never shown to who only holds a publishable key.
inline constexpr std::string_view already_member = "already-member";

enum class StepStatus { pending, running, retrying, done, parked, skipped };

struct FailedAttempt {
  int number = 0;
  WallTime at{};
  std::string error;
  bool operator==(const FailedAttempt&) const = default;
};

// How often a step was tried, and what came of it, before it was begun anew: a person brought its message back, or the
// letter went out again.
struct Round {
  StepStatus status = StepStatus::parked;  // done, parked, or retrying: replaced while it waited
  int attempts = 0;
  WallTime ended{};
  std::optional<std::string> reason;    // why it was parked: a stable word
  std::vector<FailedAttempt> failures;  // the last 16, oldest first
  bool operator==(const Round&) const = default;
};

struct Step {
  std::string name;
  StepStatus status = StepStatus::pending;
  int attempts = 0;
  std::optional<std::string> last_error;
  std::optional<WallTime> finished_at;
  std::vector<FailedAttempt> failures;  // the last 16, oldest first: see remember_failure
  std::vector<Round> earlier;           // the last 8, oldest first: see remember_round
  bool operator==(const Step&) const = default;
};

// What a person did with an enrollment by hand.
struct Intervention {
  WallTime at{};
  std::string what;  // "replayed", "address-corrected", `retried`: a stable word
  std::string by;    // the id of a key, "uid:1000", or the door they came by
  bool operator==(const Intervention&) const = default;
};

// Holds no personal data: what the applicant wrote travels in the message and ends in the member.
struct Enrollment {
  std::string id;
  Status status = Status::accepted;
  std::optional<std::string> reason;  // why it was rejected or parked: a stable word
  std::optional<std::string> member_id;
  std::optional<std::string> existing_member_id;  // rejected as already-member: the member there was
  WallTime accepted_at{};
  std::optional<WallTime> completed_at;
  std::string created_by;  // id of the credential that posted it
  std::vector<Step> steps;
  std::vector<Intervention> interventions;  // 16 at most, oldest first: see remember_intervention
  bool operator==(const Enrollment&) const = default;
};

std::string_view name(Status status);
std::string_view name(StepStatus status);
std::optional<Status> parse_status(std::string_view name);
std::optional<StepStatus> parse_step_status(std::string_view name);

// A fresh enrollment with its three pending steps. Times are kept to the millisecond, as they are stored.
Enrollment accepted_enrollment(std::string id, WallTime accepted_at, std::string created_by);

// The step of that name; null when the enrollment has none.
Step* find_step(Enrollment& enrollment, std::string_view name);
const Step* find_step(const Enrollment& enrollment, std::string_view name);

// Adds a failed attempt to the step's history and makes it the last error; the oldest beyond 16 are forgotten.
inline constexpr std::size_t failures_kept = 16;
void remember_failure(Step& step, FailedAttempt failure);

// One that was only waited for is none.
inline constexpr std::size_t rounds_kept = 8;
void remember_round(Step& step, Round round);

// Of more than 16 the oldest is forgotten that only tried again at once; where none did, the oldest.
inline constexpr std::string_view retried = "retried";
inline constexpr std::size_t interventions_kept = 16;
void remember_intervention(Enrollment& enrollment, Intervention intervention);

}  // namespace globogym::domain
