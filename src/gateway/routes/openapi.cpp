#include "gateway/routes/openapi.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/gzip.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "gateway/requests/idempotency_key.h"
#include "gateway/routes/openapi_parts.h"
#include "gateway/routes/routes.h"

namespace globogym::gateway {
namespace {

using domain::Catalogue;
using domain::Date;
using namespace openapi;

constexpr std::string_view about = R"(Takes sign-ups and tells how they go on.

**The promise.** A `202` means that the enrollment is on stable storage. It will end as `completed`, `rejected` or `parked`, each with a reason; nothing is dropped.

**Refusals.** Every refusal is a problem document (RFC 9457). Decide by its `type`; all types, with what to do about each, stand in `x-problems`. `invalid-fields` lists everything that is wrong at once; the codes stand with each field.

**Trying again.** Send an `Idempotency-Key`: the same key with the same body gives the same answer and one enrollment. After `429` and `503` wait as long as `Retry-After` says. After `408`, `500`, a time-out or a lost connection send the same request again. After other `4xx` answers correct it first.

**Methods and paths.** Every `GET` also answers `HEAD`. Paths are exact: a trailing slash is another path. Ignore members of answers that you do not know: new ones may be added.

**Browsers.** Pages of allowed origins may call (CORS, preflights are answered). No cookies are used.)";

constexpr std::pair<std::string_view, std::string_view> tags[] = {
    {"Enrollments", "Sign people up, and see how it goes on."},
    {"Sign-up form", "For pages on which people sign themselves up: no secret is needed."},
    {"Members", "What became of it."},
    {"Health", "For load balancers and people on call."},
    {"Pages", "For people, and this description."},
};

class Document {
 public:
  Document(const Catalogue& catalogue, Date today, std::string_view issuer)
      : catalogue_(catalogue), today_(today), issuer_(issuer) {}

  std::string write() {
    json_.object().member("openapi", "3.1.0");
    info();
    json_.key("servers").array().object().member("url", "/").member("description", "This service.").end().end();
    json_.key("tags").array();
    for (const auto& [name, description] : tags)
      json_.object().member("name", name).member("description", description).end();
    json_.end();

    json_.key("paths").object();
    for (const Route& route : routes()) {  // no two of them share a path
      if (!route.described) continue;
      json_.key(route.path).object();
      operation(route);
      json_.end();
    }
    json_.end();
    components();
    problems();
    json_.end();
    return json_.take();
  }

 private:
  void info() {
    json_.key("info").object().member("title", "GloboGym Enrollment").member("version", GLOBOGYM_VERSION);
    json_.member("summary", "Sign-ups that are never lost.").member("description", about);
    json_.member("termsOfService", "https://globogym.example/api-terms");
    json_.key("contact").object().member("name", "GloboGym integrations");
    json_.member("url", "https://globogym.example/developers").member("email", "api@globogym.example").end();
    json_.key("license").object().member("name", "Proprietary; for partners under the API terms");
    json_.member("url", "https://globogym.example/api-terms").end().end();
  }

  void operation(const Route& route) {
    json_.key(route.method == "POST" ? "post" : "get").object();
    json_.member("operationId", route.operation).member("summary", route.summary);
    json_.member("description", route.description);
    json_.key("tags").array().value(route.tag).end();
    security(route);

    json_.key("parameters").array();
    if (route.path.find("{id}") != std::string_view::npos)
      write_reference(json_,
                      route.endpoint == Endpoint::get_member ? "parameters/MemberId" : "parameters/EnrollmentId");
    if (route.endpoint == Endpoint::post_enrollment) {
      write_reference(json_, "parameters/IdempotencyKey");
      write_reference(json_, "parameters/SignUpProof");
    }
    if (route.endpoint == Endpoint::list_members)
      for (const auto* name : {"After", "Limit", "Club", "Plan", "Since"})
        write_reference(json_, std::string("parameters/") + name);
    write_reference(json_, "parameters/RequestId");
    write_reference(json_, "parameters/Traceparent");
    json_.end();

    if (route.endpoint == Endpoint::post_enrollment) {
      json_.key("requestBody").object().member("required", true);
      json_.member("description", "UTF-8, at most 16 KiB.").key("content").object().key("application/json").object();
      json_.key("schema");
      write_reference(json_, "schemas/Application");
      json_.key("examples").object();
      example("whole", "Everything that can be said", application_example(catalogue_, today_, true));
      example("short", "What must be said", application_example(catalogue_, today_, false));
      json_.end().end().end().end();
    }
    responses(route);
    json_.end();
  }

