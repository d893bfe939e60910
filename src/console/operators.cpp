#include "console/operators.h"

#include <algorithm>
#include <chrono>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "gateway/answers/problem.h"

namespace globogym::console {
namespace {

namespace problem = gateway::problem;
using gateway::refusal;
using gateway::Scope;
using http::Response;

constexpr std::size_t max_sign_in = 1024;  // bytes; nobody has said yet who they are

constexpr std::string_view challenge =
    "WWW-Authenticate: ApiKey realm=\"GloboGym operations\", header=\"X-API-Key\"\r\n"
    "WWW-Authenticate: Bearer realm=\"GloboGym operations\"\r\n";

std::optional<std::string_view> cookie_value(const http::Request& request, std::string_view name) {
  auto cookies = request.header("Cookie").value_or("");
  while (!cookies.empty()) {
    auto pair = cookies.substr(0, cookies.find(';'));
    cookies.remove_prefix(std::min(cookies.size(), pair.size() + 1));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return pair.substr(name.size() + 1);
  }
  return std::nullopt;
}

// The key a program sends with its request.
std::optional<std::string_view> key_in(const http::Request& request) {
  if (const auto key = request.header("X-API-Key")) return key;
  const auto authorization = request.header("Authorization");
  if (!authorization) return std::nullopt;
  constexpr std::string_view scheme = "bearer ";
  if (authorization->size() < scheme.size() ||
      !std::ranges::equal(authorization->substr(0, scheme.size()), scheme,
                          [](unsigned char a, unsigned char b) { return std::tolower(a) == b; }))
    return "";  // credentials of a kind that is none here
  std::string_view key = authorization->substr(scheme.size());
  key.remove_prefix(std::min(key.size(), key.find_first_not_of(' ')));  // one space or more: RFC 9110 section 11.4
  return key;
}

Response too_many_guesses(Duration wait) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  return refusal(problem::rate_limited, "Too many wrong credentials came from this address. Wait before trying again.",
                 {}, "Retry-After: " + std::to_string(seconds) + "\r\n");
}

bool may(const Operator& who, Purpose purpose) {
  return purpose == Purpose::find ? may_find(who) : may_look(who);
}

std::string_view scope_for(Purpose purpose) {
  return purpose == Purpose::find ? "the scope members:find" : "the scope ops:read or ops:write";
}

}  // namespace

bool may_change(const Operator& who) {
  return who.scopes.has(Scope::ops_write);
}

bool may_look(const Operator& who) {
  return who.scopes.has(Scope::ops_read) || may_change(who);
}

bool may_find(const Operator& who) {
  return who.scopes.has(Scope::members_find);
}

Operators::Operators(const gateway::ApiKeys& keys, const Clock& clock, Random& random, telemetry::Metrics& metrics,
                     Options options)
    : keys_(keys),
      clock_(clock),
      metrics_(metrics),
      tls_(options.tls),
      sessions_(clock, random, options.sessions),
      guesses_(clock, options.guesses) {
  for (const auto& type : {problem::unauthorized, problem::scope_missing, problem::rate_limited})
    metrics_.counter("globogym_operations_refused_total", "Requests refused at the operations listener's door.",
                     {{"reason", std::string(type.slug)}});
  sign_in_changed();
}

bool Operators::any() const {
  return std::ranges::any_of(keys_.list(), [&](const gateway::ApiKey& key) {
    return may_look({.scopes = key.scopes}) && key_in_force(key.id);
  });
}

std::variant<Operator, Response> Operators::identify(const http::Request& request, Purpose purpose) {
  if (const auto key = key_in(request)) return by_key(request, *key, purpose);
  const auto session = cookie_value(request, cookie_name());
  if (!session)
    return unauthorized("Send an API key with " + std::string(scope_for(purpose)) + ", or sign in with a browser.");
  // What a page asks for by itself, and the live feed, is nobody doing something.
  auto who = by_session(*session, !request.header("X-Globogym-Background"));
  if (!who) return unauthorized("The session is over. Sign in again.", cookie("", "; Max-Age=0"));
  if (!may(*who, purpose)) return lacks_scope(purpose);
  return std::move(*who);
}

bool Operators::still_is(const Operator& who) {
  if (!who.session.empty()) return by_session(who.session, false).has_value();
  return key_in_force(who.key_id).has_value();
}

