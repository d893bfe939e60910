#include "console/timeline.h"

#include <algorithm>
#include <vector>

#include "base/json_writer.h"

namespace globogym::console {
namespace {

struct Event {
  WallTime at{};
  std::string_view event;
  std::string step;
  int attempt = 0;
  std::string detail;
  std::string by;
  std::size_t order = 0;
};

// Documents keep milliseconds, and what a message knows may stand in the document already.
void add_failure(std::vector<Event>& events, WallTime at, const std::string& step, int number,
                 const std::string& error) {
  const bool known = std::ranges::any_of(events, [&](const Event& event) {
    const auto distance = event.at > at ? event.at - at : at - event.at;
    return event.event == "attempt-failed" && event.step == step && event.attempt == number &&
           distance < std::chrono::milliseconds(2);
  });
  if (!known) events.push_back({at, "attempt-failed", step, number, error});
}

// What the document tells of one step: before it was begun anew …
void append_earlier(std::vector<Event>& events, const domain::Step& step) {
  for (const auto& round : step.earlier) {
    for (const auto& failure : round.failures)
      add_failure(events, failure.at, step.name, failure.number, failure.error);
    if (round.status == domain::StepStatus::done)
      events.push_back({round.ended, "step-done", step.name, round.attempts, ""});
    if (round.status == domain::StepStatus::parked)
      events.push_back({round.ended, "parked", step.name, round.attempts, round.reason.value_or("")});
  }
}

// … and since.
void append_now(std::vector<Event>& events, const domain::Step& step) {
  for (const auto& failure : step.failures) add_failure(events, failure.at, step.name, failure.number, failure.error);
  if (!step.finished_at) return;
  switch (step.status) {
    case domain::StepStatus::done:
      events.push_back({*step.finished_at, "step-done", step.name, step.attempts, ""});
      break;
    case domain::StepStatus::skipped:
      events.push_back({*step.finished_at, "step-skipped", step.name, 0, ""});
      break;
    case domain::StepStatus::parked:
    case domain::StepStatus::pending:
    case domain::StepStatus::running:
    case domain::StepStatus::retrying:
      break;
  }
}

std::string_view name(engine::MessageState state) {
  switch (state) {
    case engine::MessageState::ready:
      return "ready";
    case engine::MessageState::leased:
      return "running";
    case engine::MessageState::delayed:
      return "delayed";
    case engine::MessageState::dead_lettered:
      break;
  }
  return "dead-lettered";
}

// The step to ask its queue about: the one it is at, or the one that was parked.
std::string_view step_to_ask_about(const gateway::EnrollmentView& view) {
  std::string_view asked = view.current_step;
  for (const auto& step : view.enrollment.steps)
    if (step.status == domain::StepStatus::parked) asked = step.name;
  // Whatever waits for who is a member is a letter that a person sent again.
  if (view.enrollment.status == domain::Status::completed && !view.enrollment.interventions.empty())
    return domain::step::welcome_mail;
  return asked;
}

}  // namespace

std::string_view timeline_queue(const gateway::EnrollmentView& view) {
  return gateway::queue_of_step(step_to_ask_about(view));
}

std::string timeline_json(const gateway::EnrollmentView& view, const std::optional<engine::KeptMessage>& message) {
  const domain::Enrollment& enrollment = view.enrollment;
  const std::string asked(step_to_ask_about(view));

  std::vector<Event> events;
  events.push_back({enrollment.accepted_at, "accepted", "", 0, ""});
  for (const auto& step : enrollment.steps)
    step.earlier.empty() ? append_now(events, step) : append_earlier(events, step);
  for (const auto& each : enrollment.interventions) events.push_back({each.at, each.what, "", 0, "", each.by});
  for (const auto& step : enrollment.steps)
    if (!step.earlier.empty()) append_now(events, step);
  const bool dead = message && message->state == engine::MessageState::dead_lettered;
  if (message)
    for (const auto& attempt : message->history) add_failure(events, attempt.at, asked, attempt.number, attempt.error);
  if (dead && message->dead_at && enrollment.status == domain::Status::completed)
    events.push_back({*message->dead_at, "parked", asked, message->attempts, message->dead_reason});
  for (const auto& step : enrollment.steps) {
    if (step.status != domain::StepStatus::parked) continue;
    // The dead letter knows when; once a person has discarded it, the step does. Only where neither could be written is
    // the last thing that happened all there is to go by.
    WallTime at = events.back().at;
    for (const auto& event : events) at = std::max(at, event.at);
    if (step.finished_at) at = *step.finished_at;
    if (message && message->dead_at) at = *message->dead_at;
    events.push_back({at, "parked", step.name, step.attempts, enrollment.reason.value_or("")});
  }
  if (enrollment.completed_at && enrollment.status == domain::Status::completed)
    events.push_back({*enrollment.completed_at, "completed", "", 0, ""});
  if (enrollment.completed_at && enrollment.status == domain::Status::rejected)
    events.push_back({*enrollment.completed_at, "rejected", "", 0, enrollment.reason.value_or("")});
  // What happened in one millisecond, which is all that documents keep, stays in the order of the steps, and a step
  // that was begun anew behind what a person did.
  for (std::size_t i = 0; i < events.size(); ++i) events[i].order = i;
  std::ranges::sort(events, {}, [](const Event& event) {
    return std::pair(std::chrono::floor<std::chrono::milliseconds>(event.at), event.order);
  });

  JsonWriter json;
  json.object()
      .member("id", enrollment.id)
      .member("status", domain::name(enrollment.status))
      .member("reason", enrollment.reason)
      .member("memberId", enrollment.member_id)
      .key("events")
      .array();
  for (const auto& event : events) {
    json.object().member("at", event.at).member("event", event.event);
    if (!event.step.empty()) json.member("step", event.step);
    if (event.attempt > 0) json.member("attempt", event.attempt);
    if (!event.detail.empty()) json.member("detail", event.detail);
    if (!event.by.empty()) json.member("by", event.by);
    json.end();
  }
  json.end().key("next");
  if (message) {
    json.object()
        .member("step", asked)
        .member("queue", timeline_queue(view))
        .member("state", name(message->state))
        .member("attempts", message->attempts)
        .member("notBefore", message->due)
        .end();
  } else {
    json.value(nullptr);
  }
  json.end();
  return json.take();
}

Task<Result<std::optional<std::string>>> find_timeline(const Parts& parts, std::string enrollment_id) {
  auto found = co_await gateway::view_enrollment(parts.engine, enrollment_id);
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return std::optional<std::string>();
  std::optional<engine::KeptMessage> message;
  if (const auto queue = timeline_queue(**found); !queue.empty()) {
    auto kept = co_await parts.engine.find_message(std::string(queue), std::move(enrollment_id));
    if (!kept) co_return std::unexpected(kept.error());
    message = std::move(*kept);
  }
  co_return timeline_json(**found, message);
}

}  // namespace globogym::console
