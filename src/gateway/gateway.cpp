#include "gateway/gateway.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <vector>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "base/time_text.h"
#include "domain/date.h"
#include "domain/ids.h"
#include "domain/records.h"
#include "gateway/enrollment_view.h"
#include "gateway/home_page.h"
#include "gateway/openapi.h"
#include "gateway/problem.h"
#include "gateway/submission.h"
#include "telemetry/log.h"

namespace globogym::gateway {
namespace {

constexpr std::size_t max_body = 16 * 1024;
constexpr std::size_t max_idempotency_key = 255;
constexpr std::string_view retry_later = "Retry-After: 5\r\n";
// Answers about a person are nobody's to keep on the way.
constexpr std::string_view private_answer = "Cache-Control: no-store\r\n";

bool equal_ignoring_case(std::string_view a, std::string_view b);
bool is_json_in_utf8(std::string_view content_type);
bool is_idempotency_key(std::string_view key);
http::Response accepted_answer(std::string_view id, std::string_view accepted_at);
std::string idempotency_record(std::string_view id, std::string_view accepted_at, std::string_view fingerprint);
std::string public_json(const domain::Member& member);
domain::Date today(WallTime now);

}  // namespace

// What the gateway needs of a request's headers, picked in one pass. Views into the request.
struct Gateway::Headers {
  std::optional<std::string_view> api_key, subscription_key, authorization, content_type, idempotency_key;
  bool repeated_idempotency_key = false;

  explicit Headers(const http::Request& request) {
    for (const auto& [name, value] : request.headers) {
      std::optional<std::string_view>* slot = nullptr;
      switch (name.size()) {  // no two of the names have the same length
        case 9:
          slot = matches(name, "X-API-Key", api_key);
          break;
        case 12:
          slot = matches(name, "Content-Type", content_type);
          break;
        case 13:
          slot = matches(name, "Authorization", authorization);
          break;
        case 15:
          slot = matches(name, "Idempotency-Key", idempotency_key);
          break;
        case 25:
          slot = matches(name, "Ocp-Apim-Subscription-Key", subscription_key);
          break;
        default:
          break;
      }
      if (!slot) continue;
      if (!*slot)
        *slot = value;
      else if (slot == &idempotency_key)
        repeated_idempotency_key = true;
    }
  }

 private:
  static std::optional<std::string_view>* matches(std::string_view name, std::string_view wanted,
                                                  std::optional<std::string_view>& slot) {
    return equal_ignoring_case(name, wanted) ? &slot : nullptr;
  }
};

struct Gateway::Counters {
  telemetry::Counter& accepted;
  telemetry::Counter& replayed;
  telemetry::Histogram& latency;
  std::vector<telemetry::Counter*> refused;  // in the order of all_problems()

