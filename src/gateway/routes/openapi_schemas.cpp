#include <array>

#include "domain/enrollment.h"
#include "domain/validation.h"
#include "gateway/requests/submission.h"
#include "gateway/routes/openapi_parts.h"
#include "http/refusals.h"

namespace globogym::gateway::openapi {
namespace {

using domain::Catalogue;

struct Property {
  std::string_view name;
  std::string_view type;  // empty: `schema` says all of it
  std::string_view description;
  bool nullable = false;
  std::string_view format = {};
  std::vector<std::string_view> choices = {};
  std::string schema = {};  // a whole schema instead
  bool required = true;
};

void write_property(JsonWriter& json, const Property& property) {
  json.key(property.name);
  if (!property.schema.empty()) {
    json.raw(property.schema);
    return;
  }
  json.object().key("type");
  if (property.nullable)
    json.array().value(property.type).value("null").end();
  else
    json.value(property.type);
  json.member("description", property.description);
  if (!property.format.empty()) json.member("format", property.format);
  if (!property.choices.empty()) {
    json.key("enum").array();
    for (const auto choice : property.choices) json.value(choice);
    json.end();
  }
  json.end();
}

void write_object(JsonWriter& json, std::string_view description, const std::vector<Property>& properties) {
  json.object().member("type", "object").member("description", description);
  json.key("required").array();
  for (const auto& property : properties)
    if (property.required) json.value(property.name);
  json.end();
  json.key("properties").object();
  for (const auto& property : properties) write_property(json, property);
  json.end().end();
}

std::string object(std::string_view description, const std::vector<Property>& properties) {
  JsonWriter json;
  write_object(json, description, properties);
  return json.take();
}

std::string array_of(std::string_view description, std::string_view items) {
  JsonWriter json;
  json.object().member("type", "array").member("description", description).key("items").raw(items).end();
  return json.take();
}

std::string reference(std::string_view place) {
  JsonWriter json;
  write_reference(json, place);
  return json.take();
}

void write_codes(JsonWriter& json, const domain::FieldRule& rule) {
  const auto code = [&json](std::string_view name, std::string_view meaning) {
    json.object().member("code", name).member("meaning", meaning).end();
  };
  json.key("x-codes").array();
  if (rule.required) code("required", "This field is required.");
  code("type", rule.boolean ? "This is true or false, without quotes." : "This is a text, in quotes.");
  code(std::string(rule.name) + ".duplicate", "The field is there more than once.");
  for (const auto& flaw : rule.flaws) code(std::string(rule.name).append(1, '.').append(flaw.reason), flaw.detail);
  json.end();
}

void write_application(JsonWriter& json, const Catalogue& catalogue) {
  const auto& rules = domain::field_rules();
  json.key("Application").object().member("type", "object");
  json.member("description",
              "Who signs up, and for what. Everything that is wrong is reported at once. A field that is not sent has "
              "its default; null is of the wrong type. What is refused, and the code it is refused with, stands with "
              "each field.");
  json.member("additionalProperties", false);
  json.key("required").array();
  for (const auto& rule : rules)
    if (rule.required) json.value(rule.name);
  json.end();

  json.key("properties").object();
  for (const auto& rule : rules) {
    json.key(rule.name).object().member("type", rule.boolean ? "boolean" : "string");
    json.member("description", rule.description);
    if (rule.min_length > 0) json.member("minLength", rule.min_length);
    if (rule.max_length > 0) json.member("maxLength", rule.max_length);
    if (!rule.portable_pattern.empty()) json.member("pattern", rule.portable_pattern);
    if (rule.pattern != rule.portable_pattern) json.member("x-unicode-pattern", rule.pattern);
    if (rule.name == "email") json.member("format", "idn-email");
    if (rule.name == "dateOfBirth" || rule.name == "startDate") json.member("format", "date");
    if (rule.name == "locale") json.member("default", domain::Applicant{}.locale);
    if (rule.boolean) json.member("default", false);
    if (const auto ids = choices(rule.name, catalogue); !ids.empty()) {
      json.key("enum").array();
      for (const auto& id : ids) json.value(id);
      json.end();
    }
    write_codes(json, rule);
    json.end();
  }
  json.end();

  json.key("x-codes").array();
  for (const auto& [code, pointer, meaning] : form_codes())
    json.object().member("code", code).member("pointer", pointer).member("meaning", meaning).end();
  json.end().end();
}

void write_enrollment(JsonWriter& json) {
  using domain::Status, domain::StepStatus;
  std::vector<std::string_view> statuses, step_statuses;
  for (int i = 0; i <= static_cast<int>(Status::parked); ++i) statuses.push_back(name(static_cast<Status>(i)));
  for (int i = 0; i <= static_cast<int>(StepStatus::skipped); ++i)
    step_statuses.push_back(name(static_cast<StepStatus>(i)));

  json.key("Accepted");
  write_object(json, "The promise: this enrollment is kept, and will end.",
               {{"id", "string", "Opaque. Cannot be guessed."},
                {.name = "status", .type = "string", .description = "Always this.", .choices = {"accepted"}},
                {.name = "acceptedAt",
                 .type = "string",
                 .description = "When it was accepted. The same in every answer to the same Idempotency-Key.",
                 .format = "date-time"},
                {.name = "links",
                 .type = {},
                 .description = {},
                 .schema = object("Where it goes on.", {{"self", "string", "The enrollment."}})}});

  json.key("Step");
  write_object(
      json, "One thing that is done for an enrollment.",
      {{"name", "string",
        "`validate`, `store-member`, `welcome-mail`, and `notify-…` for each system that is told of new members."},
       {.name = "status",
        .type = "string",
        .description = "`retrying`: it failed and will be tried again. `parked`: it failed for good and waits for a "
                       "person. `skipped`: it is not needed.",
        .choices = step_statuses},
       {.name = "attempts",
        .type = {},
        .description = {},
        .schema = R"({"type":"integer","description":"How often it was begun.","minimum":0})"},
       {"lastError", "string", "What went wrong the last time.", true},
       {"nextAttemptAt", "string", "When it is tried again.", true, "date-time"},
       {"finishedAt", "string", "When it was done or parked.", true, "date-time"}});

  json.key("Enrollment");
  write_object(
      json, "An enrollment and how far it has come.",
      {{"id", "string", "As it was given out."},
       {.name = "status",
        .type = "string",
        .description =
            "`accepted`: kept, not begun. `processing`: at work. `completed`: the member is stored and every "
            "step is done. `rejected`: it ended without a member, see `reason`. `parked`: a step waits for a "
            "person; nothing is lost. The last three are final, but a parked one goes on when it is "
            "replayed.",
        .choices = statuses},
       {"reason", "string",
        "Why it was rejected (`already-member`, for one) or parked (`attempts-exhausted`, for one): a stable word.",
        true},
       {"memberId", "string",
        "The member it became. Of what was rejected as `already-member`: the member there was, for credentials with "
        "`members:read`, else null.",
        true},
       {"acceptedAt", "string", "When it was accepted.", false, "date-time"},
       {"completedAt", "string", "When it was completed or rejected.", true, "date-time"},
       {.name = "steps",
        .type = {},
        .description = {},
        .schema = array_of("In the order in which they are done.", reference("schemas/Step"))}});
}

void write_member(JsonWriter& json) {
  json.key("Member");
  write_object(
      json, "A member, as they wrote themselves down.",
      {{"id", "string", "Opaque. One address has one id."},
       {"number", "string", "The membership number, to be said and typed: groups, the last one a check symbol."},
       {"enrollmentId", "string", "The enrollment that made them a member."},
       {"joinedAt", "string", "When they were stored.", false, "date-time"},
       {"firstName", "string", "Given name."},
       {"lastName", "string", "Family name."},
       {"email", "string", "E-mail address.", false, "idn-email"},
       {"phone", "string", "Phone number (E.164).", true},
       {"dateOfBirth", "string", "Date of birth.", false, "date"},
       {"homeClubId", "string", "Id of the club."},
       {"plan", "string", "Id of the membership plan."},
       {"startDate", "string", "First day of the membership.", true, "date"},
       {"locale", "string", "Language of our letters."},
       {"marketingConsent", "boolean", "Whether we may send news and offers."},
       {"termsVersion", "string", "Version of the terms they agreed to.", true},
       {"referralCode", "string", "Code that sent them.", true}});
}

void write_member_page(JsonWriter& json) {
  json.key("MemberPage");
  write_object(json, "A page of members.",
               {{.name = "members",
                 .type = {},
                 .description = {},
                 .schema = array_of("At most as many as `limit` says.", reference("schemas/Member"))},
                {"next", "string", "For `after` of the next page; null: this was the last.", true}});
}

void write_sign_up(JsonWriter& json) {
  const auto length = [](std::string_view what) {
    return R"({"type":"integer","description":")" + std::string(what) +
           R"( length in Unicode code points; absent: no limit of its own.","minimum":1})";
  };
  const auto field =
      object("One field of the application.",
             {{"name", "string", "As in the application."},
              {"required", "boolean", "Whether it must be sent."},
              {.name = "minLength", .type = {}, .description = {}, .schema = length("Least"), .required = false},
              {.name = "maxLength", .type = {}, .description = {}, .schema = length("Greatest"), .required = false},
              {.name = "pattern",
               .type = "string",
               .description = "What it must match (ECMA-262, `u` flag); absent: anything.",
               .required = false}});
  const auto text_or_null = [](std::string_view name, std::string_view what) {
    return Property{.name = name,
                    .type = {},
                    .description = {},
                    .schema = R"({"type":["string","null"],"description":")" + std::string(what) + R"("})"};
  };
  const auto translations = Property{
      .name = "translations",
      .type = {},
      .description = {},
      .schema = R"({"type":"object","description":"What is said otherwise in a language (`de`) or a locale (`de-DE`): )"
                R"(for each the texts by their names. Where there is none, the text above is meant for everybody.",)"
                R"("additionalProperties":{"type":"object","additionalProperties":{"type":"string"}}})"};
  const auto club =
      object("A club.", {{"id", "string", "What to send."},
                         {"name", "string", "What to show."},
                         text_or_null("address", "Where it is; may have several lines."),
                         text_or_null("hours", "When it is open; may have several lines."),
                         translations,
                         {.name = "minimumAge",
                          .type = {},
                          .description = {},
                          .schema = R"({"type":"integer","description":"In whole years.","minimum":0})"},
                         {"timeZone", "string", "IANA time zone: what day it is, is the club's matter."}});
  const auto plan = object("A plan.", {{"id", "string", "What to send."},
                                       {"name", "string", "What to show."},
                                       text_or_null("price", "What it costs, as people say it."),
                                       text_or_null("term", "For how long, as people say it."),
                                       translations});
  const auto challenge =
      object("What to solve before a sign-up is taken from a publishable key.",
             {{"token", "string", "Goes into the hash and into `Sign-Up-Proof`."},
              {.name = "bits",
               .type = {},
               .description = {},
               .schema = R"({"type":"integer","description":"How many zero bits the hash begins with: 2^bits tries on )"
                         R"(average.","minimum":0,"maximum":24})"},
              {.name = "waitMs",
               .type = {},
               .description = {},
               .schema = R"({"type":"integer","description":"How long after it was issued the token can be used, in )"
                         R"(milliseconds.","minimum":0})"},
              {"expiresAt", "string", "Until when it can be used.", false, "date-time"}});
  json.key("SignUp");
  write_object(
      json, "What a sign-up form needs.",
      {{"key", "string", "The publishable key to send as `X-API-Key`. It can only enroll."},
       {"termsVersion", "string", "The version of the terms to show and to send."},
       {.name = "termsUrl",
        .type = {},
        .description = {},
        .schema = R"({"type":["string","null"],"format":"uri-reference","description":"Where the terms can be read: )"
                  R"(https, or a path of this site; null: the operator has said nothing."})"},
       {.name = "privacyUrl",
        .type = {},
        .description = {},
        .schema = R"({"type":["string","null"],"format":"uri-reference","description":"The same for what is done with )"
                  R"(personal data."})"},
       {.name = "clubs", .type = {}, .description = {}, .schema = array_of("What `homeClubId` may be.", club)},
       {.name = "plans", .type = {}, .description = {}, .schema = array_of("What `plan` may be.", plan)},
       {.name = "locales",
        .type = {},
        .description = {},
        .schema = array_of("What `locale` may be.", R"({"type":"string"})")},
       {.name = "fields", .type = {}, .description = {}, .schema = array_of("The rules of each field.", field)},
       {.name = "challenge", .type = {}, .description = {}, .schema = challenge}});
}

