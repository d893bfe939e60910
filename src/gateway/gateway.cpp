#include "gateway/gateway.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_writer.h"
#include "domain/date.h"
#include "gateway/answers/member_list.h"
#include "gateway/answers/members.h"
#include "gateway/answers/pages.h"
#include "gateway/answers/problem.h"
#include "gateway/routes/openapi.h"
#include "identity/tokens.h"
#include "telemetry/log.h"

namespace globogym::gateway {
namespace {

domain::Date today(WallTime now) {
  return domain::Date(std::chrono::floor<std::chrono::days>(now));
}

// The answer to an OPTIONS that is no preflight.
http::Response allowing(std::string_view methods) {
  http::Response response{.status = 204, .content_type = {}};
  response.extra_headers.append("Allow: ").append(methods).append("\r\n");
  return response;
}

Claim claim_of(const Caller& caller, const RequestHeaders& headers) {
  const std::string_view key =
      headers.idempotency_key ? std::string_view(*headers.idempotency_key) : std::string_view();
  return {.header = headers.proof, .caller = caller.id, .idempotency_key = key};
}

}  // namespace

struct Gateway::Counters {
  std::vector<telemetry::Counter*> refused;  // in the order of all_problems()

  explicit Counters(telemetry::Metrics& metrics) {
    for (const auto& type : all_problems())
      refused.push_back(&metrics.counter("globogym_requests_refused_total", "Requests refused, by problem type.",
                                         {{"reason", std::string(type.slug)}}));
  }

