#include "app/front_door.h"

namespace globogym::app {
namespace {

std::optional<gateway::Pace> pace(const Rate& rate) {
  if (rate.off) return std::nullopt;
  return gateway::Pace(rate.per_second, rate.burst);
}

}  // namespace

gateway::LimitOptions limit_options(const Config& config) {
  return {.per_key = pace(config.limits.per_key),
          .per_address = pace(config.limits.per_address),
          .per_email_domain = pace(config.limits.per_email_domain),
          .global = pace(config.limits.global),
          .sign_up_per_address = pace(config.signup.per_address),
          .sign_up_per_email_domain = pace(config.signup.per_email_domain)};
}

std::function<std::optional<std::string>(const std::string& address)> connection_group(const Config& config) {
  return [trusted = trusted_proxies(config)](const std::string& text) -> std::optional<std::string> {
    const auto address = gateway::Address::parse(text);
    if (!address || address->is_loopback()) return std::nullopt;
    for (const auto& network : trusted)
      if (network.contains(*address)) return std::nullopt;
    return address->is_v4() ? address->text() : address->masked(64).text();
  };
}

std::vector<gateway::Network> trusted_proxies(const Config& config) {
  std::vector<gateway::Network> networks;
  for (const auto& text : config.gateway.trusted_proxies)
    if (const auto network = gateway::Network::parse(text)) networks.push_back(*network);  // checked when it was read
  return networks;
}

}  // namespace globogym::app
