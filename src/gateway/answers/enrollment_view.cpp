#include "gateway/answers/enrollment_view.h"

#include <algorithm>
#include <chrono>

#include "base/json_writer.h"
#include "base/text.h"
#include "domain/ids.h"
#include "domain/records.h"

namespace globogym::gateway {
namespace {

using domain::Enrollment;
using domain::Status;
using domain::Step;
using domain::StepStatus;
using engine::MessageState;

bool finished(const Step& step) {
  return step.status == StepStatus::done || step.status == StepStatus::parked || step.status == StepStatus::skipped;
}

Step* current_step(Enrollment& enrollment) {
  if (has_ended(enrollment.status)) return nullptr;
  for (auto& step : enrollment.steps)
    if (!finished(step)) return &step;
  return nullptr;
}

// What a server said need not be UTF-8, and our answers must be.
std::string readable(std::string text) {
  if (!is_utf8(text)) std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return text;
}

struct Stored {
  Enrollment enrollment;
  engine::Version version = 0;
};

Task<Result<std::optional<Stored>>> stored(engine::Engine& engine, std::string id) {
  const auto partition = domain::partition_of_enrollment(id);
  if (!partition) co_return std::optional<Stored>();
  engine::DocumentKey key{
      .container = std::string(domain::container::enrollments), .partition = *partition, .id = std::move(id)};
  auto document = co_await engine.get(std::move(key));
  if (!document) co_return std::unexpected(document.error());
  if (!*document) co_return std::optional<Stored>();
  auto enrollment = domain::enrollment_from_json((*document)->body);
  if (!enrollment) co_return std::unexpected(enrollment.error());
  co_return Stored{std::move(*enrollment), (*document)->version};
}

// With what the letter's message tells of it. False: it tells nothing, so it is not the one a document that says
// `accepted` has waited for.
bool tell(Enrollment& enrollment, const engine::KeptMessage& letter) {
  const auto work = domain::welcome_mail_from_body(letter.message.body);
  if (!work || !work->story) return false;
  enrollment = domain::as_told(std::move(enrollment), *work->story);
  return true;
}

Task<Result<std::optional<engine::KeptMessage>>> letter_of(engine::Engine& engine, std::string enrollment_id) {
  return engine.find_message(std::string(domain::queue::welcome_mail), std::move(enrollment_id));
}

enum class Letter { when_it_may_tell, always };

Task<Result<std::optional<Enrollment>>> read(engine::Engine& engine, std::string enrollment_id, Letter look) {
  auto found = co_await stored(engine, enrollment_id);
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return std::optional<Enrollment>();
  Enrollment enrollment = std::move((*found)->enrollment);
  if (look == Letter::always || enrollment.status == Status::accepted) {
    auto letter = co_await letter_of(engine, std::move(enrollment_id));
    if (!letter) co_return std::unexpected(letter.error());
    if (*letter) tell(enrollment, **letter);
  }
  co_return std::move(enrollment);
}

}  // namespace

Task<Result<std::optional<domain::Enrollment>>> read_enrollment(engine::Engine& engine, std::string enrollment_id) {
  return read(engine, std::move(enrollment_id), Letter::when_it_may_tell);
}

Task<Result<std::optional<EnrollmentView>>> view_enrollment(engine::Engine& engine, std::string enrollment_id) {
  auto found = co_await stored(engine, enrollment_id);
  for (int look = 0;; ++look) {
    if (!found) co_return std::unexpected(found.error());
    if (!*found) co_return std::optional<EnrollmentView>();
    Enrollment& enrollment = (*found)->enrollment;
    const Step* step = current_step(enrollment);
    const std::string_view queue = step ? queue_of_step(step->name) : std::string_view();
    if (queue.empty()) co_return merged(std::move(enrollment), std::nullopt);

    auto message = co_await engine.find_message(std::string(queue), enrollment_id);
    if (!message) co_return std::unexpected(message.error());
    if (!*message && enrollment.status == Status::accepted) {
      message = co_await letter_of(engine, enrollment_id);
      if (!message) co_return std::unexpected(message.error());
      if (*message && !tell(enrollment, **message)) message->reset();
    }
    if (*message || look == 2) co_return merged(std::move(enrollment), *message);
    // The message went away after the document was read: the commit that ended it changed the document too.
    const engine::Version before = (*found)->version;
    found = co_await stored(engine, enrollment_id);
    if (found && *found && (*found)->version == before) co_return merged(std::move((*found)->enrollment), std::nullopt);
  }
}

std::string_view queue_of_step(std::string_view step_name) {
  if (step_name == domain::step::validate || step_name == domain::step::store_member)
    return domain::queue::process_enrollment;
  if (step_name == domain::step::welcome_mail) return domain::queue::welcome_mail;
  return {};
}

EnrollmentView merged(domain::Enrollment enrollment, const std::optional<engine::KeptMessage>& message) {
  EnrollmentView view{.enrollment = std::move(enrollment), .current_step = {}, .next_attempt_at = {}};
  Step* step = current_step(view.enrollment);
  if (!step) return view;
  view.current_step = step->name;
  if (!message) return view;

  step->attempts = message->attempts;
  if (!message->history.empty()) step->last_error = readable(message->history.back().error);
  const bool tried = message->attempts > 0;
  switch (message->state) {
    case MessageState::leased:
      step->status = StepStatus::running;
      break;
    case MessageState::ready:
      step->status = tried ? StepStatus::retrying : StepStatus::pending;
      break;
    case MessageState::delayed:
      step->status = tried ? StepStatus::retrying : StepStatus::pending;
      break;
    case MessageState::dead_lettered:
      step->status = StepStatus::parked;
      break;
  }
  const bool waits = step->status == StepStatus::retrying || message->state == MessageState::delayed;
  if (waits) view.next_attempt_at = message->due;

  if (step->status == StepStatus::parked) {
    view.enrollment.status = Status::parked;
    if (!view.enrollment.reason) view.enrollment.reason = message->dead_reason;
  } else if (step->status != StepStatus::pending && view.enrollment.status == Status::accepted) {
    view.enrollment.status = Status::processing;
  }
  return view;
}

bool has_ended(Status status) {
  return status == Status::completed || status == Status::rejected || status == Status::parked;
}

EnrollmentView masked(Enrollment enrollment, WallTime now) {
  const Step* const stored = domain::find_step(enrollment, domain::step::store_member);
  const bool member_now = stored && stored->status == StepStatus::done;
  const bool member_before = enrollment.status == Status::rejected && enrollment.reason == domain::already_member;
  const bool rejected = enrollment.status == Status::rejected && !member_before;
  const bool parked = enrollment.status == Status::parked && !member_now;
  const std::optional<WallTime> decided_at = member_now ? stored->finished_at : enrollment.completed_at;
  enrollment.member_id.reset();
  enrollment.existing_member_id.reset();
  if (rejected) return {.enrollment = std::move(enrollment), .current_step = {}, .next_attempt_at = {}};

  // Deciding takes a member's application and a stranger's not quite the same time. Whole seconds hide that.
  using std::chrono::ceil, std::chrono::seconds;
  const WallTime shown_at = ceil<seconds>(std::max(decided_at.value_or(now), enrollment.accepted_at)) + seconds(1);
  const bool shown = (member_now || member_before) && now >= shown_at;
  enrollment.status = shown ? Status::completed : parked ? Status::processing : Status::accepted;
  enrollment.reason.reset();
  enrollment.completed_at = shown ? std::optional(shown_at) : std::nullopt;
  for (auto& step : enrollment.steps) {
    step = {.name = step.name};
    if (!shown) continue;
    step.status = StepStatus::done;
    step.attempts = 1;
    step.finished_at = shown_at;
  }
  return {.enrollment = std::move(enrollment), .current_step = {}, .next_attempt_at = {}};
}

Task<Result<std::optional<EnrollmentView>>> view_for(engine::Engine& engine, std::string enrollment_id, Sight sight,
                                                     const Clock& clock) {
  if (sight != Sight::masked) {
    auto view = co_await view_enrollment(engine, std::move(enrollment_id));
    if (view && *view && sight == Sight::members && (*view)->enrollment.existing_member_id)
      (*view)->enrollment.member_id = (*view)->enrollment.existing_member_id;
    co_return view;
  }
  auto found = co_await read(engine, std::move(enrollment_id), Letter::always);
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return std::optional<EnrollmentView>();
  co_return gateway::masked(std::move(**found), clock.wall());
}

std::string to_json(const EnrollmentView& view) {
  const Enrollment& enrollment = view.enrollment;
  JsonWriter json;
  json.object().member("id", enrollment.id).member("status", name(enrollment.status));
  json.member("reason", enrollment.reason).member("memberId", enrollment.member_id);
  json.member("acceptedAt", enrollment.accepted_at).member("completedAt", enrollment.completed_at);
  json.key("steps").array();
  for (const auto& step : enrollment.steps) {
    json.object().member("name", step.name).member("status", name(step.status)).member("attempts", step.attempts);
    json.member("lastError", step.last_error).key("nextAttemptAt");
    if (step.name == view.current_step)
      json.value(view.next_attempt_at);
    else
      json.value(nullptr);
    json.member("finishedAt", step.finished_at).end();
  }
  json.end().end();
  return json.take();
}

}  // namespace globogym::gateway