  // What a request may show; any one of them will do.
  void security(const Route& route) {
    json_.key("security").array();
    if (route.scope) {
      for (const auto* scheme : {"apiKey", "subscriptionKey"}) json_.object().key(scheme).array().end().end();
      if (!issuer_.empty()) json_.object().key("bearer").array().value(name(*route.scope)).end().end();
    }
    json_.end();
    if (!route.scope) return;
    json_.member("x-scope", name(*route.scope));
    json_.member("x-publishable-key", route.publishable);
  }

  void example(std::string_view key, std::string_view summary, std::string_view value) {
    json_.key(key).object().member("summary", summary).key("value").raw(value).end();
  }

  void header(std::string_view field, std::string_view component) {
    json_.key(field);
    write_reference(json_, "headers/" + std::string(component));
  }

  void common_headers(const Route& route) {
    header("X-Request-Id", "RequestId");
    header("traceparent", "Traceparent");
    if (!limited(route)) return;
    header("RateLimit", "RateLimit");
    header("RateLimit-Policy", "RateLimitPolicy");
  }

  // Whether limits on requests are looked at; health is for load balancers, who ask often.
  static bool limited(const Route& route) {
    for (const auto* type : route.problems)
      if (type->status == 429) return true;
    return false;
  }

  void responses(const Route& route) {
    json_.key("responses").object();
    success(route);
    std::map<unsigned, std::vector<const ProblemType*>> by_status;
    for (const auto* type : route.problems) by_status[type->status].push_back(type);
    for (const auto& [status, types] : by_status) refusals(route, status, types);
    // What is refused before it reaches a route.
    json_.key("default").object();
    json_.member("description", "A refusal of the connection, before the request was understood; then it is closed.");
    json_.key("content").object().key("application/problem+json").object().key("schema");
    write_reference(json_, "schemas/Problem");
    json_.end().end().end().end();
  }

  void success(const Route& route) {
    json_.key(std::to_string(route.success)).object();
    switch (route.endpoint) {
      case Endpoint::post_enrollment:
        json_.member("description",
                     "Kept on stable storage. The same answer again for an Idempotency-Key seen before.");
        json_.key("headers").object();
        common_headers(route);
        header("Location", "Location");
        header("Retry-After", "RetryAfter");
        json_.end();
        json_.key("links").object();
        for (const auto* follower : {"getEnrollment", "followEnrollment"}) {
          json_.key(follower).object().member("operationId", follower);
          json_.key("parameters").object().member("id", "$response.body#/id").end().end();
        }
        json_.end();
        content("application/json", "Accepted", {{"accepted", "Accepted", accepted_example()}});
        break;
      case Endpoint::get_enrollment:
        plain(route, "The enrollment as it is now.");
        content("application/json", "Enrollment",
                {{"completed", "A new member", enrollment_example(Story::completed)},
                 {"processing", "The welcome letter is being retried", enrollment_example(Story::processing)},
                 {"rejected", "The address is a member's already", enrollment_example(Story::rejected)},
                 {"parked", "A step waits for a person", enrollment_example(Story::parked)},
                 {"masked", "What a publishable key is told", enrollment_example(Story::masked)}});
        break;
      case Endpoint::enrollment_events: {
        plain(route, "A stream of events, each the enrollment as JSON.");
        JsonWriter stream;
        stream.value("data: " + enrollment_example(Story::processing) +
                     "\n\n: still there\n\ndata: " + enrollment_example(Story::completed) + "\n\n");
        text_content("text/event-stream", "Events; `data` of each is an Enrollment.", stream.take());
        break;
      }
      case Endpoint::get_sign_up:
        plain(route, "What the form needs now. The challenge is for one sign-up; do not keep it.");
        content("application/json", "SignUp", {{"form", "A form with two of its fields", sign_up_example(catalogue_)}});
        break;
      case Endpoint::list_members:
        plain(route, "Some members, and where to go on.");
        content("application/json", "MemberPage", {{"page", "The last page", member_page_example(catalogue_, today_)}});
        break;
      case Endpoint::get_member:
        plain(route, "The member.");
        content("application/json", "Member", {{"member", "A member", member_example(catalogue_, today_)}});
        break;
      case Endpoint::healthz:
        plain(route, "The process is up.");
        content("application/json", "Health", {{"up", "Up", R"({"status":"ok"})"}});
        break;
      case Endpoint::readyz:
        plain(route, "Sign-ups can be taken.");
        content("application/json", "Readiness", {{"ready", "Ready", R"({"status":"ready"})"}});
        break;
      case Endpoint::openapi:
        plain(route, "This document.");
        json_.key("content").object().key("application/json").object().key("schema").object();
        json_.member("type", "object").member("description", "OpenAPI 3.1.").end().end().end();
        break;
      default:
        plain(route, "A page for people.");
        text_content("text/html", "HTML.", {});
        break;
    }
    json_.end();
  }

