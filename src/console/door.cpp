#include "console/door.h"

#include <algorithm>
#include <cctype>

#include "gateway/requests/media_type.h"

namespace globogym::console {
namespace {

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool looks_like_ipv4(std::string_view host) {
  return std::ranges::all_of(host, [](unsigned char c) { return std::isdigit(c) || c == '.'; });
}

}  // namespace

bool host_is_ours(std::string_view host, const std::vector<std::string>& names) {
  if (host.starts_with('[')) return true;
  host = host.substr(0, host.find(':'));
  if (host.empty()) return false;
  const auto last = host.substr(host.rfind('.') + 1);
  if (std::ranges::all_of(last, [](unsigned char c) { return std::isdigit(c); })) return looks_like_ipv4(host);
  if (same_ignoring_case(host, "localhost")) return true;
  return std::ranges::any_of(names, [&](const std::string& name) { return same_ignoring_case(host, name); });
}

bool changes_something(std::string_view method) {
  return method != "GET" && method != "HEAD";
}

bool sent_deliberately(const http::Request& request) {
  const auto site = request.header("Sec-Fetch-Site");
  if (site && *site != "same-origin" && *site != "none") return false;
  if (request.header("X-Requested-With") == "globogym") return true;
  return gateway::is_json_in_utf8(request.header("Content-Type").value_or(""));
}

bool sent_by_own_page(const http::Request& request) {
  const auto site = request.header("Sec-Fetch-Site");
  const auto origin = request.header("Origin");
  if (!site && !origin) return false;
  if (site && *site != "same-origin") return false;
  if (!origin) return true;
  const auto scheme_end = origin->find("://");
  if (scheme_end == std::string_view::npos) return false;
  return same_ignoring_case(origin->substr(scheme_end + 3), request.header("Host").value_or(""));
}

}  // namespace globogym::console
