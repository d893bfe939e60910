#include "gateway/enrollments.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>
#include <vector>

#include "async/loop.h"
#include "base/json_reader.h"
#include "base/text.h"
#include "base/time_text.h"
#include "domain/date.h"
#include "domain/ids.h"
#include "domain/records.h"
#include "gateway/answers/enrollment_view.h"
#include "gateway/answers/people.h"
#include "gateway/answers/problem.h"
#include "gateway/answers/progress_feed.h"
#include "gateway/callers/callers.h"
#include "gateway/requests/idempotency_key.h"
#include "gateway/requests/media_type.h"
#include "gateway/requests/submission.h"
#include "telemetry/log.h"

namespace globogym::gateway {
namespace {

constexpr std::size_t max_body = 16 * 1024;
constexpr Duration masked_answer_time = std::chrono::milliseconds(5);

http::Response accepted_answer(std::string_view id, std::string_view accepted_at);
std::string idempotency_record(std::string_view id, std::string_view accepted_at, std::string_view fingerprint);

}  // namespace

Enrollments::Counters::Counters(telemetry::Metrics& metrics)
    : accepted(metrics.counter("globogym_enrollments_accepted_total", "Sign-ups answered 202 for the first time.")),
      replayed(metrics.counter("globogym_enrollments_replayed_total",
                               "Sign-ups answered 202 again, for an Idempotency-Key seen before.")),
      latency(metrics.histogram("globogym_accept_duration_seconds",
                                "From a sign-up's arrival at the gateway to its 202, the sync included.",
                                telemetry::latency_bounds_seconds())) {}

Enrollments::Enrollments(engine::Engine& engine, const ApiKeys& keys, const domain::Catalogue& catalogue,
                         const Hmac& pseudonyms, const Clock& clock, Random& random, telemetry::Metrics& metrics,
                         Limits& limits)
    : engine_(engine),
      keys_(keys),
      catalogue_(catalogue),
      pseudonyms_(pseudonyms),
      clock_(clock),
      random_(random),
      limits_(limits),
      counters_(metrics) {}

// A promise may be repeated when it cannot be made: the look-up of an earlier answer comes before every check that
// could come out differently the second time (the date, the disk).
Task<http::Response> Enrollments::post(const http::Request& request, const RequestHeaders& headers,
                                       const Caller& caller, Stage& stage, Charges& charges) {
  const SteadyTime started = clock_.steady();
  stage = Stage::received;
  if (!is_json_in_utf8(headers.content_type.value_or("")))
    co_return refusal(problem::unsupported_media_type, "Send the application with Content-Type: application/json.");
  if (headers.content_encoding && !equal_ignoring_case(*headers.content_encoding, "identity"))
    co_return refusal(problem::unsupported_media_type, "Send the application as it is, without a Content-Encoding.", {},
                      "Accept-Encoding: identity\r\n");
  if (request.body.size() > max_body) co_return refusal(problem::too_large, "An application is at most 16 KiB.");

  std::optional<engine::DocumentKey> idempotency;
  std::string fingerprint;
  if (headers.idempotency_header) {
    if (headers.repeated_idempotency_key || !headers.idempotency_key)
      co_return refusal(
          problem::idempotency_key_invalid,
          "Send one Idempotency-Key of 1 to 255 visible ASCII characters, or of as many between quotation "
          "marks, spaces among them.");
    idempotency = record_of(caller, *headers.idempotency_key);
    // Keyed, so that the record, which outlives the member, cannot be held against guessed applications.
    fingerprint = hex(pseudonyms_(std::string("body\0", 5).append(request.body)));
    auto earlier = co_await replay(*idempotency, fingerprint);
    const auto as_before = earlier_idempotency_key(*headers.idempotency_header);
    if (as_before && earlier && !*earlier) earlier = co_await replay(record_of(caller, *as_before), fingerprint);
    if (!earlier) co_return unavailable(earlier.error(), "Whether this was accepted before cannot be read now.");
    if (*earlier) {
      if ((*earlier)->status == 202) stage = Stage::repeated;
      co_return std::move(**earlier);
    }
  }

  const WallTime now = std::chrono::floor<std::chrono::milliseconds>(clock_.wall());
  auto reading = read_submission(request.body, catalogue_, now);
  if (auto* not_json = std::get_if<NotJson>(&reading))
    co_return refusal(problem::malformed_json, not_json->problem.detail, {not_json->problem});
  if (auto* problems = std::get_if<std::vector<domain::Problem>>(&reading))
    co_return refusal(problem::invalid_fields, "Correct what `errors` lists and send the application again.",
                      *problems);
  stage = Stage::valid;

  if (const engine::Health health = engine_.health(); !health.can_commit || health.below_reserve)
    co_return refusal(problem::cannot_keep_promise,
                      health.below_reserve ? "The disk is nearly full; what was accepted already goes on. Try later."
                                           : "Nothing can be stored at the moment. Try later.",
                      {}, std::string(retry_later));

  const auto& applicant = std::get<domain::Applicant>(reading);
  switch (limits_.admit_email(applicant.normalized_email.reveal(), caller, started, charges)) {
    case Limits::ByEmail::admitted:
      break;
    case Limits::ByEmail::refused:
      co_return limited(charges);
    case Limits::ByEmail::costs_more:
      co_return refusal(
          problem::proof_expired,
          "Many sign up at once: solve a new challenge of /v1/sign-up, which asks for more work, and send "
          "the same again with the same Idempotency-Key.");
  }

  domain::ProcessEnrollment work{.enrollment_id = {},
                                 .accepted_at = now,
                                 .created_by = caller.id,
                                 .applicant = std::move(std::get<domain::Applicant>(reading))};
  const std::string partition = domain::person_ids(pseudonyms_, work.applicant.normalized_email).partition;
  const std::string id = domain::new_enrollment_id(now, random_, partition);
  const std::string accepted_at = rfc3339(now);
  work.enrollment_id = id;

  engine::Commit commit;
  commit.documents.reserve(3);
  // The id has just been drawn (48 random bits in one millisecond and partition): asking whether it is taken would cost
  // every sign-up a look-up.
  commit.documents.push_back(
      {.key = {.container = std::string(domain::container::enrollments), .partition = partition, .id = id},
       .body = domain::to_json(domain::accepted_enrollment(id, now, caller.id)),
       .expect = engine::Expect::fresh()});
  if (idempotency)
    commit.documents.push_back({.key = *idempotency,
                                .body = idempotency_record(id, accepted_at, fingerprint),
                                .expect = engine::Expect::absent()});
  commit.documents.push_back(person_entry(id, partition, engine::Expect::fresh()));
  commit.messages.push_back({.queue = std::string(domain::queue::process_enrollment),
                             .id = id,
                             .body = domain::to_json(work),
                             .traceparent = request.traceparent,
                             .fresh = true});
  commit.tallies.push_back({.counter = std::string(domain::tally::of(domain::Status::accepted)), .delta = 1});

  auto committed = co_await engine_.commit(std::move(commit));
  if (!committed && committed.error().fault == Fault::conflict && idempotency) {
    // The same request, sent at the same time, was kept first.
    auto earlier = co_await replay(*idempotency, fingerprint);
    if (earlier && *earlier) {
      if ((*earlier)->status == 202) stage = Stage::repeated;
      co_return std::move(**earlier);
    }
    if (!earlier) committed = std::unexpected(earlier.error());
  }
  if (!committed)
    co_return unavailable(committed.error(),
                          idempotency
                              ? "It is not known whether the application was stored. Send it again with the same "
                                "Idempotency-Key: it is then accepted once."
                              : "It is not known whether the application was stored. It may be sent again; one e-mail "
                                "address never becomes two members.");

  stage = Stage::accepted;
  counters_.accepted.add();
  counters_.latency.observe(std::chrono::duration<double>(clock_.steady() - started).count());
  if (log::level() <= log::Level::debug)
    log::debug("enrollment-accepted", {{"enrollmentId", id}, {"requestId", request.request_id}});
  co_return accepted_answer(id, accepted_at);
}

engine::DocumentKey Enrollments::record_of(const Caller& caller, std::string_view idempotency_key) const {
  std::string owned = caller.id;
  owned.append(1, '\0').append(idempotency_key);
  const std::string id = base32(pseudonyms_(owned));
  return {.container = std::string(domain::container::idempotency), .partition = id, .id = id};
}

// The answer given before to this caller's key; nothing when there was none.
Task<Result<std::optional<http::Response>>> Enrollments::replay(engine::DocumentKey key, std::string fingerprint) {
  auto document = co_await engine_.get(std::move(key));
  if (!document) co_return std::unexpected(document.error());
  if (!*document) co_return std::optional<http::Response>();
  auto json = JsonDocument::parse((*document)->body);
  if (!json) co_return fail(Fault::damaged, "an idempotency record is not JSON");
  const JsonValue root = json->root();
  const std::string id = root.text("enrollmentId"), accepted_at = root.text("acceptedAt");
  if (id.empty() || accepted_at.empty()) co_return fail(Fault::damaged, "an idempotency record is incomplete");
  if (root.text("fingerprint") != fingerprint)
    co_return refusal(problem::idempotency_key_reused,
                      "This Idempotency-Key belongs to another body. Use a new key for a new application.");
  counters_.replayed.add();
  co_return accepted_answer(id, accepted_at);
}

namespace {

Sight sight_of(const Caller& caller) {
  if (caller.kind == Kind::publishable_key) return Sight::masked;
  return caller.scopes.has(Scope::members_read) ? Sight::members : Sight::own;
}

// Whether this caller may know of the enrollment, and if not, what to say. Without the scope the answer is the same
// whether there is such an enrollment or not.
std::optional<http::Response> withheld(const std::optional<EnrollmentView>& view, const Caller& caller) {
  const bool own = view && view->enrollment.created_by == caller.id;
  if (!own && !caller.scopes.has(Scope::enrollments_read)) return scope_missing(caller, Scope::enrollments_read);
  if (!view) return refusal(problem::not_found, "There is no such enrollment.");
  return std::nullopt;
}

}  // namespace

Task<http::Response> Enrollments::get(std::string id, const Caller& caller) {
  const SteadyTime came = clock_.steady();
  const Sight sight = sight_of(caller);
  auto view = co_await view_for(engine_, std::move(id), sight, clock_);
  if (!view) co_return unavailable(view.error(), "The enrollment cannot be read now.");
  if (auto refused = withheld(*view, caller)) co_return std::move(*refused);
  http::Response response{.body = to_json(**view), .extra_headers = std::string(private_answer)};
  // A member's document is shorter to read than a stranger's, and a stranger's letter may wait. The wait hides both.
  if (sight == Sight::masked)
    if (const Duration left = masked_answer_time - (clock_.steady() - came); left > Duration::zero())
      co_await async::sleep_for(left);
  co_return response;
}

Task<http::Response> Enrollments::events(std::string id, const Caller& caller) {
  const Sight sight = sight_of(caller);
  auto view = co_await view_for(engine_, id, sight, clock_);
  if (!view) co_return unavailable(view.error(), "The enrollment cannot be read now.");
  if (auto refused = withheld(*view, caller)) co_return std::move(*refused);
  // What opened it may be taken away while it runs.
  auto still_may = [this, key = caller.kind == Kind::token ? std::string() : caller.id, until = caller.until] {
    const WallTime now = clock_.wall();
    return !(until && *until <= now) && (key.empty() || keys_.in_force(key, now));
  };
  auto feed = progress_feed(engine_, std::move(id), sight, clock_, open_feeds_, std::move(still_may));
  if (!feed)
    co_return refusal(problem::too_many_streams,
                      "Too many are being watched at the moment; ask for it now and then instead.", {},
                      "Retry-After: 2\r\n");
  http::Response response{.content_type = "text/event-stream", .extra_headers = std::string(private_answer)};
  response.feed = std::move(feed);
  co_return response;
}

namespace {

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

}  // namespace

}  // namespace globogym::gateway
