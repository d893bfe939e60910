#include "app/listener_tls.h"

#include <algorithm>

namespace globogym::app {

bool is_beyond_loopback(std::string_view listen) {
  const std::string_view host = listen.substr(0, listen.rfind(':'));
  if (host == "localhost" || host == "[::1]") return false;
  return !(host.starts_with("127.") &&
           std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; }));
}

std::optional<std::string> beyond_loopback(const std::vector<std::string>& listen) {
  const auto found = std::ranges::find_if(listen, is_beyond_loopback);
  if (found == listen.end()) return std::nullopt;
  return *found;
}

bool public_listener_uses_tls(const Config& config) {
  return !config.tls.certificate.empty() || !config.tls.key.empty() || !config.tls.client_ca.empty();
}

bool admin_listener_uses_tls(const Config& config) {
  switch (config.admin.tls) {
    case AdminTls::on:
      return true;
    case AdminTls::off:
      return false;
    case AdminTls::automatic:
      break;
  }
  return !config.tls.certificate.empty() && beyond_loopback(config.admin.listen).has_value();
}

bool admin_listener_asks_for_credentials(const Config& config) {
  return config.admin.credentials == AdminCredentials::required || beyond_loopback(config.admin.listen).has_value();
}

namespace {

Result<std::shared_ptr<http::Tls>> open(const Config& config, const std::string& client_ca, std::string listener,
                                        telemetry::Metrics& metrics) {
  auto tls = http::Tls::open({.certificate = config.tls.certificate, .key = config.tls.key, .client_ca = client_ca},
                             {.listener = std::move(listener), .hsts = config.tls.hsts}, metrics);
  if (!tls)
    return fail(tls.error().fault, tls.error().message + " (tls.certificate, tls.key); `globogym doctor` looks closer");
  return tls;
}

}  // namespace

Result<std::shared_ptr<http::Tls>> public_listener_tls(const Config& config, telemetry::Metrics& metrics) {
  if (!public_listener_uses_tls(config)) return nullptr;
  return open(config, config.tls.client_ca, "public", metrics);
}

Result<std::shared_ptr<http::Tls>> admin_listener_tls(const Config& config, telemetry::Metrics& metrics) {
  if (!admin_listener_uses_tls(config)) return nullptr;
  return open(config, config.tls.admin_client_ca, "admin", metrics);
}

}  // namespace globogym::app
