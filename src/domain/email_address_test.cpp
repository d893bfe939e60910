#include "domain/email_address.h"

#include <gtest/gtest.h>

namespace globogym::domain {
namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string normalized(std::string_view written) {
  auto address = email_address(written);
  return address ? address->normalized : address.error() == EmailFlaw::too_long ? "(too long)" : "(invalid)";
}

// A domain of exactly `size` octets, in labels of at most 63.
std::string domain_of(std::size_t size) {
  std::string out;
  while (size - out.size() > 64) out += repeated("d", 62) + ".";
  while (out.size() + 2 < size) out += "d";
  return out.replace(out.size() - 1, 1, ".") + "co";
}

TEST(EmailAddress, is_kept_as_written_and_normalised_beside) {
  auto address = email_address(" Ada.Lovelace+Gym@Example.COM ");

  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->written, "Ada.Lovelace+Gym@Example.COM");
  EXPECT_EQ(address->normalized, "ada.lovelace+gym@example.com") << "tags and dots may be somebody else's mailbox";
}

TEST(EmailAddress, dot_atoms_are_accepted) {
  for (const char* good :
       {"a@b.co", "ada@example.com", "a.b.c@example.co.uk", "!#$%&'*+-/=?^_`{|}~@example.com", "1@2a.3b.museum",
        "ada@a-b.example", "ada@r3---sn.example.com", "x@xn--bcher-kva.example", "a@1.2.3.4a"})
    EXPECT_TRUE(email_address(good).has_value()) << good;
}

TEST(EmailAddress, everything_else_is_invalid) {
  for (std::string_view bad : {std::string_view(""),
                               std::string_view(" "),
                               std::string_view("ada"),
                               std::string_view("@"),
                               std::string_view("ada@"),
                               std::string_view("@example.com"),
                               std::string_view("ada@example"),
                               std::string_view("ada@localhost"),
                               std::string_view("ada@@example.com"),
                               std::string_view("a@b@example.com"),
                               std::string_view(".ada@example.com"),
                               std::string_view("ada.@example.com"),
                               std::string_view("a..da@example.com"),
                               std::string_view("ada@.example.com"),
                               std::string_view("ada@example.com."),
                               std::string_view("ada@example..com"),
                               std::string_view("ada@-example.com"),
                               std::string_view("ada@example-.com"),
                               std::string_view("ada@exa_mple.com"),
                               std::string_view("a da@example.com"),
                               std::string_view("ada@exam ple.com"),
                               std::string_view("\"ada\"@example.com"),
                               std::string_view("\"a b\"@example.com"),
                               std::string_view("ada(comment)@example.com"),
                               std::string_view("<ada@example.com>"),
                               std::string_view("Ada <ada@example.com>"),
                               std::string_view("ada@[127.0.0.1]"),
                               std::string_view("ada@[IPv6:::1]"),
                               std::string_view("ada@127.0.0.1"),
                               std::string_view("ada@example.123"),
                               std::string_view("ada@example.com\r\nRCPT TO:<x@y.zz>"),
                               std::string_view("ada\r\n@example.com"),
                               std::string_view("a,b@example.com"),
                               std::string_view("ada@example.com,bob@example.com"),
                               std::string_view("ada@example.com\0", 16),
                               std::string_view("ada\0@example.com", 16),
                               std::string_view("ada@exa\0mple.com", 16),
                               std::string_view("ada@bü\0cher.de", 15),
                               std::string_view("\xff@example.com"),
                               std::string_view("ada@\xff.com"),
                               std::string_view("ada@xn--a.com"),
                               std::string_view("ada@xn--.com"),
                               std::string_view("a\u200Bda@example.com"),
                               std::string_view("a\u202Eda@example.com"),
                               std::string_view("a\u00A0b@example.com"),
                               std::string_view("ada@exam\u200Bple\u202E.com"),
                               std::string_view("ada@bücher"),
                               std::string_view("ada@-bücher.de"),
                               std::string_view("ada@bü_cher.de"),
                               std::string_view("ada@bü cher.de"),
                               std::string_view("ada@☃\u0000.com")})
    EXPECT_EQ(normalized(bad), "(invalid)") << bad;
}

TEST(EmailAddress, the_local_part_has_at_most_64_octets) {
  EXPECT_EQ(normalized(repeated("a", 64) + "@example.com"), repeated("a", 64) + "@example.com");
  EXPECT_EQ(normalized(repeated("a", 65) + "@example.com"), "(too long)");
  EXPECT_NE(normalized(repeated("é", 32) + "@example.com"), "(too long)");
  EXPECT_EQ(normalized(repeated("é", 32) + "x@example.com"), "(too long)") << "octets, not characters";
}

TEST(EmailAddress, an_address_has_at_most_254_octets) {
  ASSERT_EQ(domain_of(252).size(), 252u);
  EXPECT_EQ(normalized("a@" + domain_of(252)), "a@" + domain_of(252));
  EXPECT_EQ(normalized("a@" + domain_of(253)), "(too long)");
  EXPECT_EQ(normalized("a@" + repeated("d", 100000)), "(too long)");
}

TEST(EmailAddress, a_label_has_at_most_63_octets) {
  EXPECT_EQ(normalized("a@" + repeated("d", 63) + ".com"), "a@" + repeated("d", 63) + ".com");
  EXPECT_EQ(normalized("a@" + repeated("d", 64) + ".com"), "(invalid)");
}

