#include "gateway/callers/client_address.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace globogym::gateway {
namespace {

using Kind = Client::Kind;
using Headers = std::vector<std::pair<std::string, std::string>>;

std::vector<Network> networks(std::initializer_list<std::string_view> texts) {
  std::vector<Network> out;
  for (const auto text : texts) out.push_back(Network::parse(text).value());
  return out;
}

// 10.0.0.0/8 and 2001:db8:aaaa::/48 are our proxies.
const ClientAddresses& proxied() {
  static const ClientAddresses addresses(networks({"10.0.0.0/8", "2001:db8:aaaa::/48"}));
  return addresses;
}

std::string told(const ClientAddresses& addresses, std::string_view peer, const Headers& headers) {
  http::Request request;
  request.remote_address = peer;
  for (const auto& [name, value] : headers) request.headers.emplace_back(name, value);
  const Client client = addresses.of(request);
  switch (client.kind) {
    case Kind::local:
      return "local";
    case Kind::proxy:
      return "proxy";
    case Kind::remote:
      return client.address.text();
    case Kind::hidden:
      return "hidden behind " + client.address.text();
  }
  return "";
}

TEST(Address, text_is_read_strictly_and_written_shortly) {
  for (const auto text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::ff00:42:8329"})
    EXPECT_EQ(Address::parse(text).value().text(), text);
  EXPECT_EQ(Address::parse("::ffff:192.0.2.1"), Address::parse("192.0.2.1"));
  EXPECT_EQ(Address::parse("0:0:0:0:0:FFFF:C000:0201"), Address::parse("192.0.2.1"));
  EXPECT_EQ(Address::v4(0xc0000201), Address::parse("192.0.2.1"));
  for (const auto text : {"",         "1",        "1.2.3",    "1.2.3.4.5",    "1.2.3.256", "01.2.3.4",   "1.2.3.04",
                          "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "1..3.4",       "0x1.2.3.4", "1.2.3.4:80", "[::1]",
                          ":::",      "::g",      "1::2::3",  "fe80::1%eth0", "12345::",   "::1.2.3",    "localhost"})
    EXPECT_FALSE(Address::parse(text)) << text;
  EXPECT_FALSE(Address::parse(std::string_view("::1\0", 4)));
  EXPECT_FALSE(Address::parse(std::string(100'000, ':')));
}

TEST(Address, loopback_is_what_the_machine_calls_so) {
  for (const auto text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(Address::parse(text).value().is_loopback()) << text;
  for (const auto text : {"128.0.0.1", "::2", "::", "10.0.0.1", "::7f00:1"})
    EXPECT_FALSE(Address::parse(text).value().is_loopback()) << text;
}

TEST(Network, it_holds_what_shares_its_leading_bits_and_family) {
  const auto holds = [](std::string_view network, std::string_view address) {
    return Network::parse(network).value().contains(Address::parse(address).value());
  };
  EXPECT_TRUE(holds("10.0.0.0/8", "10.255.1.2"));
  EXPECT_FALSE(holds("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(holds("192.0.2.128/25", "192.0.2.200"));
  EXPECT_FALSE(holds("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(holds("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(holds("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(holds("10.1.2.3/8", "10.9.9.9"));  // what stands behind the bits is ignored
  EXPECT_TRUE(holds("10.0.0.0/8", "::ffff:10.1.1.1"));
  EXPECT_TRUE(holds("::ffff:10.0.0.0/104", "10.1.1.1"));
  EXPECT_TRUE(holds("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(holds("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(holds("0.0.0.0/0", "203.0.113.9"));
  EXPECT_FALSE(holds("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(holds("::/0", "2001:db8::1"));
  EXPECT_FALSE(holds("::/0", "203.0.113.9"));
  for (const auto text : {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8", "::/129",
                          "::ffff:10.0.0.0/8", "10.0.0.0/ 8", "example.com", "10.0.0.0/8/8"})
    EXPECT_FALSE(Network::parse(text)) << text;
}

TEST(ClientAddress, without_a_trusted_proxy_the_peer_is_the_client_whatever_it_says) {
  const ClientAddresses nobody_trusted({});
  for (const auto* addresses : {&nobody_trusted, &proxied()}) {
    for (const Headers& headers : {Headers{}, Headers{{"X-Forwarded-For", "198.51.100.1"}},
                                   Headers{{"Forwarded", "for=127.0.0.1"}, {"X-Forwarded-For", "10.0.0.1"}}}) {
      EXPECT_EQ(told(*addresses, "203.0.113.9", headers), "203.0.113.9");
      EXPECT_EQ(told(*addresses, "2001:db8::1", headers), "2001:db8::1");
      EXPECT_EQ(told(*addresses, "fe80::1%eth0", headers), "fe80::1");
      EXPECT_EQ(told(*addresses, "::ffff:203.0.113.9", headers), "203.0.113.9");
      EXPECT_EQ(told(*addresses, "127.0.0.1", headers), "local");
      EXPECT_EQ(told(*addresses, "::1", headers), "local");
      EXPECT_EQ(told(*addresses, "", headers), "local");
      EXPECT_EQ(told(*addresses, "what is this", headers), "::");
    }
  }
}

int warnings(const ClientAddresses& addresses, std::string_view peer, const Headers& headers) {
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) told(addresses, peer, headers);
  const std::string log = ::testing::internal::GetCapturedStderr();
  int found = 0;
  for (auto at = log.find("proxy-not-trusted"); at != std::string::npos; at = log.find("proxy-not-trusted", at + 1))
    ++found;
  return found;
}

TEST(ClientAddress, a_proxy_on_this_machine_that_is_not_trusted_is_warned_of_once) {
  for (const Headers& headers : {Headers{{"Host", "x"}, {"x-forwarded-for", "198.51.100.1"}},
                                 Headers{{"Forwarded", "for=198.51.100.1"}}, Headers{{"Forwarded", ""}}})
    for (const char* peer : {"127.0.0.1", "::1"}) {
      const ClientAddresses nobody_trusted({});
      EXPECT_EQ(told(nobody_trusted, peer, {}), "local");
      EXPECT_EQ(warnings(nobody_trusted, peer, headers), 1);
      EXPECT_EQ(warnings(nobody_trusted, peer, headers), 0);
    }
}

TEST(ClientAddress, nobody_is_warned_of_who_only_claims_to_be_a_proxy_or_is_trusted) {
  const ClientAddresses trusted(networks({"127.0.0.1"})), nobody_trusted({});
  const Headers forwarded{{"X-Forwarded-For", "198.51.100.1"}};

  EXPECT_EQ(warnings(trusted, "127.0.0.1", forwarded), 0);
  EXPECT_EQ(warnings(nobody_trusted, "203.0.113.9", forwarded), 0);
  EXPECT_EQ(warnings(nobody_trusted, "127.0.0.1", {{"Host", "x"}, {"X-Forwarded-Host", "x"}}), 0);
}

struct Case {
  const char* about;
  Headers headers;
  const char* client;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.about;
}

class BehindAProxy : public ::testing::TestWithParam<Case> {};

TEST_P(BehindAProxy, the_client_is) {
  EXPECT_EQ(told(proxied(), "10.0.0.1", GetParam().headers), GetParam().client);
  EXPECT_EQ(told(proxied(), "::ffff:10.0.0.1", GetParam().headers), GetParam().client);
}

constexpr const char* hidden = "hidden behind 10.0.0.1";

INSTANTIATE_TEST_SUITE_P(
    XForwardedFor, BehindAProxy,
    ::testing::Values(
        Case{"no header: the proxy speaks for itself", {}, "proxy"},
        Case{"one address", {{"X-Forwarded-For", "203.0.113.9"}}, "203.0.113.9"},
        Case{"names are read without regard to case", {{"x-forwarded-FOR", "203.0.113.9"}}, "203.0.113.9"},
        Case{"a forged one to the left of the real one",
             {{"X-Forwarded-For", "198.51.100.1, 203.0.113.9"}},
             "203.0.113.9"},
        Case{"a forged loopback", {{"X-Forwarded-For", "127.0.0.1, 203.0.113.9"}}, "203.0.113.9"},
        Case{"a forged proxy", {{"X-Forwarded-For", "10.0.0.5, 203.0.113.9"}}, "203.0.113.9"},
        Case{"a forged line before the real one",
             {{"X-Forwarded-For", "198.51.100.1"}, {"X-Forwarded-For", "203.0.113.9"}},
             "203.0.113.9"},
        Case{"garbage to the left", {{"X-Forwarded-For", "\"';--, \x01, 203.0.113.9"}}, "203.0.113.9"},
        Case{"through two proxies", {{"X-Forwarded-For", "198.51.100.1, 203.0.113.9, 10.0.0.7"}}, "203.0.113.9"},
        Case{"through two proxies, a line each",
             {{"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-For", "10.0.0.7"}},
             "203.0.113.9"},
        Case{"through a proxy with IPv6", {{"X-Forwarded-For", "203.0.113.9, 2001:db8:aaaa::7"}}, "203.0.113.9"},
        Case{"only proxies", {{"X-Forwarded-For", "10.0.0.9, 10.0.0.7"}}, "proxy"},
        Case{"a proxy we do not trust is the client", {{"X-Forwarded-For", "203.0.113.9, 192.168.0.1"}}, "192.168.0.1"},
        Case{"with a port", {{"X-Forwarded-For", "203.0.113.9:50123"}}, "203.0.113.9"},
        Case{"IPv6 bare", {{"X-Forwarded-For", "2001:db8::9"}}, "2001:db8::9"},
        Case{"IPv6 in brackets", {{"X-Forwarded-For", "[2001:db8::9]"}}, "2001:db8::9"},
        Case{"IPv6 with a port", {{"X-Forwarded-For", "[2001:db8::9]:443"}}, "2001:db8::9"},
        Case{"IPv4 written as IPv6", {{"X-Forwarded-For", "::ffff:203.0.113.9"}}, "203.0.113.9"},
        Case{"blanks and empty elements", {{"X-Forwarded-For", " ,\t203.0.113.9 , ,"}}, "203.0.113.9"},
        Case{"empty", {{"X-Forwarded-For", ""}}, hidden},
        Case{"nothing but commas", {{"X-Forwarded-For", ", ,,"}}, hidden},
        Case{"unknown", {{"X-Forwarded-For", "203.0.113.9, unknown"}}, hidden},
        Case{"garbage at the right end", {{"X-Forwarded-For", "203.0.113.9, 999.1.1.1"}}, hidden},
        Case{"a port that is none", {{"X-Forwarded-For", "203.0.113.9:http"}}, hidden},
        Case{"octal", {{"X-Forwarded-For", "0313.0.0161.9"}}, hidden},
        Case{"a zone", {{"X-Forwarded-For", "fe80::1%eth0"}}, hidden},
        Case{"unbalanced brackets", {{"X-Forwarded-For", "[2001:db8::9"}}, hidden},
        Case{"IPv4 in brackets", {{"X-Forwarded-For", "[203.0.113.9]"}}, hidden},
        Case{"quotes", {{"X-Forwarded-For", "\"203.0.113.9\""}}, hidden},
        Case{"a name", {{"X-Forwarded-For", "gym.example"}}, hidden},
        Case{"loopback in front of the proxy is not us", {{"X-Forwarded-For", "127.0.0.1"}}, "127.0.0.1"}));

INSTANTIATE_TEST_SUITE_P(
    Forwarded, BehindAProxy,
    ::testing::Values(
        Case{"one address", {{"Forwarded", "for=203.0.113.9"}}, "203.0.113.9"},
        Case{"names in any case, other parameters",
             {{"forwarded", "Proto=https;FOR=203.0.113.9;by=10.0.0.1;host=gym.example"}},
             "203.0.113.9"},
        Case{"quoted", {{"Forwarded", "for=\"203.0.113.9\""}}, "203.0.113.9"},
        Case{"quoted with a port", {{"Forwarded", "for=\"203.0.113.9:4711\""}}, "203.0.113.9"},
        Case{"quoted with a hidden port", {{"Forwarded", "for=\"203.0.113.9:_p7\""}}, "203.0.113.9"},
        Case{"IPv6", {{"Forwarded", "for=\"[2001:db8::9]\""}}, "2001:db8::9"},
        Case{"IPv6 with a port", {{"Forwarded", "For=\"[2001:DB8::9]:47011\""}}, "2001:db8::9"},
        Case{"a forged one to the left", {{"Forwarded", "for=198.51.100.1, for=203.0.113.9"}}, "203.0.113.9"},
        Case{"a forged line before",
             {{"Forwarded", "for=198.51.100.1"}, {"Forwarded", "for=203.0.113.9"}},
             "203.0.113.9"},
        Case{"through two proxies", {{"Forwarded", "for=203.0.113.9, for=10.0.0.7;proto=http"}}, "203.0.113.9"},
        Case{"through a proxy with IPv6",
             {{"Forwarded", "for=203.0.113.9,for=\"[2001:db8:aaaa::7]:80\""}},
             "203.0.113.9"},
        Case{"only proxies", {{"Forwarded", "for=10.0.0.7"}}, "proxy"},
        Case{"garbage in a line before",
             {{"Forwarded", "for=\"; ==="}, {"Forwarded", "for=203.0.113.9"}},
             "203.0.113.9"},
        Case{
            "a comma in a quoted string", {{"Forwarded", "by=\"a, for=198.51.100.1\";for=203.0.113.9"}}, "203.0.113.9"},
        Case{"empty pairs and elements", {{"Forwarded", ", for=203.0.113.9; ;proto=https;, "}}, "203.0.113.9"},
        Case{"unknown", {{"Forwarded", "for=203.0.113.9, for=unknown"}}, hidden},
        Case{"an obfuscated name", {{"Forwarded", "for=\"_gazonk\""}}, hidden},
        Case{"an element that names nobody", {{"Forwarded", "for=203.0.113.9, proto=https"}}, hidden},
        Case{"empty", {{"Forwarded", ""}}, hidden},
        Case{"an open quote swallows what the proxy added",
             {{"Forwarded", "for=\"198.51.100.1, for=203.0.113.9"}},
             hidden},
        Case{"an open quote that the proxy's closes", {{"Forwarded", "x=\", for=\"203.0.113.9:80\""}}, hidden},
        Case{"two for in one element", {{"Forwarded", "for=198.51.100.1;for=203.0.113.9"}}, hidden},
        Case{"an escape", {{"Forwarded", "for=\"203.0\\.113.9\""}}, hidden},
        Case{"IPv6 without quotes", {{"Forwarded", "for=[2001:db8::9]"}}, hidden},
        Case{"IPv6 without brackets", {{"Forwarded", "for=\"2001:db8::9\""}}, hidden},
        Case{"no value", {{"Forwarded", "for="}}, hidden}, Case{"no name", {{"Forwarded", "=203.0.113.9"}}, hidden},
        Case{"blanks around the equals sign", {{"Forwarded", "for = 203.0.113.9"}}, hidden},
        Case{"X-Forwarded-For's form", {{"Forwarded", "203.0.113.9"}}, hidden},
        Case{"more parameters than anybody needs",
             {{"Forwarded", "a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1;j=1;k=1;l=1;m=1;n=1;o=1;p=1;for=203.0.113.9"}},
             hidden}));

// One of the two was not written by our proxy, and nobody can tell which.
INSTANTIATE_TEST_SUITE_P(
    Both, BehindAProxy,
    ::testing::Values(
        Case{"they agree", {{"Forwarded", "for=203.0.113.9"}, {"X-Forwarded-For", "203.0.113.9"}}, "203.0.113.9"},
        Case{"they agree on the client, not on what is left of it",
             {{"Forwarded", "for=203.0.113.9"}, {"X-Forwarded-For", "198.51.100.1, 203.0.113.9"}},
             "203.0.113.9"},
        Case{"the proxy writes X-Forwarded-For, the client forges Forwarded",
             {{"Forwarded", "for=198.51.100.1"}, {"X-Forwarded-For", "203.0.113.9"}},
             hidden},
        Case{"the proxy writes Forwarded, the client forges X-Forwarded-For",
             {{"X-Forwarded-For", "198.51.100.1"}, {"Forwarded", "for=203.0.113.9"}},
             hidden},
        Case{"one is garbage", {{"Forwarded", "garbage"}, {"X-Forwarded-For", "203.0.113.9"}}, hidden},
        Case{"one is empty", {{"Forwarded", ""}, {"X-Forwarded-For", "203.0.113.9"}}, hidden},
        Case{"one names a proxy only", {{"Forwarded", "for=10.0.0.7"}, {"X-Forwarded-For", "203.0.113.9"}}, hidden}));

TEST(ClientAddress, host_and_scheme_are_the_nearest_proxy_s) {
  const auto client_of = [](std::string_view peer, const Headers& headers) {
    static http::Request* request = nullptr;
    delete request;
    request = new http::Request;
    request->remote_address = peer;
    for (const auto& [name, value] : headers) request->headers.emplace_back(name, value);
    return proxied().of(*request);
  };
  const Headers plain = {{"X-Forwarded-Host", "forged.example, gym.example"},
                         {"X-Forwarded-Proto", "https"},
                         {"X-Forwarded-For", "203.0.113.9"}};
  EXPECT_EQ(client_of("10.0.0.1", plain).forwarded_host, "gym.example");
  EXPECT_EQ(client_of("10.0.0.1", plain).forwarded_proto, "https");
  EXPECT_EQ(client_of("203.0.113.9", plain).forwarded_host, std::nullopt);
  const Headers standard = {
      {"Forwarded", "for=1.1.1.1;host=forged.example, for=203.0.113.9;host=\"gym.example:8443\";proto=http"}};
  EXPECT_EQ(client_of("10.0.0.1", standard).forwarded_host, "gym.example:8443");
  EXPECT_EQ(client_of("10.0.0.1", standard).forwarded_proto, "http");
  EXPECT_EQ(client_of("10.0.0.1", {}).forwarded_host, std::nullopt);
  EXPECT_EQ(client_of("10.0.0.1", {{"X-Forwarded-Host", " "}}).forwarded_host, std::nullopt);
}

// Whatever a client sends before a proxy that appends the truth: it is found to be itself, or hidden. Never another.
TEST(ClientAddress, no_forgery_makes_somebody_else_of_who_stands_behind_an_appending_proxy) {
  SeededRandom random(3);
  const std::vector<std::string> pieces = {
      "for=", "\"",  ",", ";",  "=",       "203.0.113.77", "10.0.0.3", "127.0.0.1", "[",  "]",
      ":",    "::1", " ", "\\", "unknown", "_x",           "by=",      "x",         "\t", "for=198.51.100.1"};
  for (int i = 0; i < 50'000; ++i) {
    std::string forged;
    for (std::uint64_t n = random.below(12); n > 0; --n) forged += pieces[random.below(pieces.size())];
    const std::string client = told(proxied(), "10.0.0.1", {{"X-Forwarded-For", forged + ", 192.0.2.44"}});
    ASSERT_EQ(client, "192.0.2.44") << forged;
    for (const char* truth : {", for=192.0.2.44", ", for=\"192.0.2.44:80\"", ", for=192.0.2.44;by=\"10.0.0.1:443\""}) {
      const std::string found = told(proxied(), "10.0.0.1", {{"Forwarded", forged + truth}});
      ASSERT_TRUE(found == "192.0.2.44" || found == hidden) << forged << " → " << found;
    }
  }
}

}  // namespace
}  // namespace globogym::gateway
