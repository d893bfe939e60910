// The public API: every request takes the same way through here, from its path to its answer.
//
//   which route → who is the client → what may one address do → who is the caller → what may the caller do → the
//   endpoint
//
// An endpoint is asked only by somebody who may ask it. What each does stands in its own file. Called from any number
// of event loops at once; holds nothing that changes without synchronisation.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"
#include "domain/catalogue.h"
#include "engine/engine.h"
#include "gateway/callers/api_keys.h"
#include "gateway/callers/callers.h"
#include "gateway/callers/client_address.h"
#include "gateway/callers/origins.h"
#include "gateway/callers/proof.h"
#include "gateway/enrollments.h"
#include "gateway/limits/limits.h"
#include "gateway/limits/quotas.h"
#include "gateway/requests/request_headers.h"
#include "gateway/routes/openapi.h"
#include "gateway/routes/routes.h"
#include "gateway/routes/sign_up.h"
#include "http/http.h"
#include "telemetry/metrics.h"

namespace globogym::gateway {

// What the gateway stands on; everything outlives it. `random` and `clock` are used from every loop.
struct Parts {
  engine::Engine& engine;
  ApiKeys& keys;
  const domain::Catalogue& catalogue;
  const Hmac& pseudonyms;
  const Clock& clock;
  Random& random;
  telemetry::Metrics& metrics;
  identity::Tokens* tokens = nullptr;             // null: no issuer, API keys only
  Analytics* analytics = nullptr;                 // null: nobody asks
  Limits* limits = nullptr;                       // null: only what keys carry themselves
  Quotas* quotas = nullptr;                       // null: no key has one
  audit::Trail* trail = nullptr;                  // null: who reads members is not written down
  std::vector<Network> trusted_proxies = {};      // see client_address.h
  std::vector<std::string> allowed_origins = {};  // web pages elsewhere that may call us
  unsigned proof_bits = 16;                       // see proof.h
  std::string issuer = {};                        // whose tokens are taken, for the description; empty: nobody's
  std::string terms_url = {}, privacy_url = {};   // what the sign-up form links to; empty: nothing
};

class Gateway final : public http::Handler {
 public:
  explicit Gateway(Parts parts);
  ~Gateway() override;
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // A HEAD request gets GET's answer, body included: the server leaves the body out.
  Task<http::Response> handle(const http::Request& request) override;
  // Lets the page whose request it was read why it was refused.
  void on_refused(std::optional<std::string_view> origin, http::Response& refusal) override;

 private:
  struct Counters;

  // `caller`, `visit` and `charges` tell, when it ends, who asked, for what, and how often they still may.
  Task<http::Response> answer(const http::Request& request, const RequestHeaders& headers, SteadyTime came,
                              Caller& caller, Visit& visit, Charges& charges);
  // Counts one request of the caller's month; an answer when it must not be.
  Task<std::optional<http::Response>> over_quota(const Caller& caller, Charges& charges);
  // Writes down who was shown what is personal; an answer instead when that cannot be.
  std::optional<http::Response> unaudited(const http::Request& request, const Caller& caller, audit::Deed deed,
                                          unsigned status);
  http::Response answer_anybody(const http::Request& request, const Route& route);
  std::optional<http::Response> unproven(Caller& caller, const Client& client, const RequestHeaders& headers,
                                         const Route& route) const;
  void settle_proof(const Caller& caller, const RequestHeaders& headers, const http::Response& response);
  http::Response description(const http::Request& request) const;
  http::Response readiness() const;

  const Parts parts_;
  const ClientAddresses clients_;
  const std::unique_ptr<Limits> no_limits_;  // stands in when none are given
  Limits& limits_;
  const Callers callers_;
  const Origins origins_;
  Proofs proofs_;
  const SignUp sign_up_;
  Enrollments enrollments_;
  const std::unique_ptr<const Counters> counters_;
  const Description description_;
};

}  // namespace globogym::gateway
