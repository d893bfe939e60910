// What the configuration says about who may ask how often, in the gateway's own terms.
#pragma once

#include <vector>

#include "app/config.h"
#include "gateway/address.h"
#include "gateway/limits.h"

namespace globogym::app {

gateway::LimitOptions limit_options(const Config& config);
std::vector<gateway::Network> trusted_proxies(const Config& config);

}  // namespace globogym::app
