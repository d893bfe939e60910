#include "identity/tokens.h"

#include <algorithm>
#include <thread>

#include "async/loop.h"
#include "identity/issuer_tokens.h"

namespace globogym::identity {

IssuerTokens::IssuerTokens(Options options, async::Loop& loop, fetch::Client& client, const Clock& clock,
                           Random& random, telemetry::Metrics& metrics)
    : options_(options),
      clock_(clock),
      ring_(std::move(options), loop, client, clock, random, metrics),
      verified_(options_.remembered),
      remembered_count_(counter(metrics, "remembered")),
      checked_count_(counter(metrics, "checked")),
      refused_count_(counter(metrics, "refused")),
      unavailable_count_(counter(metrics, "unavailable")) {
  ring_.on_withdrawal([this] { verified_.forget_withdrawn(); });
}

telemetry::Counter& IssuerTokens::counter(telemetry::Metrics& metrics, const char* result) {
  return metrics.counter("globogym_identity_tokens_total",
                         "Bearer tokens by what became of them: good ones known from before (remembered) or checked "
                         "anew, refused ones, and those nobody could judge",
                         {{"result", result}});
}

Task<Result<Claims>> IssuerTokens::verify(std::string token) {
  // First, and without reading a byte of JSON: the token that has been seen before.
  if (token.size() <= longest_token) {
    const Sha256 hash = sha256(token);
    if (const auto known = verified_.find(hash)) {
      if (auto timely = in_time(known->validity, clock_.wall()); !timely) {
        verified_.forget(hash);
        refused_count_.add();
        co_return std::unexpected(timely.error());
      }
      remembered_count_.add();
      co_return known->claims;
    }
  }
  auto claims = co_await check(std::move(token));
  if (claims)
    checked_count_.add();
  else if (claims.error().fault == Fault::refused)
    refused_count_.add();
  else
    unavailable_count_.add();
  co_return claims;
}

Task<Result<Claims>> IssuerTokens::check(std::string token) {
  auto jwt = read_jwt(token);
  if (!jwt) co_return std::unexpected(jwt.error());
  // Before any key is looked for: what is not for us must not make us ask the issuer.
  if (jwt->issuer != options_.issuer) co_return fail(Fault::refused, "the token is from another issuer");
  if (std::ranges::find(jwt->audience, options_.audience) == jwt->audience.end())
    co_return fail(Fault::refused, "the token is for another audience");
  if (auto timely = in_time(jwt->validity, clock_.wall()); !timely) co_return std::unexpected(timely.error());

  // Twice, when a fetch was already on its way that was too early for this key.
  for (int fetches = 0;; ++fetches) {
    const KeyRing::Held held = ring_.held();
    if (held.keys) {
      const auto candidates = held.keys->candidates(jwt->algorithm, jwt->key_id);
      for (const auto& key : candidates) {
        if (!key->material.verifies(jwt->algorithm, jwt->signed_part, jwt->signature)) continue;
        if (key->withdrawn) break;  // while we checked
        auto verified = std::make_shared<const Verified>(jwt->claims, jwt->validity, key);
        verified_.keep(sha256(token), verified);
        co_return std::move(jwt->claims);
      }
      // A key that is known and did not sign it, or is for something else. Without an id it may be one not yet known.
      const bool known = jwt->key_id && held.keys->knows(*jwt->key_id);
      if (known && candidates.empty())
        co_return fail(Fault::refused, "the token's algorithm is not the one of its key");
      if (known && std::ranges::none_of(candidates, [](const auto& key) { return key->withdrawn.load(); }))
        co_return fail(Fault::refused, "the token's signature is wrong");
    }
    const bool worth_it = fetches == 0 || (fetches == 1 && !held.stale);
    bool again = false;
    if (worth_it) again = co_await ring_.fetched_again(held.attempts);
    if (again) continue;
    if (!held.keys)
      co_return fail(Fault::unavailable, "the token issuer's keys have not been had yet; try again in a moment");
    if (held.stale)
      co_return fail(Fault::unavailable,
                     "the token is signed with a key not known here, and the issuer cannot be asked for it now");
    co_return fail(Fault::refused, "the token is not signed with a key of its issuer");
  }
}

namespace {

// Tokens with a thread of their own for the fetching.
class RunningTokens final : public Tokens {
 public:
  RunningTokens(Options options, std::unique_ptr<fetch::Client> client, const Clock& clock, Random& random,
                telemetry::Metrics& metrics)
      : client_(std::move(client)), tokens_(std::move(options), loop_, *client_, clock, random, metrics) {
    thread_ = std::thread([this] {
      loop_.post([this] { scope_.start(run()); });
      loop_.run();
    });
  }

  ~RunningTokens() override {
    tokens_.close();
    thread_.join();
  }

  Task<Result<Claims>> verify(std::string token) override { return tokens_.verify(std::move(token)); }
  State state() const override { return tokens_.state(); }
  void close() override { tokens_.close(); }

 private:
  Task<void> run() {
    co_await tokens_.keep_fresh();
    loop_.stop();
  }

  const std::unique_ptr<fetch::Client> client_;
  async::AsioLoop loop_;
  IssuerTokens tokens_;
  async::Scope scope_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Tokens> open(Options options, std::unique_ptr<fetch::Client> client, const Clock& clock, Random& random,
                             telemetry::Metrics& metrics) {
  return std::make_unique<RunningTokens>(std::move(options), std::move(client), clock, random, metrics);
}

Task<Result<State>> look(Options options, fetch::Client& client) {
  std::string jwks_url = options.jwks_url;
  auto keys = co_await fetch_keys(options, jwks_url, client, nullptr);
  if (!keys) co_return std::unexpected(keys.error());
  co_return State{.keys = (*keys)->size(), .age = Duration(0), .last_error = {}};
}

}  // namespace globogym::identity