  explicit Counters(telemetry::Metrics& metrics)
      : accepted(metrics.counter("globogym_enrollments_accepted_total", "Sign-ups answered 202 for the first time.")),
        replayed(metrics.counter("globogym_enrollments_replayed_total",
                                 "Sign-ups answered 202 again, for an Idempotency-Key seen before.")),
        latency(metrics.histogram("globogym_accept_duration_seconds",
                                  "From a sign-up's arrival at the gateway to its 202, the sync included.",
                                  telemetry::latency_bounds_seconds())) {
    for (const auto& type : all_problems())
      refused.push_back(&metrics.counter("globogym_requests_refused_total", "Requests refused, by problem type.",
                                         {{"reason", std::string(type.slug)}}));
  }
};

Gateway::Gateway(engine::Engine& engine, ApiKeys& keys, const domain::Catalogue& catalogue, const Hmac& pseudonyms,
                 const Clock& clock, Random& random, telemetry::Metrics& metrics)
    : engine_(engine),
      keys_(keys),
      catalogue_(catalogue),
      pseudonyms_(pseudonyms),
      clock_(clock),
      random_(random),
      counters_(std::make_unique<const Counters>(metrics)),
      openapi_(openapi_json(catalogue, today(clock.wall()))) {}

Gateway::~Gateway() = default;

Task<http::Response> Gateway::handle(const http::Request& request) {
  const Match found = match(request.path);
  if (!found.route) return answer(refuse(problem::not_found, "The paths there are stand in /openapi.json."));
  if (!answers(*found.route, request.method)) {
    const std::string allowed(allowed_methods(*found.route));
    return answer(refuse(problem::method_not_allowed, "Use " + allowed + ".", {}, "Allow: " + allowed + "\r\n"));
  }
  switch (found.route->endpoint) {
    case Endpoint::post_enrollment:
      return post_enrollment(request);
    case Endpoint::get_enrollment:
      return get_enrollment(request, std::string(found.id));
    case Endpoint::get_member:
      return get_member(request, std::string(found.id));
    case Endpoint::healthz:
      return answer({.body = R"({"status":"ok"})"});
    case Endpoint::readyz:
      return answer(readiness());
    case Endpoint::openapi:
      return answer({.body = openapi_});
    case Endpoint::home:
      return answer(home_page());
  }
  return answer(refuse(problem::internal, "The path has no handler."));
}

// A promise may be repeated when it cannot be made: the look-up of an earlier answer comes before every check that
// could come out differently the second time (the date, the disk).
Task<http::Response> Gateway::post_enrollment(const http::Request& request) {
  const SteadyTime started = clock_.steady();
  const Headers headers(request);

  auto identity = authenticated(headers);
  if (auto* refused = std::get_if<http::Response>(&identity)) co_return std::move(*refused);
  const Caller& caller = std::get<Caller>(identity);
  if (!caller.scopes.has(Scope::enrollments_write))
    co_return refuse(problem::scope_missing, "This needs the scope enrollments:write.");
  if (!is_json_in_utf8(headers.content_type.value_or("")))
    co_return refuse(problem::unsupported_media_type, "Send the application with Content-Type: application/json.");
  if (request.body.size() > max_body) co_return refuse(problem::too_large, "An application is at most 16 KiB.");

  std::optional<engine::DocumentKey> idempotency;
  std::string fingerprint;
  if (headers.idempotency_key) {
    if (headers.repeated_idempotency_key || !is_idempotency_key(*headers.idempotency_key))
      co_return refuse(problem::idempotency_key_invalid,
                       "Send one Idempotency-Key of 1 to 255 visible ASCII characters.");
    std::string owned = caller.id;
    owned.append(1, '\0').append(*headers.idempotency_key);
    const std::string id = base32(pseudonyms_(owned));
    idempotency = {.container = std::string(domain::container::idempotency), .partition = id, .id = id};
    // Keyed, so that the record, which outlives the member, cannot be held against guessed applications.
    fingerprint = hex(pseudonyms_(std::string("body\0", 5).append(request.body)));
    auto earlier = co_await replay(*idempotency, fingerprint);
    if (!earlier) co_return unavailable(earlier.error(), "Whether this was accepted before cannot be read now.");
    if (*earlier) co_return std::move(**earlier);
  }

  const WallTime now = std::chrono::floor<std::chrono::milliseconds>(clock_.wall());
  auto reading = read_submission(request.body, catalogue_, today(now));
  if (auto* not_json = std::get_if<NotJson>(&reading))
    co_return refuse(problem::malformed_json, not_json->problem.detail, {not_json->problem});
  if (auto* problems = std::get_if<std::vector<domain::Problem>>(&reading))
    co_return refuse(problem::invalid_fields, "Correct what `errors` lists and send the application again.", *problems);

  if (const engine::Health health = engine_.health(); !health.can_commit || health.below_reserve)
    co_return refuse(problem::cannot_keep_promise,
                     health.below_reserve ? "The disk is nearly full; what was accepted already goes on. Try later."
                                          : "Nothing can be stored at the moment. Try later.",
                     {}, std::string(retry_later));

  domain::ProcessEnrollment work{
      .enrollment_id = {}, .accepted_at = now, .applicant = std::move(std::get<domain::Applicant>(reading))};
  const std::string partition = domain::person_ids(pseudonyms_, work.applicant.normalized_email).partition;
  const std::string id = domain::new_enrollment_id(now, random_, partition);
  const std::string accepted_at = rfc3339(now);
  work.enrollment_id = id;

  engine::Commit commit;
  commit.documents.reserve(2);
  // The id has just been drawn (48 random bits in one millisecond and partition): asking whether it is taken would cost
  // every sign-up a look-up.
  commit.documents.push_back(
      {.key = {.container = std::string(domain::container::enrollments), .partition = partition, .id = id},
       .body = domain::to_json(domain::accepted_enrollment(id, now, caller.id)),
       .expect = engine::Expect::anything()});
  if (idempotency)
    commit.documents.push_back({.key = *idempotency,
                                .body = idempotency_record(id, accepted_at, fingerprint),
                                .expect = engine::Expect::absent()});
  commit.messages.push_back({.queue = std::string(domain::queue::process_enrollment),
                             .id = id,
                             .body = domain::to_json(work),
                             .traceparent = request.traceparent});
  commit.tallies.push_back({.counter = std::string(domain::tally::of(domain::Status::accepted)), .delta = 1});

  auto committed = co_await engine_.commit(std::move(commit));
  if (!committed && committed.error().fault == Fault::conflict && idempotency) {
    // The same request, sent at the same time, was kept first.
    auto earlier = co_await replay(*idempotency, fingerprint);
    if (earlier && *earlier) co_return std::move(**earlier);
    if (!earlier) committed = std::unexpected(earlier.error());
  }
  if (!committed)
    co_return unavailable(committed.error(),
                          idempotency
                              ? "It is not known whether the application was stored. Send it again with the same "
                                "Idempotency-Key: it is then accepted once."
                              : "It is not known whether the application was stored. It may be sent again; one e-mail "
                                "address never becomes two members.");

  counters_->accepted.add();
  counters_->latency.observe(std::chrono::duration<double>(clock_.steady() - started).count());
  if (log::level() <= log::Level::debug)
    log::debug("enrollment-accepted", {{"enrollmentId", id}, {"requestId", request.request_id}});
  co_return accepted_answer(id, accepted_at);
}

// The answer given before to this caller's key; nothing when there was none.
Task<Result<std::optional<http::Response>>> Gateway::replay(engine::DocumentKey key, std::string fingerprint) {
  auto document = co_await engine_.get(std::move(key));
  if (!document) co_return std::unexpected(document.error());
  if (!*document) co_return std::optional<http::Response>();
  auto json = JsonDocument::parse((*document)->body);
  if (!json) co_return fail(Fault::damaged, "an idempotency record is not JSON");
  const JsonValue root = json->root();
  const std::string id = root.text("enrollmentId"), accepted_at = root.text("acceptedAt");
  if (id.empty() || accepted_at.empty()) co_return fail(Fault::damaged, "an idempotency record is incomplete");
  if (root.text("fingerprint") != fingerprint)
    co_return refuse(problem::idempotency_key_reused,
                     "This Idempotency-Key belongs to another body. Use a new key for a new application.");
  counters_->replayed.add();
  co_return accepted_answer(id, accepted_at);
}

Task<http::Response> Gateway::get_enrollment(const http::Request& request, std::string id) {
  auto identity = authenticated(Headers(request));
  if (auto* refused = std::get_if<http::Response>(&identity)) co_return std::move(*refused);
  const Caller& caller = std::get<Caller>(identity);

  auto view = co_await view_enrollment(engine_, std::move(id));
  if (!view) co_return unavailable(view.error(), "The enrollment cannot be read now.");
  // Without the scope the answer is the same whether there is such an enrollment or not.
  const bool own = *view && (*view)->enrollment.created_by == caller.id;
  if (!own && !caller.scopes.has(Scope::enrollments_read))
    co_return refuse(problem::scope_missing, "This needs the scope enrollments:read.");
  if (!*view) co_return refuse(problem::not_found, "There is no such enrollment.");
  co_return http::Response{.body = to_json(**view), .extra_headers = std::string(private_answer)};
}

Task<http::Response> Gateway::get_member(const http::Request& request, std::string id) {
  auto identity = authenticated(Headers(request));
  if (auto* refused = std::get_if<http::Response>(&identity)) co_return std::move(*refused);
  if (!std::get<Caller>(identity).scopes.has(Scope::members_read))
    co_return refuse(problem::scope_missing, "This needs the scope members:read.");

  Result<std::optional<engine::Document>> document;
  if (const auto partition = domain::partition_of_member(id)) {
    engine::DocumentKey key{
        .container = std::string(domain::container::members), .partition = *partition, .id = std::move(id)};
    document = co_await engine_.get(std::move(key));
  }
  if (!document) co_return unavailable(document.error(), "The member cannot be read now.");
  if (!*document) co_return refuse(problem::not_found, "There is no such member.");
  auto member = domain::member_from_json((*document)->body);
  if (!member) co_return unavailable(member.error(), "The member cannot be read now.");
  co_return http::Response{.body = public_json(*member), .extra_headers = std::string(private_answer)};
}

Task<http::Response> Gateway::answer(http::Response response) {
  co_return std::move(response);
}

// Where another kind of credential is to be understood (a bearer token), it is understood here.
std::variant<Caller, http::Response> Gateway::authenticated(const Headers& headers) {
  const auto challenge = [] { return std::string("WWW-Authenticate: ApiKey realm=\"globogym\"\r\n"); };
  const auto key = headers.api_key ? headers.api_key : headers.subscription_key;
  if (!key)
    return refuse(problem::unauthorized,
                  headers.authorization ? "Only API keys are accepted here; send one as X-API-Key."
                                        : "Send an API key as X-API-Key.",
                  {}, challenge());
  auto caller = keys_.authenticate(*key, clock_.wall());
  if (!caller) return refuse(problem::unauthorized, caller.error().message, {}, challenge());
  if (caller->rate) {
    if (const auto wait = caller->rate->take(clock_.steady())) {
      const auto seconds = std::chrono::ceil<std::chrono::seconds>(*wait).count();
      return refuse(problem::rate_limited, "This key's rate is used up for the moment.", {},
                    "Retry-After: " + std::to_string(seconds) + "\r\n");
    }
  }
  return std::move(*caller);
}

http::Response Gateway::refuse(const ProblemType& type, std::string_view detail,
                               const std::vector<domain::Problem>& errors, std::string extra_headers) {
  const auto& all = all_problems();
  const auto found = std::ranges::find(all, type.slug, &ProblemType::slug);
  if (found != all.end()) counters_->refused[static_cast<std::size_t>(found - all.begin())]->add();
  return refusal(type, detail, errors, std::move(extra_headers));
}

// What the engine could not do, told to the caller: later it may be possible, or it is our fault.
http::Response Gateway::unavailable(const Error& error, std::string_view detail) {
  if (error.fault == Fault::damaged || error.fault == Fault::invalid) {
    log::error("gateway-request-failed", {{"fault", name(error.fault)}, {"error", error.message}});
    return refuse(problem::internal, detail);
  }
  log::warning("gateway-engine-unavailable", {{"fault", name(error.fault)}, {"error", error.message}});
  return refuse(problem::cannot_keep_promise, detail, {}, std::string(retry_later));
}

http::Response Gateway::readiness() {
  const engine::Health health = engine_.health();
  std::vector<domain::Problem> wrong;
  if (!health.can_commit)
    wrong.push_back({"", "engine.cannot-commit",
                     health.problem.empty() ? "The engine cannot store anything now." : health.problem});
  if (health.below_reserve)
    wrong.push_back({"", "engine.below-reserve",
                     health.can_commit && !health.problem.empty() ? health.problem : "The disk reserve is reached."});
  if (wrong.empty()) return {.body = R"({"status":"ready"})"};
  return refuse(problem::not_ready, "Sign-ups cannot be taken now; work that was accepted goes on as far as it can.",
                wrong, std::string(retry_later));
}

namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// RFC 9110, section 8.3.1. Parameters other than charset say nothing about how to read JSON.
bool is_json_in_utf8(std::string_view content_type) {
  if (content_type == "application/json") [[likely]]
    return true;
  auto end = content_type.find(';');
  if (!equal_ignoring_case(trimmed(content_type.substr(0, end)), "application/json")) return false;
  while (end != std::string_view::npos) {
    content_type.remove_prefix(end + 1);
    end = content_type.find(';');
    const auto parameter = trimmed(content_type.substr(0, end));
    const auto equals = parameter.find('=');
    if (equals == std::string_view::npos || !equal_ignoring_case(parameter.substr(0, equals), "charset")) continue;
    const auto charset = parameter.substr(equals + 1);
    if (!equal_ignoring_case(charset, "utf-8") && !equal_ignoring_case(charset, "\"utf-8\"")) return false;
  }
  return true;
}

bool is_idempotency_key(std::string_view key) {
  return !key.empty() && key.size() <= max_idempotency_key &&
         std::ranges::all_of(key, [](char c) { return c >= '!' && c <= '~'; });
}

// Also what a replay answers: the same bytes.
http::Response accepted_answer(std::string_view id, std::string_view accepted_at) {
  http::Response response{.status = 202};
  response.body.reserve(256);
  response.body.append(R"({"id":")").append(id);
  response.body.append(R"(","status":"accepted","acceptedAt":")").append(accepted_at);
  response.body.append(R"(","links":{"self":"/v1/enrollments/)").append(id).append(R"("}})");
  response.extra_headers.reserve(96);
  response.extra_headers.append("Location: /v1/enrollments/").append(id).append("\r\nRetry-After: 1\r\n");
  return response;
}