void write_health(JsonWriter& json) {
  json.key("Health");
  write_object(json, "The process is up.",
               {{.name = "status", .type = "string", .description = "Always this.", .choices = {"ok"}}});
  json.key("Readiness");
  const auto tokens = object(
      "How the keys stand with which bearer tokens are checked; absent without an issuer. Sign-ups with API keys do "
      "not "
      "depend on it.",
      {{.name = "keys",
        .type = {},
        .description = {},
        .schema = R"({"type":"integer","description":"How many there are.","minimum":0})"},
       {.name = "ageSeconds",
        .type = {},
        .description = {},
        .schema =
            R"({"type":["integer","null"],"description":"Since they were last fetched; null: never.","minimum":0})"},
       {.name = "fetching",
        .type = "string",
        .description = "Whether the latest attempt to fetch them succeeded.",
        .choices = {"ok", "failing"}}});
  write_object(json, "Sign-ups can be taken.",
               {{.name = "status", .type = "string", .description = "Always this.", .choices = {"ready"}},
                {.name = "tokens", .type = {}, .description = {}, .schema = tokens, .required = false}});
}

void write_problem(JsonWriter& json) {
  json.key("FieldProblem");
  write_object(
      json, "One thing that is wrong.",
      {{"pointer", "string", "JSON pointer (RFC 6901) to the field; empty: the whole body.", false, "json-pointer"},
       {"code", "string", "Stable; programs decide by it."},
       {"detail", "string", "For people. Repeats nothing that was sent."}});

  std::string types = R"({"type":"string","format":"uri","description":"Stable; programs decide by it. Each is )"
                      R"(described in `x-problems`.","examples":[)";
  for (const auto& type : all_problems())
    types.append(types.ends_with('[') ? "\"" : ",\"").append(type_uri(type)).append("\"");
  types += "]}";
  json.key("Problem");
  write_object(
      json, "Why a request was refused (RFC 9457).",
      {{.name = "type", .type = {}, .description = {}, .schema = types},
       {"title", "string", "The type, for people."},
       {.name = "status",
        .type = {},
        .description = {},
        .schema = R"({"type":"integer","description":"As in the status line.","minimum":400,"maximum":599})"},
       {"detail", "string", "What to do about it, for people. Repeats nothing that was sent."},
       {.name = "errors",
        .type = {},
        .description = {},
        .schema = array_of("Everything that is wrong, where more can be said.", reference("schemas/FieldProblem")),
        .required = false}});
}

}  // namespace

