#include "console/routes.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/json_writer.h"
#include "base/text.h"
#include "base/time_text.h"
#include "console/called.h"
#include "console/dead_letters.h"
#include "console/find.h"
#include "console/keys.h"
#include "console/overview.h"
#include "console/page.h"
#include "console/people.h"
#include "console/timeline.h"
#include "console/usage.h"
#include "console/waiting.h"
#include "gateway/answers/enrollment_view.h"
#include "gateway/answers/member_list.h"
#include "gateway/answers/problem.h"

namespace globogym::console {
namespace {

namespace problem = gateway::problem;
using audit::Deed;
using gateway::refusal;
using http::Request;
using http::Response;

Response refused(const Error& error) {
  switch (error.fault) {
    case Fault::invalid:
    case Fault::full:
      return refusal(problem::bad_request, error.message);
    case Fault::not_found:
      return refusal(problem::not_found, error.message);
    case Fault::conflict:
      return refusal(problem::conflict, error.message);
    case Fault::damaged:
      return refusal(problem::internal, error.message + "; run `globogym verify`");
    default:
      return refusal(problem::cannot_keep_promise, error.message, {}, "Retry-After: 1\r\n");
  }
}

Response answered(Result<std::string> result) {
  if (!result) return refused(result.error());
  return answer(std::move(*result));
}

// `what` has this id, as it was typed.
Response answered(Result<std::optional<std::string>> result, std::string_view what, std::string_view typed) {
  if (!result) return refused(result.error());
  if (!*result) return refusal(problem::not_found, nothing_called(what, typed));
  return answer(std::move(**result));
}

bool asks_for_content(const Request& request) {
  return http::query_value(request.query, "content") == "true";
}

// Of a list; nothing when it is not 1 to 1000.
std::optional<std::size_t> page_limit(const Request& request) {
  std::size_t limit = 100;
  if (const auto text = http::query_value(request.query, "limit")) {
    const auto [end, bad] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (bad != std::errc() || end != text->data() + text->size() || limit < 1 || limit > 1000) return std::nullopt;
  }
  return limit;
}

using Lister = Task<Result<std::string>> (*)(const Parts&, std::string queue, std::string after, std::size_t limit);

Task<Response> list(const Parts& parts, const Request& request, Lister list) {
  if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
  const auto limit = page_limit(request);
  if (!limit) co_return refusal(problem::bad_request, "`limit` must be 1 to 1000");
  auto page = co_await list(parts, http::query_value(request.query, "queue").value_or(""),
                            http::query_value(request.query, "after").value_or(""), *limit);
  co_return answered(std::move(page));
}

Task<Response> dead_letters(const Parts& parts, const Request& request, const Path& path, bool trusted,
                            const audit::Who& who, Deed& deed) {
  if (path.size() == 3) {
    Response listed = co_await list(parts, request, dead_letters_json);
    co_return listed;
  }
  if (path.size() == 4 && (path[3] == "replay" || path[3] == "discard")) {
    if (auto wrong = unless(request, {"POST"})) co_return std::move(*wrong);
    const Verb verb = path[3] == "replay" ? Verb::replay : Verb::discard;
    deed.event = verb == Verb::replay ? "dead-letters-replay" : "dead-letters-discard";
    auto selection = parse_selection(request.body);
    if (!selection) co_return refused(selection.error());
    auto outcome = co_await act_on_dead_letters(parts, verb, std::move(*selection), {}, audit::name(who), deed);
    co_return answered(std::move(outcome));
  }
  if (path.size() == 4) {
    if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
    // What the letter says is personal: only through the trusted door, and only when asked for.
    const bool content = trusted && asks_for_content(request);
    if (content) deed.event = "dead-letter-content-shown";
    auto id = parse_dead_letter_id(path[3]);
    if (!id) co_return refusal(problem::not_found, "no dead letter has this id; ids look like queue:message");
    auto letter = co_await find_dead_letter(parts, std::move(*id));
    if (!letter) co_return refused(letter.error());
    deed.targets = {path[3]};
    JsonWriter json;
    json.object().key("deadLetter");
    write_dead_letter(json, *letter);
    if (content) json.member("content", letter->message.body);
    json.end();
    co_return answer(json.take());
  }
  co_return refusal(problem::not_found, "there is nothing at this path");
}

// A queue rests until it is told to go on, or until the next start: it is for minutes, not a state of the world.
Response pause_queue(const Parts& parts, const Request& request, const std::string& queue, bool pause, Deed& deed) {
  if (auto wrong = unless(request, {"POST"})) return std::move(*wrong);
  deed.event = pause ? "queue-paused" : "queue-resumed";
  if (!parts.pause_queue) return refusal(problem::conflict, "this process works on no queue, so none can be paused");
  if (!parts.pause_queue(queue, pause)) return refusal(problem::not_found, "no function works on a queue of this name");
  deed.targets = {queue};
  JsonWriter json;
  const functions::QueueState state = parts.queue_state ? parts.queue_state(queue) : functions::QueueState{};
  json.object().member("name", queue).member("state", functions::name(state.state)).end();
  return answer(json.take());
}

Task<Response> enrollments(const Parts& parts, const Request& request, const Path& path, const audit::Who& who,
                           Deed& deed) {
  const std::string id = path.size() > 3 ? as_id(path[3]) : std::string();
  if (path.size() == 5 && path[4] == "retry-now") {
    if (auto wrong = unless(request, {"POST"})) co_return std::move(*wrong);
    deed.event = "enrollment-retried";
    auto reason = parse_reason_json(request.body);
    if (!reason) co_return refused(reason.error());
    deed.reason = std::move(*reason);
    auto retried = co_await retry_now(parts, id, audit::name(who), deed);
    co_return answered(std::move(retried));
  }
  if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
  if (path.size() == 4) {
    auto view = co_await gateway::view_enrollment(parts.engine, id);
    if (!view) co_return refused(view.error());
    if (!*view) co_return refusal(problem::not_found, nothing_called("enrollment", id));
    co_return answer(gateway::to_json(**view));
  }
  if (path.size() == 5 && path[4] == "timeline") {
    auto timeline = co_await find_timeline(parts, id);
    co_return answered(std::move(timeline), "enrollment", id);
  }
  co_return refusal(problem::not_found, "there is nothing at this path");
}

Task<Response> members(const Parts& parts, const Request& request, const Path& path, const audit::Who& who,
                       Deed& deed) {
  if (is_mending(path)) {
    if (auto wrong = unless(request, {"POST"})) co_return std::move(*wrong);
    const bool address = path[4] == "correct-email";
    deed.event = address ? "email-corrected" : "letter-sent-again";
    auto done = address ? co_await correct_email(parts, path[3], request.body, audit::name(who), deed)
                        : co_await resend_letter(parts, path[3], request.body, audit::name(who), deed);
    co_return answered(std::move(done), "member", path[3]);
  }
  if (path.size() == 3) {
    if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
    Response listed = co_await gateway::get_members(parts.engine, request.query, deed);
    co_return listed;
  }
  if (path.size() == 5 && path[4] == "export") {
    if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
    deed.event = "member-exported";
    auto exported = co_await member_export_json(parts, path[3], deed);
    co_return answered(std::move(exported), "member", path[3]);
  }
  if (path.size() != 4) co_return refusal(problem::not_found, "there is nothing at this path");
  if (auto wrong = unless(request, {"GET", "DELETE"})) co_return std::move(*wrong);
  if (request.method == "GET") {
    deed.event = "member-shown";
    auto member = co_await member_json(parts, path[3], deed);
    co_return answered(std::move(member), "member", path[3]);
  }
  deed.event = "member-erased";
  auto erased = co_await erase_member(parts, path[3], deed);
  co_return answered(std::move(erased), "member", path[3]);
}

Task<Response> keys(const Parts& parts, const Request& request, const Path& path, Deed& deed) {
  if (path.size() == 3) {
    if (auto wrong = unless(request, {"GET", "POST"})) co_return std::move(*wrong);
    if (request.method == "GET") {
      // Beside a running server the list is that server's own; on a stopped directory it was just loaded.
      co_return answer(keys_json(parts.keys, parts.quotas));
    }
    deed.event = "key-created";
    auto wanted = parse_key_request(request.body);
    if (!wanted) co_return refused(wanted.error());
    auto created = co_await create_key(parts.keys, std::move(*wanted), deed);
    if (!created) co_return refused(created.error());
    co_return answer(std::move(*created), "application/json", 201);
  }
  if (path.size() != 4) co_return refusal(problem::not_found, "there is nothing at this path");
  if (auto wrong = unless(request, {"DELETE"})) co_return std::move(*wrong);
  deed.event = "key-revoked";
  auto revoked = co_await parts.keys.revoke(path[3]);
  if (!revoked) co_return refused(revoked.error());
  deed.targets = {path[3]};
  co_return answer(R"({"revoked":true})");
}

// A copy of the engine, for whoever may open the data directory to take it from there and say when they are done. They
// keep each other away: see app/backup.h.
Task<Response> backup(const Parts& parts, const Request& request, Deed& deed) {
  if (auto wrong = unless(request, {"POST", "DELETE"})) co_return std::move(*wrong);
  if (parts.backup_directory.empty()) co_return refusal(problem::not_found, "nothing is backed up from this process");
  const bool begins = request.method == "POST";
  deed.event = begins ? "backup-began" : "backup-ended";
  std::error_code error;
  std::filesystem::remove_all(parts.backup_directory, error);
  if (!error && begins) std::filesystem::create_directory(parts.backup_directory, error);
  if (!error && begins) std::filesystem::permissions(parts.backup_directory, std::filesystem::perms::owner_all, error);
  if (error)
    co_return refusal(problem::cannot_keep_promise, "cannot use " + parts.backup_directory + ": " + error.message());
  if (!begins) co_return answer(R"({"ended":true})");
  auto copied = co_await parts.engine.copy_into(parts.backup_directory + "/engine");
  if (!copied) co_return refused(copied.error());
  co_return answer(R"({"began":true})", "application/json", 201);
}

// What was damaged is left behind, once somebody has looked into it.
Response trail_anew(const Parts& parts, const Request& request, Deed& deed) {
  if (auto wrong = unless(request, {"POST"})) return std::move(*wrong);
  deed.event = "audit-begun-anew";
  if (!parts.trail) return refusal(problem::not_found, "this process keeps no audit trail");
  auto reason = parse_reason_json(request.body);
  if (!reason) return refused(reason.error());
  if (reason->empty())
    return refusal(problem::bad_request,
                   "say in `reason` (--reason) what came of looking into it: it is kept in the trail");
  if (parts.trail->condition().damage.empty())
    return refusal(problem::conflict,
                   "as far as is known the audit trail is as it was written, so there is nothing to leave behind; "
                   "`globogym audit --verify` looks at all of it");
  deed.reason = std::move(*reason);
  deed.begins_trail = true;
  return answer(R"({"begunAnew":true})");
}

// Lines of the trail, for whoever may open the data directory.
Response trail(const Parts& parts, const Request& request, Deed& deed) {
  if (auto wrong = unless(request, {"GET"})) return std::move(*wrong);
  if (!parts.trail) return refusal(problem::not_found, "this process keeps no audit trail");
  constexpr std::size_t lines_a_page = 5000;
  const std::string after = http::query_value(request.query, "after").value_or("");
  std::optional<WallTime> since;
  if (const auto text = http::query_value(request.query, "since")) {
    since = parse_rfc3339(*text);
    if (!since) return refusal(problem::bad_request, "`since` must be a time such as 2026-11-27T00:00:00Z");
  }
  if (after.empty()) deed.event = "audit-read";
  auto page = parts.trail->read(after, lines_a_page, since);
  if (!page) return refused(page.error());
  JsonWriter json;
  json.object().key("lines").array();
  for (const auto& line : page->lines) json.value(is_utf8(line) ? std::string_view(line) : "(not text)");
  json.end().key("next");
  if (page->next.empty())
    json.value(nullptr);
  else
    json.value(page->next);
  json.key("trouble");
  if (page->trouble.empty())
    json.value(nullptr);
  else
    json.value(page->trouble);
  json.member("checked", page->checked).member("number", page->number).member("leftBehind", page->left_behind).end();
  return answer(json.take());
}

// What only the server knows of itself: where its files are and what it depends on is for whoever may open its
// directory.
Task<Response> in_force(const Parts& parts, const Request& request, bool checkup, bool trusted) {
  if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
  if (!trusted)
    co_return refusal(problem::not_found,
                      "this is for the control socket only; use `globogym doctor` or `config explain`");
  if (!parts.checkup) co_return refusal(problem::not_found, "no server runs here");
  if (!checkup) co_return answer(parts.configuration());
  auto looked = co_await parts.checkup();
  co_return answered(std::move(looked));
}

Task<Response> find(const Parts& parts, const Request& request, bool may_find, Deed& deed) {
  // Whoever comes here has been asked before; nothing is looked at for anybody else.
  if (!may_find) co_return refusal(problem::scope_missing, "This needs a key with the scope members:find.");
  if (auto wrong = unless(request, {"POST"})) co_return std::move(*wrong);
  deed.event = "person-looked-up";
  auto query = parse_find(request.body);
  if (!query) co_return refused(query.error());
  auto found = co_await find_person(parts, std::move(*query));
  if (!found) co_return refused(found.error());
  if (!found->member_id.empty()) deed.targets.push_back(std::move(found->member_id));
  for (auto& id : found->enrollment_ids) deed.targets.push_back(std::move(id));
  co_return answer(std::move(found->json));
}

}  // namespace

Response answer(std::string body, std::string_view content_type, unsigned status) {
  return {.status = status, .content_type = content_type, .body = std::move(body)};
}

Response page(const Request& request, std::string body, std::string_view content_type) {
  if (auto wrong = unless(request, {"GET", "HEAD"})) return std::move(*wrong);
  return answer(std::move(body), content_type);
}

std::optional<Response> unless(const Request& request, std::initializer_list<std::string_view> methods) {
  if (std::ranges::find(methods, request.method) != methods.end()) return std::nullopt;
  std::string allow;
  for (const auto method : methods) allow += (allow.empty() ? "" : ", ") + std::string(method);
  return refusal(problem::method_not_allowed, "use " + allow, {}, "Allow: " + allow + "\r\n");
}

std::optional<Path> segments(std::string_view path) {
  Path out;
  if (!path.starts_with('/')) return std::nullopt;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto slash = path.find('/');
    auto decoded = http::percent_decoded(path.substr(0, slash), false);
    if (!decoded) return std::nullopt;
    out.push_back(std::move(*decoded));
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash);
  }
  return out;
}

