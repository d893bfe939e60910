// What checking a bearer token costs: remembered, anew, and refused.
//
//   scripts/build release identity_cost && build/release/bench/identity_cost [SECONDS]
#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "async/loop.h"
#include "identity/forge_test.h"
#include "identity/issuer_tokens.h"

namespace {

using namespace globogym;
using namespace globogym::identity;
using Kind = SecretKey::Kind;

// An issuer that is always there.
class KeysAtHand final : public fetch::Client {
 public:
  explicit KeysAtHand(std::string keys) : keys_(std::move(keys)) {}
  async::Task<Result<fetch::Reply>> send(fetch::Request, std::stop_token) override {
    co_return fetch::Reply{.status = 200, .body = keys_};
  }
  void close() override {}

 private:
  const std::string keys_;
};

async::Task<std::size_t> verify_all(Tokens& tokens, const std::vector<std::string>& all, double seconds,
                                    std::size_t& accepted) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  std::size_t done = 0;
  while (std::chrono::steady_clock::now() < end) {
    const auto claims = co_await tokens.verify(all[done % all.size()]);
    accepted += claims.has_value();
    ++done;
  }
  co_return done;
}

// Processor time of this thread in microseconds: others on the machine do not count.
double spent() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

}  // namespace

int main(int count, char** words) {
  const double seconds = count > 1 ? std::atof(words[1]) : 3;
  const SecretKey& rsa = SecretKey::named(Kind::rsa);
  const SecretKey& p256 = SecretKey::named(Kind::p256);
  const SecretKey& ed25519 = SecretKey::named(Kind::ed25519);
  SystemClock clock;
  SecureRandom random;
  telemetry::Metrics metrics;
  const std::string keys = "{\"keys\":[" + rsa.jwk("r") + "," + p256.jwk("e") + "," + ed25519.jwk("o") + "]}";
  // Two remembered at most in each of 16 parts: many tokens in turn are never remembered, one always is.
  const auto tokens = open({.issuer = "https://login.example",
                            .audience = "https://api.globogym.example",
                            .jwks_url = "https://login.example/jwks",
                            .remembered = 1},
                           std::make_unique<KeysAtHand>(keys), clock, random, metrics);

  const auto now = std::chrono::floor<std::chrono::seconds>(clock.wall()).time_since_epoch().count();
  const auto made = [&](const SecretKey& key, const std::string& algorithm, const char* kid, int number) {
    return signed_token(
        key, algorithm, R"({"alg":")" + algorithm + R"(","typ":"at+jwt","kid":")" + kid + "\"}",
        R"({"jti":"BlnySmPJGdYgstuXR4Ubv","sub":"desk","iat":)" + std::to_string(now) + R"(,"exp":)" +
            std::to_string(now + 3600) + R"(,"scope":"enrollments:write enrollments:read","client_id":"desk)" +
            std::to_string(number) + R"(","iss":"https://login.example","aud":"https://api.globogym.example"})");
  };
  async::AsioLoop loop;
  const auto measure = [&](const std::string& what, const std::vector<std::string>& all) {
    std::size_t accepted = 0;
    const double began = spent();
    const std::size_t done = async::run_until_done(loop, verify_all(*tokens, all, seconds, accepted));
    const double took = spent() - began;
    std::printf("%-22s %8.2f us of processor a token, %9zu accepted of %zu (%zu characters)\n", what.c_str(),
                took / static_cast<double>(done), accepted, done, all.front().size());
  };

  for (const auto& [algorithm, key, kid] : {std::tuple("ES256", &p256, "e"), std::tuple("EdDSA", &ed25519, "o"),
                                            std::tuple("RS256", &rsa, "r"), std::tuple("PS256", &rsa, "r")}) {
    std::vector<std::string> many;
    for (int i = 0; i < 400; ++i) many.push_back(made(*key, algorithm, kid, i));
    measure(std::string(algorithm) + " remembered", {many.front()});
    measure(std::string(algorithm) + " anew", many);
    std::string forged = many.front();
    forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
    measure(std::string(algorithm) + " forged", {forged});
  }
  measure("rubbish", {"not.a.token"});
  tokens->close();
  return 0;
}
