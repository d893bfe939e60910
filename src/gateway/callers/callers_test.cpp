#include "gateway/callers/callers.h"

#include <gtest/gtest.h>

#include <map>

#include "gateway/world_test.h"
#include "identity/tokens.h"

namespace globogym::gateway {
namespace {

using testing::World;
using namespace std::chrono_literals;

// Knows the tokens it was told of, and no others.
class KnownTokens final : public identity::Tokens {
 public:
  std::map<std::string, Result<identity::Claims>> known;

  Task<Result<identity::Claims>> verify(std::string token) override {
    const auto found = known.find(token);
    if (found == known.end()) co_return fail(Fault::refused, "The token is not one of our issuer's.");
    co_return found->second;
  }
  identity::State state() const override { return {}; }
  void close() override {}
};

class CallersTest : public ::testing::Test {
 protected:
  World world;
  KnownTokens tokens;
  Gateway gateway{parts()};

  Parts parts() {
    Parts all = world.parts();
    all.tokens = &tokens;
    return all;
  }
  void know(const std::string& token, const std::string& subject, std::vector<std::string> scopes) {
    tokens.known.insert_or_assign(
        token, identity::Claims{.subject = Personal(subject), .client = "front-desk", .scopes = std::move(scopes)});
  }
  http::Response post(testing::Headers headers) {
    headers.emplace_back("Content-Type", "application/json");
    return world.loop.run(
        World::exchange(gateway, "POST", "/v1/enrollments", std::move(headers), std::string(testing::good_body)));
  }
  http::Response get(std::string path, const std::string& token) {
    return world.loop.run(World::exchange(gateway, "GET", std::move(path), {{"Authorization", "Bearer " + token}}, ""));
  }
};

TEST_F(CallersTest, a_good_token_with_the_scope_signs_up) {
  know("good", "ada", {"openid", "enrollments:write"});

  const auto response = post({{"Authorization", "bearer good"}});

  EXPECT_EQ(response.status, 202u);
}

TEST_F(CallersTest, a_bad_token_is_told_so_as_rfc_6750_says) {
  const auto response = post({{"Authorization", "Bearer nobody's"}});

  EXPECT_EQ(response.status, 401u);
  EXPECT_EQ(response.extra_headers,
            "WWW-Authenticate: ApiKey realm=\"globogym\"\r\n"
            "WWW-Authenticate: Bearer realm=\"globogym\", error=\"invalid_token\", "
            "error_description=\"The token is not one of our issuer's.\"\r\n");
}

TEST_F(CallersTest, no_token_at_all_is_told_the_schemes_and_no_error) {
  const auto response = post({});

  EXPECT_EQ(response.status, 401u);
  EXPECT_TRUE(response.extra_headers.ends_with("WWW-Authenticate: Bearer realm=\"globogym\"\r\n"))
      << response.extra_headers;
}

TEST_F(CallersTest, a_token_without_the_scope_is_403_and_names_it) {
  know("reader", "ada", {"members:read"});

  const auto response = post({{"Authorization", "Bearer reader"}});

  EXPECT_EQ(response.status, 403u);
  EXPECT_EQ(
      response.extra_headers,
      "WWW-Authenticate: Bearer realm=\"globogym\", error=\"insufficient_scope\", scope=\"enrollments:write\"\r\n");
}

TEST_F(CallersTest, while_the_issuers_keys_cannot_be_had_it_is_503_and_not_401) {
  tokens.known.emplace("any", fail(Fault::unavailable, "no keys yet"));

  const auto response = post({{"Authorization", "Bearer any"}});

  EXPECT_EQ(response.status, 503u);
  EXPECT_NE(response.extra_headers.find("Retry-After"), std::string::npos);
}

TEST_F(CallersTest, two_authorization_headers_are_refused) {
  know("good", "ada", {"enrollments:write"});

  EXPECT_EQ(post({{"Authorization", "Bearer good"}, {"Authorization", "Bearer good"}}).status, 401u);
}

TEST_F(CallersTest, other_schemes_are_refused) {
  for (const auto* authorization : {"", "Bearer", "Basic YTpi", "Bearergood", "good", "Token good"})
    EXPECT_EQ(post({{"Authorization", authorization}}).status, 401u) << authorization;
}

TEST_F(CallersTest, who_signed_up_with_a_token_reads_that_enrollment_and_nobody_elses) {
  know("ada", "ada@example.com", {"enrollments:write"});
  know("ada-later", "ada@example.com", {"enrollments:write"});
  know("bob", "bob@example.com", {"enrollments:write"});
  const std::string id = testing::text_in(post({{"Authorization", "Bearer ada"}}).body, "id");

  EXPECT_EQ(get("/v1/enrollments/" + id, "ada-later").status, 200u);
  for (const auto* suffix : {"", "/events"}) {
    const auto refused = get("/v1/enrollments/" + id + suffix, "bob");
    EXPECT_EQ(refused.status, 403u);
    EXPECT_NE(refused.extra_headers.find("error=\"insufficient_scope\", scope=\"enrollments:read\""),
              std::string::npos);
  }
}

TEST_F(CallersTest, what_is_followed_with_a_token_ends_with_it) {
  know("ada", "ada@example.com", {"enrollments:write"});
  tokens.known.at("ada")->expires = world.loop.clock().wall() + 1min;
  const std::string id = testing::text_in(post({{"Authorization", "Bearer ada"}}).body, "id");
  auto response = get("/v1/enrollments/" + id + "/events", "ada");
  ASSERT_TRUE(response.feed);
  const WallTime end = tokens.known.at("ada")->expires + 1min;  // by which clocks may differ

  while (world.loop.run(response.feed->next({}))) ASSERT_LT(world.loop.clock().wall(), end);

  EXPECT_GE(world.loop.clock().wall(), end);
  EXPECT_LE(world.loop.clock().wall(), end + 2s);
}

TEST_F(CallersTest, what_is_stored_of_a_tokens_holder_is_a_pseudonym) {
  know("ada", "ada@example.com", {"enrollments:write"});
  post({{"Authorization", "Bearer ada"}});

  int enrollments = 0;
  for (const auto& commit : world.engine.commits)
    for (const auto& put : commit.documents)
      if (put.key.container == "enrollments") {
        ++enrollments;
        EXPECT_EQ(put.body.find("ada@example.com"), std::string::npos);
        const auto begin = put.body.find("jwt_");
        ASSERT_NE(begin, std::string::npos);
        EXPECT_TRUE(is_caller_id(put.body.substr(begin, put.body.find('"', begin) - begin))) << put.body;
      }
  EXPECT_EQ(enrollments, 1);
}

TEST_F(CallersTest, an_api_key_goes_before_a_token) {
  for (const auto* header : {"X-API-Key", "Ocp-Apim-Subscription-Key"})
    EXPECT_EQ(post({{"Authorization", "Bearer bad"}, {header, world.writer()}}).status, 202u) << header;
}

}  // namespace
}  // namespace globogym::gateway
