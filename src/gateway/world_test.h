// The gateway's tests' world: a gateway over the engine on a pretended disk, one virtual clock, one seed.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "async/sim_loop.h"
#include "base/json_reader.h"
#include "base/result_test.h"
#include "base/time_text.h"
#include "domain/ids.h"
#include "domain/records.h"
#include "engine/memory/engine.h"
#include "gateway/callers/api_keys.h"
#include "gateway/gateway.h"

namespace globogym::gateway::testing {

using namespace std::chrono_literals;

// Passes everything on, unless it was told what to answer instead.
class TroubledEngine final : public engine::Engine {
 public:
  std::optional<engine::memory::Engine> inner;
  std::optional<Error> commit_fails, get_fails, find_fails, scan_fails;
  std::optional<engine::Health> says_health;
  int gets = 0;
  std::function<Task<void>()> after_scan;  // what happens between a page is read and whoever asked has it
  std::vector<engine::Commit> commits;     // every one that was tried

  Task<Result<engine::Committed>> commit(engine::Commit commit) override {
    commits.push_back(commit);
    if (commit_fails) co_return std::unexpected(*commit_fails);
    auto result = co_await inner->commit(std::move(commit));
    co_return result;
  }
  Task<Result<std::vector<engine::Delivery>>> receive(engine::Receive receive) override {
    return inner->receive(std::move(receive));
  }
  Task<Result<std::optional<engine::Document>>> get(engine::DocumentKey key) override {
    ++gets;
    if (get_fails) co_return std::unexpected(*get_fails);
    auto result = co_await inner->get(std::move(key));
    co_return result;
  }
  Task<Result<engine::ScanPage>> scan(engine::Scan scan) override {
    if (scan_fails) co_return std::unexpected(*scan_fails);
    auto result = co_await inner->scan(std::move(scan));
    if (after_scan) co_await after_scan();
    co_return result;
  }
  Task<Result<std::optional<engine::KeptMessage>>> find_message(std::string queue, std::string id) override {
    if (find_fails) co_return std::unexpected(*find_fails);
    auto result = co_await inner->find_message(std::move(queue), std::move(id));
    co_return result;
  }
  Task<Result<engine::MessagePage>> messages(engine::MessageQuery query) override {
    return inner->messages(std::move(query));
  }
  Task<Result<std::vector<engine::QueueStats>>> queues() override { return inner->queues(); }
  Task<Result<std::map<std::string, std::int64_t>>> tallies() override { return inner->tallies(); }
  engine::Health health() const override { return says_health ? *says_health : inner->health(); }
  void close_receivers() override { inner->close_receivers(); }
};

using Headers = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view good_body =
    R"({"firstName":"Ada","lastName":"Lovelace","email":"ada@example.com","phone":"+442079460991",)"
    R"("dateOfBirth":"1990-12-10","homeClubId":"london-shoreditch","plan":"premium-annual","startDate":"2026-12-01",)"
    R"("locale":"en-GB","marketingConsent":false,"termsVersion":"2026-01","referralCode":"GYM-FRIEND"})";

inline std::string body_for(std::string_view email) {
  return R"({"firstName":"Ada","lastName":"Lovelace","email":")" + std::string(email) +
         R"(","dateOfBirth":"1990-12-10","homeClubId":"london-shoreditch","plan":"premium-annual"})";
}

class World {
 public:
  async::SimLoop loop{*parse_rfc3339("2026-11-22T13:30:05.123Z")};
  engine::memory::Disk disk;
  TroubledEngine engine;
  SeededRandom random{7};
  domain::Catalogue catalogue = domain::sample_catalogue();
  Hmac pseudonyms{"a key of this test"};
  telemetry::Metrics metrics;
  ApiKeys keys{engine, loop.clock(), random};
  Gateway gateway{parts()};

  World() {
    loop.post([this] { engine.inner.emplace(disk); });
    loop.settle();
    const auto loaded = loop.run(keys.load());
    EXPECT_TRUE(loaded.has_value());
  }

  // What a gateway of this world stands on.
  Parts parts() {
    if (keys.page_key().empty()) keys.add_page_key(pseudonyms);
    return {engine, keys, catalogue, pseudonyms, loop.clock(), random, metrics};
  }

  // A key with these scopes, ready to be sent.
  std::string key(std::vector<std::string> scopes, std::optional<std::string> rate = {},
                  std::optional<Duration> expires_in = {}) {
    auto created = loop.run(
        keys.create({.name = "test", .scopes = std::move(scopes), .rate = std::move(rate), .expires_in = expires_in}));
    EXPECT_TRUE(created.has_value());
    return created ? created->text : "";
  }
  std::string writer() { return key({"enrollments:write"}); }

