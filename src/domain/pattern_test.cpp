#include "domain/pattern.h"

#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "base/random.h"

namespace globogym::domain {
namespace {

constexpr Pattern phone("^\\+[1-9][0-9]{6,14}$");
static_assert(phone.matches("+1234567") && phone.matches("+123456789012345"));
static_assert(!phone.matches("+123456") && !phone.matches("+1234567890123456") && !phone.matches("+0234567") &&
              !phone.matches("442079460") && !phone.matches(""));

constexpr Pattern word("^[A-Za-z0-9-]+$");
static_assert(word.matches("GYM-FRIEND") && word.matches("-") && !word.matches("") && !word.matches("A B"));

constexpr Pattern date("^[0-9]{4}-[0-9]{2}-[0-9]{2}$");
static_assert(date.matches("2026-12-01") && !date.matches("2026-12-1") && !date.matches("2026-12-011"));

TEST(Pattern, means_what_the_same_text_means_as_a_regular_expression) {
  constexpr Pattern other("^a{2,3}[b-d]+\\.[!-~]{1,4}$");
  const std::string alphabet = "abcd.+-129 ~!\x7f\xc3";
  SeededRandom random(11);
  int matched = 0;
  for (const Pattern* pattern : {&phone, &word, &date, &other}) {
    const std::regex expression{std::string(pattern->text()), std::regex::ECMAScript};
    for (int round = 0; round < 20000; ++round) {
      // Mostly what it takes, so that its edges are met.
      std::string text = pattern == &phone ? "+" : pattern == &other ? "aa" : "";
      const auto length = random.below(18);
      for (std::uint64_t i = 0; i < length; ++i)
        text += random.below(8) ? "0123456789ab.-"[random.below(14)] : alphabet[random.below(alphabet.size())];
      if (pattern == &date) text = "2026-12-" + text.substr(0, 3);

      EXPECT_EQ(pattern->matches(text), std::regex_match(text, expression)) << pattern->text() << " and " << text;
      matched += pattern->matches(text);
    }
  }
  EXPECT_GT(matched, 1000) << "the texts hardly ever match, so they prove little";
}

}  // namespace
}  // namespace globogym::domain
