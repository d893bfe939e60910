#include "domain/membership_number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/digest.h"
#include "base/personal.h"
#include "base/random.h"
#include "domain/ids.h"

namespace globogym::domain {
namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

std::string id_of(const Hmac& pseudonyms, int i) {
  const auto person = person_ids(pseudonyms, Personal(std::to_string(i) + "@example.com"));
  return member_id(pseudonyms, person, "enrollment " + std::to_string(i));
}

std::string number_of(int i) {
  static const Hmac pseudonyms("a key for tests, of 32 characters");
  return membership_number(id_of(pseudonyms, i));
}

std::string without_dashes(std::string text) {
  std::erase(text, '-');
  return text;
}

TEST(MembershipNumber, is_short_enough_to_say_and_grouped) {
  for (int i = 0; i < 1000; ++i) {
    const std::string number = number_of(i);
    ASSERT_EQ(number.size(), 19u);
    ASSERT_TRUE(number.starts_with("GG-")) << number;
    for (const std::size_t dash : {2u, 7u, 12u, 17u}) ASSERT_EQ(number[dash], '-') << number;
    for (const char c : without_dashes(number)) ASSERT_NE(alphabet.find(c), std::string_view::npos) << number;
  }
}

TEST(MembershipNumber, is_the_same_each_time_and_read_as_it_is_written) {
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(parse_membership_number(number_of(i)), number_of(i));
  EXPECT_EQ(membership_number("0123456789abcdefghjkmnpqrstvwxyz01234567"), "GG-0123-4560-1234-9")
      << "numbers are on cards: what a member has must never change";
  EXPECT_EQ(membership_number("0123456789abcdefghjkmnpqrstvwxyz"), "GG-0123-4567-89AB-V")
      << "of a member whom an older build made";
}

TEST(MembershipNumber, may_be_typed_in_many_ways) {
  const std::string number = "GG-0123-4560-1234-9";
  for (const auto* typed :
       {"gg-0123-4560-1234-9", "GG 0123 4560 1234 9", "0123456012349", "GG0123456012349", "  0123-4560-1234-9  ",
        "GG–0123–4560–1234–9", "GG.0123.4560.1234.9", "GG-OI23-456o-l234-9", "GG-0123-45601234-9"})
    EXPECT_EQ(parse_membership_number(typed), number) << typed;
}

TEST(MembershipNumber, of_what_is_none_nothing_is_made) {
  for (const auto* typed : {"", "-", "GG", "GG-0123-4560-1234", "GG-0123-4560-1234-9-2", "HG-0123-4560-1234-9",
                            "GG-0123-4560-1234-U", "GG_0123_4560_1234_9", "ada@example.com", "012345601234\xE2"})
    EXPECT_FALSE(parse_membership_number(typed)) << typed;
  EXPECT_FALSE(parse_membership_number(std::string(1'000'000, '0')));
}

TEST(MembershipNumber, a_mistyped_one_still_looks_like_one_and_a_name_does_not) {
  for (const auto* typed : {"GG-0123-4560-1234-9", "GG-0123-4560-1234-8", "gg 1023 4560 1234 9", "0123456012348",
                            "GG–0123–4560–1234–8", "GG-0123-4560-1234-U", "GG-ABCD-EFGH-JKMN-P", "4K7Q-9M2X-7HTC-W"})
    EXPECT_TRUE(looks_like_membership_number(typed)) << typed;
  for (const auto* typed : {"", "GG", "Alexandra Wong", "administrator", "GG-0123-4560-1234", "GG-0123-4560-1234-9-2",
                            "HG-0123-4560-1234-9", "GG_0123_4560_1234_9", "012345601234\xE2", "0123-4560-1234-+"})
    EXPECT_FALSE(looks_like_membership_number(typed)) << typed;
  EXPECT_FALSE(looks_like_membership_number(std::string(1'000'000, '0')));
}

TEST(MembershipNumber, every_single_slip_is_noticed) {
  for (int i = 0; i < 200; ++i) {
    const std::string number = without_dashes(number_of(i));
    for (std::size_t at = 2; at < number.size(); ++at)
      for (const char other : alphabet) {
        if (other == number[at]) continue;
        std::string slip = number;
        slip[at] = other;
        ASSERT_FALSE(parse_membership_number(slip)) << number << " as " << slip;
      }
  }
}

TEST(MembershipNumber, every_two_symbols_that_changed_places_are_noticed) {
  for (int i = 0; i < 2000; ++i) {
    const std::string number = without_dashes(number_of(i));
    for (std::size_t a = 2; a < number.size(); ++a)
      for (std::size_t b = a + 1; b < number.size(); ++b) {
        if (number[a] == number[b]) continue;
        std::string slip = number;
        std::swap(slip[a], slip[b]);
        ASSERT_FALSE(parse_membership_number(slip)) << number << " as " << slip;
      }
  }
}

TEST(MembershipNumber, one_symbol_too_few_or_too_many_is_noticed) {
  for (int i = 0; i < 200; ++i) {
    const std::string number = without_dashes(number_of(i)).substr(2);
    for (std::size_t at = 0; at < number.size(); ++at) {
      std::string shorter = number, longer = number;
      shorter.erase(at, 1);
      longer.insert(at, 1, '7');
      EXPECT_FALSE(parse_membership_number(shorter)) << shorter;
      EXPECT_FALSE(parse_membership_number(longer)) << longer;
    }
  }
}

TEST(MembershipNumber, begins_like_the_id_that_it_is_looked_up_by) {
  const Hmac pseudonyms("a key for tests, of 32 characters");
  for (int i = 0; i < 1000; ++i) {
    const std::string id = id_of(pseudonyms, i);
    EXPECT_EQ(member_id_prefix(membership_number(id)), id.substr(0, 7));
  }
}

TEST(MembershipNumber, of_who_signs_up_again_is_another_one) {
  const Hmac pseudonyms("a key for tests, of 32 characters");
  const auto person = person_ids(pseudonyms, Personal(std::string("ada@example.com")));
  std::unordered_set<std::string> numbers;
  for (int i = 0; i < 100; ++i) numbers.insert(membership_number(member_id(pseudonyms, person, std::to_string(i))));
  EXPECT_EQ(numbers.size(), 100u);
}

// By hand: --gtest_also_run_disabled_tests. 5 · 10¹³ pairs.
TEST(MembershipNumber, DISABLED_no_two_of_ten_million_members_have_the_same) {
  std::vector<std::string> numbers;
  for (int i = 0; i < 10'000'000; ++i) numbers.push_back(number_of(i));
  std::ranges::sort(numbers);
  EXPECT_EQ(std::ranges::adjacent_find(numbers), numbers.end());
}

// 5 · 10⁹ pairs at one in 2⁶⁰ each.
TEST(MembershipNumber, no_two_of_a_hundred_thousand_members_have_the_same) {
  std::unordered_set<std::string> numbers;
  for (int i = 0; i < 100'000; ++i) EXPECT_TRUE(numbers.insert(number_of(i)).second) << i;
}

}  // namespace
}  // namespace globogym::domain
