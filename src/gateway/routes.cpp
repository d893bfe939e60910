#include "gateway/routes.h"

namespace globogym::gateway {
namespace {

using namespace problem;

constexpr const ProblemType* of_posting[] = {&malformed_json,         &idempotency_key_invalid, &unauthorized,
                                             &scope_missing,          &method_not_allowed,      &too_large,
                                             &unsupported_media_type, &invalid_fields,          &idempotency_key_reused,
                                             &rate_limited,           &cannot_keep_promise};
constexpr const ProblemType* of_reading[] = {&unauthorized, &scope_missing,       &not_found, &method_not_allowed,
                                             &rate_limited, &cannot_keep_promise, &internal};
constexpr const ProblemType* of_health[] = {&method_not_allowed};
constexpr const ProblemType* of_readiness[] = {&method_not_allowed, &not_ready};

// The busiest first.
constexpr Route table[] = {
    {Endpoint::post_enrollment, "POST", "/v1/enrollments", "signUp", "Sign somebody up", Scope::enrollments_write, 202,
     of_posting},
    {Endpoint::get_enrollment, "GET", "/v1/enrollments/{id}", "getEnrollment", "How far an enrollment has come",
     Scope::enrollments_read, 200, of_reading},
    {Endpoint::get_member, "GET", "/v1/members/{id}", "getMember", "A member", Scope::members_read, 200, of_reading},
    {Endpoint::healthz, "GET", "/healthz", "health", "Whether the process is up", std::nullopt, 200, of_health},
    {Endpoint::readyz, "GET", "/readyz", "readiness", "Whether sign-ups can be taken now", std::nullopt, 200,
     of_readiness},
    {Endpoint::openapi, "GET", "/openapi.json", "description", "This description", std::nullopt, 200, of_health},
    {Endpoint::home, "GET", "/", "home", "A page that says what this is", std::nullopt, 200, of_health},
};

constexpr std::string_view parameter = "{id}";

}  // namespace

std::span<const Route> routes() {
  return table;
}

Match match(std::string_view path) {
  for (const Route& route : table) {
    if (!route.path.ends_with(parameter)) {
      if (path == route.path) return {.route = &route, .id = {}};
      continue;
    }
    const auto before = route.path.substr(0, route.path.size() - parameter.size());
    if (!path.starts_with(before)) continue;
    const auto id = path.substr(before.size());
    if (!id.empty() && id.find('/') == std::string_view::npos) return {.route = &route, .id = id};
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
