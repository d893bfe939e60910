#include "console/console.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "console/dead_letters.h"
#include "console/keys.h"
#include "console/overview.h"
#include "console/page.h"
#include "console/people.h"
#include "console/timeline.h"
#include "gateway/enrollment_view.h"
#include "gateway/problem.h"
#include "telemetry/log.h"

namespace globogym::console {
namespace {

namespace problem = gateway::problem;
using gateway::refusal;
using http::Request;
using http::Response;
using Path = std::vector<std::string>;  // decoded segments

constexpr gateway::ProblemType bad_host{403, "bad-host", "Not under this name",
                                        "The Host header names something that is not this console."};
constexpr gateway::ProblemType not_deliberate{
    403, "not-deliberate", "This could have been sent by another site",
    "A request that changes something lacks the mark a foreign page cannot set."};

// Nothing here is meant to be framed, cached or to load anything from elsewhere.
constexpr std::string_view guard_headers =
    "Cache-Control: no-store\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n";

Response answer(std::string body, std::string_view content_type = "application/json", unsigned status = 200) {
  return {.status = status, .content_type = content_type, .body = std::move(body)};
}

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

Response answered(Result<std::optional<std::string>> result, std::string_view what) {
  if (!result) return refused(result.error());
  if (!*result) return refusal(problem::not_found, "no " + std::string(what) + " has this id");
  return answer(std::move(**result));
}

// Only GET and HEAD, or only the methods named; nothing when `request` may go on.
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

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool changes_something(std::string_view method) {
  return method != "GET" && method != "HEAD";
}

// What a page on another site could make a browser send never carries one of these without asking us first.
bool sent_deliberately(const Request& request) {
  const auto site = request.header("Sec-Fetch-Site");
  if (site && *site != "same-origin" && *site != "none") return false;
  if (request.header("X-Requested-With") == "globogym") return true;
  const auto type = request.header("Content-Type");
  return type && same_ignoring_case(type->substr(0, type->find(';')), "application/json");
}

Task<Response> dead_letters(const Parts& parts, const Request& request, const Path& path, bool trusted) {
  if (path.size() == 3) {
    if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
    std::size_t limit = 100;
    if (const auto text = http::query_value(request.query, "limit")) {
      const auto [end, bad] = std::from_chars(text->data(), text->data() + text->size(), limit);
      if (bad != std::errc() || end != text->data() + text->size() || limit < 1 || limit > 1000)
        co_return refusal(problem::bad_request, "`limit` must be 1 to 1000");
    }
    auto page = co_await dead_letters_json(parts, http::query_value(request.query, "queue").value_or(""),
                                           http::query_value(request.query, "after").value_or(""), limit);
    co_return answered(std::move(page));
  }
  if (path.size() == 4 && (path[3] == "replay" || path[3] == "discard")) {
    if (auto wrong = unless(request, {"POST"})) co_return std::move(*wrong);
    auto selection = parse_selection(request.body);
    if (!selection) co_return refused(selection.error());
    const Verb verb = path[3] == "replay" ? Verb::replay : Verb::discard;
    auto outcome = co_await act_on_dead_letters(parts, verb, std::move(*selection), {});
    log::info("dead-letters-" + path[3], {{"ok", outcome.has_value()}, {"requestId", request.request_id}});
    co_return answered(std::move(outcome));
  }
  if (path.size() == 4) {
    if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
    auto id = parse_dead_letter_id(path[3]);
    if (!id) co_return refusal(problem::not_found, "no dead letter has this id; ids look like queue:message");
    auto letter = co_await find_dead_letter(parts, std::move(*id));
    if (!letter) co_return refused(letter.error());
    JsonWriter json;
    json.object().key("deadLetter");
    write_dead_letter(json, *letter);
    // What the letter says is personal: only through the trusted door, and only when asked for.
    if (trusted && http::query_value(request.query, "content") == "true") json.member("content", letter->message.body);
    json.end();
    co_return answer(json.take());
  }
  co_return refusal(problem::not_found, "there is nothing at this path");
}

Task<Response> enrollments(const Parts& parts, const Request& request, const Path& path) {
  if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
  if (path.size() == 4) {
    auto view = co_await gateway::view_enrollment(parts.engine, path[3]);
    if (!view) co_return refused(view.error());
    if (!*view) co_return refusal(problem::not_found, "no enrollment has this id");
    co_return answer(gateway::to_json(**view));
  }
  if (path.size() == 5 && path[4] == "timeline") {
    auto timeline = co_await timeline_json(parts, path[3]);
    co_return answered(std::move(timeline), "enrollment");
  }
  co_return refusal(problem::not_found, "there is nothing at this path");
}

Task<Response> members(const Parts& parts, const Request& request, const Path& path) {
  if (path.size() == 5 && path[4] == "export") {
    if (auto wrong = unless(request, {"GET"})) co_return std::move(*wrong);
    auto exported = co_await member_export_json(parts, path[3]);
    log::info("member-exported", {{"requestId", request.request_id}});
    co_return answered(std::move(exported), "member");
  }
  if (path.size() != 4) co_return refusal(problem::not_found, "there is nothing at this path");
  if (auto wrong = unless(request, {"GET", "DELETE"})) co_return std::move(*wrong);
  if (request.method == "GET") {
    auto member = co_await member_json(parts, path[3]);
    co_return answered(std::move(member), "member");
  }
  auto erased = co_await erase_member(parts, path[3]);
  log::info("member-erased", {{"ok", erased.has_value()}, {"requestId", request.request_id}});
  co_return answered(std::move(erased), "member");
}

Task<Response> keys(const Parts& parts, const Request& request, const Path& path) {
  if (path.size() == 3) {
    if (auto wrong = unless(request, {"GET", "POST"})) co_return std::move(*wrong);
    if (request.method == "GET") {
      // Beside a running server the list is that server's own; on a stopped directory it was just loaded.
      co_return answer(keys_json(parts.keys));
    }
    auto wanted = parse_key_request(request.body);
    if (!wanted) co_return refused(wanted.error());
    auto created = co_await create_key(parts.keys, std::move(*wanted));
    if (!created) co_return refused(created.error());
    co_return answer(std::move(*created), "application/json", 201);
  }
  if (path.size() != 4) co_return refusal(problem::not_found, "there is nothing at this path");
  if (auto wrong = unless(request, {"DELETE"})) co_return std::move(*wrong);
  auto revoked = co_await parts.keys.revoke(path[3]);
  if (!revoked) co_return refused(revoked.error());
  co_return answer(R"({"revoked":true})");
}

Response page(const Request& request, std::string body, std::string_view content_type) {
  if (auto wrong = unless(request, {"GET", "HEAD"})) return std::move(*wrong);
  return answer(std::move(body), content_type);
}

Task<Response> route(const Parts& parts, const Request& request, const Path& path, bool trusted) {
  if (request.path == "/") co_return page(request, page_html(), "text/html; charset=utf-8");
  if (request.path == "/console.js") co_return page(request, page_script(), "text/javascript; charset=utf-8");
  if (request.path == "/console.css") co_return page(request, page_style(), "text/css; charset=utf-8");
  if (request.path == "/metrics") {
    if (auto wrong = unless(request, {"GET", "HEAD"})) co_return std::move(*wrong);
    auto text = co_await metrics_text(parts);
    if (!text) co_return refused(text.error());
    co_return answer(std::move(*text), "text/plain; version=0.0.4; charset=utf-8");
  }
  if (path.size() < 3 || path[0] != "admin" || path[1] != "v1")
    co_return refusal(problem::not_found, "there is nothing at this path");

  const std::string& what = path[2];
  if (what == "dead-letters") {
    Response response = co_await dead_letters(parts, request, path, trusted);
    co_return response;
  }
  if (what == "enrollments") {
    Response response = co_await enrollments(parts, request, path);
    co_return response;
  }
  if (what == "members" || what == "keys") {
    if (!trusted)
      co_return refusal(problem::not_found, "this is for the control socket only; use `globogym " + what + "`");
    Response response = what == "keys" ? co_await keys(parts, request, path) : co_await members(parts, request, path);
    co_return response;
  }
  if (path.size() != 3) co_return refusal(problem::not_found, "there is nothing at this path");
  if (what == "queues" || what == "stats" || what == "health" || what == "events") {
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
  if (what == "events") {
    Response response = answer("retry: 2000\n\n", "text/event-stream");
    response.feed = live_feed(parts, std::chrono::seconds(1));
    co_return response;
  }
  co_return refusal(problem::not_found, "there is nothing at this path");
}

}  // namespace

bool host_is_ours(std::string_view host, const std::vector<std::string>& names) {
  // A name can be made to point at us by whoever owns it; an address cannot.
  if (host.starts_with('[')) return true;
  host = host.substr(0, host.find(':'));
  if (host.empty()) return false;
  const auto last = host.substr(host.rfind('.') + 1);
  if (std::ranges::all_of(last, [](unsigned char c) { return std::isdigit(c); })) {
    return std::ranges::all_of(host, [](unsigned char c) { return std::isdigit(c) || c == '.'; });
  }
  if (same_ignoring_case(host, "localhost")) return true;
  return std::ranges::any_of(names, [&](const std::string& name) { return same_ignoring_case(host, name); });
}

Task<Response> Console::handle(const Request& request) {
  Response response;
  const auto path = segments(request.path);
  if (!options_.trusted && !host_is_ours(request.header("Host").value_or(""), options_.hosts)) {
    response = refusal(bad_host, "reach the console by its address, or add this name to admin.hosts");
  } else if (!options_.trusted && changes_something(request.method) && !sent_deliberately(request)) {
    response = refusal(not_deliberate,
                       "send Content-Type: application/json or X-Requested-With: globogym with what changes something");
  } else if (!path) {
    response = refusal(problem::not_found, "there is nothing at this path");
  } else {
    response = co_await route(parts_, request, *path, options_.trusted);
  }
  response.extra_headers += guard_headers;
  co_return response;
}

}  // namespace globogym::console
