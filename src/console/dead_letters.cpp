#include "console/dead_letters.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "async/loop.h"
#include "base/json_reader.h"
#include "base/text.h"
#include "console/queue_names.h"
#include "domain/records.h"

namespace globogym::console {
namespace {

using engine::KeptMessage;

constexpr std::size_t ids_at_most = 1000;
constexpr std::size_t side_by_side = 64;

std::string id_of(const engine::Message& message) {
  return message.queue + ":" + message.id;
}

// The engine's cursors are its own bytes; people and JSON see them in base32.
std::string shown_cursor(std::string_view cursor) {
  return base32({reinterpret_cast<const unsigned char*>(cursor.data()), cursor.size()});
}

std::optional<std::string> read_cursor(std::string_view shown) {
  const auto bytes = parse_base32(shown);
  if (!bytes) return std::nullopt;
  return std::string(bytes->begin(), bytes->end());
}

// A job's cursor carries when its selection was frozen: "<microseconds>-<cursor>".
struct JobCursor {
  WallTime frozen{};
  std::string after;
};

std::string shown(const JobCursor& cursor) {
  return std::to_string(cursor.frozen.time_since_epoch().count()) + "-" + shown_cursor(cursor.after);
}

std::optional<JobCursor> read_job_cursor(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  std::int64_t micros = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + dash, micros);
  if (problem != std::errc() || end != text.data() + dash || micros < 0) return std::nullopt;
  auto after = read_cursor(text.substr(dash + 1));
  if (!after) return std::nullopt;
  return JobCursor{WallTime(Duration(micros)), std::move(*after)};
}

functions::Function* function_of(const Parts& parts, std::string_view queue) {
  for (auto* function : parts.functions)
    if (function->options().name == queue) return function;
  return nullptr;
}

struct Failure {
  std::string id;
  std::string detail;
};

// One step of a job while it runs.
struct Step {
  const Parts& parts;
  Verb verb;
  std::string by;
  std::vector<KeptMessage> letters;
  std::size_t next = 0;
  std::size_t done = 0;
  std::vector<Failure> failures;
  bool names = false;                      // the letters were named one by one …
  std::vector<std::string> acted_on = {};  // … and these it was
};

// What the letter's end, or its new beginning, changes in the documents.
Task<Result<engine::Commit>> changes_for(const Step& step, functions::Function& function, const KeptMessage& letter) {
  const bool replays = step.verb == Verb::replay;
  domain::Intervention by{step.parts.clock.wall(), replays ? "replayed" : "discarded", step.by};
  if (replays) {
    auto changes = co_await function.on_revived(letter, std::move(by));
    co_return changes;
  }
  auto changes = co_await function.on_discarded(letter, std::move(by));
  // A letter that was parked because a record is damaged can be dropped all the same.
  if (!changes && (changes.error().fault == Fault::damaged || changes.error().fault == Fault::invalid))
    co_return engine::Commit{};
  co_return changes;
}

Task<Result<engine::Committed>> act(const Step& step, const KeptMessage& letter) {
  functions::Function* function = function_of(step.parts, letter.message.queue);
  // A document may move between reading and committing; each round reads it again.
  for (int round = 0;; ++round) {
    engine::Commit commit;
    if (function) {
      auto changes = co_await changes_for(step, *function, letter);
      if (!changes) co_return std::unexpected(changes.error());
      commit = std::move(*changes);
    }
    (step.verb == Verb::replay ? commit.revived : commit.discarded)
        .push_back({letter.message.queue, letter.message.id});
    auto committed = co_await step.parts.engine.commit(std::move(commit));
    if (committed || committed.error().fault != Fault::conflict || round == 8) co_return committed;
  }
}

Task<void> work(Step& step) {
  while (step.next < step.letters.size()) {
    const KeptMessage& letter = step.letters[step.next++];
    auto result = co_await act(step, letter);
    if (result) {
      ++step.done;
      if (step.names) step.acted_on.push_back(id_of(letter.message));
    } else if (step.failures.size() < 100) {
      step.failures.push_back({id_of(letter.message), result.error().message});
    }
  }
}

Task<void> work_through(Step& step) {
  async::Scope scope;
  for (std::size_t i = 0; i < std::min(side_by_side, step.letters.size()); ++i) scope.start(work(step));
  co_await scope.join();
  step.letters.clear();
  step.next = 0;
}

std::string outcome(const Step& step, const std::string& next) {
  JsonWriter json;
  json.object().member(step.verb == Verb::replay ? "replayed" : "discarded", step.done).key("failed").array();
  for (const auto& failure : step.failures)
    json.object().member("id", failure.id).member("detail", failure.detail).end();
  json.end().key("next");
  if (next.empty()) {
    json.value(nullptr);
  } else {
    json.value(next);
  }
  json.end();
  return json.take();
}

Task<Result<std::string>> act_on_ids(Step step, std::vector<std::string> ids, audit::Deed& deed) {
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const auto& text : ids) {
    auto id = parse_dead_letter_id(text);
    if (!id) {
      step.failures.push_back({text.substr(0, 320), "not the id of a dead letter; ids look like queue:message"});
      continue;
    }
    auto letter = co_await find_dead_letter(step.parts, std::move(*id));
    if (letter) {
      step.letters.push_back(std::move(*letter));
    } else if (letter.error().fault == Fault::not_found) {
      step.failures.push_back({text, letter.error().message});
    } else {
      co_return std::unexpected(letter.error());
    }
  }
  co_await work_through(step);
  deed.count = step.done;
  deed.targets = std::move(step.acted_on);
  co_return outcome(step, "");
}

