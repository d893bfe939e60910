#include "console/usage.h"

#include "console/world_test.h"

namespace globogym::console {
namespace {

using namespace testing;

void visit(World& world, const std::string& caller, unsigned status, gateway::Stage stage,
           std::string_view refusal = "") {
  world.analytics.record({.operation = "signUp",
                          .caller = caller,
                          .status = status,
                          .refusal = refusal,
                          .stage = stage,
                          .bytes_in = 300,
                          .bytes_out = 100,
                          .duration = 2ms});
}

TEST(Usage, tells_the_funnel_and_every_key_by_its_name) {
  World world;
  const auto id = world.key({"enrollments:write"}).key.id;
  world.analytics.fold({});
  visit(world, id, 202, gateway::Stage::accepted);
  visit(world, id, 422, gateway::Stage::received, "invalid-fields");
  visit(world, "", 401, gateway::Stage::received, "unauthorized");
  world.enroll("ada@example.com");
  world.finish();

  auto response = world.ask("GET", "/admin/v1/analytics");

  ASSERT_EQ(response.status, 200u);
  EXPECT_NE(response.body.find(R"("funnel":{"received":3,"valid":1,"accepted":1,"repeated":0,"completed":1,)"
                               R"("rejected":0,"parked":0,"pending":0})"),
            std::string::npos)
      << response.body;
  EXPECT_NE(response.body.find(R"({"caller":")" + id + R"(","name":"night-shift","funnel":{"received":2,)"),
            std::string::npos)
      << response.body;
  EXPECT_NE(response.body.find(R"({"caller":"none","name":null,)"), std::string::npos);
  EXPECT_NE(response.body.find(R"("refused":{"unauthorized":1,"invalid-fields":1})"), std::string::npos)
      << response.body;
  EXPECT_EQ(response.body.find("example.com"), std::string::npos);
}

TEST(Usage, is_told_over_the_time_that_was_asked_for) {
  World world;
  visit(world, "crm", 202, gateway::Stage::accepted);
  for (int i = 0; i < 40; ++i) {
    world.loop.advance(5s);
    world.analytics.fold({});
  }

  EXPECT_NE(world.ask("GET", "/admin/v1/analytics?window=1m").body.find(R"("received":0)"), std::string::npos);
  EXPECT_NE(world.ask("GET", "/admin/v1/analytics?window=15m").body.find(R"("received":1)"), std::string::npos);
  EXPECT_NE(world.ask("GET", "/admin/v1/analytics?window=24h").body.find(R"("received":1)"), std::string::npos);
  EXPECT_EQ(world.ask("GET", "/admin/v1/analytics?window=1h").status, 400u);
}

TEST(Usage, is_a_series_for_every_operation_and_key) {
  World world;
  visit(world, "crm", 202, gateway::Stage::accepted);
  visit(world, "crm", 202, gateway::Stage::repeated);
  visit(world, "crm", 429, gateway::Stage::received, "rate-limited");

  const auto text = world.ask("GET", "/metrics").body;

  for (const char* line : {
           "globogym_api_requests_total{operation=\"signUp\",outcome=\"2xx\"} 2\n",
           "globogym_api_requests_total{operation=\"signUp\",outcome=\"4xx\"} 1\n",
           "globogym_api_refused_total{operation=\"signUp\",reason=\"rate-limited\"} 1\n",
           "globogym_api_request_body_bytes_total{operation=\"signUp\"} 900\n",
           "globogym_api_request_duration_seconds_bucket{operation=\"signUp\",le=\"0.001024\"} 0\n",
           "globogym_api_request_duration_seconds_bucket{operation=\"signUp\",le=\"0.002048\"} 3\n",
           "globogym_api_request_duration_seconds_bucket{operation=\"signUp\",le=\"+Inf\"} 3\n",
           "globogym_api_request_duration_seconds_sum{operation=\"signUp\"} 0.006\n",
           "globogym_api_request_duration_seconds_count{operation=\"signUp\"} 3\n",
           "globogym_api_caller_requests_total{caller=\"crm\",outcome=\"2xx\"} 2\n",
           "globogym_api_sign_ups_total{caller=\"crm\",stage=\"received\"} 3\n",
           "globogym_api_sign_ups_total{caller=\"crm\",stage=\"accepted\"} 1\n",
           "globogym_api_sign_ups_total{caller=\"crm\",stage=\"repeated\"} 1\n",
       })
    EXPECT_NE(text.find(line), std::string::npos) << line;
}

TEST(Usage, is_nothing_where_no_requests_are_taken) {
  World world;
  Parts parts{.engine = *world.engine,
              .keys = *world.keys,
              .metrics = world.metrics,
              .clock = world.loop.clock(),
              .pseudonyms = world.pseudonyms};
  Console console(parts, {.trusted = true});
  http::Request request;
  request.method = "GET";
  request.target = request.path = "/admin/v1/analytics";

  auto response = world.loop.run(console.handle(request));

  EXPECT_EQ(response.status, 404u);
}

}  // namespace
}  // namespace globogym::console
