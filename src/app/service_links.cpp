#include "app/service_links.h"

#include <algorithm>
#include <charconv>

namespace globogym::app {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_port(std::string_view text) {
  unsigned number = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && wrong == std::errc() && end == text.data() + text.size() && number <= 65535;
}

// An IPv4 or IPv6 address, as far as it matters here.
bool is_address(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  const bool clean = std::ranges::all_of(text, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' || c == ':';
  });
  return clean && (std::ranges::count(text, '.') == 3 || std::ranges::count(text, ':') >= 2);
}

bool is_protocol(std::string_view text) {
  return text == "tcp" || text == "udp" || text == "sctp";
}

// tcp://10.96.0.7:8080
bool is_endpoint(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos || !is_protocol(text.substr(0, scheme))) return false;
  text.remove_prefix(scheme + 3);
  const auto colon = text.rfind(':');
  return colon != std::string_view::npos && is_address(text.substr(0, colon)) && is_port(text.substr(colon + 1));
}

// What follows "_PORT_": 8080_TCP, 8080_TCP_ADDR … or, of a Docker link that opens several, 8080_TCP_START.
bool is_of_port(std::string_view rest, std::string_view value) {
  const auto digits = rest.substr(0, rest.find('_'));
  if (!is_port(digits)) return false;
  rest.remove_prefix(digits.size());
  for (std::string_view protocol : {"_TCP", "_UDP", "_SCTP"}) {
    if (!rest.starts_with(protocol)) continue;
    const auto what = rest.substr(protocol.size());
    if (what.empty() || what == "_START" || what == "_END") return is_endpoint(value);
    if (what == "_PROTO") return is_protocol(value);
    if (what == "_PORT" || what == "_PORT_START" || what == "_PORT_END") return is_port(value);
    return what == "_ADDR" && is_address(value);
  }
  return false;
}

}  // namespace

bool is_service_link(std::string_view variable, std::string_view value) {
  if (variable.ends_with("_SERVICE_HOST")) return is_address(value);
  if (variable.ends_with("_SERVICE_PORT") && is_port(value)) return true;
  // A port of a service has a name: GLOBOGYM_SERVICE_PORT_HTTP.
  if (variable.contains("_SERVICE_PORT_") && is_port(value)) return true;
  if (variable.ends_with("_PORT") && is_endpoint(value)) return true;
  // Docker's: /container/alias, and whatever the other container's image sets for itself.
  if (variable.ends_with("_NAME") && value.starts_with('/') && value.find('/', 1) != std::string_view::npos)
    return true;
  if (variable.contains("_ENV_")) return true;
  constexpr std::string_view port = "_PORT_";
  for (auto at = variable.find(port); at != std::string_view::npos; at = variable.find(port, at + 1))
    if (is_of_port(variable.substr(at + port.size()), value)) return true;
  return false;
}

}  // namespace globogym::app
