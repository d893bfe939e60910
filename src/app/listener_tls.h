// Which listener speaks TLS, and as whom, and whom it asks for credentials: the section [tls] made into what
// http::Server takes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "base/result.h"
#include "http/tls.h"
#include "telemetry/metrics.h"

namespace globogym::app {

// `listen` may be reached from other machines: its host is neither 127.x.y.z, ::1 nor localhost.
bool is_beyond_loopback(std::string_view listen);
// The first address of a listener that may be; nothing when it is for this machine only. One such makes the whole
// listener one that strangers reach.
std::optional<std::string> beyond_loopback(const std::vector<std::string>& listen);

bool public_listener_uses_tls(const Config& config);
// [admin] tls; "auto" is on when there is a certificate and the listener may be reached from other machines.
bool admin_listener_uses_tls(const Config& config);
// [admin] credentials; "auto" asks for them when the listener may be reached from other machines.
bool admin_listener_asks_for_credentials(const Config& config);

// Null when the listener speaks plain HTTP.
//   invalid   a file is missing, malformed or does not fit the other; the message names it
Result<std::shared_ptr<http::Tls>> public_listener_tls(const Config& config, telemetry::Metrics& metrics);
Result<std::shared_ptr<http::Tls>> admin_listener_tls(const Config& config, telemetry::Metrics& metrics);

}  // namespace globogym::app
