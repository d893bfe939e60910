#include "gateway/callers/client_address.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "gateway/requests/request_headers.h"
#include "telemetry/log.h"

namespace globogym::gateway {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// RFC 9110, section 5.6.2.
bool is_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string_view take_token(std::string_view& rest) {
  const auto end = std::ranges::find_if_not(rest, is_token);
  const auto token = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(token.size());
  return token;
}

// The inside of a quoted string. One with an escape is malformed to us: no address, host or scheme needs any.
std::optional<std::string_view> take_quoted(std::string_view& rest) {
  rest.remove_prefix(1);
  const auto end = rest.find_first_of("\"\\");
  if (end == std::string_view::npos || rest[end] == '\\') return std::nullopt;
  const auto inside = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return inside;
}

// What a header said about who is before us: an address, somebody unnamed, or (no value) nothing was said.
struct Said {
  bool present = false;
  std::optional<Address> address;  // nothing: hidden or malformed
};

}  // namespace

std::optional<std::vector<ForwardedElement>> parse_forwarded(std::string_view line) {
  std::vector<ForwardedElement> elements;
  std::string_view rest = trimmed(line);
  while (!rest.empty()) {
    if (rest.front() == ',' || is_blank(rest.front())) {  // empty elements do not count (RFC 9110, section 5.6.1)
      rest.remove_prefix(1);
      continue;
    }
    ForwardedElement element;
    std::array<std::string_view, 16> names;
    std::size_t named = 0;
    for (;;) {  // pairs, joined by semicolons
      if (!rest.empty() && rest.front() != ';' && rest.front() != ',') {
        const auto name = take_token(rest);
        if (name.empty() || rest.empty() || rest.front() != '=') return std::nullopt;
        rest.remove_prefix(1);
        std::optional<std::string_view> value;
        if (!rest.empty() && rest.front() == '"')
          value = take_quoted(rest);
        else if (const auto token = take_token(rest); !token.empty())
          value = token;
        if (!value) return std::nullopt;
        // A parameter may stand once in an element.
        const auto before = std::span(names).first(named);
        if (named == names.size() || std::ranges::any_of(before, [&](auto n) { return equal_ignoring_case(n, name); }))
          return std::nullopt;
        names[named++] = name;
        if (equal_ignoring_case(name, "for")) element.node = value;
        if (equal_ignoring_case(name, "host")) element.host = value;
        if (equal_ignoring_case(name, "proto")) element.proto = value;
      }
      while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
      if (rest.empty() || rest.front() == ',') break;
      if (rest.front() != ';') return std::nullopt;
      rest.remove_prefix(1);
      while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    }
    elements.push_back(element);
  }
  return elements;
}

std::optional<Address> address_of_node(std::string_view node, bool bare_v6) {
  const auto is_port = [](std::string_view port) {
    if (port.empty()) return true;
    if (port.front() != ':') return false;
    port.remove_prefix(1);
    const bool obfuscated = port.starts_with('_');
    if (obfuscated) port.remove_prefix(1);
    return !port.empty() && port.size() <= (obfuscated ? 64 : 5) && std::ranges::all_of(port, [&](char c) {
      return (c >= '0' && c <= '9') || (obfuscated && (is_token(c) && c != '!'));
    });
  };
  if (node.starts_with('[')) {
    const auto end = node.find(']');
    if (end == std::string_view::npos || !is_port(node.substr(end + 1))) return std::nullopt;
    const auto inside = node.substr(1, end - 1);
    if (inside.find(':') == std::string_view::npos) return std::nullopt;
    return Address::parse(inside);
  }
  const auto colon = node.find(':');
  if (colon != std::string_view::npos && node.find(':', colon + 1) != std::string_view::npos)
    return bare_v6 ? Address::parse(node) : std::nullopt;
  if (colon != std::string_view::npos && !is_port(node.substr(colon))) return std::nullopt;
  return Address::parse(node.substr(0, colon));
}