// What was chosen by, in words that are nobody's name: a reason that nothing died for may be anything.
std::string filter_of(const Parts& parts, const Selection& selection, std::size_t done) {
  std::string text;
  if (!selection.queue.empty())
    text = "queue=" + std::string(function_of(parts, selection.queue) ? selection.queue : "?");
  if (!selection.reason.empty())
    text += (text.empty() ? "reason=" : " reason=") + std::string(done > 0 ? audit::word(selection.reason) : "?");
  return text.empty() ? "all" : text;
}

}  // namespace

std::optional<DeadLetterId> parse_dead_letter_id(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 64) return std::nullopt;
  const auto id = text.substr(colon + 1);
  if (id.empty() || id.size() > 255) return std::nullopt;
  return DeadLetterId{std::string(text.substr(0, colon)), std::string(id)};
}

std::string enrollment_of(const engine::Message& message) {
  if (message.queue == domain::queue::process_enrollment) {
    if (auto work = domain::process_enrollment_from_json(message.body)) return work->enrollment_id;
  }
  if (message.queue == domain::queue::welcome_mail) {
    if (auto work = domain::welcome_mail_from_body(message.body)) return work->enrollment_id;
  }
  return "";
}

void write_dead_letter(JsonWriter& json, const KeptMessage& letter) {
  const std::string enrollment = enrollment_of(letter.message);
  json.object()
      .member("id", id_of(letter.message))
      .member("queue", letter.message.queue)
      .member("messageId", letter.message.id)
      .member("reason", letter.dead_reason)
      .member("error", letter.history.empty() ? std::string() : letter.history.back().error)
      .member("attempts", letter.attempts)
      .member("enqueuedAt", letter.enqueued_at)
      .member("deadLetteredAt", letter.dead_at)
      .member("enrollmentId", enrollment.empty() ? std::optional<std::string>() : enrollment)
      .member("bytes", letter.message.body.size())
      .key("history")
      .array();
  for (const auto& attempt : letter.history)
    json.object().member("number", attempt.number).member("at", attempt.at).member("error", attempt.error).end();
  json.end().end();
}

Task<Result<std::string>> dead_letters_json(const Parts& parts, std::string queue, std::string after,
                                            std::size_t limit) {
  if (auto there = co_await find_queue(parts, queue); !there) co_return std::unexpected(there.error());
  auto cursor = read_cursor(after);
  if (!cursor) co_return fail(Fault::invalid, "`after` must be the `next` of an earlier page");
  auto page = co_await parts.engine.messages(
      {.queue = std::move(queue), .after = std::move(*cursor), .limit = std::clamp<std::size_t>(limit, 1, 1000)});
  if (!page) co_return std::unexpected(page.error());
  JsonWriter json;
  json.object().key("items").array();
  for (const auto& letter : page->messages) write_dead_letter(json, letter);
  json.end().key("next");
  if (page->cursor.empty()) {
    json.value(nullptr);
  } else {
    json.value(shown_cursor(page->cursor));
  }
  json.end();
  co_return json.take();
}

