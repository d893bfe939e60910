#include "gateway/routes/routes.h"

#include <gtest/gtest.h>

#include <set>

namespace globogym::gateway {
namespace {

Endpoint endpoint_of(std::string_view path) {
  const Match found = match(path);
  EXPECT_NE(found.route, nullptr) << path;
  return found.route ? found.route->endpoint : Endpoint::home;
}

TEST(Routes, every_route_is_found_by_its_own_path) {
  for (const Route& route : routes()) {
    std::string path(route.path);
    if (const auto open = path.find('{'); open != std::string::npos)
      path.replace(open, path.find('}') + 1 - open, "abc");

    const Match found = match(path);

    ASSERT_NE(found.route, nullptr) << path;
    EXPECT_EQ(found.route->endpoint, route.endpoint) << path;
    EXPECT_EQ(found.id, route.path.find('{') == std::string_view::npos ? "" : "abc");
  }
}

TEST(Routes, a_parameter_may_stand_inside_of_a_path) {
  EXPECT_EQ(match("/v1/enrollments/e1/events").id, "e1");
  EXPECT_EQ(endpoint_of("/v1/enrollments/e1/events"), Endpoint::enrollment_events);
  EXPECT_EQ(endpoint_of("/v1/enrollments/e1"), Endpoint::get_enrollment);
  EXPECT_EQ(endpoint_of("/v1/enrollments/events"), Endpoint::get_enrollment) << "an id like any other";
}

TEST(Routes, a_path_that_is_nearly_one_is_none) {
  for (const auto* path : {"", "v1/enrollments", "/v1/enrollments/", "/v1/enrollments/a/b", "/v1/enrollments//events",
                           "/v1/enrollments/a/events/", "/v1/enrollments/a/b/events",
                           "/v1/enrollments/events/events/events", "/v1/members/", "/v1/sign-up/", "/V1/enrollments",
                           "/assets", "/assets/", "/assets/a/b", "/docs/", "//", "/healthz/", "/openapi.jsonx"})
    EXPECT_EQ(match(path).route, nullptr) << path;
}

TEST(Routes, no_two_share_a_path_or_an_operation) {
  std::set<std::string_view> paths, operations;
  for (const Route& route : routes()) {
    EXPECT_TRUE(paths.insert(route.path).second) << route.path;
    EXPECT_TRUE(operations.insert(route.operation).second) << route.operation;
  }
}

}  // namespace
}  // namespace globogym::gateway