TEST(EmailAddress, limits_hold_for_the_domain_as_the_dns_spells_it) {
  // Short enough as written, but every label grows when it is encoded.
  std::string domain;
  for (int i = 0; i < 16; ++i)
    domain +=
        "ü"
        "aaaaaaaa.";
  domain += "com";
  ASSERT_LT(domain.size(), 200u);

  EXPECT_EQ(normalized("a@" + domain), "(too long)");

  std::string shorter;  // fits as encoded beside a short local part, not beside a long one
  for (int i = 0; i < 12; ++i)
    shorter +=
        "ü"
        "aaaaaaaa.";
  shorter += "com";
  EXPECT_TRUE(normalized("a@" + shorter).starts_with("a@xn--")) << normalized("a@" + shorter);
  EXPECT_EQ(normalized(repeated("a", 64) + "@" + shorter), "(too long)");
}

TEST(EmailAddress, an_address_with_an_international_domain_has_at_most_254_octets_as_the_dns_spells_it) {
  const std::string local = repeated("a", 10);

  EXPECT_EQ(normalized(local + "@ü." + domain_of(235)), local + "@xn--tda." + domain_of(235));
  EXPECT_EQ(normalized(local + "@ü." + domain_of(236)), "(too long)");
}

TEST(EmailAddress, internationalised_domains_normalise_to_a_labels) {
  EXPECT_EQ(normalized("ada@bücher.example"), "ada@xn--bcher-kva.example");
  EXPECT_EQ(normalized("ada@BÜCHER.example"), "ada@xn--bcher-kva.example");
  EXPECT_EQ(normalized("ada@bu\u0308cher.example"), "ada@xn--bcher-kva.example");
  EXPECT_EQ(normalized("ada@XN--BCHER-KVA.example"), "ada@xn--bcher-kva.example");
  EXPECT_EQ(normalized("ada@straße.example"), "ada@xn--strae-oqa.example") << "non-transitional keeps the ß";
  EXPECT_EQ(normalized("ada@例え.テスト"), "ada@xn--r8jz45g.xn--zckzah");
  EXPECT_EQ(normalized("ada@例え。テスト"), "ada@xn--r8jz45g.xn--zckzah") << "an ideographic full stop is a dot";
  EXPECT_EQ(normalized("ada@пример.рф"), "ada@xn--e1afmkfd.xn--p1ai");
}

TEST(EmailAddress, local_parts_beyond_ascii_fold_case_and_composition) {
  EXPECT_EQ(normalized("Zoë@example.com"), "zoë@example.com");
  EXPECT_EQ(normalized("ZOE\u0308@Example.com"), "zoë@example.com");
  EXPECT_EQ(normalized("ИВАН@пример.рф"), "иван@xn--e1afmkfd.xn--p1ai");
  EXPECT_EQ(normalized("李@example.com"), "李@example.com");
}

TEST(EmailAddress, local_parts_that_mail_systems_tell_apart_are_told_apart) {
  EXPECT_EQ(normalized("weiß@example.com"), "weiß@example.com");
  EXPECT_EQ(normalized("WEIẞ@example.com"), "weiß@example.com") << "a capital of its own, since 2017";
  EXPECT_EQ(normalized("WEISS@example.com"), "weiss@example.com");
  EXPECT_EQ(normalized("ﬁn@example.com"), "ﬁn@example.com") << "a ligature";
  EXPECT_EQ(normalized("İpek@example.com"), "İpek@example.com") << "an i in Turkish only";
  EXPECT_EQ(normalized("ıpek@example.com"), "ıpek@example.com");
  EXPECT_EQ(normalized("ŉa@example.com"), "ŉa@example.com");
  EXPECT_EQ(normalized("maſt@example.com"), "maſt@example.com");
  EXPECT_EQ(normalized("ΝΊΚΟΣ@example.com"), "νίκοσ@example.com");
  EXPECT_EQ(normalized("νίκος@example.com"), "νίκοσ@example.com") << "one letter, which ends words in another form";
  EXPECT_EQ(normalized("Å\u0301@example.com"), normalized("Å\u0301@EXAMPLE.com")) << "the Ångström sign is the letter";
}

TEST(EmailAddress, what_older_builds_made_of_it_is_known_where_it_was_something_else) {
  const auto formerly = [](std::string_view written) { return formerly_normalized(written, normalized(written)); };

  EXPECT_EQ(formerly("Weiß@bücher.example"), "weiss@xn--bcher-kva.example");
  EXPECT_EQ(formerly("maſt@example.com"), "mast@example.com");
  EXPECT_EQ(formerly("İpek@example.com"), "i\u0307pek@example.com");
  for (const char* same : {"Ada@example.com", "ada@straße.example", "Zoë@example.com", "ΝΊΚΟΣ@example.com",
                           "ИВАН@пример.рф", "李@example.com"})
    EXPECT_EQ(formerly(same), std::nullopt) << same;
}

TEST(EmailAddress, an_ascii_local_part_normalises_alike_beside_any_domain) {
  EXPECT_EQ(normalized("ADA+x@bücher.example"), normalized("ada+X@xn--bcher-kva.EXAMPLE"));
}

}  // namespace
}  // namespace globogym::domain