  struct Example {
    std::string_view name, summary;
    std::string value;
  };

  void plain(const Route& route, std::string_view description) {
    json_.member("description", description).key("headers").object();
    common_headers(route);
    json_.end();
  }

  void content(std::string_view type, std::string_view schema, const std::vector<Example>& examples) {
    json_.key("content").object().key(type).object().key("schema");
    write_reference(json_, "schemas/" + std::string(schema));
    json_.key("examples").object();
    for (const auto& one : examples) example(one.name, one.summary, one.value);
    json_.end().end().end();
  }

  void text_content(std::string_view type, std::string_view description, std::string_view json_example) {
    json_.key("content").object().key(type).object().key("schema").object();
    json_.member("type", "string").member("description", description).end();
    if (!json_example.empty()) {
      json_.key("examples").object();
      example("stream", "Two changes", json_example);
      json_.end();
    }
    json_.end().end();
  }

  void refusals(const Route& route, unsigned status, const std::vector<const ProblemType*>& types) {
    std::string description;
    for (const auto* type : types) {
      if (!description.empty()) description += "\n\n";
      description.append("`").append(type->slug).append("`: ").append(type->meaning);
    }
    json_.key(std::to_string(status)).object().member("description", description);
    json_.key("headers").object();
    common_headers(route);
    if (status == 401) header("WWW-Authenticate", "Challenge");
    if (status == 405) header("Allow", "Allow");
    if (status == 429) header("Retry-After", "RetryAfterRequired");
    if (status == 503 || (status == 403 && route.endpoint == Endpoint::post_enrollment))
      header("Retry-After", "RetryAfter");
    json_.end();
    json_.key("content").object().key("application/problem+json").object().key("schema");
    write_reference(json_, "schemas/Problem");
    json_.key("examples").object();
    for (const auto* type : types) {
      json_.key(type->slug);
      write_reference(json_, "examples/" + std::string(type->slug));
    }
    json_.end().end().end().end();
  }

