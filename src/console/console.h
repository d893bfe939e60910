// The operations API, the status page and /metrics: everything can be looked at and repaired here.
//
// Two doors share it. The TCP listener asks for no credentials, so it never hands out API keys or personal data, and
// guards against what a browser could be tricked into: a foreign Host header (DNS rebinding) and cross-site posts. The
// control socket, which only the owner of the data directory can open, is `trusted` and may do everything.
#pragma once

#include <string>
#include <vector>

#include "console/parts.h"
#include "http/http.h"

namespace globogym::console {

struct Options {
  bool trusted = false;
  std::vector<std::string> hosts;  // names accepted in Host, without port, besides addresses and localhost
};

class Console final : public http::Handler {
 public:
  Console(Parts parts, Options options) : parts_(std::move(parts)), options_(std::move(options)) {}
  Console(const Console&) = delete;

  Task<http::Response> handle(const http::Request& request) override;

 private:
  Parts parts_;
  Options options_;
};

// Whether `host` (the value of a Host header) is an address, localhost or one of `names`.
bool host_is_ours(std::string_view host, const std::vector<std::string>& names);

}  // namespace globogym::console
