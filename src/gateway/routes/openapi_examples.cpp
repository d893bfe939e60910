#include <array>
#include <chrono>

#include "base/text.h"
#include "base/time_text.h"
#include "domain/date.h"
#include "domain/enrollment.h"
#include "domain/membership_number.h"
#include "domain/validation.h"
#include "gateway/answers/enrollment_view.h"
#include "gateway/requests/submission.h"
#include "gateway/routes/openapi_parts.h"
#include "gateway/routes/sign_up.h"

namespace globogym::gateway::openapi {
namespace {

using domain::Catalogue;
using domain::Date;
using domain::FieldRule;
using domain::StepStatus;
using namespace std::chrono_literals;

// Ids of the right form that belong to nobody.
constexpr std::string_view enrollment_id = "06az9x2k7m3q5v8r1t4w6y0b2d4f6h8j";
constexpr std::string_view member_id = "2c4e6g8h0j2k4m6n8p0q2r4s6t8v0w2x4y6z8b0d";

WallTime at(std::string_view text) {
  return *parse_rfc3339(text);
}
const std::string_view accepted_at = "2026-11-22T13:30:05.123Z";

std::string example_of(const FieldRule& rule, const Catalogue& catalogue, Date today) {
  if (rule.name == "startDate") return domain::iso_date(Date(std::chrono::sys_days(today) + std::chrono::days(7)));
  const auto ids = choices(rule.name, catalogue);
  for (const auto& id : ids)
    if (id == rule.example) return id;
  return ids.empty() ? std::string(rule.example) : ids.front();
}

void write_fields(JsonWriter& json, const Catalogue& catalogue, Date today, bool whole) {
  for (const auto& rule : domain::field_rules()) {
    if (!whole && !rule.required) continue;
    json.key(rule.name);
    if (rule.boolean)
      json.value(rule.example == "true");
    else
      json.value(example_of(rule, catalogue, today));
  }
}

std::vector<domain::Problem> example_errors(const ProblemType& type, const Catalogue& catalogue, Date today) {
  if (type.slug == problem::malformed_json.slug)
    return {std::get<NotJson>(read_submission(R"({"firstName":)", catalogue, domain::noon(today))).problem};
  if (type.slug == problem::invalid_fields.slug)
    return std::get<std::vector<domain::Problem>>(
        read_submission(R"({"firstName":"Ada","lastName":7,"email":"ada@","dateOfBirth":"1990-02-30","nickname":"A"})",
                        catalogue, domain::noon(today)));
  if (type.slug == problem::not_ready.slug) return {{"", "engine.below-reserve", "The disk reserve is reached."}};
  return {};
}

}  // namespace

std::vector<std::string> choices(std::string_view field, const Catalogue& catalogue) {
  std::vector<std::string> ids;
  if (field == "homeClubId")
    for (const auto& club : catalogue.clubs) ids.push_back(club.id);
  if (field == "plan")
    for (const auto& plan : catalogue.plans) ids.push_back(plan.id);
  if (field == "locale") ids = catalogue.locales;
  if (field == "termsVersion") ids = catalogue.terms_versions;
  return ids;
}

std::string application_example(const Catalogue& catalogue, Date today, bool whole) {
  JsonWriter json;
  json.object();
  write_fields(json, catalogue, today, whole);
  json.end();
  return json.take();
}

std::string accepted_example() {
  JsonWriter json;
  json.object().member("id", enrollment_id).member("status", "accepted").member("acceptedAt", accepted_at);
  json.key("links").object().member("self", "/v1/enrollments/" + std::string(enrollment_id)).end().end();
  return json.take();
}

// The same code that shows a real one.
std::string enrollment_example(Story story) {
  const WallTime start = at(accepted_at);
  EnrollmentView view{.enrollment = domain::accepted_enrollment(std::string(enrollment_id), start, "a key"),
                      .current_step = {}};
  auto& enrollment = view.enrollment;
  const auto done = [&](std::size_t step, std::chrono::milliseconds after) {
    enrollment.steps[step].status = StepStatus::done;
    enrollment.steps[step].attempts = 1;
    enrollment.steps[step].finished_at = start + after;
  };
  done(0, 9ms);
  if (story == Story::rejected) {
    enrollment.status = domain::Status::rejected;
    enrollment.reason = domain::already_member;
    enrollment.completed_at = start + 9ms;
    for (std::size_t i = 1; i < enrollment.steps.size(); ++i) enrollment.steps[i].status = StepStatus::skipped;
    return to_json(view);
  }
  done(1, 9ms);
  enrollment.member_id = member_id;
  auto& mail = enrollment.steps[2];
  if (story == Story::completed || story == Story::masked) {
    done(2, 42ms);
    enrollment.status = domain::Status::completed;
    enrollment.completed_at = start + 42ms;
    if (story == Story::masked) view = masked(std::move(enrollment), start + 1h);
    return to_json(view);
  }
  mail.last_error = "the mail server answered 451: try again later";
  if (story == Story::parked) {
    mail.status = StepStatus::parked;
    mail.attempts = 12;
    mail.finished_at = start + 1h;
    enrollment.status = domain::Status::parked;
    enrollment.reason = "attempts-exhausted";
    return to_json(view);
  }
  mail.status = StepStatus::retrying;
  mail.attempts = 1;
  enrollment.status = domain::Status::processing;
  view.current_step = mail.name;
  view.next_attempt_at = start + 2s;
  return to_json(view);
}

std::string member_example(const Catalogue& catalogue, Date today) {
  JsonWriter json;
  json.object().member("id", member_id).member("number", domain::membership_number(member_id));
  json.member("enrollmentId", enrollment_id);
  json.member("joinedAt", "2026-11-22T13:30:05.132Z");
  write_fields(json, catalogue, today, true);
  json.end();
  return json.take();
}

std::string member_page_example(const Catalogue& catalogue, Date today) {
  return R"({"members":[)" + member_example(catalogue, today) + R"(],"next":null})";
}

std::string sign_up_example(const Catalogue& catalogue) {
  return sign_up_json(
      "ggk_pAbCdEfGhIjK.0123456789abcdefghijklmnopqrstuv", catalogue,
      {.terms_url = "https://www.globogym.example/terms", .privacy_url = "https://www.globogym.example/privacy"},
      {.token = "1795354205123.16.q83vEjRWeJA.aGVyZSBpcyBhIE1BQyA6KQ",
       .bits = 16,
       .wait = Proofs::wait,
       .expires = WallTime(std::chrono::milliseconds(1795354205123)) + Proofs::life});
}

std::string problem_example(const ProblemType& type, const Catalogue& catalogue, Date today) {
  return refusal(type, type.meaning, example_errors(type, catalogue, today)).body;
}

}  // namespace globogym::gateway::openapi
