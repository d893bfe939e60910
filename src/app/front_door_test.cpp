#include "app/front_door.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"

namespace globogym::app {
namespace {

using namespace std::chrono_literals;

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

TEST(Limits, each_setting_is_its_own_limit) {
  Config config;
  double burst = 0;
  for (Rate* rate : {&config.limits.per_key, &config.limits.per_address, &config.limits.per_email_domain,
                     &config.limits.global, &config.signup.per_address, &config.signup.per_email_domain})
    *rate = {.off = false, .per_second = 1, .burst = ++burst};

  const auto limits = limit_options(config);

  const auto burst_of = [](const std::optional<Pace>& pace) { return pace ? pace->burst() : 0; };
  EXPECT_EQ(burst_of(limits.per_key), 1);
  EXPECT_EQ(burst_of(limits.per_address), 2);
  EXPECT_EQ(burst_of(limits.per_email_domain), 3);
  EXPECT_EQ(burst_of(limits.global), 4);
  EXPECT_EQ(burst_of(limits.sign_up_per_address), 5);
  EXPECT_EQ(burst_of(limits.sign_up_per_email_domain), 6);
  config.limits.per_key.off = true;
  EXPECT_FALSE(limit_options(config).per_key.has_value());
}

struct Handshakes {
  // How many of `tries` come through.
  int of(const std::string& address, int tries) {
    int passed = 0;
    for (int i = 0; i < tries; ++i) passed += may(address);
    return passed;
  }
  Config config = with_a_proxy();
  async::SimLoop loop;
  SeededRandom random{7};
  std::function<bool(const std::string&)> may = handshake_limit(config, loop.clock(), random);

  static Config with_a_proxy() {
    Config config;
    config.gateway.trusted_proxies = {"10.0.0.0/8"};
    return config;
  }
};

TEST(HandshakeLimit, an_address_gets_a_thousand_at_once_and_fifty_a_second) {
  Handshakes handshakes;

  EXPECT_EQ(handshakes.of("203.0.113.7", 2000), 1000);
  EXPECT_EQ(handshakes.of("203.0.113.8", 10), 10) << "somebody else";
  handshakes.loop.advance(1s);
  EXPECT_EQ(handshakes.of("203.0.113.7", 2000), 50);
  EXPECT_EQ(handshakes.of("2001:db8:1:2:aaaa::1", 600) + handshakes.of("2001:db8:1:2:bbbb::2", 600), 1000);
}

TEST(HandshakeLimit, this_machine_and_the_trusted_proxies_are_not_counted) {
  Handshakes handshakes;

  for (const char* free : {"127.0.0.1", "::1", "10.1.2.3"}) EXPECT_EQ(handshakes.of(free, 2000), 2000) << free;
}

TEST(Listeners, nobody_takes_all_connections_or_handshakes_of_either) {
  Handshakes world;
  world.config.gateway.max_connections_per_address = 77;
  const auto open = public_listener(world.config, world.loop.clock(), world.random);
  const auto admin = admin_listener(world.config, world.loop.clock(), world.random);

  EXPECT_EQ(open.max_connections_of_group, 77u);
  EXPECT_EQ(admin.max_connections_of_group, 64u);
  EXPECT_LE(admin.max_connections_of_group * 4, admin.max_connections);
  for (const auto* listener : {&open, &admin}) {
    ASSERT_TRUE(listener->group_of && listener->may_handshake) << listener->name;
    EXPECT_EQ(listener->group_of("203.0.113.7"), "203.0.113.7") << listener->name;
    EXPECT_EQ(listener->group_of("127.0.0.1"), std::nullopt) << listener->name;
    world.may = listener->may_handshake;
    EXPECT_EQ(world.of("203.0.113.7", 2000), 1000) << listener->name;
  }
}

}  // namespace
}  // namespace globogym::app