Client ClientAddresses::of(const http::Request& request) const {
  std::string_view text = request.remote_address;
  if (text.empty()) return {.kind = Client::Kind::local};  // a unix socket
  text = text.substr(0, text.find('%'));                   // the zone of a link-local peer
  const Address peer = Address::parse(text).value_or(Address());
  if (!trusted_.empty() && is_trusted(peer)) return behind(peer, request);
  if (!peer.is_loopback()) return {.kind = Client::Kind::remote, .address = peer};
  if (!has_warned_.load(std::memory_order_relaxed)) warn_of_proxy(request);
  return {.kind = Client::Kind::local, .address = peer};
}

void ClientAddresses::warn_of_proxy(const http::Request& request) const {
  const bool passed_on = std::ranges::any_of(request.headers, [](const auto& header) {
    return equal_ignoring_case(header.first, "Forwarded") || equal_ignoring_case(header.first, "X-Forwarded-For");
  });
  if (!passed_on || has_warned_.exchange(true)) return;
  log::warning("proxy-not-trusted", {{"detail",
                                      "a proxy on this machine seems to pass requests on: name it in "
                                      "gateway.trusted_proxies, or limits by address do not apply to its clients"}});
}

bool ClientAddresses::is_trusted(const Address& address) const {
  return std::ranges::any_of(trusted_, [&](const Network& network) { return network.contains(address); });
}

Client ClientAddresses::behind(const Address& proxy, const http::Request& request) const {
  // Reads one list from its right end; each call takes the next element further left.
  struct Walk {
    const ClientAddresses& known;
    Said said;
    bool ended = false;
    void next(std::optional<Address> address) {
      if (ended) return;
      said = {.present = true, .address = address};
      ended = !address || !known.is_trusted(*address);
    }
  } forwarded{*this}, x_forwarded{*this};
  Client client{.kind = Client::Kind::hidden, .address = proxy};
  bool has_forwarded = false, has_x_forwarded = false;
  std::optional<std::string_view> x_host, x_proto;

  for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
    const auto& [name, value] = *header;
    if (name.size() == 9 && equal_ignoring_case(name, "Forwarded")) {
      const bool nearest = !std::exchange(has_forwarded, true);
      const auto elements = parse_forwarded(value);
      if (!elements) {
        forwarded.next(std::nullopt);
        continue;
      }
      if (nearest && !elements->empty()) {
        client.forwarded_host = elements->back().host;
        client.forwarded_proto = elements->back().proto;
      }
      for (auto element = elements->rbegin(); element != elements->rend() && !forwarded.ended; ++element)
        forwarded.next(element->node ? address_of_node(*element->node, false) : std::nullopt);
    } else if (name.size() == 15 && equal_ignoring_case(name, "X-Forwarded-For")) {
      has_x_forwarded = true;
      std::string_view rest = value;
      while (!x_forwarded.ended) {
        const auto comma = rest.rfind(',');
        const auto entry = trimmed(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
        if (!entry.empty()) x_forwarded.next(address_of_node(entry, true));
        if (comma == std::string_view::npos) break;
        rest = rest.substr(0, comma);
      }
    } else if (name.size() == 16 && !x_host && equal_ignoring_case(name, "X-Forwarded-Host")) {
      const auto host = trimmed(value.substr(value.rfind(',') + 1));
      if (!host.empty()) x_host = host;
    } else if (name.size() == 17 && !x_proto && equal_ignoring_case(name, "X-Forwarded-Proto")) {
      const auto proto = trimmed(value.substr(value.rfind(',') + 1));
      if (!proto.empty()) x_proto = proto;
    }
  }
  if (!client.forwarded_host) client.forwarded_host = x_host;
  if (!client.forwarded_proto) client.forwarded_proto = x_proto;

  if (!has_forwarded && !has_x_forwarded) {
    client.kind = Client::Kind::proxy;
    return client;
  }
  // A header without a single element says as little as one that cannot be read.
  const Said& said = has_forwarded ? forwarded.said : x_forwarded.said;
  const bool contradicted = has_forwarded && has_x_forwarded && forwarded.said.address != x_forwarded.said.address;
  if (contradicted || !said.address) return client;
  client.kind = is_trusted(*said.address) ? Client::Kind::proxy : Client::Kind::remote;
  client.address = *said.address;
  return client;
}

}  // namespace globogym::gateway