bool is_look_up(const Path& path) {
  return path.size() == 3 && path[0] == "admin" && path[1] == "v1" && path[2] == "find";
}

bool is_mending(const Path& path) {
  return path.size() == 5 && path[0] == "admin" && path[1] == "v1" && path[2] == "members" &&
         (path[4] == "correct-email" || path[4] == "resend-letter");
}

Task<Response> route(const Parts& parts, const Request& request, const Path& path, Standing standing,
                     const audit::Who& who, Deed& deed) {
  if (request.path == "/") co_return page(request, page_html(), html_type);
  if (request.path == "/console.js") co_return page(request, page_script(), script_type);
  if (request.path == "/console.css") co_return page(request, page_style(), style_type);
  if (request.path == "/console.svg") co_return page(request, page_icon(), icon_type);
  if (request.path == "/metrics") {
    if (auto wrong = unless(request, {"GET", "HEAD"})) co_return std::move(*wrong);
    auto text = co_await metrics_text(parts);
    if (!text) co_return refused(text.error());
    co_return answer(std::move(*text), "text/plain; version=0.0.4; charset=utf-8");
  }
  if (path.size() < 3 || path[0] != "admin" || path[1] != "v1")
    co_return refusal(problem::not_found, "there is nothing at this path");

  const std::string& what = path[2];
  if (is_look_up(path)) {
    Response response = co_await find(parts, request, standing != Standing::visitor, deed);
    co_return response;
  }
  if (what == "dead-letters") {
    Response response = co_await dead_letters(parts, request, path, standing == Standing::trusted, who, deed);
    co_return response;
  }
  if (what == "waiting" && path.size() == 3) {
    Response response = co_await list(parts, request, waiting_json);
    co_return response;
  }
  if (what == "enrollments") {
    Response response = co_await enrollments(parts, request, path, who, deed);
    co_return response;
  }
  if ((what == "checkup" || what == "configuration") && path.size() == 3) {
    Response response = co_await in_force(parts, request, what == "checkup", standing == Standing::trusted);
    co_return response;
  }
  if (what == "members" || what == "keys" || what == "audit" || what == "backup") {
    if (standing != Standing::trusted && !(standing == Standing::finder && is_mending(path)))
      co_return refusal(problem::not_found, "this is for the control socket only; use `globogym " + what + "`");
    if (what == "audit" && path.size() == 3) co_return trail(parts, request, deed);
    if (what == "audit" && path.size() == 4 && path[3] == "begin-anew") co_return trail_anew(parts, request, deed);
    if (what == "backup" && path.size() == 3) {
      Response response = co_await backup(parts, request, deed);
      co_return response;
    }
    if (what == "audit" || what == "backup") co_return refusal(problem::not_found, "there is nothing at this path");
    Response response =
        what == "keys" ? co_await keys(parts, request, path, deed) : co_await members(parts, request, path, who, deed);
    co_return response;
  }
  if (what == "queues" && path.size() == 5 && (path[4] == "pause" || path[4] == "resume"))
    co_return pause_queue(parts, request, path[3], path[4] == "pause", deed);
  if (path.size() != 3) co_return refusal(problem::not_found, "there is nothing at this path");
  if (what == "queues" || what == "stats" || what == "health" || what == "events" || what == "analytics") {
    if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
  }
  if (what == "queues") {
    auto json = co_await queues_json(parts);
    co_return answered(std::move(json));
  }
  if (what == "stats") {
    auto json = co_await stats_json(parts);
    co_return answered(std::move(json));
  }
  if (what == "health") co_return answer(health_json(parts));
  if (what == "analytics") {
    const auto window = parse_window(http::query_value(request.query, "window").value_or("life"));
    if (!window) co_return refusal(problem::bad_request, "`window` must be life, 1m, 15m or 24h");
    auto json = co_await usage_json(parts, *window);
    co_return answered(std::move(json));
  }
  if (what == "events") {
    Response response = answer("retry: 2000\n\n", "text/event-stream");
    response.feed = live_feed(parts, std::chrono::seconds(1));
    co_return response;
  }
  co_return refusal(problem::not_found, "there is nothing at this path");
}

}  // namespace globogym::console
