// Who may do what, tried for every route with every kind of caller: a new route is in here by being in the table.
#include <gtest/gtest.h>

#include "gateway/world_test.h"

namespace globogym::gateway {
namespace {

using testing::slug_of;
using testing::World;

std::string path_of(const Route& route, const std::string& id) {
  std::string path(route.path);
  const auto open = path.find('{');
  if (open != std::string::npos) path.replace(open, path.find('}') - open + 1, id);
  return path;
}

testing::Headers with(const std::string& key) {
  return {{"X-API-Key", key}, {"Content-Type", "application/json"}};
}

bool is_protected(const Route& route) {
  return route.scope.has_value();
}

TEST(Access, what_needs_a_scope_is_401_without_credentials) {
  World world;
  for (const Route& route : routes()) {
    if (!is_protected(route)) continue;
    for (const testing::Headers& headers :
         {testing::Headers{}, {{"X-API-Key", ""}}, {{"X-API-Key", "ggk_nobody"}}, {{"Authorization", "Basic YTpi"}}}) {
      const auto response = world.send(std::string(route.method), path_of(route, "x"), headers, "{}");
      EXPECT_EQ(response.status, 401u) << route.path;
      EXPECT_NE(response.extra_headers.find("WWW-Authenticate: "), std::string::npos) << route.path;
    }
  }
}

TEST(Access, each_scope_opens_its_own_routes_and_no_other) {
  World world;
  // Made by somebody else than who asks below.
  const std::string id = testing::text_in(world.post(world.writer()).body, "id");
  for (const Scope scope : all_scopes()) {
    const std::string key = world.key({std::string(name(scope))});
    for (const Route& route : routes()) {
      if (!is_protected(route)) continue;
      const auto response =
          world.send(std::string(route.method), path_of(route, id), with(key), testing::body_for("b@example.com"));
      if (*route.scope == scope)
        EXPECT_NE(response.status, 403u) << name(scope) << " " << route.path;
      else
        EXPECT_EQ(response.status, 403u) << name(scope) << " " << route.path;
    }
  }
}

TEST(Access, every_scope_but_the_right_one_is_not_enough_together) {
  World world;
  const std::string id = testing::text_in(world.post(world.writer()).body, "id");
  for (const Route& route : routes()) {
    if (!is_protected(route)) continue;
    std::vector<std::string> others;
    for (const Scope scope : all_scopes())
      if (scope != *route.scope) others.emplace_back(name(scope));
    const auto response = world.send(std::string(route.method), path_of(route, id), with(world.key(others)),
                                     testing::body_for("b@example.com"));
    EXPECT_EQ(response.status, 403u) << route.path;
  }
}

TEST(Access, without_the_scope_there_is_no_telling_what_exists) {
  World world;
  const std::string id = testing::text_in(world.post(world.writer()).body, "id");
  const std::string stranger = world.writer();
  for (const auto* suffix : {"", "/events"}) {
    const auto there = world.get("/v1/enrollments/" + id + suffix, stranger);
    const auto not_there =
        world.get("/v1/enrollments/" + id.substr(0, 31) + (id.back() == '0' ? "1" : "0") + suffix, stranger);
    EXPECT_EQ(there.status, 403u);
    EXPECT_EQ(there.body, not_there.body);
    EXPECT_EQ(there.extra_headers, not_there.extra_headers);
  }
}

TEST(Access, no_other_method_does_anything) {
  World world;
  const std::string everything =
      world.key({"enrollments:write", "enrollments:read", "members:read", "members:write", "ops:read", "ops:write"});
  for (const Route& route : routes())
    for (const auto* method :
         {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "OPTIONS", "PROPFIND"}) {
      if (answers(route, method)) continue;
      const auto response = world.send(method, path_of(route, "x"), with(everything), std::string(testing::good_body));
      EXPECT_EQ(response.status, 405u) << method << " " << route.path;
      EXPECT_NE(response.extra_headers.find("Allow: "), std::string::npos);
    }
  EXPECT_EQ(world.enrollments(), 0u);
}

TEST(Access, what_belongs_to_operations_is_not_here) {
  World world;
  const std::string key = world.key({"ops:read", "ops:write"});
  for (const auto* path : {"/metrics",
                           "/admin/v1/queues",
                           "/admin/v1/stats",
                           "/admin/v1/dead-letters",
                           "/admin/v1/keys",
                           "/admin/v1/members/x",
                           "/admin/v1/events",
                           "/admin/v1/analytics",
                           "/admin/v1/session",
                           "/admin",
                           "/v1/keys",
                           "/debug",
                           "/.env",
                           "/v1",
                           "/v1/",
                           "/v2/enrollments",
                           "//v1/enrollments",
                           "/v1/enrollments/",
                           "/v1//enrollments",
                           "/V1/enrollments",
                           "/v1/enrollments/../members/x"})
    EXPECT_EQ(world.get(path, key).status, 404u) << path;
}

}  // namespace
}  // namespace globogym::gateway
