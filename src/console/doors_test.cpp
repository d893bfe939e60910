#include "console/door.h"
#include "console/world_test.h"

namespace globogym::console {
namespace {

using namespace testing;

TEST(Doors, the_open_one_hands_out_no_keys_and_no_people) {
  World world;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "memberId");

  EXPECT_EQ(world.ask("GET", "/admin/v1/keys").status, 404u);
  EXPECT_EQ(world.ask("POST", "/admin/v1/keys", R"({"name":"x","scopes":["members:read"]})").status, 404u);
  EXPECT_EQ(world.ask("GET", "/admin/v1/members/" + member).status, 404u);
  EXPECT_EQ(world.ask("GET", "/admin/v1/members/" + member + "/export").status, 404u);
  EXPECT_EQ(world.ask("DELETE", "/admin/v1/members/" + member).status, 404u);
  EXPECT_TRUE(world.keys->list().empty());
}

TEST(Doors, the_content_of_a_dead_letter_is_for_the_trusted_one) {
  World world;
  world.mailbag.refusing = true;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const std::string target = "/admin/v1/dead-letters/welcome-mail%3A" + id + "?content=true";

  EXPECT_EQ(world.ask("GET", target).body.find("ada@example.com"), std::string::npos);
  EXPECT_NE(world.ask_trusted("GET", target).body.find("ada@example.com"), std::string::npos);
}

TEST(Doors, a_key_is_made_listed_and_revoked_through_the_trusted_one) {
  World world;

  auto created =
      world.ask_trusted("POST", "/admin/v1/keys",
                        R"({"name":"kiosk","scopes":["enrollments:write"],"rate":"5/s","expiresInSeconds":60})");
  ASSERT_EQ(created.status, 201u) << created.body;
  const auto key = text(created.body, "key");
  const auto before = world.keys->authenticate(key, world.loop.clock().wall());
  auto listed = world.ask_trusted("GET", "/admin/v1/keys");
  auto revoked = world.ask_trusted("DELETE", "/admin/v1/keys/" + text(created.body, "id"));
  const auto after = world.keys->authenticate(key, world.loop.clock().wall());

  EXPECT_TRUE(before.has_value());
  EXPECT_EQ(listed.body.find(key), std::string::npos);
  EXPECT_NE(listed.body.find("kiosk"), std::string::npos);
  EXPECT_EQ(revoked.status, 200u);
  EXPECT_FALSE(after.has_value());
  EXPECT_EQ(world.ask_trusted("DELETE", "/admin/v1/keys/nope").status, 404u);
  EXPECT_EQ(world.ask_trusted("POST", "/admin/v1/keys", R"({"name":"x","scopes":["everything"]})").status, 400u);
  EXPECT_EQ(world.ask_trusted("POST", "/admin/v1/keys", R"({"name":"x","scopes":[1]})").status, 400u);
}

TEST(Doors, what_another_site_could_make_a_browser_send_changes_nothing) {
  World world;
  const std::string target = "/admin/v1/dead-letters/replay";
  const std::string body = R"({"filter":{}})";
  const std::pair<std::string, std::string> host{"Host", "127.0.0.1:8081"};

  EXPECT_EQ(world.ask("POST", target, body, {host}).status, 403u);
  EXPECT_EQ(world.ask("POST", target, body, {host, {"Content-Type", "text/plain"}}).status, 403u);
  EXPECT_EQ(world.ask("POST", target, body, {host, {"Content-Type", "application/x-www-form-urlencoded"}}).status,
            403u);
  EXPECT_EQ(
      world.ask("POST", target, body, {host, {"Content-Type", "application/json"}, {"Sec-Fetch-Site", "cross-site"}})
          .status,
      403u);
  const auto from = [&](const char* site) {
    return world.ask("POST", target, body, {host, {"Content-Type", "application/json"}, {"Sec-Fetch-Site", site}});
  };
  EXPECT_EQ(from("same-site").status, 403u) << "another host of the same domain is another's";
  EXPECT_EQ(from("same-origin").status, 200u);
  EXPECT_EQ(from("none").status, 200u);
  EXPECT_EQ(world.ask("POST", target, body, {host, {"X-Requested-With", "globogym"}}).status, 200u);
  EXPECT_EQ(world.ask("POST", target, body, {host, {"Content-Type", "application/json; charset=utf-8"}}).status, 200u);
  EXPECT_EQ(world.ask("POST", target, body, {host, {"Content-Type", "Application/JSON ; charset=utf8"}}).status, 200u);
}

TEST(Doors, whoever_asks_what_the_server_can_do_is_told_like_everything_else) {
  World world;
  const std::pair<std::string, std::string> host{"Host", "127.0.0.1:8081"};
  const auto allowed = [](const http::Response& response) {
    return response.status == 204 && response.extra_headers.contains("Allow: GET, HEAD, POST, DELETE, OPTIONS\r\n");
  };

  EXPECT_TRUE(allowed(world.ask("OPTIONS", "*", "", {host})));
  EXPECT_TRUE(allowed(world.ask_trusted("OPTIONS", "*")));
  EXPECT_EQ(world.ask("OPTIONS", "*", "", {{"Host", "evil.example"}}).status, 403u);
  EXPECT_EQ(world.ask_guarded("OPTIONS", "*", {}).status, 401u);
  EXPECT_TRUE(allowed(world.ask_guarded("OPTIONS", "*", {{"X-API-Key", world.key({"ops:read"}).text}})));
}

TEST(Doors, what_is_told_live_is_kept_by_nobody_on_the_way) {
  World world;

  EXPECT_TRUE(world.ask("GET", "/admin/v1/events").extra_headers.contains("Cache-Control: no-store\r\n"));
}

TEST(Doors, a_name_that_is_not_ours_is_refused) {
  World world;
  for (const char* host : {"127.0.0.1:8081", "127.0.0.1", "[::1]:8081", "localhost:8081", "LOCALHOST", "10.1.2.3:80",
                           "console.example", "Console.Example:8081"})
    EXPECT_EQ(world.ask("GET", "/admin/v1/stats", "", {{"Host", host}}).status, 200u) << host;
  for (const char* host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "evil.127", ":8081"})
    EXPECT_EQ(world.ask("GET", "/admin/v1/stats", "", {{"Host", host}}).status, 403u) << host;
}

TEST(Doors, every_answer_forbids_what_a_page_of_ours_does_not_need) {
  World world;
  for (const char* target : {"/", "/console.js", "/console.css", "/admin/v1/stats", "/nothing"}) {
    auto response = world.ask("GET", target);
    EXPECT_NE(response.extra_headers.find("Content-Security-Policy: default-src 'none'; script-src 'self'"),
              std::string::npos)
        << target;
    EXPECT_NE(response.extra_headers.find("X-Frame-Options: DENY\r\n"), std::string::npos) << target;
    EXPECT_EQ(response.extra_headers.find("X-Content-Type-Options"), std::string::npos)
        << "every answer has it already";
  }
  EXPECT_EQ(world.ask("GET", "/").body.find("://"), std::string::npos);
}

}  // namespace
}  // namespace globogym::console
