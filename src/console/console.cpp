#include "console/console.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "console/called.h"
#include "console/door.h"
#include "console/page.h"
#include "domain/ids.h"
#include "domain/membership_number.h"
#include "gateway/answers/problem.h"
#include "telemetry/log.h"

namespace globogym::console {
namespace {

namespace problem = gateway::problem;
using audit::Deed;
using gateway::refusal;
using http::Request;
using http::Response;

constexpr gateway::ProblemType bad_host{403, "bad-host", "Not under this name",
                                        "The Host header names something that is not this console."};
constexpr gateway::ProblemType not_deliberate{
    403, "not-deliberate", "This could have been sent by another site",
    "A request that changes something lacks the mark a foreign page cannot set."};

constexpr gateway::ProblemType foreign_page{403, "foreign-page", "Another page sent this",
                                            "The browser does not vouch that a page of the console sent the request."};

constexpr std::string_view session_path = "/admin/v1/session";

// Nothing here is meant to be framed, cached or to load anything from elsewhere.
constexpr std::string_view guard_headers =
    "Cache-Control: no-store\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n";

// Asking the server as a whole what it can do (RFC 9110 section 9.3.7) changes nothing.
bool asks_for_options(const Request& request) {
  return request.path == "*";
}

bool is_change(const Request& request) {
  return changes_something(request.method) && !asks_for_options(request);
}

// What was asked for, by the fixed words of its path: any other segment may be what somebody typed.
std::string shape(const Request& request, const Path& path) {
  constexpr std::string_view words[] = {"backup",        "audit",        "begin-anew", "dead-letters", "discard",
                                        "enrollments",   "export",       "keys",       "members",      "pause",
                                        "queues",        "replay",       "resume",     "retry-now",    "session",
                                        "correct-email", "resend-letter"};
  std::string out(request.method == "POST" || request.method == "DELETE" ? request.method : "?");
  for (std::size_t i = 2; i < path.size(); ++i)
    out.append(i == 2 ? " " : "/")
        .append(std::ranges::find(words, path[i]) != std::end(words) ? std::string_view(path[i]) : "…");
  return out;
}

// Whom a change is about, where nothing has been looked for yet: only what has the whole form of an id, or of a number
// with its brand, and so cannot be what somebody is called or telephoned by; or the name of a queue.
std::optional<std::string> named_in(const Parts& parts, const Path& path) {
  if (path.size() < 4) return std::nullopt;
  const std::string& typed = path[3];
  if (path[2] == "queues" && std::ranges::any_of(parts.functions, [&](const functions::Function* function) {
        return function->options().name == typed;
      }))
    return typed;
  std::string id = as_id(typed);
  if (domain::whereabouts_of_member(id) || domain::partition_of_enrollment(id)) return id;
  return id.starts_with("gg") ? domain::parse_membership_number(typed) : std::nullopt;
}

// Of a change that is about to be made, as much as can be told of what was asked for.
audit::Deed begun_deed(const Parts& parts, const Request& request, const Path& path) {
  audit::Deed deed{.event = std::string(audit::begun), .filter = shape(request, path)};
  if (auto target = named_in(parts, path)) deed.targets.push_back(std::move(*target));
  const auto json = JsonDocument::parse(request.body);
  if (json && json->root().type() == JsonValue::Type::object)
    if (auto reason = audit::parse_reason(json->root().text("reason"))) deed.reason = std::move(*reason);
  return deed;
}

Response not_audited(const Error& error) {
  return refusal(problem::cannot_keep_promise, error.message, {}, "Retry-After: 1\r\n");
}

std::string session_json(const Operator& who) {
  JsonWriter json;
  json.object()
      .member("required", true)
      .member("keyId", who.key_id)
      .member("name", who.key_name)
      .member("mayChange", may_change(who))
      .member("signedIn", !who.session.empty())
      .member("endsAt", who.ends)
      .end();
  return json.take();
}

// A feed for as long as who asked for it may have it.
class FeedWhile final : public http::Feed {
 public:
  FeedWhile(std::unique_ptr<http::Feed> feed, Operators& operators, Operator who)
      : feed_(std::move(feed)), operators_(operators), who_(std::move(who)) {}

