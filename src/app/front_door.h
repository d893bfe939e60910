// What the configuration says about who may ask how often, in the gateway's own terms.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "gateway/address.h"
#include "gateway/limits.h"

namespace globogym::app {

gateway::LimitOptions limit_options(const Config& config);
std::vector<gateway::Network> trusted_proxies(const Config& config);
// Whose connections are counted together: an IPv4 address's, an IPv6 network's of 64 bits. Nothing for this machine and
// the trusted proxies.
std::function<std::optional<std::string>(const std::string& address)> connection_group(const Config& config);

}  // namespace globogym::app
