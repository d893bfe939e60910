#include "mail/mailbox.h"

#include <gtest/gtest.h>

namespace globogym::mail {
namespace {

TEST(Mailbox, takes_what_RFC_5321_allows_and_nothing_else) {
  for (std::string good : {"a@b", "ada.lovelace+gym@sub.example.com", "o'brien@example.ie", "\"two words\"@example.com",
                           "\"a\\\"b\"@example.com", "a@[127.0.0.1]", "a@[IPv6:::1]", "用户@例子.广告"})
    EXPECT_TRUE(Mailbox::parse(good).has_value()) << good;
  for (std::string bad : {"",           "@",      "a@",   "@b",     "a",     ".a@b",  "a.@b",  "a..b@c", "a b@c",
                          "a@b c",      "a@-b",   "a@b-", "a@b..c", "a@.b",  "a@b.",  "a@b_c", "\"a@b",  "a\"b@c",
                          "\"a\"b\"@c", "a@[1]x", "a@[",  "a,b@c",  "a;b@c", "<a@b>", "a@b>",  "a\\@b",  "\"a\\\"@b"})
    EXPECT_FALSE(Mailbox::parse(bad).has_value()) << bad;
  EXPECT_TRUE(Mailbox::parse(std::string(64, 'a') + "@b").has_value());
  EXPECT_FALSE(Mailbox::parse(std::string(65, 'a') + "@b").has_value());
  EXPECT_FALSE(Mailbox::parse("a@" + std::string(64, 'b')).has_value());
  EXPECT_FALSE(Mailbox::parse("a@" + std::string(300, 'b')).has_value());
  // 64 bytes, the @, and a domain of 189 or 190: the longest that RFC 5321 allows in all, and one more.
  const std::string longest = std::string(64, 'a') + "@" + std::string(63, 'b') + "." + std::string(63, 'c') + ".";
  EXPECT_TRUE(Mailbox::parse(longest + std::string(61, 'd')).has_value());
  EXPECT_FALSE(Mailbox::parse(longest + std::string(62, 'd')).has_value());
}

TEST(Mailbox, reads_a_name_as_in_configuration) {
  const auto named = Mailbox::parse_named("GloboGym München <welcome@globogym.example>");
  const auto quoted = Mailbox::parse_named("\"Globo, Gym\" <welcome@globogym.example>");
  const auto plain = Mailbox::parse_named(" welcome@globogym.example ");

  EXPECT_EQ(named->name(), "GloboGym München");
  EXPECT_EQ(quoted->name(), "Globo, Gym");
  EXPECT_EQ(plain->name(), "");
  for (const auto& mailbox : {*named, *quoted, *plain}) EXPECT_EQ(mailbox.address(), "welcome@globogym.example");
  EXPECT_FALSE(Mailbox::parse_named("x>").has_value());
}

}  // namespace
}  // namespace globogym::mail