  void count(std::string_view slug) const {
    const auto& all = all_problems();
    const auto found = std::ranges::find(all, slug, &ProblemType::slug);
    if (found != all.end()) refused[static_cast<std::size_t>(found - all.begin())]->add();
  }
};

Gateway::Gateway(Parts parts)
    : parts_(parts),
      clients_(parts.trusted_proxies),
      no_limits_(parts.limits ? nullptr : std::make_unique<Limits>(LimitOptions{}, parts.random, parts.metrics)),
      limits_(parts.limits ? *parts.limits : *no_limits_),
      callers_(parts.keys, parts.tokens, parts.pseudonyms, parts.clock),
      origins_(parts.allowed_origins, parts.keys),
      proofs_(parts.proof_bits, parts.pseudonyms, parts.random),
      sign_up_(parts.keys.page_key(), parts.catalogue, {parts_.terms_url, parts_.privacy_url}, proofs_),
      enrollments_(parts.engine, parts.keys, parts.catalogue, parts.pseudonyms, parts.clock, parts.random,
                   parts.metrics, limits_),
      counters_(std::make_unique<const Counters>(parts.metrics)),
      description_(parts.catalogue, parts.issuer) {}

Gateway::~Gateway() = default;

// What is seen of every request, whatever became of it.
Task<http::Response> Gateway::handle(const http::Request& request) {
  const SteadyTime came = parts_.clock.steady();
  const RequestHeaders headers(request);
  Caller caller;
  Visit visit;
  Charges charges;
  http::Response response = co_await answer(request, headers, came, caller, visit, charges);
  if (charges.any()) response.extra_headers += charges.fields();
  if (headers.origin && request.method != "OPTIONS") origins_.allow(response, *headers.origin);
  if (!response.refusal.empty()) counters_->count(response.refusal);
  if (parts_.analytics) {
    visit.caller = caller.kind == Kind::token ? token_callers : std::string_view(caller.id);
    visit.status = response.status;
    visit.refusal = response.refusal;
    visit.bytes_in = request.body.size();
    visit.bytes_out = response.body.size();
    visit.duration = parts_.clock.steady() - came;
    parts_.analytics->record(visit);
  }
  co_return response;
}

void Gateway::on_refused(std::optional<std::string_view> origin, http::Response& refusal) {
  if (origin)
    origins_.allow(refusal, *origin);
  else
    origins_.allow_unknown(refusal);
}

Task<http::Response> Gateway::answer(const http::Request& request, const RequestHeaders& headers, SteadyTime came,
                                     Caller& caller, Visit& visit, Charges& charges) {
  const Match found = match(request.path);
  if (found.route) visit.operation = found.route->operation;
  const Client client = clients_.of(request);
  // Who watches over us is never turned away.
  const bool probe =
      found.route && (found.route->endpoint == Endpoint::healthz || found.route->endpoint == Endpoint::readyz);
  if (!probe && !limits_.admit(client, came, charges)) co_return limited(charges);
  // What is asked of the server as a whole (RFC 9110 section 9.3.7).
  if (request.path == "*") co_return allowing("GET, HEAD, POST, OPTIONS");
  if (!found.route) co_return refusal(problem::not_found, "The paths there are stand in /openapi.json.");
  const Route& route = *found.route;
  if (Origins::is_preflight(request, headers)) co_return origins_.preflight(headers, allowed_methods(route));
  if (!answers(route, request.method)) {
    const std::string allowed(allowed_methods(route));
    co_return refusal(problem::method_not_allowed, "Use " + allowed + ".", {}, "Allow: " + allowed + "\r\n");
  }
  if (!route.scope) co_return answer_anybody(request, route);

  Callers::Found identity;
  if (callers_.shows_token(headers)) {
    identity = co_await callers_.by_token(headers);
  } else {
    identity = callers_.by_key(headers);
  }
  if (auto* refused = std::get_if<http::Response>(&identity)) co_return std::move(*refused);
  caller = std::move(std::get<Caller>(identity));
  // Everybody can read a publishable key: what its holder owns is used up by sign-ups that cost their sender something,
  // and by nothing else.
  const bool signs_up = route.endpoint == Endpoint::post_enrollment;
  const bool publishable = caller.kind == Kind::publishable_key;
  if (!publishable && !limits_.admit(caller, came, charges)) co_return limited(charges);
  // Who made an enrollment may read it without the scope: only the endpoint can tell.
  const bool owner_may = route.endpoint == Endpoint::get_enrollment || route.endpoint == Endpoint::enrollment_events;
  if (!owner_may && !caller.scopes.has(*route.scope)) co_return scope_missing(caller, *route.scope);
  if (publishable) {
    if (signs_up && !limits_.admit_sign_up(client, came, charges)) co_return limited(charges);
    if (auto refused = unproven(caller, client, headers, route)) co_return std::move(*refused);
    if (signs_up && !limits_.admit(caller, came, charges)) co_return limited(charges);
  }
  if (caller.quota > 0 && parts_.quotas && (signs_up || !publishable)) {
    auto refused = co_await over_quota(caller, charges);
    if (refused) co_return std::move(*refused);
  }

  http::Response response;
  audit::Deed deed;
  switch (route.endpoint) {
    case Endpoint::post_enrollment:
      response = co_await enrollments_.post(request, headers, caller, visit.stage, charges);
      if (publishable) settle_proof(caller, headers, response);
      break;
    case Endpoint::get_enrollment:
      response = co_await enrollments_.get(std::string(found.id), caller);
      break;
    case Endpoint::enrollment_events:
      response = co_await enrollments_.events(std::string(found.id), caller);
      break;
    case Endpoint::list_members:
      response = co_await get_members(parts_.engine, request.query, deed);
      break;
    case Endpoint::get_member:
      response = co_await get_member(parts_.engine, std::string(found.id), deed);
      break;
    default:
      response = refusal(problem::internal, "The path has no handler.");
      break;
  }
  if (!deed.event.empty())
    if (auto refused = unaudited(request, caller, std::move(deed), response.status)) co_return std::move(*refused);
  co_return response;
}

std::optional<http::Response> Gateway::unaudited(const http::Request& request, const Caller& caller, audit::Deed deed,
                                                 unsigned status) {
  if (!parts_.trail) return std::nullopt;
  auto noted = parts_.trail->note({{.by = caller.id}, std::move(deed), status, request.request_id});
  if (noted) return std::nullopt;
  log::warning("gateway-audit-unavailable", {{"fault", name(noted.error().fault)}, {"error", noted.error().message}});
  return refusal(problem::cannot_keep_promise,
                 "Who reads members is written down, and that cannot be done now. Try later.", {},
                 std::string(retry_later));
}

Task<std::optional<http::Response>> Gateway::over_quota(const Caller& caller, Charges& charges) {
  auto standing = parts_.quotas->try_take(caller.id, caller.quota);
  if (!standing) {
    auto taken = co_await parts_.quotas->take(caller.id, caller.quota);
    if (!taken) co_return unavailable(taken.error(), "What this key uses of its quota cannot be kept now. Try later.");
    standing = *taken;
  }
  if (!limits_.admit(*standing, charges)) co_return limited(charges);
  co_return std::nullopt;
}

// A challenge that led to an enrollment leads to no other. When a mail domain is crowded, more work is asked of all.
void Gateway::settle_proof(const Caller& caller, const RequestHeaders& headers, const http::Response& response) {
  const WallTime now = parts_.clock.wall();
  if (response.status == 202) proofs_.spend(claim_of(caller, headers), now);
  if (response.refusal == problem::proof_expired.slug) proofs_.demand_more(now);
}

// What a publishable key alone does not prove: which page sends this, and that it cost the sender a moment.
std::optional<http::Response> Gateway::unproven(Caller& caller, const Client& client, const RequestHeaders& headers,
                                                const Route& route) const {
  const bool signs_up = route.endpoint == Endpoint::post_enrollment;
  if (!origins_.may_use_key(caller, headers, client.forwarded_host, signs_up))
    return refusal(problem::origin_not_allowed, "This key may not be used from the page that sent this.");
  if (!signs_up) return std::nullopt;
  if (!headers.idempotency_key)
    return refusal(problem::idempotency_key_invalid,
                   "A sign-up with a publishable key needs a usable Idempotency-Key.");
  const Proofs::Judgement judged = proofs_.check(claim_of(caller, headers), parts_.clock.wall());
  caller.worked_hard = judged.hard;
  switch (judged.verdict) {
    case ProofVerdict::right:
      return std::nullopt;
    case ProofVerdict::missing:
      return refusal(problem::proof_missing, "Send Sign-Up-Proof: token=…, nonce=… for a challenge of /v1/sign-up.");
    case ProofVerdict::wrong:
      return refusal(problem::proof_wrong, "Solve a new challenge of /v1/sign-up for this Idempotency-Key.");
    case ProofVerdict::expired:
      return refusal(problem::proof_expired,
                     "Solve a new challenge of /v1/sign-up and send the same again with the same Idempotency-Key.");
    case ProofVerdict::early:
      return refusal(problem::proof_early, "Wait a moment and send the same again.", {}, "Retry-After: 2\r\n");
  }
  return std::nullopt;
}

http::Response Gateway::answer_anybody(const http::Request& request, const Route& route) {
  switch (route.endpoint) {
    case Endpoint::healthz:
      return {.body = R"({"status":"ok"})"};
    case Endpoint::readyz:
      return readiness();
    case Endpoint::openapi:
      return description(request);
    case Endpoint::get_sign_up:
      return sign_up_.describe(parts_.clock.wall());
    case Endpoint::home:
    case Endpoint::docs:
    case Endpoint::asset:
      if (auto page = Pages().answer(request)) return std::move(*page);
      return refusal(problem::not_found, "No page needs a file of this name any more; load the page again.");
    default:
      return refusal(problem::not_found, "There is nothing here yet.");
  }
}

http::Response Gateway::description(const http::Request& request) const {
  const auto text = description_.on(today(parts_.clock.wall()));
  const std::array<PageFile, 2> forms = {{{.encoding = "identity", .tag = text->tag, .bytes = text->json},
                                          {.encoding = "gzip", .tag = text->gzip_tag, .bytes = text->gzip}}};
  const PageFile& form = in_encoding(forms, request);
  http::Response response{.extra_headers = "ETag: \"" + std::string(form.tag) +
                                           "\"\r\nCache-Control: no-cache\r\nVary: Accept-Encoding\r\n"};
  if (form.encoding != "identity") response.extra_headers += "Content-Encoding: gzip\r\n";
  if (has_already(request, form.tag))
    response.status = 304;
  else
    response.body = form.bytes;
  return response;
}

// Without the issuer's keys API keys still work: that is told, and does not make us unready.
http::Response Gateway::readiness() const {
  const engine::Health health = parts_.engine.health();
  std::vector<domain::Problem> wrong;
  // What exactly is wrong names directories and sizes: the log and the operations API tell it.
  if (!health.can_commit) wrong.push_back({"", "engine.cannot-commit", "The engine cannot store anything now."});
  if (health.below_reserve) wrong.push_back({"", "engine.below-reserve", "The disk reserve is reached."});
  if (!wrong.empty())
    return refusal(problem::not_ready, "Sign-ups cannot be taken now; work that was accepted goes on as far as it can.",
                   wrong, std::string(retry_later));
  JsonWriter json;
  json.object().member("status", "ready");
  if (parts_.tokens) {
    const identity::State tokens = parts_.tokens->state();
    json.key("tokens").object().member("keys", tokens.keys).key("ageSeconds");
    if (tokens.age)
      json.value(std::chrono::duration_cast<std::chrono::seconds>(*tokens.age).count());
    else
      json.value(nullptr);
    json.member("fetching", tokens.last_error.empty() ? "ok" : "failing").end();
  }
  json.end();
  return {.body = json.take()};
}

}  // namespace globogym::gateway