void write_reference(JsonWriter& json, std::string_view place) {
  json.object().member("$ref", "#/components/" + std::string(place)).end();
}

void write_schemas(JsonWriter& json, const Catalogue& catalogue) {
  json.key("schemas").object();
  write_application(json, catalogue);
  write_enrollment(json);
  write_member(json);
  write_member_page(json);
  write_sign_up(json);
  write_health(json);
  write_problem(json);
  json.end();
}

const std::vector<ConnectionProblem>& connection_problems() {
  using namespace http::refusals;
  const auto row = [](const http::Refusal& refusal, std::string_view meaning, std::string_view advice) {
    return ConnectionProblem{refusal.status, refusal.slug, refusal.title, meaning, advice};
  };
  static const std::vector<ConnectionProblem> all = {
      row(bare_line_feed,
          "The bytes are not HTTP as they must be: a bare line feed, a control character, a folded header, a target "
          "that is no absolute path, no or two Host headers, two lengths, a broken chunk.",
          "Use an HTTP client rather than hand-made bytes; the detail names what was found."),
      row(not_tls, "Plain HTTP was spoken where HTTPS is.", "Use https."),
      row(too_slow, "The request did not arrive whole in time (10 s unless configured).",
          "Send it again over a better connection, with the same Idempotency-Key."),
      row(long_target, "The request line is over 8 KiB.", "Shorten the target."),
      row(expectation, "An Expect header other than 100-continue.", "Leave the header out."),
      row(long_head, "Request line and headers are over 16 KiB, or more than 128 headers.", "Send fewer headers."),
      row(transfer_coding, "A Transfer-Encoding other than one single chunked.", "Send a Content-Length."),
      row(too_many, "As many connections are open as the service allows.",
          "Wait a moment, keep connections open, and use fewer of them."),
      row(too_many_of_address, "As many connections of one address are open as the service allows.",
          "Keep connections open and use fewer of them."),
      row(version, "Neither HTTP/1.1 nor HTTP/1.0.", "Speak HTTP/1.1."),
  };
  return all;
}

}  // namespace globogym::gateway::openapi
