#include "console/waiting.h"

#include <algorithm>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/time_text.h"
#include "console/called.h"
#include "console/dead_letters.h"
#include "console/queue_names.h"
#include "domain/records.h"
#include "functions/enrollment/story.h"
#include "gateway/answers/enrollment_view.h"

namespace globogym::console {
namespace {

std::string_view name(engine::MessageState state) {
  switch (state) {
    case engine::MessageState::ready:
      return "ready";
    case engine::MessageState::leased:
      return "leased";
    case engine::MessageState::delayed:
      return "delayed";
    case engine::MessageState::dead_lettered:
      break;
  }
  return "dead-lettered";
}

std::string outcome(const std::string& id, const std::string& queue, std::string_view was, std::string_view detail) {
  JsonWriter json;
  json.object().member("id", id).member("queue", queue).member("was", was).member("detail", detail).end();
  return json.take();
}

// What keeps a message that is due from being tried at once.
std::string unless_kept(const Parts& parts, const std::string& queue) {
  using State = functions::QueueState::State;
  if (!parts.pause_queue) return "it is due now; this process works on no queue: a worker tries it as soon as one runs";
  const State state = parts.queue_state ? parts.queue_state(queue).state : State::running;
  if (state == State::paused)
    return "it is due now, and its queue is paused: resume that in the console, or by POST /admin/v1/queues/" + queue +
           "/resume";
  if (state == State::circuit_open)
    return "it is due now, and what the queue needs does not answer: it is among the first to be tried when that is "
           "back";
  return "it is due now and tried next";
}

// Why nothing of a queue is done, in a sentence; nothing where something is.
std::optional<std::string> held_back_by(const Parts& parts, const std::string& queue) {
  using State = functions::QueueState::State;
  const functions::QueueState state = parts.queue_state ? parts.queue_state(queue) : functions::QueueState{};
  std::string why;
  if (state.state == State::paused)
    why = parts.pause_queue ? "its queue is paused" : "this process works on no queue, and a worker does";
  if (state.state == State::circuit_open) why = state.dependency + " does not serve";
  if (why.empty() && state.blocked_since) why = "nothing of its queue has got through";
  if (why.empty()) return std::nullopt;
  if (state.blocked_since) why += " since " + rfc3339(*state.blocked_since);
  if (state.state != State::paused && state.last_error_at) why += ": " + state.last_error;
  return why;
}

Task<Result<std::string>> replay(const Parts& parts, std::string id, engine::Message message, std::string by,
                                 audit::Deed& deed) {
  Selection selection;
  selection.ids.push_back(message.queue + ":" + message.id);
  auto done = co_await act_on_dead_letters(parts, Verb::replay, std::move(selection), {}, std::move(by), deed);
  if (!done) co_return std::unexpected(done.error());
  auto json = JsonDocument::parse(*done);
  if (!json || json->root().integer("replayed") != 1)
    co_return fail(Fault::conflict,
                   "its dead letter could not be brought back: it was replayed or discarded meanwhile");
  deed.targets = {id};
  deed.count.reset();
  co_return outcome(id, message.queue, "parked", "its dead letter was replayed; its attempts start anew");
}

// Together with what the enrollment's story tells of it.
Task<Result<engine::Committed>> hasten(const Parts& parts, engine::Message message, std::string by) {
  // The document may move between reading and committing; each round reads it again.
  for (int round = 0;; ++round) {
    engine::Commit commit;
    commit.hastened.push_back({message.queue, message.id});
    auto story = co_await functions::enrollment::read_story(parts.engine, message);
    if (!story) co_return std::unexpected(story.error());
    if (*story) {
      domain::remember_intervention((*story)->enrollment, {parts.clock.wall(), std::string(domain::retried), by});
      functions::enrollment::tell(commit, std::move(**story));
    }
    auto committed = co_await parts.engine.commit(std::move(commit));
    if (committed || committed.error().fault != Fault::conflict || round == 8) co_return committed;
  }
}

}  // namespace

void write_waiting(JsonWriter& json, const Parts& parts, const engine::KeptMessage& message) {
  const std::string enrollment = enrollment_of(message.message);
  const auto* last = message.history.empty() ? nullptr : &message.history.back();
  json.object()
      .member("id", message.message.queue + ":" + message.message.id)
      .member("queue", message.message.queue)
      .member("enrollmentId", enrollment.empty() ? std::optional<std::string>() : enrollment)
      .member("state", name(message.state))
      .member("attempts", message.attempts)
      .member("enqueuedAt", message.enqueued_at)
      .member("dueAt", message.due)
      .member("lastError", last ? std::optional(last->error) : std::nullopt)
      .member("lastErrorAt", last ? std::optional(last->at) : std::nullopt)
      .member("heldBackBy", held_back_by(parts, message.message.queue))
      .end();
}

Task<Result<std::string>> waiting_json(const Parts& parts, std::string queue, std::string after, std::size_t limit) {
  if (auto there = co_await find_queue(parts, queue); !there) co_return std::unexpected(there.error());
  auto page = co_await parts.engine.messages({.which = engine::MessageQuery::Which::waiting,
                                              .queue = std::move(queue),
                                              .after = std::move(after),
                                              .limit = std::clamp<std::size_t>(limit, 1, 1000)});
  if (!page) co_return std::unexpected(page.error());
  JsonWriter json;
  json.object().key("items").array();
  for (const auto& message : page->messages) write_waiting(json, parts, message);
  json.end().member("next", page->cursor.empty() ? std::optional<std::string>() : page->cursor).end();
  co_return json.take();
}

Task<Result<std::string>> retry_now(const Parts& parts, std::string enrollment_id, std::string by, audit::Deed& deed) {
  auto view = co_await gateway::view_enrollment(parts.engine, enrollment_id);
  if (!view) co_return std::unexpected(view.error());
  if (!*view) co_return fail(Fault::not_found, nothing_called("enrollment", enrollment_id));
  const domain::Enrollment& enrollment = (*view)->enrollment;
  const bool completed = enrollment.status == domain::Status::completed;
  // A letter that is sent again may wait although all is done.
  std::string step = completed ? std::string(domain::step::welcome_mail) : (*view)->current_step;
  const std::string letters(domain::queue::welcome_mail);
  auto again = completed ? co_await parts.engine.find_message(letters, enrollment.id)
                         : Result<std::optional<engine::KeptMessage>>();
  if (!again) co_return std::unexpected(again.error());
  if ((completed && !*again) || enrollment.status == domain::Status::rejected)
    co_return fail(Fault::conflict, "this enrollment is " + std::string(domain::name(enrollment.status)) +
                                        ": there is nothing left to try");
  for (const auto& each : enrollment.steps)
    if (each.status == domain::StepStatus::parked) step = each.name;
  const std::string queue(gateway::queue_of_step(step));
  auto message = co_await parts.engine.find_message(queue, enrollment.id);
  if (!message) co_return std::unexpected(message.error());
  if (!*message)
    co_return fail(Fault::conflict,
                   "no message works on this enrollment any more, so nothing can be tried: its dead letter was "
                   "discarded, or it has just been finished; see `globogym enrollments show " +
                       enrollment.id + "`");
  switch ((*message)->state) {
    case engine::MessageState::dead_lettered: {
      auto replayed = co_await replay(parts, enrollment.id, std::move((*message)->message), std::move(by), deed);
      co_return replayed;
    }
    case engine::MessageState::leased:
      co_return fail(Fault::conflict, "it is being tried right now (attempt " + std::to_string((*message)->attempts) +
                                          "); look again in a minute");
    case engine::MessageState::ready:
    case engine::MessageState::delayed:
      break;
  }
  if (parts.ask_for) parts.ask_for(queue, enrollment.id);
  auto committed = co_await hasten(parts, std::move((*message)->message), std::move(by));
  if (!committed && committed.error().fault == Fault::not_found)
    co_return fail(Fault::conflict, "it was finished or parked just now; look again");
  if (!committed) co_return std::unexpected(committed.error());
  deed.targets = {enrollment.id};
  co_return outcome(enrollment.id, queue, name((*message)->state), unless_kept(parts, queue));
}

Result<std::string> parse_reason_json(std::string_view body) {
  if (body.empty()) return std::string();
  const std::string expected = R"(send {"reason":"…"}, or nothing)";
  auto json = JsonDocument::parse(body);
  if (!json) return std::unexpected(json.error());
  if (json->root().type() != JsonValue::Type::object) return fail(Fault::invalid, expected);
  std::string reason;
  for (const auto& [name, value] : json->root().members()) {
    if (name != "reason" || !value.string()) return fail(Fault::invalid, expected);
    reason = *value.string();
  }
  if (reason.empty()) return reason;
  return audit::parse_reason(reason);
}

}  // namespace globogym::console
