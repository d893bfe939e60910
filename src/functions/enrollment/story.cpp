#include "functions/enrollment/story.h"

#include <algorithm>
#include <utility>

#include "domain/records.h"
#include "functions/retry.h"

namespace globogym::functions::enrollment {

namespace {

std::optional<engine::DocumentKey> key_of(const std::string& id) {
  auto partition = domain::partition_of_enrollment(id);
  if (!partition) return std::nullopt;
  return engine::DocumentKey{std::string(domain::container::enrollments), std::move(*partition), id};
}

// What a letter's message tells of its enrollment.
std::optional<domain::StoryOfLetter> story_in(const engine::Message& message) {
  if (message.queue != domain::queue::welcome_mail) return std::nullopt;
  auto work = domain::welcome_mail_from_body(message.body);
  return work ? std::move(work->story) : std::nullopt;
}

}  // namespace

std::optional<Story> carried_story(const domain::ProcessEnrollment& work, engine::Version version) {
  auto key = key_of(work.enrollment_id);
  if (!key || version == 0 || !work.created_by) return std::nullopt;
  return Story{.enrollment = domain::accepted_enrollment(work.enrollment_id, work.accepted_at, *work.created_by),
               .key = std::move(*key),
               .version = version};
}

std::optional<Story> carried_story(const domain::WelcomeMail& work, engine::Version version) {
  auto key = key_of(work.enrollment_id);
  if (!key || version == 0 || !work.story) return std::nullopt;
  if (work.story->version != 0) version = work.story->version;
  const auto& enrollment = work.story->enrollment;
  return Story{.enrollment = enrollment, .key = std::move(*key), .version = version, .was = enrollment.status};
}

Task<Result<std::optional<Story>>> read_story(engine::Engine& engine, engine::Message message) {
  auto key = key_of(message.id);
  if (!key) co_return std::nullopt;
  auto document = co_await engine.get(*key);
  if (!document) co_return std::unexpected(std::move(document.error()));
  if (!*document) co_return std::nullopt;
  auto enrollment = domain::enrollment_from_json((*document)->body);
  if (!enrollment) co_return std::unexpected(std::move(enrollment.error()));
  if (const auto letter = story_in(message)) enrollment = domain::as_told(std::move(*enrollment), *letter);
  const auto was = enrollment->status;
  co_return Story{std::move(*enrollment), std::move(*key), (*document)->version, was};
}

void recount(engine::Commit& commit, const Story& story) {
  if (story.enrollment.status == story.was) return;
  count(commit, domain::tally::of(story.was), -1);
  count(commit, domain::tally::of(story.enrollment.status), +1);
}

void tell(engine::Commit& commit, Story story) {
  recount(commit, story);
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

Task<Result<engine::Commit>> parked_story(engine::Engine& engine, engine::Message message, std::string step,
                                          int attempts, std::string reason, std::string error) {
  auto story = co_await read_story(engine, std::move(message));
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
  auto story = co_await read_story(engine, letter.message);
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
  auto story = co_await read_story(engine, letter.message);
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
