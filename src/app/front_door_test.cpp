#include "app/front_door.h"

#include <gtest/gtest.h>

namespace globogym::app {
namespace {

TEST(ConnectionGroup, an_address_is_counted_by_itself_and_a_subscriber_of_ipv6_as_one) {
  const auto group = connection_group(Config());

  EXPECT_EQ(group("203.0.113.7"), "203.0.113.7");
  EXPECT_EQ(group("2001:db8:1:2:aaaa::1"), group("2001:db8:1:2:bbbb::2"));
  EXPECT_NE(group("2001:db8:1:2::1"), group("2001:db8:1:3::1"));
}

TEST(ConnectionGroup, this_machine_and_the_trusted_proxies_are_not_counted) {
  Config config;
  config.gateway.trusted_proxies = {"10.0.0.0/8"};
  const auto group = connection_group(config);

  for (const char* free : {"127.0.0.1", "::1", "10.1.2.3", ""}) EXPECT_EQ(group(free), std::nullopt) << free;
  EXPECT_EQ(group("11.1.2.3"), "11.1.2.3");
}

}  // namespace
}  // namespace globogym::app
