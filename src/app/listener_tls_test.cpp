#include "app/listener_tls.h"

#include <gtest/gtest.h>

#include "base/result_test.h"

namespace globogym::app {
namespace {

TEST(ListenerTls, loopback_is_told_from_the_rest_of_the_world) {
  for (const char* here : {"127.0.0.1:8081", "127.1.2.3:0", "[::1]:8081", "localhost:8081"})
    EXPECT_FALSE(is_beyond_loopback(here)) << here;
  for (const char* reachable : {"0.0.0.0:8081", "[::]:8081", "10.0.0.7:8081", "127.0.0.1.example:80", "console:8081"})
    EXPECT_TRUE(is_beyond_loopback(reachable)) << reachable;
}

TEST(ListenerTls, the_admin_listener_speaks_tls_when_it_can_be_reached_from_elsewhere) {
  Config config;
  config.admin.listen = {"127.0.0.1:8081", "0.0.0.0:8081"};
  EXPECT_FALSE(admin_listener_uses_tls(config));
  EXPECT_TRUE(admin_listener_asks_for_credentials(config));
  EXPECT_FALSE(public_listener_uses_tls(config));

  config.tls.certificate = "/c.pem";
  config.tls.key = "/k.pem";
  EXPECT_TRUE(admin_listener_uses_tls(config));
  EXPECT_TRUE(public_listener_uses_tls(config));
  config.admin.tls = AdminTls::off;
  EXPECT_FALSE(admin_listener_uses_tls(config));

  config.admin = {};
  EXPECT_FALSE(admin_listener_uses_tls(config));
  EXPECT_FALSE(admin_listener_asks_for_credentials(config));
  config.admin.tls = AdminTls::on;
  EXPECT_TRUE(admin_listener_uses_tls(config));
}

TEST(ListenerTls, files_that_cannot_be_used_stop_the_start) {
  Config config;
  config.tls.certificate = config.tls.key = "/no/such/file.pem";
  telemetry::Metrics metrics;

  const auto tls = public_listener_tls(config, metrics);

  const std::string problem = said(tls);
  EXPECT_TRUE(problem.contains("/no/such/file.pem"));
  EXPECT_TRUE(problem.contains("tls.certificate"));
}

}  // namespace
}  // namespace globogym::app
