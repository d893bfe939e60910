// /v1/enrollments: keeps a sign-up, and tells how far it has come.
//
// A 202 leaves only after the engine has the enrollment, the message that will process it, the count and the
// idempotency record on stable storage, in one commit. It never tells who is a member. It does not process anything.
// The caller has been identified and let through before. Called from any number of event loops at once.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"
#include "domain/catalogue.h"
#include "engine/engine.h"
#include "gateway/analytics.h"
#include "gateway/callers/api_keys.h"
#include "gateway/callers/caller.h"
#include "gateway/limits/limits.h"
#include "gateway/requests/request_headers.h"
#include "http/http.h"
#include "telemetry/metrics.h"

namespace globogym::gateway {

using async::Task;

class Enrollments {
 public:
  // Everything must outlive it. `random` and `clock` are used from every loop.
  Enrollments(engine::Engine& engine, const ApiKeys& keys, const domain::Catalogue& catalogue, const Hmac& pseudonyms,
              const Clock& clock, Random& random, telemetry::Metrics& metrics, Limits& limits);

  // What is referred to outlives the task. `stage` tells how far the sign-up came, `charges` what limits its domain.
  Task<http::Response> post(const http::Request& request, const RequestHeaders& headers, const Caller& caller,
                            Stage& stage, Charges& charges);
  Task<http::Response> get(std::string id, const Caller& caller);
  // The same as server-sent events, until the enrollment has ended or the caller's credential counts no more.
  Task<http::Response> events(std::string id, const Caller& caller);

 private:
  struct Counters {
    explicit Counters(telemetry::Metrics& metrics);
    telemetry::Counter& accepted;
    telemetry::Counter& replayed;
    telemetry::Histogram& latency;
  };

  engine::DocumentKey record_of(const Caller& caller, std::string_view idempotency_key) const;
  Task<Result<std::optional<http::Response>>> replay(engine::DocumentKey key, std::string fingerprint);

  engine::Engine& engine_;
  const ApiKeys& keys_;
  const domain::Catalogue& catalogue_;
  const Hmac& pseudonyms_;
  const Clock& clock_;
  Random& random_;
  Limits& limits_;
  const Counters counters_;
  std::atomic<int> open_feeds_ = 0;
};

}  // namespace globogym::gateway