  void components() {
    json_.key("components").object();
    write_schemas(json_, catalogue_);

    json_.key("parameters").object();
    parameter("EnrollmentId", "id", "path", true, "The id of an enrollment, as it was given out.",
              R"({"type":"string","minLength":1})");
    parameter("MemberId", "id", "path", true, "The id of a member, as it was given out.",
              R"({"type":"string","minLength":1})");
    parameter("After", "after", "query", false, "`next` of the page before; absent: the first page.",
              R"({"type":"string","maxLength":255})");
    parameter("Limit", "limit", "query", false, "At most so many members.",
              R"({"type":"integer","minimum":1,"maximum":1000,"default":100})");
    parameter("Club", "club", "query", false, "Only members of the club with this id.",
              R"({"type":"string","maxLength":255})");
    parameter("Plan", "plan", "query", false, "Only members with the plan of this id.",
              R"({"type":"string","maxLength":255})");
    parameter("Since", "since", "query", false,
              "Only who joined then or later: a time in UTC, or a day, which begins at midnight UTC.",
              R"({"type":"string","maxLength":255})", R"("2026-11-27T08:00:00Z")");
    parameter(
        "IdempotencyKey", "Idempotency-Key", "header", false,
        "The same key with the same body, byte for byte, gives the same answer and one enrollment, however often "
        "and however concurrently it is sent, for as long as the enrollment is kept. It belongs to the credential "
        "it came with. A random UUID is a good one. A publishable key must send it.\n\nIt may stand between quotation "
        "marks, as RFC 8941 writes strings, and then hold spaces: `abc` and `\"abc\"` are the same key.",
        JsonWriter().object().member("type", "string").member("pattern", idempotency_key_pattern).end().take(),
        R"("5f0c6a3e-6f6c-4c5b-9d53-8f7a1c0b2e44")");
    parameter("SignUpProof", "Sign-Up-Proof", "header", false,
              "That a sign-up with a publishable key cost its sender a moment: the token of a challenge from "
              "`/v1/sign-up`, and the number that solves it for this Idempotency-Key. `trap=1` says that a field which "
              "people do not see was filled in. Not looked at with other credentials.",
              R"({"type":"string","maxLength":512,"pattern":"^ *token=[!-~]+ *, *nonce=[0-9]{1,20} *(, *trap=1 *)?$"})",
              R"("token=1795354205123.16.q83vEjRWeJA.aGVyZSBpcyBhIE1BQyA6KQ, nonce=40962")");
    parameter("RequestId", "X-Request-Id", "header", false,
              "Returned as it is, and in our logs, when it is 1 to 128 of letters, digits, `.`, `_` and `-`; otherwise "
              "one is made.",
              R"({"type":"string"})", R"("crm-4711")");
    parameter("Traceparent", "traceparent", "header", false,
              "W3C trace context. A well-formed one is answered with the same trace, and the trace goes with the work.",
              R"({"type":"string"})", R"("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")");
    json_.end();
    headers();

    json_.key("examples").object();
    for (const auto& type : described_problems())
      example(type->slug, type->title, problem_example(*type, catalogue_, today_));
    json_.end();
    schemes();
    json_.end();
  }

  void parameter(std::string_view component, std::string_view name, std::string_view in, bool required,
                 std::string_view description, std::string_view schema, std::string_view json_example = {}) {
    json_.key(component).object().member("name", name).member("in", in).member("required", required);
    json_.member("description", description).key("schema").raw(schema);
    if (!json_example.empty()) json_.key("example").raw(json_example);
    json_.end();
  }

  void headers() {
    json_.key("headers").object();
    response_header("RequestId", "The caller's, or one that was made.",
                    R"({"type":"string","pattern":"^[A-Za-z0-9._-]{1,128}$"})", R"("crm-4711")", true);
    response_header("Traceparent", "The caller's trace, or a new one, with a span of ours (W3C trace context).",
                    R"({"type":"string","pattern":"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"})",
                    R"("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01")", true);
    response_header("Location", "The enrollment.", R"({"type":"string","format":"uri-reference"})",
                    R"("/v1/enrollments/06az9x2k7m3q5v8r1t4w6y0b2d4f6h8j")", true);
    const auto seconds = R"({"type":"integer","minimum":1})";
    response_header("RetryAfter", "Seconds after which it is worth while to ask (again).", seconds, "1", false);
    response_header("RetryAfterRequired", "Seconds after which the request will be let through.", seconds, "1", true);
    response_header("Challenge", "Which credentials are taken; of a bearer token also what is wrong (RFC 6750).",
                    R"({"type":"string"})", R"("ApiKey realm=\"globogym\"")", true);
    response_header("Allow", "The methods that the path has.", R"({"type":"string"})", R"("GET, HEAD")", true);
    response_header("RateLimit",
                    "What is left of each limit that applies, and the seconds until there is more "
                    "(draft-ietf-httpapi-ratelimit-headers). Absent when nothing limits the caller.",
                    R"({"type":"string"})", R"("\"key\";r=49;t=1")", false);
    response_header("RateLimitPolicy",
                    "The limits that apply: how many requests in how many seconds. Absent when nothing limits the "
                    "caller.",
                    R"({"type":"string"})", R"("\"key\";q=50;w=1")", false);
    json_.end();
  }

