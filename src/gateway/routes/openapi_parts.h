// The parts that openapi.cpp puts together: schemas, and examples made by the code that makes real answers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "domain/catalogue.h"
#include "domain/member.h"
#include "gateway/answers/problem.h"

namespace globogym::gateway::openapi {

// {"$ref":"#/components/<place>"}
void write_reference(JsonWriter& json, std::string_view place);

// The members of components.schemas.
void write_schemas(JsonWriter& json, const domain::Catalogue& catalogue);

// A problem that the connection answers, before a route is known.
struct ConnectionProblem {
  unsigned status;
  std::string_view slug, title, meaning, advice;
};
const std::vector<ConnectionProblem>& connection_problems();

// ---- examples, each a whole JSON value ----------------------------------------------------------------------------

// What may be chosen for a field, where that comes from the catalogue; empty: anything its other rules allow.
std::vector<std::string> choices(std::string_view field, const domain::Catalogue& catalogue);

// Every field, or the required ones.
std::string application_example(const domain::Catalogue& catalogue, domain::Date today, bool whole);
std::string accepted_example();
enum class Story { processing, completed, masked, rejected, parked };
std::string enrollment_example(Story story);
std::string member_example(const domain::Catalogue& catalogue, domain::Date today);
std::string member_page_example(const domain::Catalogue& catalogue, domain::Date today);
std::string sign_up_example(const domain::Catalogue& catalogue);
std::string problem_example(const ProblemType& type, const domain::Catalogue& catalogue, domain::Date today);

}  // namespace globogym::gateway::openapi
