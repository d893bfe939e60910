#include "gateway/routes.h"

#include <array>
#include <iterator>

namespace globogym::gateway {
namespace {

using namespace problem;

constexpr const ProblemType* of_posting[] = {
    &malformed_json,     &idempotency_key_invalid, &unauthorized, &scope_missing,
    &origin_not_allowed, &proof_missing,           &proof_wrong,  &proof_expired,
    &proof_early,        &method_not_allowed,      &too_large,    &unsupported_media_type,
    &invalid_fields,     &idempotency_key_reused,  &rate_limited, &quota_exceeded,
    &internal,           &cannot_keep_promise};
constexpr const ProblemType* of_enrollments[] = {&unauthorized,   &scope_missing,      &origin_not_allowed,
                                                 &not_found,      &method_not_allowed, &rate_limited,
                                                 &quota_exceeded, &internal,           &cannot_keep_promise};
constexpr const ProblemType* of_streaming[] = {&unauthorized,        &scope_missing,   &origin_not_allowed, &not_found,
                                               &method_not_allowed,  &rate_limited,    &quota_exceeded,     &internal,
                                               &cannot_keep_promise, &too_many_streams};
constexpr const ProblemType* of_members[] = {&unauthorized, &scope_missing,  &not_found, &method_not_allowed,
                                             &rate_limited, &quota_exceeded, &internal,  &cannot_keep_promise};
constexpr const ProblemType* of_the_form[] = {&method_not_allowed, &rate_limited, &cannot_keep_promise};
constexpr const ProblemType* of_health[] = {&method_not_allowed};
constexpr const ProblemType* of_readiness[] = {&method_not_allowed, &not_ready};
constexpr const ProblemType* of_pages[] = {&method_not_allowed, &rate_limited};
constexpr const ProblemType* of_assets[] = {&not_found, &method_not_allowed, &rate_limited};

// The busiest first.
constexpr Route table[] = {
    {Endpoint::post_enrollment, "POST", "/v1/enrollments", "signUp", "Sign somebody up", Scope::enrollments_write, 202,
     of_posting},
    {Endpoint::get_enrollment, "GET", "/v1/enrollments/{id}", "getEnrollment", "How far an enrollment has come",
     Scope::enrollments_read, 200, of_enrollments},
    {Endpoint::enrollment_events, "GET", "/v1/enrollments/{id}/events", "followEnrollment",
     "Follow an enrollment as it goes on", Scope::enrollments_read, 200, of_streaming},
    {Endpoint::get_sign_up, "GET", "/v1/sign-up", "getSignUp", "What a sign-up form needs", std::nullopt, 200,
     of_the_form},
    {Endpoint::get_member, "GET", "/v1/members/{id}", "getMember", "A member", Scope::members_read, 200, of_members},
    {Endpoint::healthz, "GET", "/healthz", "health", "Whether the process is up", std::nullopt, 200, of_health},
    {Endpoint::readyz, "GET", "/readyz", "readiness", "Whether sign-ups can be taken now", std::nullopt, 200,
     of_readiness},
    {Endpoint::asset, "GET", "/assets/{name}", "asset", "A file of the pages", std::nullopt, 200, of_assets, false},
    {Endpoint::home, "GET", "/", "home", "The sign-up page", std::nullopt, 200, of_pages},
    {Endpoint::docs, "GET", "/docs", "docs", "This reference, to read", std::nullopt, 200, of_pages},
    {Endpoint::openapi, "GET", "/openapi.json", "description", "This description", std::nullopt, 200, of_pages},
};

// A path as it is matched: what stands before and after its parameter.
struct Pattern {
  std::string_view before, after;
  bool parameter = false;
};

constexpr Pattern pattern_of(std::string_view path) {
  const auto open = path.find('{');
  if (open == std::string_view::npos) return {.before = path, .after = {}};
  return {.before = path.substr(0, open), .after = path.substr(path.find('}') + 1), .parameter = true};
}

constexpr auto patterns = [] {
  std::array<Pattern, std::size(table)> all;
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = pattern_of(table[i].path);
  return all;
}();

}  // namespace

std::span<const Route> routes() {
  return table;
}

Match match(std::string_view path) {
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const auto& [before, after, parameter] = patterns[i];
    if (!parameter) {
      if (path == before) return {.route = &table[i], .id = {}};
      continue;
    }
    if (path.size() <= before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after)) continue;
    const auto id = path.substr(before.size(), path.size() - before.size() - after.size());
    if (id.find('/') == std::string_view::npos) return {.route = &table[i], .id = id};
  }
  return {};
}

bool answers(const Route& route, std::string_view method) {
  return method == route.method || (route.method == "GET" && method == "HEAD");
}

std::string_view allowed_methods(const Route& route) {
  return route.method == "GET" ? "GET, HEAD" : "POST";
}

}  // namespace globogym::gateway
