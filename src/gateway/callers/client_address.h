// Who the client is: the peer, or whom a trusted proxy says it speaks for.
//
// Only a peer in one of the trusted networks is believed, and only about the hop before it: the list in `Forwarded`
// (RFC 7239) or `X-Forwarded-For` is read from its right end, where each trusted proxy wrote whom it had before it, up
// to the first address that is not a trusted proxy's. What stands left of that, the client wrote. Several header lines
// are one list.
//
// What cannot be read, hidden names (`unknown`, `_abc`) and headers that contradict each other are nobody in
// particular: they share one place behind that proxy, so that garbage neither goes unlimited nor puts blame on somebody
// else.
#pragma once

#include <atomic>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/callers/address.h"
#include "http/http.h"

namespace globogym::gateway {

struct Client {
  enum class Kind {
    local,   // on this machine, with no proxy in between
    proxy,   // a trusted proxy that speaks for itself
    remote,  // `address` is the client's
    hidden,  // somebody behind the trusted proxy at `address`
  };
  Kind kind = Kind::local;
  Address address;
  // As the trusted proxy next to us has it; nothing without one. Views into the request, not checked further.
  std::optional<std::string_view> forwarded_host;
  std::optional<std::string_view> forwarded_proto;

  // Whether limits by address are for it.
  bool is_limited() const { return kind == Kind::remote || kind == Kind::hidden; }
};

class ClientAddresses {
 public:
  explicit ClientAddresses(std::vector<Network> trusted_proxies) : trusted_(std::move(trusted_proxies)) {}
  // Says once in the log when a proxy on this machine seems to pass requests on and is not trusted: its clients are
  // taken for this machine then.
  Client of(const http::Request& request) const;

 private:
  bool is_trusted(const Address& address) const;
  void warn_of_proxy(const http::Request& request) const;
  Client behind(const Address& proxy, const http::Request& request) const;

  std::vector<Network> trusted_;
  mutable std::atomic<bool> has_warned_ = false;
};

// One element of a `Forwarded` list: what one proxy said. Values are unquoted; views into the header.
struct ForwardedElement {
  std::optional<std::string_view> node;  // for=
  std::optional<std::string_view> host;
  std::optional<std::string_view> proto;
};

// The elements of one header line, in order. Nothing when the line does not follow RFC 7239, section 4.
std::optional<std::vector<ForwardedElement>> parse_forwarded(std::string_view line);

// The address in a node of RFC 7239, section 6 (`192.0.2.1:80`, `[2001:db8::1]:80`), or as X-Forwarded-For has it,
// where IPv6 also stands without brackets. Nothing for other names and what is malformed.
std::optional<Address> address_of_node(std::string_view node, bool bare_v6);

}  // namespace globogym::gateway
