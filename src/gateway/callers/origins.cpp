#include "gateway/callers/origins.h"

#include <algorithm>

namespace globogym::gateway {
namespace {

constexpr std::string_view allowed_headers =
    "Content-Type, X-API-Key, Ocp-Apim-Subscription-Key, Authorization, Idempotency-Key, Sign-Up-Proof, X-Request-Id, "
    "traceparent";
constexpr std::string_view readable_headers =
    "Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, traceparent, WWW-Authenticate";

bool contains(const std::vector<std::string>& list, std::string_view origin) {
  return std::ranges::find(list, origin) != list.end();
}

}  // namespace

bool Origins::may_use_key(const Caller& caller, const RequestHeaders& headers,
                          std::optional<std::string_view> forwarded_host, bool changes_something) const {
  // A browser leaves Origin out when a page reads from its own server.
  if (!headers.origin) return !changes_something;
  if (is_ours(*headers.origin, headers.host) || is_ours(*headers.origin, forwarded_host)) return true;
  if (caller.origins && !caller.origins->empty()) return contains(*caller.origins, *headers.origin);
  return contains(allowed_, *headers.origin);
}

bool Origins::is_preflight(const http::Request& request, const RequestHeaders& headers) {
  return request.method == "OPTIONS" && headers.origin && request.header("Access-Control-Request-Method");
}

http::Response Origins::preflight(const RequestHeaders& headers, std::string_view methods) const {
  http::Response response{.status = 204, .content_type = {}};
  response.extra_headers.append("Allow: ").append(methods).append(", OPTIONS\r\n");
  allow(response, *headers.origin);
  if (!is_allowed(*headers.origin)) return response;
  response.extra_headers.append("Access-Control-Allow-Methods: ").append(methods).append("\r\n");
  response.extra_headers.append("Access-Control-Allow-Headers: ").append(allowed_headers).append("\r\n");
  response.extra_headers.append("Access-Control-Max-Age: 600\r\n");
  return response;
}

void Origins::allow(http::Response& response, std::string_view origin) const {
  response.extra_headers += "Vary: Origin\r\n";
  if (is_allowed(origin)) name_in(response, origin);
}

void Origins::allow_unknown(http::Response& response) const {
  if (!allowed_.empty() || keys_.any_origin()) name_in(response, "*");
}

void Origins::name_in(http::Response& response, std::string_view origin) {
  response.extra_headers.append("Access-Control-Allow-Origin: ").append(origin).append("\r\n");
  response.extra_headers.append("Access-Control-Expose-Headers: ").append(readable_headers).append("\r\n");
}

// The page was loaded from where it now sends to. The scheme is left out: behind a proxy that ends TLS ours is another.
bool Origins::is_ours(std::string_view origin, std::optional<std::string_view> host) {
  const auto scheme = origin.find("://");
  return scheme != std::string_view::npos && host && equal_ignoring_case(origin.substr(scheme + 3), *host);
}

// Also makes sure that what is sent back is one of the configured texts and nothing a header could break on.
bool Origins::is_allowed(std::string_view origin) const {
  return contains(allowed_, origin) || keys_.is_origin_of_any(origin);
}

}  // namespace globogym::gateway
