// The public API: turns a request into a promise that is kept, or into a refusal that says why.
//
// A 202 leaves only after the engine has the enrollment, the message that will process it, the count and the
// idempotency record on stable storage, in one commit. It never tells who is a member. It does not process anything.
// Called from any number of event loops at once; holds nothing that changes without synchronisation.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"
#include "domain/catalogue.h"
#include "engine/engine.h"
#include "gateway/api_keys.h"
#include "gateway/routes.h"
#include "http/http.h"
#include "telemetry/metrics.h"

namespace globogym::gateway {

class Gateway final : public http::Handler {
 public:
  // Everything must outlive the gateway. `random` and `clock` are used from every loop.
  Gateway(engine::Engine& engine, ApiKeys& keys, const domain::Catalogue& catalogue, const Hmac& pseudonyms,
          const Clock& clock, Random& random, telemetry::Metrics& metrics);
  ~Gateway() override;
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // A HEAD request gets GET's answer, body included: the server leaves the body out.
  Task<http::Response> handle(const http::Request& request) override;

 private:
  struct Headers;
  struct Counters;

  Task<http::Response> post_enrollment(const http::Request& request);
  Task<Result<std::optional<http::Response>>> replay(engine::DocumentKey key, std::string fingerprint);
  Task<http::Response> get_enrollment(const http::Request& request, std::string id);
  Task<http::Response> get_member(const http::Request& request, std::string id);
  static Task<http::Response> answer(http::Response response);

  // The caller, or what to tell who is not one.
  std::variant<Caller, http::Response> authenticated(const Headers& headers);
  http::Response refuse(const ProblemType& type, std::string_view detail,
                        const std::vector<domain::Problem>& errors = {}, std::string extra_headers = {});
  http::Response unavailable(const Error& error, std::string_view detail);
  http::Response readiness();

  engine::Engine& engine_;
  ApiKeys& keys_;
  const domain::Catalogue& catalogue_;
  const Hmac& pseudonyms_;
  const Clock& clock_;
  Random& random_;
  const std::unique_ptr<const Counters> counters_;
  const std::string openapi_;
};

}  // namespace globogym::gateway
