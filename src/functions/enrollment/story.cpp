#include "functions/enrollment/story.h"

#include <algorithm>
#include <utility>

#include "domain/records.h"
#include "functions/retry.h"

namespace globogym::functions::enrollment {

Task<Result<std::optional<Story>>> read_story(engine::Engine& engine, std::string id) {
  auto partition = domain::partition_of_enrollment(id);
  if (!partition) co_return std::nullopt;
  engine::DocumentKey key{std::string(domain::container::enrollments), std::move(*partition), std::move(id)};
  auto document = co_await engine.get(key);
  if (!document) co_return std::unexpected(std::move(document.error()));
  if (!*document) co_return std::nullopt;
  auto enrollment = domain::enrollment_from_json((*document)->body);
  if (!enrollment) co_return std::unexpected(std::move(enrollment.error()));
  const auto was = enrollment->status;
  co_return Story{std::move(*enrollment), std::move(key), (*document)->version, was};
}

void tell(engine::Commit& commit, Story story) {
  if (story.enrollment.status != story.was) {
    count(commit, domain::tally::of(story.was), -1);
    count(commit, domain::tally::of(story.enrollment.status), +1);
  }
  commit.documents.push_back(
      {std::move(story.key), domain::to_json(story.enrollment), engine::Expect::exactly(story.version)});
}

void note_attempts(domain::Step& step, int attempt, const std::vector<engine::Attempt>& history) {
  step.attempts = attempt;
  step.failures.clear();
  for (const auto& before : history)
    domain::remember_failure(step, {.number = before.number, .at = before.at, .error = before.error});
}

void note_done(domain::Enrollment& enrollment, std::string_view name, WallTime at) {
  if (auto* step = domain::find_step(enrollment, name)) {
    if (step->status == domain::StepStatus::done && step->finished_at) {
      domain::remember_round(*step, {.status = step->status,
                                     .attempts = step->attempts,
                                     .ended = *step->finished_at,
                                     .reason = {},
                                     .failures = std::move(step->failures)});
      step->failures.clear();
      step->last_error.reset();
    }
    step->status = domain::StepStatus::done;
    step->attempts = std::max(step->attempts, 1);
    step->finished_at = at;
  }
}

domain::Round round_so_far(const engine::KeptMessage& message, WallTime now) {
  const bool parked = message.state == engine::MessageState::dead_lettered;
  domain::Round round{.status = parked ? domain::StepStatus::parked : domain::StepStatus::retrying,
                      .attempts = message.attempts,
                      .ended = message.dead_at.value_or(now),
                      .reason = {},
                      .failures = {}};
  if (parked) round.reason = message.dead_reason;
  for (const auto& attempt : message.history)
    round.failures.push_back({.number = attempt.number, .at = attempt.at, .error = attempt.error});
  return round;
}

Task<Result<engine::Commit>> parked_story(engine::Engine& engine, std::string id, std::string step, int attempts,
                                          std::string reason, std::string error) {
  auto story = co_await read_story(engine, std::move(id));
  if (!story) co_return std::unexpected(std::move(story.error()));
  engine::Commit commit;
  if (!*story) co_return commit;
  auto& enrollment = (*story)->enrollment;
  // A letter that was sent again has nothing to do with how it ended.
  if (enrollment.status == domain::Status::completed) co_return commit;
  enrollment.status = domain::Status::parked;
  enrollment.reason = std::move(reason);
  if (auto* stuck = domain::find_step(enrollment, step)) {
    stuck->status = domain::StepStatus::parked;
    stuck->attempts = attempts;
    stuck->last_error = std::move(error);
  }
  tell(commit, std::move(**story));
  co_return commit;
}

Task<Result<engine::Commit>> revived_story(engine::Engine& engine, engine::KeptMessage letter, std::string step,
                                           domain::Status status, domain::Intervention by) {
  auto story = co_await read_story(engine, letter.message.id);
  if (!story) co_return std::unexpected(std::move(story.error()));
  engine::Commit commit;
  if (!*story) co_return commit;
  auto& enrollment = (*story)->enrollment;
  const bool completed = enrollment.status == domain::Status::completed;
  // What is parked is brought back, and a letter that was sent again to who is a member. Whatever else it is by now,
  // somebody else has continued it.
  if (enrollment.status != domain::Status::parked && !completed) co_return commit;
  if (auto* stuck = domain::find_step(enrollment, step)) domain::remember_round(*stuck, round_so_far(letter, by.at));
  domain::remember_intervention(enrollment, std::move(by));
  if (!completed) begin_anew(enrollment, status);
  tell(commit, std::move(**story));
  co_return commit;
}

Task<Result<engine::Commit>> discarded_story(engine::Engine& engine, engine::KeptMessage letter, std::string step,
                                             domain::Intervention by) {
  auto story = co_await read_story(engine, letter.message.id);
  if (!story) co_return std::unexpected(std::move(story.error()));
  engine::Commit commit;
  if (!*story) co_return commit;
  auto& enrollment = (*story)->enrollment;
  if (enrollment.status == domain::Status::rejected) co_return commit;
  auto* stuck = domain::find_step(enrollment, step);
  domain::remember_intervention(enrollment, by);
  if (enrollment.status == domain::Status::completed) {
    if (stuck) domain::remember_round(*stuck, round_so_far(letter, by.at));
  } else {
    // It need not be parked yet: a letter can be, while its enrollment could not be written.
    enrollment.status = domain::Status::parked;
    enrollment.reason = parked::discarded;
    if (stuck) {
      stuck->status = domain::StepStatus::parked;
      stuck->finished_at = letter.dead_at;
      note_attempts(*stuck, letter.attempts, letter.history);
    }
  }
  tell(commit, std::move(**story));
  co_return commit;
}

void begin_anew(domain::Enrollment& enrollment, domain::Status status) {
  enrollment.status = status;
  enrollment.reason.reset();
  for (auto& step : enrollment.steps) {
    if (step.status != domain::StepStatus::parked) continue;
    step.status = domain::StepStatus::pending;
    step.attempts = 0;
    step.failures.clear();
    step.last_error.reset();
    step.finished_at.reset();
  }
}

engine::DocumentKey moved_key(const std::string& member_id) {
  auto place = domain::whereabouts_of_member(member_id);
  return {std::string(domain::container::moved), place ? std::move(place->partition) : std::string(), member_id};
}

engine::DocumentKey member_key(const domain::PersonIds& ids) {
  return {std::string(domain::container::members), ids.partition, ids.document};
}

void count(engine::Commit& commit, std::string_view counter, std::int64_t delta) {
  commit.tallies.push_back({std::string(counter), delta});
}

}  // namespace globogym::functions::enrollment
