#include "console/operators.h"

#include <array>

#include "console/world_test.h"

namespace globogym::console {
namespace {

using namespace testing;

constexpr const char* looking = "/admin/v1/stats";
constexpr const char* changing = "/admin/v1/dead-letters/replay";
constexpr const char* everything = R"({"filter":{}})";
const Headers::value_type json{"Content-Type", "application/json"};
const Headers::value_type own_page{"Origin", "https://console.example"};

Headers with(const std::string& key) {
  return {{"X-API-Key", key}, json};
}

// "name=value" of the cookie an answer sets.
std::string cookie_of(const http::Response& response) {
  const std::string head = "Set-Cookie: ";
  const auto at = response.extra_headers.find(head);
  if (at == std::string::npos) return "";
  const auto from = at + head.size();
  return response.extra_headers.substr(from, response.extra_headers.find(';', from) - from);
}

std::string sign_in(World& world, const std::string& key) {
  auto response = world.ask_guarded("POST", "/admin/v1/session", {json, own_page}, R"({"key":")" + key + R"("})");
  EXPECT_EQ(response.status, 201u) << response.body;
  return cookie_of(response);
}

double refused(World& world, const std::string& reason) {
  return world.metrics.counter("globogym_operations_refused_total", "", {{"reason", reason}}).value();
}

// ---- keys -----------------------------------------------------------------------------------------------------------

TEST(Operators, nothing_but_the_sign_in_page_is_shown_to_who_is_nobody) {
  World world;

  for (const char* target : {"/", "/console.js", "/metrics", "/nothing", "/admin/v1/queues", "/admin/v1/stats",
                             "/admin/v1/health", "/admin/v1/events", "/admin/v1/analytics", "/admin/v1/dead-letters",
                             "/admin/v1/enrollments/x/timeline", "/admin/v1/session", "/admin/v1/keys"}) {
    auto response = world.ask_guarded("GET", target, {});
    EXPECT_EQ(response.status, 401u) << target;
    EXPECT_NE(response.extra_headers.find("WWW-Authenticate: ApiKey"), std::string::npos) << target;
    EXPECT_NE(response.extra_headers.find("WWW-Authenticate: Bearer"), std::string::npos) << target;
    EXPECT_FALSE(response.feed) << target;
  }
  for (const char* target : {"/admin/v1/dead-letters/replay", "/admin/v1/dead-letters/discard", "/admin/v1/nothing"})
    EXPECT_EQ(world.ask_guarded("POST", target, {json}, everything).status, 401u) << target;
  EXPECT_EQ(refused(world, "unauthorized"), 16);
  auto page = world.ask_guarded("GET", "/", {});
  EXPECT_TRUE(page.content_type.starts_with("text/html"));
  EXPECT_NE(page.body.find("Sign in"), std::string::npos);
  EXPECT_EQ(world.ask_guarded("GET", "/sign-in.js", {}).status, 200u);
  EXPECT_EQ(world.ask_guarded("GET", "/console.css", {}).status, 200u);
}

TEST(Operators, a_key_to_look_looks_and_changes_nothing) {
  World world;
  const auto key = world.key({"ops:read"}).text;

  for (const char* target : {"/", "/console.js", "/metrics", "/admin/v1/queues", looking, "/admin/v1/analytics"})
    EXPECT_EQ(world.ask_guarded("GET", target, with(key)).status, 200u) << target;
  auto response = world.ask_guarded("POST", changing, with(key), everything);

  EXPECT_EQ(response.status, 403u);
  EXPECT_NE(response.body.find("ops:write"), std::string::npos);
  EXPECT_EQ(refused(world, "scope-missing"), 1);
}

TEST(Operators, a_key_to_change_does_both) {
  World world;
  const auto key = world.key({"ops:write"}).text;

  EXPECT_EQ(world.ask_guarded("GET", looking, with(key)).status, 200u);
  EXPECT_EQ(world.ask_guarded("POST", changing, with(key), everything).status, 200u);
}

TEST(Operators, a_key_is_taken_as_a_bearer_token_too) {
  World world;
  const auto key = world.key({"ops:read"}).text;

  EXPECT_EQ(world.ask_guarded("GET", "/metrics", {{"Authorization", "Bearer " + key}}).status, 200u);
  EXPECT_EQ(world.ask_guarded("GET", "/metrics", {{"Authorization", "bearer   " + key}}).status, 200u);
  EXPECT_EQ(world.ask_guarded("GET", "/metrics", {{"Authorization", "Bearer "}}).status, 401u);
  EXPECT_EQ(world.ask_guarded("GET", "/metrics", {{"Authorization", "Basic " + key}}).status, 401u);
  EXPECT_EQ(world.ask_guarded("GET", "/metrics", {{"Authorization", key}}).status, 401u);
}

TEST(Operators, a_key_for_sign_ups_opens_nothing_here) {
  World world;
  const auto key = world.key({"enrollments:write", "enrollments:read", "members:read", "members:write"}).text;

  EXPECT_EQ(world.ask_guarded("GET", looking, with(key)).status, 403u);
  EXPECT_EQ(world.ask_guarded("POST", "/admin/v1/session", {json}, R"({"key":")" + key + R"("})").status, 403u);
}

TEST(Operators, a_revoked_key_and_an_expired_one_are_nobodys) {
  World world;
  const auto revoked = world.key({"ops:write"});
  const auto expiring = world.key({"ops:write"}, 1h);
  EXPECT_EQ(world.ask_guarded("GET", looking, with(expiring.text)).status, 200u);

  world.revoke(revoked);
  world.loop.advance(2h);

  EXPECT_EQ(world.ask_guarded("GET", looking, with(revoked.text)).status, 401u);
  EXPECT_EQ(world.ask_guarded("GET", looking, with(expiring.text)).status, 401u);
}

TEST(Operators, keys_and_people_stay_behind_the_control_socket) {
  World world;
  const auto key = world.key({"ops:read", "ops:write", "members:read", "members:write"}).text;

  EXPECT_EQ(world.ask_guarded("GET", "/admin/v1/keys", with(key)).status, 404u);
  EXPECT_EQ(world.ask_guarded("POST", "/admin/v1/keys", with(key), R"({"name":"x","scopes":["ops:write"]})").status,
            404u);
  EXPECT_EQ(world.ask_guarded("DELETE", "/admin/v1/members/x", with(key)).status, 404u);
}

TEST(Operators, who_guesses_is_slowed_down_and_others_are_not) {
  World world;
  const auto right = with(world.key({"ops:read"}).text);
  const std::string wrong = "ggk_AAAAAAAAAAA_" + std::string(43, 'A');
  std::map<unsigned, int> answers;

  for (int i = 0; i < 50; ++i) ++answers[world.ask_guarded("GET", looking, with(wrong)).status];
  for (int i = 0; i < 50; ++i)
    ++answers[world.ask_guarded("POST", "/admin/v1/session", {json}, R"({"key":")" + wrong + R"("})").status];

  EXPECT_EQ(answers[401], 10);
  EXPECT_EQ(answers[429], 90);
  auto slowed = world.ask_guarded("GET", looking, with(wrong));
  EXPECT_NE(slowed.extra_headers.find("Retry-After: 6"), std::string::npos) << slowed.extra_headers;
  EXPECT_EQ(world.ask_guarded("GET", looking, with(wrong), "", "198.51.100.1").status, 401u);
  EXPECT_EQ(world.ask_guarded("GET", looking, right, "", "198.51.100.1").status, 200u);
}

TEST(Operators, nobody_locks_out_the_operators_behind_the_same_address) {
  World world;
  const auto key = world.key({"ops:read"}).text;
  const std::string wrong = "ggk_AAAAAAAAAAA_" + std::string(43, 'A');
  for (int i = 0; i < 100; ++i) world.ask_guarded("GET", looking, with(wrong));
  ASSERT_EQ(world.ask_guarded("GET", looking, with(wrong)).status, 429u);

  EXPECT_EQ(world.ask_guarded("GET", looking, with(key)).status, 200u);
  EXPECT_EQ(world.ask_guarded("POST", "/admin/v1/session", {json}, R"({"key":")" + key + R"("})").status, 201u);
  EXPECT_EQ(world.ask_guarded("GET", looking, with(wrong)).status, 429u) << "and the right one forgives nobody";
}

// ---- sessions -------------------------------------------------------------------------------------------------------

TEST(Operators, signing_in_sets_a_cookie_that_only_this_host_gets_over_TLS) {
  World world;
  const auto key = world.key({"ops:read"}).text;

  auto response = world.ask_guarded("POST", "/admin/v1/session", {json}, R"({"key":")" + key + R"("})");

  EXPECT_EQ(response.status, 201u);
  EXPECT_TRUE(cookie_of(response).starts_with("__Host-globogym-session="));
  EXPECT_NE(response.extra_headers.find("; Path=/; HttpOnly; SameSite=Strict; Secure\r\n"), std::string::npos)
      << response.extra_headers;
  EXPECT_EQ(response.extra_headers.find("Domain"), std::string::npos);
  EXPECT_EQ(response.body.find(key), std::string::npos);
  EXPECT_EQ(world.ask_guarded("GET", looking, {{"Cookie", "a=b; " + cookie_of(response) + "; c=d"}}).status, 200u);
  EXPECT_EQ(world.ask_guarded("GET", looking, {{"Cookie", cookie_of(response) + "x"}}).status, 401u);
  EXPECT_EQ(world.ask_guarded("GET", looking, {{"Cookie", "x" + cookie_of(response)}}).status, 401u);
}

TEST(Operators, a_session_changes_only_what_a_page_of_ours_asks_for) {
  World world;
  const auto cookie = std::pair<std::string, std::string>("Cookie", sign_in(world, world.key({"ops:write"}).text));
  const auto change = [&](Headers headers) {
    headers.push_back(cookie);
    headers.push_back(json);
    return world.ask_guarded("POST", changing, std::move(headers), everything).status;
  };

  EXPECT_EQ(change({own_page}), 200u);
  EXPECT_EQ(change({{"Sec-Fetch-Site", "same-origin"}}), 200u);
  EXPECT_EQ(change({own_page, {"Sec-Fetch-Site", "same-origin"}}), 200u);
  EXPECT_EQ(change({}), 403u);
  for (const char* origin : {"https://evil.example", "null", "https://console.example.evil.example",
                             "https://console.example:444", "console.example", ""})
    EXPECT_EQ(change({{"Origin", origin}, {"Sec-Fetch-Site", "same-origin"}}), 403u) << origin;
  for (const char* site : {"cross-site", "same-site", "none"})
    EXPECT_EQ(change({own_page, {"Sec-Fetch-Site", site}}), 403u) << site;
  EXPECT_EQ(world.ask_guarded("POST", changing, {cookie, own_page}, everything).status, 403u) << "without the mark";
}

TEST(Operators, nobody_is_signed_in_by_another_page) {
  World world;
  const std::string body = R"({"key":")" + world.key({"ops:read"}).text + R"("})";

  EXPECT_EQ(world.ask_guarded("POST", "/admin/v1/session", {json, {"Origin", "https://evil.example"}}, body).status,
            403u);
  EXPECT_EQ(world.ask_guarded("POST", "/admin/v1/session", {{"Content-Type", "text/plain"}}, body).status, 403u);
}

TEST(Operators, signing_out_ends_the_session_and_takes_the_cookie_back) {
  World world;
  const auto cookie = sign_in(world, world.key({"ops:read"}).text);
  const auto other = sign_in(world, world.key({"ops:read"}).text);

  auto response = world.ask_guarded("DELETE", "/admin/v1/session", {{"Cookie", cookie}, json, own_page});

  EXPECT_EQ(response.status, 200u);
  EXPECT_NE(response.extra_headers.find("Max-Age=0"), std::string::npos);
  EXPECT_EQ(world.ask_guarded("GET", looking, {{"Cookie", cookie}}).status, 401u);
  EXPECT_EQ(world.ask_guarded("GET", looking, {{"Cookie", other}}).status, 200u);
}

TEST(Operators, signing_in_again_ends_the_session_there_was) {
  World world;
  const auto key = world.key({"ops:read"}).text;
  const auto before = sign_in(world, key);

  auto response =
      world.ask_guarded("POST", "/admin/v1/session", {json, {"Cookie", before}}, R"({"key":")" + key + R"("})");

  EXPECT_EQ(world.ask_guarded("GET", looking, {{"Cookie", before}}).status, 401u);
  EXPECT_EQ(world.ask_guarded("GET", looking, {{"Cookie", cookie_of(response)}}).status, 200u);
}

TEST(Operators, a_session_ends_with_its_key) {
  World world;
  const auto key = world.key({"ops:write"});
  const auto expiring = world.key({"ops:write"}, 10min);
  const auto cookie = sign_in(world, key.text), soon_over = sign_in(world, expiring.text);
  auto feed = std::move(world.ask_guarded("GET", "/admin/v1/events", {{"Cookie", cookie}}).feed);
  ASSERT_TRUE(feed);
  ASSERT_TRUE(world.loop.run(feed->next({})));

  world.revoke(key);
  world.loop.advance(11min);

  EXPECT_EQ(world.ask_guarded("GET", looking, {{"Cookie", cookie}}).status, 401u);
  EXPECT_EQ(world.ask_guarded("GET", looking, {{"Cookie", soon_over}}).status, 401u);
  EXPECT_FALSE(world.loop.run(feed->next({}))) << "what is told live ends too";
}

TEST(Operators, a_live_feed_ends_with_the_key_that_opened_it) {
  World world;
  const auto revoked = world.key({"ops:read"}), expiring = world.key({"ops:read"}, 1h), kept = world.key({"ops:write"});
  const auto follow = [&](const gateway::CreatedKey& key) {
    auto feed = std::move(world.ask_guarded("GET", "/admin/v1/events", with(key.text)).feed);
    EXPECT_TRUE(feed && world.loop.run(feed->next({})));
    return feed;
  };
  const auto goes_on = [&](http::Feed& feed) { return world.loop.run(feed.next({})).has_value(); };
  const auto of_revoked = follow(revoked), of_expiring = follow(expiring), of_kept = follow(kept);

  world.revoke(revoked);

  EXPECT_FALSE(goes_on(*of_revoked));
  EXPECT_TRUE(goes_on(*of_expiring));
  world.loop.advance(1h);
  EXPECT_FALSE(goes_on(*of_expiring));
  EXPECT_TRUE(goes_on(*of_kept));
}

TEST(Operators, what_a_page_asks_for_by_itself_keeps_no_session_alive) {
  World world;
  const auto cookie = sign_in(world, world.key({"ops:read"}).text);

  for (int i = 0; i < 29; ++i) {
    world.loop.advance(1min);
    ASSERT_EQ(world.ask_guarded("GET", looking, {{"Cookie", cookie}, {"X-Globogym-Background", "1"}}).status, 200u)
        << i;
  }
  world.loop.advance(1min);

  EXPECT_EQ(world.ask_guarded("GET", looking, {{"Cookie", cookie}}).status, 401u);
}

TEST(Operators, the_page_is_told_who_is_signed_in_and_what_they_may_do) {
  World world;
  const auto cookie = sign_in(world, world.key({"ops:read"}).text);

  auto guarded = world.ask_guarded("GET", "/admin/v1/session", {{"Cookie", cookie}});
  auto open = world.ask("GET", "/admin/v1/session");

  EXPECT_NE(guarded.body.find(R"("required":true)"), std::string::npos);
  EXPECT_NE(guarded.body.find(R"("name":"night-shift","mayChange":false,"signedIn":true)"), std::string::npos)
      << guarded.body;
  EXPECT_EQ(open.body, R"({"required":false})");
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/session").status, 404u);
}

TEST(Operators, a_sign_in_that_makes_no_sense_is_refused) {
  World world;

  for (const char* body : {"", "[]", "{}", R"({"key":5})", R"({"key":""})", "{"})
    EXPECT_EQ(world.ask_guarded("POST", "/admin/v1/session", {json}, body).status, 400u) << body;
}

TEST(Operators, a_sign_in_is_not_read_beyond_a_kilobyte) {
  World world;
  const std::string start = R"({"key":")" + world.key({"ops:read"}).text + R"(","filler":")";
  const auto sized = [&](std::size_t size) { return start + std::string(size - start.size() - 2, 'x') + "\"}"; };
  const auto sign_in_with = [&](const std::string& body) {
    return world.ask_guarded("POST", "/admin/v1/session", {json}, body);
  };

  EXPECT_EQ(sign_in_with(sized(1024)).status, 201u);
  const auto refusal = sign_in_with(sized(1025));
  EXPECT_EQ(refusal.status, 413u);
  EXPECT_NE(refusal.body.find("payload-too-large"), std::string::npos) << refusal.body;
  EXPECT_EQ(refused(world, "payload-too-large"), 1);
}

}  // namespace
}  // namespace globogym::console