Response Operators::sign_in(const http::Request& request, Operator& who) {
  if (request.body.size() > max_sign_in) {
    count_refused(problem::too_large.slug);
    return refusal(problem::too_large, "A key to sign in with is sent in at most 1 KiB.");
  }
  std::string key;
  {
    const auto json = JsonDocument::parse(request.body);
    if (json) key = json->root().text("key");
  }
  if (key.empty()) {
    count_refused(problem::bad_request.slug);
    return refusal(problem::bad_request, "Send {\"key\":\"ggk_…\"}, a key with the scope ops:read or ops:write.");
  }
  auto found = by_key(request, key, Purpose::look);
  if (auto* refused = std::get_if<Response>(&found)) return std::move(*refused);
  who = std::move(std::get<Operator>(found));
  if (const auto before = cookie_value(request, cookie_name())) sessions_.end(*before);
  who.session = sessions_.open(who.key_id);
  sign_in_changed();
  JsonWriter json;
  json.object().member("keyId", who.key_id).member("name", who.key_name).end();
  return {.status = 201, .body = json.take(), .extra_headers = cookie(who.session, "")};
}

Response Operators::sign_out(const Operator& who) {
  if (!who.session.empty()) sessions_.end(who.session);
  sign_in_changed();
  return {.body = R"({"signedOut":true})", .extra_headers = cookie("", "; Max-Age=0")};
}

void Operators::count_refused(std::string_view slug) {
  metrics_
      .counter("globogym_operations_refused_total", "Requests refused at the operations listener's door.",
               {{"reason", std::string(slug)}})
      .add();
}

std::variant<Operator, Response> Operators::by_key(const http::Request& request, std::string_view key,
                                                   Purpose purpose) {
  // Always looked at: somebody who guesses from the operators' own address must not lock them out. What it tells a
  // guesser is what they know already: nobody comes upon 256 bits.
  auto caller = keys_.authenticate(key, clock_.wall());
  if (!caller) {
    if (const auto wait = guesses_.wait(request.remote_address)) {
      count_refused(problem::rate_limited.slug);
      return too_many_guesses(*wait);
    }
    guesses_.failed(request.remote_address);
    return unauthorized(caller.error().message);
  }
  Operator who{.key_id = caller->id, .scopes = caller->scopes};
  if (!may(who, purpose)) return lacks_scope(purpose);
  if (auto known = keys_.find(who.key_id)) who.key_name = std::move(known->name);
  return who;
}

std::optional<Operator> Operators::by_session(std::string_view id, bool used) {
  auto session = sessions_.find(id, used);
  if (!session) return std::nullopt;
  auto key = key_in_force(session->key_id);
  if (!key) {
    sessions_.end(id);
    return std::nullopt;
  }
  return Operator{.key_id = std::move(key->id),
                  .key_name = std::move(key->name),
                  .scopes = key->scopes,
                  .session = std::string(id),
                  .ends = session->ends};
}

std::optional<gateway::ApiKey> Operators::key_in_force(std::string_view id) const {
  auto key = keys_.find(id);
  if (!key || !key->in_force(clock_.wall())) return std::nullopt;
  return key;
}

Response Operators::lacks_scope(Purpose purpose) {
  count_refused(problem::scope_missing.slug);
  return refusal(problem::scope_missing, "This needs a key with " + std::string(scope_for(purpose)) + ".");
}

Response Operators::unauthorized(std::string_view detail, std::string extra_headers) {
  count_refused(problem::unauthorized.slug);
  return refusal(problem::unauthorized, detail, {}, std::string(challenge) + extra_headers);
}

// Browsers keep a cookie of the prefix __Host- only when it came over TLS, for this host alone.
std::string_view Operators::cookie_name() const {
  return tls_ ? "__Host-globogym-session" : "globogym-session";
}

std::string Operators::cookie(std::string_view value, std::string_view more) const {
  return "Set-Cookie: " + std::string(cookie_name()) + "=" + std::string(value) +
         "; Path=/; HttpOnly; SameSite=Strict" + (tls_ ? "; Secure" : "") + std::string(more) + "\r\n";
}

void Operators::sign_in_changed() {
  metrics_.gauge("globogym_operations_sessions", "Browsers signed in to the operations listener.")
      .set(static_cast<double>(sessions_.count()));
}

}  // namespace globogym::console