  http::Response send(std::string method, std::string path, Headers headers = {}, std::string body = {}) {
    return loop.run(exchange(gateway, std::move(method), std::move(path), std::move(headers), std::move(body)));
  }
  http::Response get(std::string path, const std::string& api_key) {
    return send("GET", std::move(path), {{"X-API-Key", api_key}});
  }
  http::Response post(const std::string& api_key, std::string body = std::string(good_body),
                      std::optional<std::string> idempotency_key = {}) {
    Headers headers = {{"X-API-Key", api_key}, {"Content-Type", "application/json"}};
    if (idempotency_key) headers.emplace_back("Idempotency-Key", *idempotency_key);
    return send("POST", "/v1/enrollments", std::move(headers), std::move(body));
  }

  static Task<http::Response> exchange(Gateway& gateway, std::string method, std::string path, Headers headers,
                                       std::string body, std::string remote_address = {}) {
    http::Request request;
    request.method = method;
    request.target = request.path = path;
    if (const auto mark = path.find('?'); mark != std::string::npos) {
      request.path = request.target.substr(0, mark);
      request.query = request.target.substr(mark + 1);
    }
    request.body = body;
    for (const auto& [name, value] : headers) request.headers.emplace_back(name, value);
    request.remote_address = std::move(remote_address);
    request.request_id = "request-1";
    request.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    auto response = co_await gateway.handle(request);
    co_return response;
  }

  std::int64_t tally(const std::string& counter) {
    auto all = loop.run(engine.tallies());
    EXPECT_TRUE(all.has_value());
    return all ? (*all)[counter] : -1;
  }
  std::size_t enrollments() {
    auto page = loop.run(engine.scan({.container = "enrollments", .after = "", .limit = 1000}));
    EXPECT_TRUE(page.has_value());
    return page ? page->documents.size() : 0;
  }
  std::vector<engine::Delivery> lease(std::string queue, Duration lease_for = 30s) {
    auto leased = loop.run(
        engine.receive({.queue = std::move(queue), .lease_for = lease_for, .at_most = 10, .wait_for = Duration{0}}));
    EXPECT_TRUE(leased.has_value());
    return leased ? std::move(*leased) : std::vector<engine::Delivery>();
  }
  void commit(engine::Commit commit) {
    auto committed = loop.run(engine.commit(std::move(commit)));
    ASSERT_TRUE(committed.has_value()) << committed.error().message;
  }
};

// The text of a member of a JSON object.
inline std::string text_in(const std::string& json, std::string_view member) {
  auto document = JsonDocument::parse(json);
  EXPECT_TRUE(document.has_value()) << json;
  return document ? document->root().text(member) : "";
}

// Checks that the answer is a whole problem document, and returns its slug.
inline std::string slug_of(const http::Response& response) {
  EXPECT_EQ(response.content_type, "application/problem+json");
  auto document = JsonDocument::parse(response.body);
  EXPECT_TRUE(document.has_value()) << response.body;
  if (!document) return "";
  const auto root = document->root();
  EXPECT_EQ(root.integer("status"), response.status);
  EXPECT_FALSE(root.text("title").empty());
  EXPECT_FALSE(root.text("detail").empty());
  const std::string prefix = "https://globogym.example/problems/";
  const std::string type = root.text("type");
  EXPECT_TRUE(type.starts_with(prefix)) << type;
  return type.starts_with(prefix) ? type.substr(prefix.size()) : "";
}

// "pointer code" of every error listed, in order.
inline std::vector<std::string> errors_of(const http::Response& response) {
  std::vector<std::string> out;
  auto document = JsonDocument::parse(response.body);
  EXPECT_TRUE(document.has_value()) << response.body;
  if (!document) return out;
  if (const auto errors = document->root().find("errors"))
    for (const auto& error : errors->elements()) {
      EXPECT_FALSE(error.text("detail").empty());
      out.push_back(error.text("pointer") + " " + error.text("code"));
    }
  return out;
}

// Among the lines of the head that the handler added.
inline bool has_line(const http::Response& response, std::string_view line) {
  const std::string wanted = std::string(line) + "\r\n";
  return response.extra_headers.starts_with(wanted) ||
         response.extra_headers.find("\r\n" + wanted) != std::string::npos;
}

}  // namespace globogym::gateway::testing