std::string idempotency_record(std::string_view id, std::string_view accepted_at, std::string_view fingerprint) {
  std::string json;
  json.reserve(192);
  json.append(R"({"enrollmentId":")").append(id).append(R"(","acceptedAt":")").append(accepted_at);
  json.append(R"(","fingerprint":")").append(fingerprint).append(R"("})");
  return json;
}

std::optional<std::string> iso_date(const std::optional<domain::Date>& date) {
  if (!date) return std::nullopt;
  return domain::iso_date(*date);
}

// The one place that shows a member to somebody outside.
std::string public_json(const domain::Member& member) {
  const domain::Applicant& details = member.details;
  std::optional<std::string> phone;
  if (details.phone) phone = details.phone->reveal();
  JsonWriter json;
  json.object().member("id", member.id).member("enrollmentId", member.enrollment_id);
  json.member("joinedAt", member.joined_at);
  json.member("firstName", details.first_name.reveal()).member("lastName", details.last_name.reveal());
  json.member("email", details.email.reveal()).member("phone", phone);
  json.member("dateOfBirth", domain::iso_date(details.date_of_birth.reveal()));
  json.member("homeClubId", details.home_club_id).member("plan", details.plan);
  json.member("startDate", iso_date(details.start_date)).member("locale", details.locale);
  json.member("marketingConsent", details.marketing_consent).member("termsVersion", details.terms_version);
  json.member("referralCode", details.referral_code).end();
  return json.take();
}

domain::Date today(WallTime now) {
  return domain::Date(std::chrono::floor<std::chrono::days>(now));
}

}  // namespace

}  // namespace globogym::gateway
