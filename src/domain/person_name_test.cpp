#include "domain/person_name.h"

#include <gtest/gtest.h>

namespace globogym::domain {
namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

void expect_kept(std::string_view written) {
  auto name = person_name(written);
  ASSERT_TRUE(name.has_value()) << written << " flaw " << static_cast<int>(name.error());
  EXPECT_EQ(*name, written);
}

void expect_flaw(std::string_view written, NameFlaw flaw) {
  auto name = person_name(written);
  ASSERT_FALSE(name.has_value()) << written;
  EXPECT_EQ(static_cast<int>(name.error()), static_cast<int>(flaw)) << written;
}

TEST(PersonName, names_of_the_world_are_kept_as_written) {
  for (const char* name : {"Ada",
                           "O'Brien",
                           "O’Brien",
                           "Jean-Luc",
                           "J. R. R.",
                           "Jennifer 8. Lee",
                           "Sammy Davis, Jr.",
                           "X",  // Latin
                           "Zoë",
                           "Łukasz",
                           "Þórður",
                           "Nguyễn Thị Minh Khai",
                           "Gal·la",
                           "ʻIolani",
                           "İpek",
                           "D’Aßler",         // Latin, marked
                           "Αλέξανδρος",      // Greek
                           "Владимир Ильич",  // Cyrillic
                           "Արամ",            // Armenian
                           "שרה בת־שבע",      // Hebrew
                           "محمد عبد الله",   // Arabic
                           "می\u200Cخواهم",   // Persian with a zero-width non-joiner
                           "देवनागरी",
                           "क्\u200Dष",    // Devanagari, with a zero-width joiner
                           "অনির্বাণ",     // Bengali
                           "ਗੁਰਪ੍ਰੀਤ",      // Gurmukhi
                           "தமிழ்ச்செல்வி",  // Tamil
                           "శ్రీనివాస్",       // Telugu
                           "മോഹൻലാൽ",     // Malayalam
                           "สมชาย",       // Thai
                           "བསྟན་འཛིན",     // Tibetan
                           "ကျော်",        // Burmese
                           "გიორგი",      // Georgian
                           "አበበ",         // Ethiopic
                           "សុខា",         // Khmer
                           "李小龍",
                           "々木",  // Han
                           "マイケル・ジャクソン",
                           "ジャン＝ポール",
                           "ジャン゠ポール",
                           "ジャン－リュック",
                           "ジャン−リュック",  // the full-width hyphen, as some systems read Shift JIS
                           "Anna–Maria",
                           "ひらがな",  // Kana
                           "김철수",    // Hangul
                           "ᏍᏏᏉᏯ",      // Cherokee
                           "𞤀𞤣𞤤𞤢𞤥"}) {  // Adlam, beyond the basic plane
    expect_kept(name);
  }
}

TEST(PersonName, is_trimmed_of_white_space_of_every_kind) {
  EXPECT_EQ(person_name("  Ada \t\n").value(), "Ada");
  EXPECT_EQ(person_name("\u00A0\u2003Zoë\u3000\u2028").value(), "Zoë");
  EXPECT_EQ(person_name("\u3000Ada\u0085").value(), "Ada");
  EXPECT_EQ(person_name("Mary  Ann").value(), "Mary  Ann") << "inner spaces are hers";
}

TEST(PersonName, composes_what_was_typed_in_pieces) {
  EXPECT_EQ(person_name("Zoe\u0308").value(), "Zoë");
  EXPECT_EQ(person_name("\u1112\u1161\u11AB").value(), "한");
  EXPECT_EQ(person_name("\u212Bsa").value(), "\u00C5sa") << "the Ångström sign is the letter";
}

TEST(PersonName, has_at_least_one_code_point) {
  for (const char* blank : {"", " ", "\t\n", "\u00A0", "\u3000 \u2003"}) expect_flaw(blank, NameFlaw::empty);
}

TEST(PersonName, has_at_most_100_code_points_after_trimming_and_composing) {
  expect_kept(repeated("a", 100));
  expect_kept(repeated("é", 100));
  expect_kept(repeated("𞤀", 100));
  EXPECT_EQ(person_name(" " + repeated("a", 100) + " ").value(), repeated("a", 100));
  EXPECT_EQ(person_name(repeated("e\u0301", 100)).value(), repeated("é", 100));
  expect_flaw(repeated("a", 101), NameFlaw::too_long);
  expect_flaw(repeated("é", 101), NameFlaw::too_long);
  expect_flaw(repeated("𞤀", 101), NameFlaw::too_long);
  expect_flaw(repeated("a", 1'000'000), NameFlaw::too_long);
  expect_flaw(repeated("é", 1'000'000), NameFlaw::too_long);
}

TEST(PersonName, has_a_letter) {
  for (const char* name : {"-", "...", "123", "' -", "٣", "·", "\u0301"}) expect_flaw(name, NameFlaw::no_letter);
}

TEST(PersonName, controls_nothing) {
  expect_flaw(std::string_view("Ada\0", 4), NameFlaw::control_character);
  expect_flaw("A\nda", NameFlaw::control_character);
  expect_flaw("A\tda", NameFlaw::control_character);
  expect_flaw(
      "A\x7f"
      "da",
      NameFlaw::control_character);
  expect_flaw("Ada\u0080x", NameFlaw::control_character);
  expect_flaw("Ada\u202Eadl", NameFlaw::control_character);   // right-to-left override
  expect_flaw("Ada\u2066x", NameFlaw::control_character);     // isolate
  expect_flaw("A\u200Bda", NameFlaw::control_character);      // zero-width space
  expect_flaw("\uFEFFAda", NameFlaw::control_character);      // byte-order mark
  expect_flaw("A\u00ADda", NameFlaw::control_character);      // soft hyphen
  expect_flaw("A\u2028da", NameFlaw::control_character);      // line separator
  expect_flaw("A\U000E0041da", NameFlaw::control_character);  // tag
  expect_flaw("\u200DAda", NameFlaw::control_character);      // joiners only inside
  expect_flaw("Adaé\u200C", NameFlaw::control_character);
}

TEST(PersonName, has_nothing_that_no_name_has) {
  for (const char* name : {"<b>Ada</b>", "Ada@home", "Ada/Bob", "Ada;", "A=B", "Ada 😀", "Ada\u3164x", "A\u115Fb",
                           "Ada ©", "€da", "Ada\U0010FFFF", "Ada\uE000", "Ada\u0378"})
    expect_flaw(name, NameFlaw::invalid_character);
}

TEST(PersonName, is_nothing_that_a_mail_program_makes_a_link_of) {
  for (const char* name : {"Claim 500 at evil-casino.com",
                           "www.evil-casino.com",
                           "evil.co",
                           "Evil.CO",
                           "Visit t.co now",
                           "evil-.com",
                           "evil．com",
                           "evil.ｃｏｍ",
                           "ｅｖｉｌ．ｃｏｍ",
                           "злой.рф",
                           "bücher.de",
                           "例え.テスト",
                           "evil.भारत",
                           "evil.c\u0301om",
                           "evil.\u200Dcom",
                           "evil.c\u200Com",
                           "evil\u200D.com",
                           "Ada 1.1.1.1",
                           "v1.25",
                           "A.1",
                           "Ada.Ⅱ",
                           "J.R.R.Tolkien",
                           "Dr.Anna",
                           "xn.xn--e1a",
                           "B.Sc",
                           "Call 0800 123-4567",
                           "Ring 1.2 3,4 5-6 7",
                           "Call ٠٨٠٠١٢٣٤",
                           "A 1234567"})
    expect_flaw(name, NameFlaw::link);
  for (const char* name : {"http://evil.com", "ada@evil.com", "evil。com", "evil｡com", "evil.com/x", "evil＠mail.com"})
    expect_flaw(name, NameFlaw::invalid_character);
}

TEST(PersonName, with_dots_of_its_own_is_no_link) {
  for (const char* name : {"J.R.R.",
                           "J.R.R. Tolkien",
                           "J.R.Ŕ.",
                           "A.J.",
                           "Dr. Anna",
                           "St. John",
                           "O'Neil",
                           "Jr.",
                           "M.D.",
                           "Ph.D.",
                           "M. D. Khan",
                           "Anna .",
                           "Anna...",
                           "A.\u1E9E.",
                           "J.R\u0308.",
                           "के.पी. सिंह",
                           "J．R．",
                           "Gal·la",
                           "Marie-C.-H. Dupont",
                           "Jennifer 8. Lee",
                           "John 3rd",
                           "A 123456",
                           "1a2b3c4d5e6f7g"})
    expect_kept(name);
  EXPECT_EQ(person_name("A.\u1112\u1161\u11AB.").value(), "A.한.") << "one syllable, however it was typed";
}

TEST(PersonName, has_marks_on_something_and_four_accents_at_most) {
  for (const char* name : {"q\u0301\u0302\u0303\u0304", "လျှော့", "葛\U000E0100城", "བསྒྲུབས", "1\u0301a", "क्\u200Dष\u093F",
                           "q\u0301\u0302\u0303\u0304q\u0301\u0302\u0303\u0304"})
    expect_kept(name);
  EXPECT_EQ(person_name("e\u0301\u0303\u0304\u0305\u0306").value(), "é\u0303\u0304\u0305\u0306")
      << "counted as composed";
  for (const char* name :
       {"q\u0301\u0302\u0303\u0304\u0305", "q\u0301\u0302\u200D\u0303\u0304\u0305", "\u0301A", "A \u0301", "A \uFE0F",
        "\u034FA", "A-\u034F", "A.\u0301b", "A \u200D\u034F", "A \u093F", "A '\U000E0100", "Ada \u17B4"})
    expect_flaw(name, NameFlaw::marks);
}

TEST(PersonName, is_utf_8) {
  for (const char* name : {"Ada\xff", "\xc3", "A\xed\xa0\x80", "\xc0\x80", "Ad\xe2\x82"})
    expect_flaw(name, NameFlaw::invalid_character);
}

}  // namespace
}  // namespace globogym::domain
