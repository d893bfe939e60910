// /v1/members: the one place that shows a member to somebody outside.
#pragma once

#include <string>

#include "engine/engine.h"
#include "http/http.h"

namespace globogym::gateway {

// The member as JSON, 404 when there is none, 503 when it cannot be read now. The caller has been let through before.
async::Task<http::Response> get_member(engine::Engine& engine, std::string id);

}  // namespace globogym::gateway
