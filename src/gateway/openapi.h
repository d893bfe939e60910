// The API's description (OpenAPI 3.1), made from what runs: the route table, the problem table, the field rules and the
// catalogue. What it says about a field is what the validator checks.
#pragma once

#include <string>

#include "domain/catalogue.h"
#include "domain/member.h"

namespace globogym::gateway {

// `today` dates the example's start date, which must lie ahead.
std::string openapi_json(const domain::Catalogue& catalogue, domain::Date today);

}  // namespace globogym::gateway
