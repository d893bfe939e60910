// Variables that an orchestrator sets in every container to say where other services are, not to configure them.
//
// Kubernetes makes them for each service of the namespace (enableServiceLinks is on by default), Docker for each
// --link: of a service called `globogym` or `globogym-mail` they begin like ours, GLOBOGYM_SERVICE_HOST,
// GLOBOGYM_MAIL_PORT_25_TCP. Name and value have to have that form: a key that somebody mistyped is none of them.
#pragma once

#include <string_view>

namespace globogym::app {

bool is_service_link(std::string_view variable, std::string_view value);

}  // namespace globogym::app
