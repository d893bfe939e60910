#include "domain/enrollment.h"

#include <algorithm>
#include <array>

namespace globogym::domain {
namespace {

template <class T>
void keep_last(std::vector<T>& all, std::size_t most) {
  if (all.size() > most) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(most));
}

// In the order of the enumerators.
constexpr std::array<std::string_view, 5> status_names = {"accepted", "processing", "completed", "rejected", "parked"};
constexpr std::array<std::string_view, 6> step_status_names = {"pending", "running", "retrying",
                                                               "done",    "parked",  "skipped"};

static_assert(status_names[static_cast<std::size_t>(Status::parked)] == "parked");
static_assert(step_status_names[static_cast<std::size_t>(StepStatus::skipped)] == "skipped");

template <class Enum, std::size_t n>
constexpr std::optional<Enum> parse(const std::array<std::string_view, n>& names, std::string_view name) {
  for (std::size_t i = 0; i < n; ++i)
    if (names[i] == name) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace

std::string_view name(Status status) {
  return status_names[static_cast<std::size_t>(status)];
}

std::string_view name(StepStatus status) {
  return step_status_names[static_cast<std::size_t>(status)];
}

std::optional<Status> parse_status(std::string_view name) {
  return parse<Status>(status_names, name);
}

std::optional<StepStatus> parse_step_status(std::string_view name) {
  return parse<StepStatus>(step_status_names, name);
}

Enrollment accepted_enrollment(std::string id, WallTime accepted_at, std::string created_by) {
  Enrollment enrollment;
  enrollment.id = std::move(id);
  enrollment.accepted_at = std::chrono::floor<std::chrono::milliseconds>(accepted_at);
  enrollment.created_by = std::move(created_by);
  enrollment.steps.resize(3);
  enrollment.steps[0].name = step::validate;
  enrollment.steps[1].name = step::store_member;
  enrollment.steps[2].name = step::welcome_mail;
  return enrollment;
}

Step* find_step(Enrollment& enrollment, std::string_view name) {
  auto found = std::ranges::find(enrollment.steps, name, &Step::name);
  return found == enrollment.steps.end() ? nullptr : &*found;
}

const Step* find_step(const Enrollment& enrollment, std::string_view name) {
  auto found = std::ranges::find(enrollment.steps, name, &Step::name);
  return found == enrollment.steps.end() ? nullptr : &*found;
}

void remember_failure(Step& step, FailedAttempt failure) {
  failure.at = std::chrono::floor<std::chrono::milliseconds>(failure.at);
  step.last_error = failure.error;
  step.failures.push_back(std::move(failure));
  keep_last(step.failures, failures_kept);
}

void remember_round(Step& step, Round round) {
  if (round.status == StepStatus::retrying && round.failures.empty()) return;  // nothing came of it
  round.ended = std::chrono::floor<std::chrono::milliseconds>(round.ended);
  for (auto& failure : round.failures) failure.at = std::chrono::floor<std::chrono::milliseconds>(failure.at);
  keep_last(round.failures, failures_kept);
  step.earlier.push_back(std::move(round));
  keep_last(step.earlier, rounds_kept);
}

void remember_intervention(Enrollment& enrollment, Intervention intervention) {
  intervention.at = std::chrono::floor<std::chrono::milliseconds>(intervention.at);
  auto& kept = enrollment.interventions;
  kept.push_back(std::move(intervention));
  if (kept.size() <= interventions_kept) return;
  const auto least = std::ranges::find(kept, retried, &Intervention::what);
  kept.erase(least == kept.end() ? kept.begin() : least);
}

}  // namespace globogym::domain
