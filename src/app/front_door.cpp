#include "app/front_door.h"

#include <memory>
#include <utility>

#include "app/process.h"
#include "base/pace_table.h"

namespace globogym::app {
namespace {

constexpr double handshakes_per_second = 50;
constexpr double handshakes_at_once = 1'000;

std::optional<Pace> pace(const Rate& rate) {
  if (rate.off) return std::nullopt;
  return Pace(rate.per_second, rate.burst);
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

std::function<bool(const std::string& address)> handshake_limit(const Config& config, const Clock& clock,
                                                                Random& random) {
  auto paces = std::make_shared<PaceTable>(Pace(handshakes_per_second, handshakes_at_once), PaceTable::Options{},
                                           KeyedHash(random));
  return [paces = std::move(paces), group = connection_group(config), &clock](const std::string& address) {
    const auto client = group(address);
    if (!client) return true;
    const auto first = gateway::Address::parse(*client).value_or(gateway::Address());
    return paces->take(*client, first.masked(first.is_v4() ? 24 : 48).text(), clock.steady()).passed;
  };
}

http::ServerOptions public_listener(const Config& config, const Clock& clock, Random& random) {
  return {.listen = config.gateway.listen,
          .name = "public",
          .max_header = config.gateway.max_header.bytes,
          .max_body = config.gateway.max_body.bytes,
          .max_connections = connections_that_fit(config.gateway.max_connections),
          .group_of = connection_group(config),
          .max_connections_of_group = config.gateway.max_connections_per_address,
          .may_handshake = handshake_limit(config, clock, random),
          .header_time = config.gateway.header_time,
          .idle_time = config.gateway.idle_time};
}

http::ServerOptions admin_listener(const Config& config, const Clock& clock, Random& random) {
  return {.listen = config.admin.listen,
          .name = "admin",
          .max_body = 256 * 1024,
          .max_connections = 256,
          .max_refused = 32,
          .group_of = connection_group(config),
          .max_connections_of_group = 64,
          .may_handshake = handshake_limit(config, clock, random)};
}

std::vector<gateway::Network> trusted_proxies(const Config& config) {
  std::vector<gateway::Network> networks;
  for (const auto& text : config.gateway.trusted_proxies)
    if (const auto network = gateway::Network::parse(text)) networks.push_back(*network);  // checked when it was read
  return networks;
}

}  // namespace globogym::app