  Task<std::optional<std::string>> next(std::stop_token stop) override {
    auto piece = co_await feed_->next(std::move(stop));
    if (!operators_.still_is(who_)) co_return std::nullopt;
    co_return piece;
  }

 private:
  std::unique_ptr<http::Feed> feed_;
  Operators& operators_;
  Operator who_;
};

}  // namespace

Task<Response> Console::handle(const Request& request) {
  Response response;
  if (options_.trusted) {
    response = co_await carry_out(request, {.by = options_.by, .uid = request.peer_uid}, Standing::trusted);
  } else if (!host_is_ours(request.header("Host").value_or(""), options_.hosts)) {
    response = refused_at_door(bad_host, "reach the console by its address, or add this name to admin.hosts");
  } else if (is_change(request) && !sent_deliberately(request)) {
    response = refused_at_door(
        not_deliberate,
        "send Content-Type: application/json or X-Requested-With: globogym with what changes something");
  } else if (const auto path = segments(request.path); path && (is_look_up(*path) || is_mending(*path))) {
    response = co_await looked_up(request, is_mending(*path));
  } else if (!options_.asks_everybody) {
    response = co_await carry_out(request, {.by = "loopback"}, Standing::visitor);
  } else {
    response = co_await admitted(request);
  }
  response.extra_headers += guard_headers;
  co_return response;
}

// Where credentials are asked for. The sign-in page needs none, nor what it loads.
Task<Response> Console::admitted(const Request& request) {
  Operators& operators = *options_.operators;
  if (request.path == "/sign-in.js") co_return page(request, sign_in_script(), script_type);
  if (request.path == "/console.css") co_return page(request, page_style(), style_type);
  if (request.path == "/console.svg") co_return page(request, page_icon(), icon_type);
  const bool signs_in = request.path == session_path && request.method == "POST";
  if (signs_in && request.header("Origin") && !sent_by_own_page(request))
    co_return refused_at_door(foreign_page, "sign in on the console's own page");
  if (signs_in) {
    Operator who;
    Response response = operators.sign_in(request, who);
    if (who.session.empty()) co_return response;
    audit::Entry entry{{who.key_id, {}, true}, {.event = "operator-signed-in"}, response.status, request.request_id};
    auto told = co_await tell(std::move(entry), IfNotWritten::refuses);
    if (told) co_return response;
    operators.sign_out(who);
    co_return not_audited(told.error());
  }

  auto found = operators.identify(request);
  if (auto* refused = std::get_if<Response>(&found)) {
    if (request.path != "/" || request.method != "GET" || refused->status == 429) co_return std::move(*refused);
    refused->body = sign_in_html();
    refused->content_type = html_type;
    co_return std::move(*refused);
  }
  const Operator& who = std::get<Operator>(found);
  if (is_change(request)) {
    if (!who.session.empty() && !sent_by_own_page(request))
      co_return refused_at_door(foreign_page, "a session counts for what the console's own page sends, and only that");
    if (request.path == session_path && request.method == "DELETE") {
      Response response = operators.sign_out(who);
      audit::Entry entry{{who.key_id, {}, !who.session.empty()},
                         {.event = "operator-signed-out"},
                         response.status,
                         request.request_id};
      (void)co_await tell(std::move(entry), IfNotWritten::stands);  // ending a session is never refused
      co_return response;
    }
    if (!may_change(who)) co_return refused_at_door(gateway::problem::scope_missing, "This needs the scope ops:write.");
  }
  if (request.path == session_path) {
    if (auto wrong = unless(request, {"GET", "POST", "DELETE"})) co_return std::move(*wrong);
    co_return answer(session_json(who));
  }
  Response response =
      co_await carry_out(request, {.by = who.key_id, .session = !who.session.empty()}, Standing::visitor);
  if (response.feed) response.feed = std::make_unique<FeedWhile>(std::move(response.feed), operators, who);
  co_return response;
}

// Personal data over the network: only for a key, or the session of one, with the scope for it, on loopback too.
Task<Response> Console::looked_up(const Request& request, bool to_mend) {
  auto found = options_.operators->identify(request, Purpose::find);
  if (auto* refused = std::get_if<Response>(&found)) co_return std::move(*refused);
  const Operator& who = std::get<Operator>(found);
  if (!who.session.empty() && !sent_by_own_page(request))
    co_return refused_at_door(foreign_page, "a session counts for what the console's own page sends, and only that");
  if (to_mend && !may_change(who))
    co_return refused_at_door(gateway::problem::scope_missing, "This needs the scope ops:write as well.");
  Response response =
      co_await carry_out(request, {.by = who.key_id, .session = !who.session.empty()}, Standing::finder);
  co_return response;
}

Task<Response> Console::carry_out(const Request& request, audit::Who who, Standing standing) {
  if (asks_for_options(request))
    co_return Response{
        .status = 204, .content_type = {}, .extra_headers = "Allow: GET, HEAD, POST, DELETE, OPTIONS\r\n"};
  const auto path = segments(request.path);
  if (!path) co_return refusal(problem::not_found, "there is nothing at this path");
  if (!options_.trusted && request.path == session_path) {
    if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
    co_return answer(R"({"required":false})");
  }
  const bool changes = is_change(request) && !is_look_up(*path);
  std::uint64_t begun = 0;
  if (changes && parts_.trail) {
    // Nothing is changed that is not written down: not when there is no room for it, nor when the process ends
    // meanwhile.
    audit::Entry entry{who, begun_deed(parts_, request, *path), 0, request.request_id};
    auto line = co_await parts_.trail->write(std::move(entry));
    if (!line) co_return not_audited(line.error());
    begun = *line;
  }
  Deed deed;
  if (changes) deed.event = "operations-request";
  Response response = co_await route(parts_, request, *path, standing, who, deed);
  if (deed.event.empty()) co_return response;
  audit::Entry entry{std::move(who), std::move(deed), response.status, request.request_id, begun};
  // What was read is not told without. What was changed is changed: its line is tried again.
  auto told = co_await tell(std::move(entry), changes ? IfNotWritten::stands : IfNotWritten::refuses);
  if (!told && !changes) co_return not_audited(told.error());
  co_return response;
}

// In the trail, and then in the log, which would otherwise tell of what was not done.
Task<Result<void>> Console::tell(audit::Entry entry, IfNotWritten then) {
  Result<std::uint64_t> line;
  if (parts_.trail) line = co_await parts_.trail->write(entry);
  if (!line && then == IfNotWritten::refuses) entry.status = problem::cannot_keep_promise.status;
  const bool done = entry.status < 300;
  const auto& deed = entry.deed;
  std::string what;
  constexpr std::size_t most_told = 20;
  for (std::size_t i = 0; i < std::min(deed.targets.size(), most_told); ++i)
    what += (i == 0 ? "" : ",") + deed.targets[i];
  if (deed.targets.size() > most_told) what += ",… (" + std::to_string(deed.targets.size()) + ")";
  log::audit(done ? std::string_view(deed.event) : audit::refused,
             {{"by", entry.who.by},
              {"user", entry.who.uid ? audit::name(entry.who) : std::string()},
              {"asked", done ? std::string_view() : std::string_view(deed.event)},
              {"what", what},
              {"filter", deed.filter},
              {"count", deed.count ? std::to_string(*deed.count) : std::string()},
              {"reason", deed.reason},
              {"status", entry.status},
              {"line", line ? std::to_string(*line) : std::string()},
              {"requestId", entry.request_id}});
  if (!line) co_return std::unexpected(line.error());
  co_return Result<void>();
}

// Every refusal before anything was looked at is counted.
Response Console::refused_at_door(const gateway::ProblemType& type, std::string_view detail) {
  parts_.metrics
      .counter("globogym_operations_refused_total", "Requests refused at the operations listener's door.",
               {{"reason", std::string(type.slug)}})
      .add();
  return refusal(type, detail);
}

}  // namespace globogym::console