Task<Result<KeptMessage>> find_dead_letter(const Parts& parts, DeadLetterId id) {
  auto found = co_await parts.engine.find_message(id.queue, id.message_id);
  if (!found) co_return std::unexpected(found.error());
  if (!*found || (*found)->state != engine::MessageState::dead_lettered)
    co_return fail(Fault::not_found, "no dead letter has this id; it may have been replayed or discarded");
  co_return std::move(**found);
}

Task<Result<std::string>> act_on_dead_letters(const Parts& parts, Verb verb, Selection selection, StepBound bound,
                                              std::string by, audit::Deed& deed) {
  Step step{.parts = parts, .verb = verb, .by = std::move(by)};
  if (!selection.ids.empty()) {
    step.names = true;
    auto done = co_await act_on_ids(std::move(step), std::move(selection.ids), deed);
    co_return done;
  }

  if (auto there = co_await find_queue(parts, selection.queue); !there) co_return std::unexpected(there.error());
  JobCursor cursor{.frozen = parts.clock.wall()};
  if (!selection.after.empty()) {
    auto earlier = read_job_cursor(selection.after);
    if (!earlier) co_return fail(Fault::invalid, "`after` must be the `next` of the step before");
    cursor = std::move(*earlier);
  }
  const SteadyTime until = parts.clock.steady() + bound.time;
  std::size_t looked_at = 0;
  do {
    const std::size_t limit = std::min<std::size_t>(500, bound.at_most - looked_at);
    auto page = co_await parts.engine.messages({.queue = selection.queue, .after = cursor.after, .limit = limit});
    if (!page) co_return std::unexpected(page.error());
    looked_at += page->messages.size();
    const WallTime now = parts.clock.wall();
    for (auto& letter : page->messages) {
      if (!selection.reason.empty() && letter.dead_reason != selection.reason) continue;
      // Since the job began. One that was parked in the future was parked by a clock that has been set back since.
      if (letter.dead_at && *letter.dead_at > cursor.frozen && *letter.dead_at <= now) continue;
      step.letters.push_back(std::move(letter));
    }
    cursor.after = std::move(page->cursor);
    co_await work_through(step);
    deed.count = step.done;
    deed.filter = filter_of(parts, selection, step.done);
  } while (!cursor.after.empty() && looked_at < bound.at_most && parts.clock.steady() < until);
  co_return outcome(step, cursor.after.empty() ? std::string() : shown(cursor));
}

Result<Selection> parse_selection(std::string_view body) {
  auto json = JsonDocument::parse(body);
  if (!json) return std::unexpected(json.error());
  const std::string expected = R"(send {"ids":["queue:message",…]} or {"filter":{"queue":"…","reason":"…"}})";
  if (json->root().type() != JsonValue::Type::object) return fail(Fault::invalid, expected);
  Selection selection;
  bool has_filter = false;
  for (const auto& [name, value] : json->root().members()) {
    if (name == "ids" && value.type() == JsonValue::Type::array) {
      for (const auto& id : value.elements()) {
        const auto text = id.string();
        if (!text) return fail(Fault::invalid, expected);
        selection.ids.emplace_back(*text);
      }
      if (selection.ids.empty()) return fail(Fault::invalid, "`ids` is empty: name at least one dead letter");
      if (selection.ids.size() > ids_at_most)
        return fail(Fault::full, "at most " + std::to_string(ids_at_most) + " ids at once; use a filter for more");
    } else if (name == "filter" && value.type() == JsonValue::Type::object) {
      has_filter = true;
      for (const auto& [key, wanted] : value.members()) {
        const auto text = wanted.string();
        if (!text) return fail(Fault::invalid, expected);
        if (key == "queue") {
          selection.queue = *text;
        } else if (key == "reason") {
          selection.reason = *text;
        } else {
          return fail(Fault::invalid, "a filter knows `queue` and `reason`, nothing else");
        }
      }
    } else if (name == "after" && value.string()) {
      selection.after = *value.string();
    } else {
      return fail(Fault::invalid, expected);
    }
  }
  if (has_filter == !selection.ids.empty()) return fail(Fault::invalid, expected);
  return selection;
}

}  // namespace globogym::console
