// An issuer, its network and our side of it on one virtual clock.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "async/sim_loop.h"
#include "base/result_test.h"
#include "fetch/client.h"
#include "identity/forge_test.h"
#include "identity/issuer_tokens.h"

namespace globogym::identity {

inline const std::string issuer = "https://login.example";
inline const std::string audience = "https://api.globogym.example";
inline const std::string discovery_url = issuer + "/.well-known/openid-configuration";
inline const std::string keys_url = "https://keys.example/jwks";

// Answers from a table of pages, after a while, and counts who asks.
class PagesDouble final : public fetch::Client {
 public:
  std::map<std::string, std::string> pages;
  std::map<std::string, int> asked;
  bool down = false;
  int status = 200;
  Duration takes = std::chrono::milliseconds(20);

  Task<Result<fetch::Reply>> send(fetch::Request request, std::stop_token) override {
    ++asked[request.url];
    const bool was_down = down;
    const bool slept = co_await async::sleep_for(takes, closed_.get_token());
    if (!slept) co_return fail(Fault::cancelled, "closed");
    if (was_down) co_return fail(Fault::unavailable, "login.example cannot be asked");
    const auto page = pages.find(request.url);
    if (page == pages.end()) co_return fetch::Reply{.status = 404};
    co_return fetch::Reply{.status = status, .body = page->second};
  }
  void close() override { closed_.request_stop(); }

 private:
  std::stop_source closed_;
};

struct World {
  async::SimLoop loop;
  telemetry::Metrics metrics;
  SeededRandom random{7};
  PagesDouble web;
  IssuerTokens tokens;
  async::Scope scope;

  explicit World(Options options = {.issuer = issuer, .audience = audience})
      : tokens(std::move(options), loop, web, loop.clock(), random, metrics) {
    web.pages[discovery_url] = R"({"issuer":")" + issuer + R"(","jwks_uri":")" + keys_url + "\"}";
    publish({rsa().jwk("r"), p256().jwk("e"), ed25519().jwk("o")});
  }
  ~World() {
    tokens.close();
    loop.settle();
  }

  // The issuer's own.
  static const SecretKey& rsa() { return SecretKey::named(SecretKey::Kind::rsa); }
  static const SecretKey& p256() { return SecretKey::named(SecretKey::Kind::p256); }
  static const SecretKey& ed25519() { return SecretKey::named(SecretKey::Kind::ed25519); }

  void publish(const std::vector<std::string>& keys) {
    std::string all;
    for (const auto& key : keys) all += (all.empty() ? "" : ",") + key;
    web.pages[keys_url] = R"({"keys":[)" + all + "]}";
  }
  int fetches() { return web.asked[keys_url]; }

  void start() {
    loop.post([this] { scope.start(tokens.keep_fresh()); });
    loop.settle();
  }
  void start_with_keys() {
    start();
    loop.advance(std::chrono::seconds(1));
  }

  std::int64_t now() const {
    return std::chrono::floor<std::chrono::seconds>(loop.clock().wall()).time_since_epoch().count();
  }
  // Good claims; `more` are further members, each with a comma before it.
  std::string claims(const std::string& more = {}) const {
    return R"({"iss":")" + issuer + R"(","aud":")" + audience +
           R"(","sub":"ada","client_id":"app","scope":"a b","exp":)" + std::to_string(now() + 300) +
           ",\"iat\":" + std::to_string(now()) + more + "}";
  }
  std::string good(const std::string& kid = "e", const SecretKey& key = p256(),
                   const std::string& algorithm = "ES256") const {
    return signed_token(key, algorithm, R"({"alg":")" + algorithm + R"(","kid":")" + kid + "\"}", claims());
  }

  Result<Claims> verify(std::string token) { return loop.run(tokens.verify(std::move(token))); }
  // "accepted", or why not.
  std::string verdict(std::string token) {
    const auto claims = verify(std::move(token));
    if (claims) return "accepted";
    return std::string(name(claims.error().fault)) + ": " + claims.error().message;
  }
};

}  // namespace globogym::identity
