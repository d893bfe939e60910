// Bearer tokens: JWTs of the configured OpenID Connect issuer, checked here without asking it (RFC 7519, 8725, 9068).
//
// A token is accepted when the issuer's own published key signed it with an allowed algorithm, it names our audience,
// and its time has come and is not over. The keys are fetched in the background and survive the issuer's outage. What a
// token points to (jku, x5u, jwk) is never looked at. It does not ask whether a token was revoked: a token lives until
// it expires.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/personal.h"
#include "base/random.h"
#include "base/result.h"
#include "telemetry/metrics.h"

namespace globogym::fetch {
class Client;
}

namespace globogym::identity {

using async::Task;

// What an accepted token says.
struct Claims {
  Personal<std::string> subject;    // "sub"; some issuers write an e-mail address there. The client when it is absent
  std::string client;               // "client_id", "azp" or "appid"; empty when none is there
  std::vector<std::string> scopes;  // "scope", "scp" and "roles" together, as written, each once
  WallTime expires{};
};

// How the keys stand; for /readyz, metrics and doctor.
struct State {
  std::size_t keys = 0;         // usable ones; 0: none were ever had, and no token can be judged
  std::optional<Duration> age;  // since they were last fetched
  std::string last_error;       // of the latest attempt; empty when it succeeded
};

class Tokens {
 public:
  virtual ~Tokens() = default;
  // What `token` (without "Bearer ") says, when it is good. Called from any loop and resumed on it; usually without
  // suspending, at most one fetch long when it is signed with a key not seen before.
  //   refused      not a good token. The message may be shown to the caller and is fit for an RFC 6750
  //                error_description: ASCII without quotes, backslashes or anything the token said
  //   unavailable  the issuer's keys were never had, or could not be asked for; it may be good
  virtual Task<Result<Claims>> verify(std::string token) = 0;
  // Thread-safe.
  virtual State state() const = 0;
  // Ends every wait inside verify() at once; later ones do not wait. Call it before the loops that verify are stopped.
  // Thread-safe.
  virtual void close() = 0;
};

struct Options {
  std::string issuer;                                    // exactly as tokens and discovery write it
  std::string audience;                                  // exactly as tokens write it
  std::string jwks_url;                                  // empty: discovery says
  Duration refresh = std::chrono::minutes(12);           // between fetches, give or take a fifth
  Duration unknown_key_pause = std::chrono::minutes(1);  // at least, between fetches that tokens cause
  Duration fetch_time = std::chrono::seconds(3);         // for each of discovery and keys
  std::size_t remembered = 16'384;                       // verified tokens kept, at most
};

// Starts fetching the keys on a thread of its own, and returns at once. `client`, `clock` (from any thread) and
// `random` (from any thread) must outlive it.
std::unique_ptr<Tokens> open(Options options, std::unique_ptr<fetch::Client> client, const Clock& clock, Random& random,
                             telemetry::Metrics& metrics);

// Fetches the keys once. For doctor.
//   unavailable  the issuer cannot be reached, or what it answers is not usable; the message says which
Task<Result<State>> look(Options options, fetch::Client& client);

}  // namespace globogym::identity
