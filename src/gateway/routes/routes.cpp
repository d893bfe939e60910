#include "gateway/routes/routes.h"

#include <array>
#include <iterator>

namespace globogym::gateway {
namespace {

using namespace problem;

constexpr const ProblemType* of_posting[] = {
    &malformed_json,     &idempotency_key_invalid, &unauthorized, &scope_missing,
    &origin_not_allowed, &proof_missing,           &proof_wrong,  &proof_expired,
    &proof_early,        &method_not_allowed,      &too_large,    &unsupported_media_type,
    &invalid_fields,     &idempotency_key_reused,  &rate_limited, &quota_exceeded,
    &internal,           &cannot_keep_promise};
constexpr const ProblemType* of_enrollments[] = {&unauthorized,   &scope_missing,      &origin_not_allowed,
                                                 &not_found,      &method_not_allowed, &rate_limited,
                                                 &quota_exceeded, &internal,           &cannot_keep_promise};
constexpr const ProblemType* of_streaming[] = {&unauthorized,        &scope_missing,   &origin_not_allowed, &not_found,
                                               &method_not_allowed,  &rate_limited,    &quota_exceeded,     &internal,
                                               &cannot_keep_promise, &too_many_streams};
constexpr const ProblemType* of_members[] = {&unauthorized, &scope_missing,  &not_found, &method_not_allowed,
                                             &rate_limited, &quota_exceeded, &internal,  &cannot_keep_promise};
constexpr const ProblemType* of_member_lists[] = {&bad_request,  &unauthorized,   &scope_missing, &method_not_allowed,
                                                  &rate_limited, &quota_exceeded, &internal,      &cannot_keep_promise};
constexpr const ProblemType* of_the_form[] = {&method_not_allowed, &rate_limited, &cannot_keep_promise};
constexpr const ProblemType* of_health[] = {&method_not_allowed};
constexpr const ProblemType* of_readiness[] = {&method_not_allowed, &not_ready};
constexpr const ProblemType* of_pages[] = {&method_not_allowed, &rate_limited};
constexpr const ProblemType* of_assets[] = {&not_found, &method_not_allowed, &rate_limited};

constexpr std::string_view in_short = "Nothing is read from disk for this, and no credentials are asked for.";

// The busiest first.
constexpr Route table[] = {
    {.method = "POST",
     .path = "/v1/enrollments",
     .operation = "signUp",
     .tag = "Enrollments",
     .summary = "Sign somebody up",
     .description =
         "Answers 202 when the enrollment is on stable storage, and not before: from then on it ends as completed, "
         "rejected or parked, each with a reason. The answer never tells whether the address is a member's already.\n\n"
         "Send an `Idempotency-Key`, and send the same request again after a 5xx answer, a time-out or a lost "
         "connection: it is accepted once. After a 4xx answer other than 429 correct the request first.\n\n"
         "A publishable key needs an `Idempotency-Key` and a `Sign-Up-Proof`; other credentials need neither.",
     .problems = of_posting,
     .endpoint = Endpoint::post_enrollment,
     .success = 202,
     .scope = Scope::enrollments_write,
     .publishable = true},
    {.method = "GET",
     .path = "/v1/enrollments/{id}",
     .operation = "getEnrollment",
     .tag = "Enrollments",
     .summary = "How far an enrollment has come",
     .description =
         "Whoever posted an enrollment may read it without the scope. Without the scope the answer to other ids is "
         "403, "
         "whether there is such an enrollment or not.\n\nTo a publishable key the answer is masked, so that it never "
         "tells who is a member: `memberId` and `reason` are null, and as soon as the application has been decided it "
         "reads `completed` with all steps `done`.",
     .problems = of_enrollments,
     .endpoint = Endpoint::get_enrollment,
     .success = 200,
     .scope = Scope::enrollments_read,
     .publishable = true},
    {.method = "GET",
     .path = "/v1/enrollments/{id}/events",
     .operation = "followEnrollment",
     .tag = "Enrollments",
     .summary = "Follow an enrollment as it goes on",
     .description =
         "Server-sent events: each is one line `data: ` with the enrollment as `getEnrollment` answers it, and an "
         "empty "
         "line; the first at once, the next on every change. Lines that begin with a colon keep the connection alive. "
         "The stream ends after the last status, or after ten minutes. Browsers read it with `fetch()`: `EventSource` "
         "cannot send a key. On 503 `too-many-streams` ask `getEnrollment` from time to time instead.",
     .problems = of_streaming,
     .endpoint = Endpoint::enrollment_events,
     .success = 200,
     .scope = Scope::enrollments_read,
     .publishable = true},
    {.method = "GET",
     .path = "/v1/sign-up",
     .operation = "getSignUp",
     .tag = "Sign-up form",
     .summary = "What a sign-up form needs",
     .description =
         "The publishable key to send, what can be chosen, the rules of each field, and a challenge to solve while the "
         "person types. Find a decimal `nonce` for which SHA-256 of the ASCII text `<token>.<Idempotency-Key>.<nonce>` "
         "begins with `bits` zero bits, and send both in `Sign-Up-Proof`, at the earliest `waitMs` after the challenge "
         "was issued and before it expires. No credentials are asked for.",
     .problems = of_the_form,
     .endpoint = Endpoint::get_sign_up,
     .success = 200,
     .scope = std::nullopt},
    {.method = "GET",
     .path = "/v1/members",
     .operation = "listMembers",
     .tag = "Members",
     .summary = "Every member, page by page",
     .description =
         "Members in an order that stays, whoever joins or goes meanwhile: who was there when the first page was asked "
         "for is in exactly one of them. Ask on with `after` until `next` is null; a page may hold fewer members than "
         "`limit`, even none, before that. With `since` it gives those who joined lately.",
     .problems = of_member_lists,
     .endpoint = Endpoint::list_members,
     .success = 200,
     .scope = Scope::members_read},
    {.method = "GET",
     .path = "/v1/members/{id}",
     .operation = "getMember",
     .tag = "Members",
     .summary = "A member",
     .description = "What is kept of a member. The id stands in the enrollment that made them one.",
     .problems = of_members,
     .endpoint = Endpoint::get_member,
     .success = 200,
     .scope = Scope::members_read},
    {.method = "GET",
     .path = "/healthz",
     .operation = "health",
     .tag = "Health",
     .summary = "Whether the process is up",
     .description = in_short,
     .problems = of_health,
     .endpoint = Endpoint::healthz,
     .success = 200,
     .scope = std::nullopt},
    {.method = "GET",
     .path = "/readyz",
     .operation = "readiness",
     .tag = "Health",
     .summary = "Whether sign-ups can be taken now",
     .description = "503 lists what stands in the way; enrollments that were accepted go on as far as they can.",
     .problems = of_readiness,
     .endpoint = Endpoint::readyz,
     .success = 200,
     .scope = std::nullopt},
    {.method = "GET",
     .path = "/assets/{name}",
     .operation = "asset",
     .tag = "Pages",
     .summary = "A file of the pages",
     .description = "Named by what it holds, so it may be kept for ever.",
     .problems = of_assets,
     .endpoint = Endpoint::asset,
     .success = 200,
     .scope = std::nullopt,
     .described = false},
    {.method = "GET",
     .path = "/",
     .operation = "home",
     .tag = "Pages",
     .summary = "The sign-up page",
     .description = "In the language of `Accept-Language`.",
     .problems = of_pages,
     .endpoint = Endpoint::home,
     .success = 200,
     .scope = std::nullopt},
    {.method = "GET",
     .path = "/docs",
     .operation = "docs",
     .tag = "Pages",
     .summary = "This reference, to read",
     .description = "Made in the browser from `/openapi.json`.",
     .problems = of_pages,
     .endpoint = Endpoint::docs,
     .success = 200,
     .scope = std::nullopt},
    {.method = "GET",
     .path = "/openapi.json",
     .operation = "description",
     .tag = "Pages",
     .summary = "This description",
     .description = "OpenAPI 3.1, made from the tables that the router and the validator run on.",
     .problems = of_pages,
     .endpoint = Endpoint::openapi,
     .success = 200,
     .scope = std::nullopt},
};

// A path as it is matched: what stands before and after its parameter.
struct Pattern {
  std::string_view before, after;
  bool parameter = false;
};

constexpr Pattern pattern_of(std::string_view path) {
  const auto open = path.find('{');
  if (open == std::string_view::npos) return {.before = path, .after = {}};
  return {.before = path.substr(0, open), .after = path.substr(path.find('}') + 1), .parameter = true};
}

constexpr auto patterns = [] {
  std::array<Pattern, std::size(table)> all;
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = pattern_of(table[i].path);
  return all;
}();

}  // namespace

std::span<const Route> routes() {
  return table;
}

Match match(std::string_view path) {
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const auto& [before, after, parameter] = patterns[i];
    if (!parameter) {
      if (path == before) return {.route = &table[i], .id = {}};
      continue;
    }
    if (path.size() <= before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after)) continue;
    const auto id = path.substr(before.size(), path.size() - before.size() - after.size());
    if (id.find('/') == std::string_view::npos) return {.route = &table[i], .id = id};
  }
  return {};
}

bool answers(const Route& route, std::string_view method) {
  return method == route.method || (route.method == "GET" && method == "HEAD");
}

std::string_view allowed_methods(const Route& route) {
  return route.method == "GET" ? "GET, HEAD" : "POST";
}

}  // namespace globogym::gateway
