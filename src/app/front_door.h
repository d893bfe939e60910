// What the configuration says about who may come in and ask how often, in the gateway's and the listeners' own terms.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "base/clock.h"
#include "base/random.h"
#include "gateway/callers/address.h"
#include "gateway/limits/limits.h"
#include "http/server.h"

namespace globogym::app {

gateway::LimitOptions limit_options(const Config& config);
std::vector<gateway::Network> trusted_proxies(const Config& config);
// Whose connections are counted together: an IPv4 address's, an IPv6 network's of 64 bits. Nothing for this machine and
// the trusted proxies.
std::function<std::optional<std::string>(const std::string& address)> connection_group(const Config& config);
// Who may make us shake hands under TLS now: the same ones 50 times a second, and 1000 times at once. A handshake costs
// more than the requests it is for, and no other limit is asked before it. The clock must outlive what is returned.
std::function<bool(const std::string& address)> handshake_limit(const Config& config, const Clock& clock,
                                                                Random& random);

// The listeners, without threads and TLS. `clock` must outlive the server.
http::ServerOptions public_listener(const Config& config, const Clock& clock, Random& random);
http::ServerOptions admin_listener(const Config& config, const Clock& clock, Random& random);

}  // namespace globogym::app