  void response_header(std::string_view component, std::string_view description, std::string_view schema,
                       std::string_view json_example, bool required) {
    json_.key(component).object().member("description", description).member("required", required);
    json_.key("schema").raw(schema).key("example").raw(json_example).end();
  }

  void schemes() {
    json_.key("securitySchemes").object();
    json_.key("apiKey").object().member("type", "apiKey").member("in", "header").member("name", "X-API-Key");
    json_.member("description",
                 "A key made by `globogym keys create`, with scopes, and perhaps a rate, a quota and an end. A "
                 "publishable key may stand in a web page: it can only enroll, from the origins it is bound to.");
    json_.end();
    json_.key("subscriptionKey").object().member("type", "apiKey").member("in", "header");
    json_.member("name", "Ocp-Apim-Subscription-Key").member("description", "The same key under another name.").end();
    if (!issuer_.empty()) {
      std::string discovery(issuer_);
      while (discovery.ends_with('/')) discovery.pop_back();
      json_.key("bearer").object().member("type", "openIdConnect");
      json_.member("openIdConnectUrl", discovery + "/.well-known/openid-configuration");
      json_.member("description",
                   "`Authorization: Bearer` with an access token (JWT) of this issuer, made for our audience, with the "
                   "scopes in `scope`, `scp` or `roles`.");
      json_.end();
    }
    json_.end();
  }

  // Those that a described route can answer, in the order of all_problems().
  static std::vector<const ProblemType*> described_problems() {
    std::vector<const ProblemType*> found;
    for (const auto& type : all_problems())
      for (const Route& route : routes())
        if (route.described &&
            std::ranges::find(route.problems, type.slug, &ProblemType::slug) != route.problems.end()) {
          found.push_back(&type);
          break;
        }
    return found;
  }

  void problems() {
    json_.key("x-problems").array();
    const auto row = [this](std::string_view slug, unsigned status, std::string_view title, std::string_view meaning,
                            std::string_view advice, bool connection) {
      json_.object().member("slug", slug).member("type", "https://globogym.example/problems/" + std::string(slug));
      json_.member("status", status).member("title", title).member("meaning", meaning).member("advice", advice);
      json_.member("connection", connection).end();
    };
    for (const auto* type : described_problems())
      row(type->slug, type->status, type->title, type->meaning, type->advice, false);
    for (const auto& [status, slug, title, meaning, advice] : connection_problems())
      row(slug, status, title, meaning, advice, true);
    json_.end();
  }

  const Catalogue& catalogue_;
  const Date today_;
  const std::string_view issuer_;
  JsonWriter json_;
};

}  // namespace

std::string openapi_json(const Catalogue& catalogue, Date today, std::string_view issuer) {
  return Document(catalogue, today, issuer).write();
}

std::shared_ptr<const Description::Text> Description::on(Date today) const {
  const std::lock_guard guard(lock_);
  if (!text_ || written_ != today) {
    Text text{.json = openapi_json(catalogue_, today, issuer_), .gzip = {}, .tag = {}, .gzip_tag = {}};
    text.gzip = globogym::gzip(text.json);
    text.tag = hex(sha256(text.json)).substr(0, 20);
    text.gzip_tag = hex(sha256(text.gzip)).substr(0, 20);
    text_ = std::make_shared<const Text>(std::move(text));
    written_ = today;
  }
  return text_;
}

}  // namespace globogym::gateway
