#include "gateway/openapi.h"

#include <map>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "domain/date.h"
#include "domain/enrollment.h"
#include "domain/validation.h"
#include "gateway/problem.h"
#include "gateway/routes.h"

namespace globogym::gateway {
namespace {

using domain::Catalogue;
using domain::Date;
using domain::FieldRule;

void write_operation(JsonWriter& json, const Route& route);
void write_responses(JsonWriter& json, const Route& route);
void write_schemas(JsonWriter& json, const Catalogue& catalogue, Date today);
void write_application(JsonWriter& json, const Catalogue& catalogue, Date today);
void write_accepted(JsonWriter& json);
void write_enrollment(JsonWriter& json);
void write_member(JsonWriter& json);
void write_problem(JsonWriter& json);

}  // namespace

std::string openapi_json(const Catalogue& catalogue, Date today) {
  JsonWriter json;
  json.object().member("openapi", "3.1.0");
  json.key("info").object().member("title", "GloboGym Enrollment").member("version", GLOBOGYM_VERSION);
  json.member(
      "description",
      "Takes sign-ups. A 202 means that the enrollment is on stable storage and will end as completed, rejected "
      "or parked, each with a reason; nothing is dropped.");
  json.end();

  json.key("paths").object();
  for (const Route& route : routes()) {  // no two of them share a path
    if (!route.described) continue;
    json.key(route.path).object();
    write_operation(json, route);
    json.end();
  }
  json.end();

  json.key("components").object();
  write_schemas(json, catalogue, today);
  json.key("securitySchemes").object();
  json.key("apiKey").object().member("type", "apiKey").member("in", "header").member("name", "X-API-Key");
  json.member("description", "A key made by `globogym keys create`.").end();
  json.key("subscriptionKey").object().member("type", "apiKey").member("in", "header");
  json.member("name", "Ocp-Apim-Subscription-Key").member("description", "The same key under another name.").end();
  json.end().end().end();
  return json.take();
}

namespace {

void write_reference(JsonWriter& json, std::string_view schema) {
  json.object().member("$ref", "#/components/schemas/" + std::string(schema)).end();
}

void write_parameter(JsonWriter& json, std::string_view in, std::string_view name, bool required,
                     std::string_view description, std::string_view pattern) {
  json.object().member("name", name).member("in", in).member("required", required).member("description", description);
  json.key("schema").object().member("type", "string");
  if (!pattern.empty()) json.member("pattern", pattern);
  json.end().end();
}

void write_operation(JsonWriter& json, const Route& route) {
  json.key(route.method == "POST" ? "post" : "get").object();
  json.member("operationId", route.operation).member("summary", route.summary);
  if (route.endpoint == Endpoint::get_enrollment)
    json.member("description", "The key that posted an enrollment may read it without the scope.");

  json.key("security").array();
  if (route.scope)
    for (const auto* scheme : {"apiKey", "subscriptionKey"})
      json.object().key(scheme).array().value(name(*route.scope)).end().end();
  json.end();

  json.key("parameters").array();
  write_parameter(json, "header", "X-Request-Id", false, "Returned as it is, and in our logs.", "");
  write_parameter(json, "header", "traceparent", false, "W3C trace context; returned and carried on.", "");
  if (route.path.find("{id}") != std::string_view::npos)
    write_parameter(json, "path", "id", true, "An id as it was given out.", "");
  if (route.endpoint == Endpoint::post_enrollment)
    write_parameter(json, "header", "Idempotency-Key", false,
                    "The same key with the same body, byte for byte, gives the same answer and one enrollment, however "
                    "often and however concurrently it is sent; for as long as the enrollment is kept.",
                    "^[!-~]{1,255}$");
  json.end();

  if (route.endpoint == Endpoint::post_enrollment) {
    json.key("requestBody").object().member("required", true).member("description", "At most 16 KiB.");
    json.key("content").object().key("application/json").object().key("schema");
    write_reference(json, "Application");
    json.end().end().end();
  }
  write_responses(json, route);
  json.end();
}

void write_header(JsonWriter& json, std::string_view name, std::string_view description, std::string_view type) {
  json.key(name).object().member("description", description);
  json.key("schema").object().member("type", type).end().end();
}

void write_success(JsonWriter& json, const Route& route) {
  json.key(std::to_string(route.success)).object();
  switch (route.endpoint) {
    case Endpoint::post_enrollment: {
      json.member("description", "Kept on stable storage.");
      json.key("headers").object();
      write_header(json, "Location", "Where to read how it goes on.", "string");
      write_header(json, "Retry-After", "Seconds after which looking is worth while.", "integer");
      json.end();
      break;
    }
    case Endpoint::home:
      json.member("description", "HTML.");
      break;
    default:
      json.member("description", "As asked.");
      break;
  }
  json.key("content").object();
  json.key(route.endpoint == Endpoint::home ? "text/html" : "application/json").object().key("schema");
  switch (route.endpoint) {
    case Endpoint::post_enrollment:
      write_reference(json, "Accepted");
      break;
    case Endpoint::get_enrollment:
    case Endpoint::enrollment_events:
      write_reference(json, "Enrollment");
      break;
    case Endpoint::get_member:
      write_reference(json, "Member");
      break;
    case Endpoint::healthz:
    case Endpoint::readyz:
      json.object().member("type", "object").key("properties").object().key("status").object();
      json.member("type", "string").end().end().key("required").array().value("status").end().end();
      break;
    case Endpoint::openapi:
    case Endpoint::get_sign_up:
      json.object().member("type", "object").end();
      break;
    default:
      json.object().member("type", "string").end();
      break;
  }
  json.end().end().end();
}

void write_responses(JsonWriter& json, const Route& route) {
  json.key("responses").object();
  write_success(json, route);
  std::map<unsigned, std::vector<const ProblemType*>> by_status;
  for (const auto* type : route.problems) by_status[type->status].push_back(type);
  for (const auto& [status, types] : by_status) {
    std::string description;
    for (const auto* type : types) {
      if (!description.empty()) description += ' ';
      description.append(type->slug).append(": ").append(type->meaning);
    }
    json.key(std::to_string(status)).object().member("description", description);
    json.key("headers").object();
    if (status == 401) write_header(json, "WWW-Authenticate", "Which credentials are taken.", "string");
    if (status == 405) write_header(json, "Allow", "The methods that are possible.", "string");
    if (status == 429 || (status == 503 && route.scope))
      write_header(json, "Retry-After", "Seconds to wait before trying again.", "integer");
    json.end();
    json.key("content").object().key("application/problem+json").object().key("schema");
    write_reference(json, "Problem");
    json.end().end().end();
  }
  // What is refused before it reaches a route: malformed HTTP, headers too large, too slow, too many connections.
  json.key("default").object().member("description", "Any other refusal; its `type` says which.");
  json.key("content").object().key("application/problem+json").object().key("schema");
  write_reference(json, "Problem");
  json.end().end().end();
  json.end();
}

void write_schemas(JsonWriter& json, const Catalogue& catalogue, Date today) {
  json.key("schemas").object();
  write_application(json, catalogue, today);
  write_accepted(json);
  write_enrollment(json);
  write_member(json);
  write_problem(json);
  json.end();
}

// What a field may be, where that comes from the catalogue; empty: anything its other rules allow.
std::vector<std::string> choices(const FieldRule& rule, const Catalogue& catalogue) {
  std::vector<std::string> ids;
  if (rule.name == "homeClubId")
    for (const auto& club : catalogue.clubs) ids.push_back(club.id);
  if (rule.name == "plan")
    for (const auto& plan : catalogue.plans) ids.push_back(plan.id);
  if (rule.name == "locale") ids = catalogue.locales;
  if (rule.name == "termsVersion") ids = catalogue.terms_versions;
  return ids;
}

std::string example_of(const FieldRule& rule, const Catalogue& catalogue, Date today) {
  if (rule.name == "startDate") return domain::iso_date(Date(std::chrono::sys_days(today) + std::chrono::days(7)));
  const auto ids = choices(rule, catalogue);
  for (const auto& id : ids)
    if (id == rule.example) return id;
  return ids.empty() ? std::string(rule.example) : ids.front();
}

void write_application(JsonWriter& json, const Catalogue& catalogue, Date today) {
  const auto& rules = domain::field_rules();
  json.key("Application").object().member("type", "object");
  json.member("description", "Everything that is wrong is reported at once.");
  json.member("additionalProperties", false);
  json.key("required").array();
  for (const auto& rule : rules)
    if (rule.required) json.value(rule.name);
  json.end();

  json.key("properties").object();
  for (const auto& rule : rules) {
    json.key(rule.name).object().member("type", rule.boolean ? "boolean" : "string");
    json.member("description", rule.description);
    if (rule.max_length > 0) json.member("maxLength", rule.max_length);
    if (rule.name == "email") json.member("format", "idn-email");
    if (rule.name == "dateOfBirth" || rule.name == "startDate") json.member("format", "date");
    if (const auto ids = choices(rule, catalogue); !ids.empty()) {
      json.key("enum").array();
      for (const auto& id : ids) json.value(id);
      json.end();
    }
    json.end();
  }
  json.end();

  json.key("examples").array().object();
  for (const auto& rule : rules) {
    json.key(rule.name);
    if (rule.boolean)
      json.value(rule.example == "true");
    else
      json.value(example_of(rule, catalogue, today));
  }
  json.end().end().end();
}

struct Property {
  std::string_view name;
  std::string_view type;
  bool nullable = false;
  std::string_view format = {};
  std::vector<std::string_view> choices = {};
  std::string items = {};  // the schema of an array's elements
};

void write_properties(JsonWriter& json, const std::vector<Property>& properties) {
  json.key("required").array();
  for (const auto& property : properties) json.value(property.name);
  json.end();
  json.key("properties").object();
  for (const auto& property : properties) {
    json.key(property.name).object().key("type");
    if (property.nullable)
      json.array().value(property.type).value("null").end();
    else
      json.value(property.type);
    if (!property.format.empty()) json.member("format", property.format);
    if (!property.choices.empty()) {
      json.key("enum").array();
      for (const auto choice : property.choices) json.value(choice);
      json.end();
    }
    if (!property.items.empty()) json.key("items").raw(property.items);
    json.end();
  }
  json.end();
}

void write_accepted(JsonWriter& json) {
  json.key("Accepted").object().member("type", "object");
  write_properties(json, {{.name = "id", .type = "string"},
                          {.name = "status", .type = "string", .choices = {"accepted"}},
                          {.name = "acceptedAt", .type = "string", .format = "date-time"},
                          {.name = "links", .type = "object"}});
  json.end();
}

void write_enrollment(JsonWriter& json) {
  using domain::Status, domain::StepStatus;
  std::vector<std::string_view> statuses, step_statuses;
  for (int i = 0; i <= static_cast<int>(Status::parked); ++i) statuses.push_back(name(static_cast<Status>(i)));
  for (int i = 0; i <= static_cast<int>(StepStatus::skipped); ++i)
    step_statuses.push_back(name(static_cast<StepStatus>(i)));

  JsonWriter step;
  step.object().member("type", "object");
  write_properties(step, {{.name = "name", .type = "string"},
                          {.name = "status", .type = "string", .choices = step_statuses},
                          {.name = "attempts", .type = "integer"},
                          {.name = "lastError", .type = "string", .nullable = true},
                          {.name = "nextAttemptAt", .type = "string", .nullable = true, .format = "date-time"},
                          {.name = "finishedAt", .type = "string", .nullable = true, .format = "date-time"}});
  step.end();

  json.key("Enrollment").object().member("type", "object");
  write_properties(json, {{.name = "id", .type = "string"},
                          {.name = "status", .type = "string", .choices = statuses},
                          {.name = "reason", .type = "string", .nullable = true},
                          {.name = "memberId", .type = "string", .nullable = true},
                          {.name = "acceptedAt", .type = "string", .format = "date-time"},
                          {.name = "completedAt", .type = "string", .nullable = true, .format = "date-time"},
                          {.name = "steps", .type = "array", .items = step.take()}});
  json.end();
}

void write_member(JsonWriter& json) {
  json.key("Member").object().member("type", "object");
  write_properties(json, {{.name = "id", .type = "string"},
                          {.name = "enrollmentId", .type = "string"},
                          {.name = "joinedAt", .type = "string", .format = "date-time"},
                          {.name = "firstName", .type = "string"},
                          {.name = "lastName", .type = "string"},
                          {.name = "email", .type = "string", .format = "idn-email"},
                          {.name = "phone", .type = "string", .nullable = true},
                          {.name = "dateOfBirth", .type = "string", .format = "date"},
                          {.name = "homeClubId", .type = "string"},
                          {.name = "plan", .type = "string"},
                          {.name = "startDate", .type = "string", .nullable = true, .format = "date"},
                          {.name = "locale", .type = "string"},
                          {.name = "marketingConsent", .type = "boolean"},
                          {.name = "termsVersion", .type = "string", .nullable = true},
                          {.name = "referralCode", .type = "string", .nullable = true}});
  json.end();
}

void write_problem(JsonWriter& json) {
  json.key("Problem").object().member("type", "object").member("description", "RFC 9457.");
  json.key("required").array().value("type").value("title").value("status").value("detail").end();
  json.key("properties").object();
  json.key("type").object().member("type", "string").member("format", "uri").key("examples").array();
  for (const auto& type : all_problems()) json.value(type_uri(type));
  json.end().end();
  json.key("title").object().member("type", "string").end();
  json.key("status").object().member("type", "integer").end();
  json.key("detail").object().member("type", "string").end();
  json.key("errors").object().member("type", "array").key("items").object().member("type", "object");
  write_properties(json, {{.name = "pointer", .type = "string", .format = "json-pointer"},
                          {.name = "code", .type = "string"},
                          {.name = "detail", .type = "string"}});
  json.end().end().end().end();
}

}  // namespace

}  // namespace globogym::gateway
