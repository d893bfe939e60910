#include "gateway/limits/limits.h"

#include <gtest/gtest.h>

#include "gateway/world_test.h"

namespace globogym::gateway {
namespace {

using namespace std::chrono_literals;
using testing::body_for;
using testing::slug_of;

constexpr SteadyTime start{1h};

Client remote(std::string_view address) {
  return {.kind = Client::Kind::remote, .address = Address::parse(address).value()};
}

class LimitsTest : public ::testing::Test {
 protected:
  SeededRandom random{4};
  telemetry::Metrics metrics;

  // How many of `n` requests of this client pass at once.
  static int passing(Limits& limits, const Client& client, int n, SteadyTime now = start) {
    int passed = 0;
    for (int i = 0; i < n; ++i) {
      Charges charges;
      passed += limits.admit(client, now, charges);
    }
    return passed;
  }
};

TEST_F(LimitsTest, what_is_off_says_nothing) {
  Limits limits({}, random, metrics);
  Charges charges;

  EXPECT_TRUE(limits.admit(remote("203.0.113.9"), start, charges));
  EXPECT_TRUE(limits.admit(Caller{.id = "key"}, start, charges));
  EXPECT_TRUE(limits.admit_sign_up(remote("203.0.113.9"), start, charges));
  EXPECT_EQ(limits.admit_email("ada@example.com", Caller{.kind = Kind::publishable_key}, start, charges),
            Limits::ByEmail::admitted);

  EXPECT_FALSE(charges.any());
  EXPECT_EQ(charges.fields(), "");
}

TEST_F(LimitsTest, an_ipv4_address_and_an_ipv6_network_of_64_bits_count_as_one) {
  Limits limits({.per_address = Pace(1, 5)}, random, metrics);

  EXPECT_EQ(passing(limits, remote("203.0.113.9"), 10), 5);
  EXPECT_EQ(passing(limits, remote("203.0.113.10"), 10), 5);
  EXPECT_EQ(passing(limits, remote("::ffff:203.0.113.9"), 10), 0);
  EXPECT_EQ(passing(limits, remote("2001:db8:1:2::1"), 3), 3);
  EXPECT_EQ(passing(limits, remote("2001:db8:1:2:ffff::9"), 10), 2);
  EXPECT_EQ(passing(limits, remote("2001:db8:1:3::1"), 10), 5);
  // Whom a proxy hides is not the proxy's address met elsewhere.
  Client hidden = remote("203.0.113.9");
  hidden.kind = Client::Kind::hidden;
  EXPECT_EQ(passing(limits, hidden, 10), 5);
}

TEST_F(LimitsTest, the_machine_itself_and_trusted_proxies_are_not_limited_by_address) {
  Limits limits({.per_address = Pace(1, 5)}, random, metrics);
  EXPECT_EQ(passing(limits, {.kind = Client::Kind::local}, 100), 100);
  EXPECT_EQ(passing(limits, {.kind = Client::Kind::proxy, .address = Address::v4(0x0a000001)}, 100), 100);
}

TEST_F(LimitsTest, who_is_nobody_or_refused_does_not_use_up_what_is_everybodys) {
  Limits limits({.per_key = Pace(1, 5), .global = Pace(1, 20)}, random, metrics);
  const auto passed = [&](const std::string& id) {
    int count = 0;
    for (int i = 0; i < 100; ++i) {
      Charges charges;
      count += limits.admit(Caller{.id = id}, start, charges);
    }
    return count;
  };

  EXPECT_EQ(passing(limits, remote("203.0.113.9"), 1000), 1000);  // nobody yet
  EXPECT_EQ(passed("one"), 5);
  EXPECT_EQ(passed("two"), 5);
  EXPECT_EQ(passed("three"), 5);
  EXPECT_EQ(passed("four"), 5);
  EXPECT_EQ(passed("five"), 0);
}

TEST_F(LimitsTest, a_key_has_its_own_rate_or_the_common_one_and_a_token_counts_as_a_key) {
  Limits limits({.per_key = Pace(1, 3)}, random, metrics);
  const auto passed = [&](const Caller& caller) {
    int count = 0;
    for (int i = 0; i < 10; ++i) {
      Charges charges;
      count += limits.admit(caller, start, charges);
    }
    return count;
  };

  EXPECT_EQ(passed({.id = "one"}), 3);
  EXPECT_EQ(passed({.id = "two"}), 3);
  EXPECT_EQ(passed({.id = "one", .kind = Kind::token}), 3);
  EXPECT_EQ(passed({.id = "own", .rate = std::make_shared<RateLimit>(Pace(7, 7))}), 7);
  EXPECT_EQ(passed({.id = "page", .kind = Kind::publishable_key}), 10);
  EXPECT_EQ(passed({.id = "page", .kind = Kind::publishable_key, .rate = std::make_shared<RateLimit>(Pace(2, 2))}), 2);
}

TEST_F(LimitsTest, sign_ups_count_by_the_domain_of_their_address) {
  Limits limits({.per_email_domain = Pace(1, 4), .sign_up_per_email_domain = Pace(1, 2)}, random, metrics);
  const auto passed = [&](std::string email, Kind kind) {
    int count = 0;
    for (int i = 0; i < 10; ++i) {
      Charges charges;
      count += limits.admit_email(email, Caller{.kind = kind}, start, charges) == Limits::ByEmail::admitted;
    }
    return count;
  };

  EXPECT_EQ(passed("ada@example.com", Kind::key), 4);
  EXPECT_EQ(passed("bob@example.com", Kind::key), 0);
  EXPECT_EQ(passed("ada@example.org", Kind::publishable_key), 2);
  Charges none;
  EXPECT_EQ(limits.admit_email("ada@example.org", Caller{.kind = Kind::publishable_key}, start, none),
            Limits::ByEmail::refused);  // by the limit for all, which the four above have used up
  EXPECT_EQ(
      limits.admit_email("ada@example.net", Caller{.kind = Kind::publishable_key, .worked_hard = true}, start, none),
      Limits::ByEmail::admitted);
}

TEST_F(LimitsTest, the_fields_tell_policies_and_where_one_stands) {
  Limits limits({.per_key = Pace(100, 200), .per_address = Pace(0.5, 60), .global = Pace(1000, 1000)}, random, metrics);
  Charges charges;
  limits.admit(remote("203.0.113.9"), start, charges);
  limits.admit(Caller{.id = "key"}, start, charges);
  charges.add(QuotaStanding{.quota = 1000, .used = 10, .month_seconds = 2'592'000, .seconds_left = 77});

  EXPECT_EQ(charges.fields(),
            "RateLimit-Policy: \"address\";q=60;w=120, \"key\";q=200;w=2, \"quota\";q=1000;w=2592000\r\n"
            "RateLimit: \"address\";r=59;t=2, \"key\";r=199;t=1, \"quota\";r=990;t=77\r\n");
}

TEST_F(LimitsTest, who_is_refused_is_told_by_which_limit_and_until_when) {
  Limits limits({.per_address = Pace(1, 9), .global = Pace(0.1, 1)}, random, metrics);
  Charges first, second;
  EXPECT_TRUE(limits.admit(remote("203.0.113.9"), start, first));
  EXPECT_TRUE(limits.admit(Caller{.id = "key"}, start, first));
  EXPECT_FALSE(limits.admit(Caller{.id = "key"}, start + 1500ms, second));

  EXPECT_EQ(second.refused_by(), Limit::global);
  EXPECT_EQ(second.fields(),
            "RateLimit-Policy: \"global\";q=1;w=10\r\nRateLimit: \"global\";r=0;t=9\r\nRetry-After: 9\r\n");
  EXPECT_EQ(limited(second).status, 429u);
  EXPECT_NE(metrics.text().find("globogym_limited_total{limit=\"global\"} 1"), std::string::npos);
  EXPECT_NE(metrics.text().find("globogym_limited_total{limit=\"address\"} 0"), std::string::npos);

  Charges quota;
  EXPECT_FALSE(limits.admit(
      QuotaStanding{.passed = false, .quota = 5, .used = 5, .month_seconds = 9, .seconds_left = 3}, quota));
  EXPECT_EQ(slug_of(limited(quota)), "quota-exceeded");
}

TEST_F(LimitsTest, a_full_table_is_seen_in_the_metrics) {
  Limits limits({.per_address = Pace(0.001, 1), .addresses = {.clients = 1, .groups = 1}}, random, metrics);
  for (std::uint32_t i = 0; i < 5000; ++i) {
    Charges charges;
    limits.admit({.kind = Client::Kind::remote, .address = Address::v4(0xcb000000 + i * 997)}, start, charges);
  }
  const std::string text = metrics.text();
  EXPECT_NE(text.find("globogym_limit_table_places{limit=\"address\"} 1024"), std::string::npos) << text;
  EXPECT_EQ(text.find("globogym_limit_table_shared_total{limit=\"address\"} 0"), std::string::npos) << text;
}

// Through the gateway.

TEST(LimitedGateway, a_wrong_key_is_counted_before_it_is_looked_at) {
  testing::World world;
  Limits limits({.per_address = Pace(1, 2)}, world.random, world.metrics);
  Parts parts = world.parts();
  parts.limits = &limits;
  Gateway gateway(parts);
  const auto asks = [&](std::string path, std::string address) {
    http::Request request;
    request.method = "GET";
    request.target = request.path = path;
    request.remote_address = std::move(address);
    request.headers.emplace_back("X-API-Key", "ggk_wrong");
    return world.loop.run(gateway.handle(request));
  };

  EXPECT_EQ(asks("/v1/enrollments/x", "203.0.113.9").status, 401u);
  EXPECT_EQ(asks("/no/such/path", "203.0.113.9").status, 404u);
  const auto refused = asks("/v1/enrollments/x", "203.0.113.9");
  EXPECT_EQ(refused.status, 429u);
  EXPECT_EQ(slug_of(refused), "rate-limited");
  EXPECT_NE(refused.extra_headers.find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_EQ(asks("/healthz", "203.0.113.9").status, 200u);
  EXPECT_EQ(asks("/v1/enrollments/x", "203.0.113.10").status, 401u);
}

TEST(LimitedGateway, a_domain_is_charged_once_for_one_sign_up) {
  testing::World world;
  Limits limits({.per_email_domain = Pace(0.001, 2)}, world.random, world.metrics);
  Parts parts = world.parts();
  parts.limits = &limits;
  Gateway gateway(parts);
  const std::string key = world.writer();
  const auto posts = [&](std::string email, std::string idempotency_key) {
    return world.loop
        .run(testing::World::exchange(
            gateway, "POST", "/v1/enrollments",
            {{"X-API-Key", key}, {"Content-Type", "application/json"}, {"Idempotency-Key", std::move(idempotency_key)}},
            body_for(email)))
        .status;
  };

  for (int i = 0; i < 5; ++i) EXPECT_EQ(posts("ada@example.com", "one"), 202u);
  EXPECT_EQ(posts("bob@Example.COM", "two"), 202u);
  EXPECT_EQ(posts("eve@example.com", "three"), 429u);
  EXPECT_EQ(posts("eve@example.org", "three"), 202u);
  EXPECT_EQ(posts("ada@example.com", "one"), 202u);
}

}  // namespace
}  // namespace globogym::gateway
