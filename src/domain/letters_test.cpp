#include "domain/letters.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "domain/membership_number.h"

namespace globogym::domain {
namespace {

const Club club{"london-shoreditch", "GloboGym London Shoreditch", 16};
const Plan plan{"premium-annual", "Premium Annual"};

Member ada(std::string locale = "en-GB") {
  Member member;
  member.id = "0123456789abcdefghjkmnpqrstvwxyz";
  member.details.first_name = Personal<std::string>("Ada");
  member.details.last_name = Personal<std::string>("Lovelace");
  member.details.start_date = parse_date("2026-12-01");
  member.details.locale = std::move(locale);
  return member;
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The words of the HTML form, without its tags and with its escapes undone.
std::string plain(std::string_view html) {
  std::string out;
  bool tag = false;
  for (char c : html.substr(html.find("<body"))) {
    if (c == '<') tag = true;
    if (!tag && c != '\n') out += c;
    if (c == '>') tag = false;
  }
  return out;
}

TEST(Letters, hold_of_what_an_applicant_writes_the_first_name_alone) {
  auto member = ada();
  member.details.last_name = Personal<std::string>("Q1");
  member.details.email = member.details.normalized_email = Personal<std::string>("q2@example.com");
  member.details.phone = Personal<std::string>("+4420000003");
  member.details.referral_code = "Q4";
  member.details.terms_version = "Q5";
  member.details.home_club_id = "q6";
  member.details.plan = "q7";
  member.enrollment_id = "q8";

  const auto letter = welcome_letter(member, &club, &plan);

  for (const std::string& form : {letter.subject, letter.text, letter.html})
    for (const char* written : {"Q1", "q2@", "0000003", "Q4", "Q5", "q6", "q7", "q8"})
      EXPECT_FALSE(has(form, written)) << written << " in " << form;
}

TEST(Letters, each_locale_has_its_own_words_and_writes_dates_its_own_way) {
  struct Case {
    const char *locale, *subject, *greeting, *date;
  };
  for (const Case& c : {Case{"en-GB", "Welcome to GloboGym, Ada", "Hello Ada,", "from 1 December 2026."},
                        Case{"en-US", "Welcome to GloboGym, Ada", "Hi Ada,", "starting December 1, 2026."},
                        Case{"de-DE", "Willkommen bei GloboGym, Ada", "Hallo Ada,", "Am 1. Dezember 2026 geht"},
                        Case{"fr-FR", "Bienvenue chez GloboGym, Ada", "Bonjour Ada,", "à partir du 1er décembre 2026."},
                        Case{"es-ES", "Te damos la bienvenida a GloboGym, Ada",
                             "Hola, Ada:", "a partir del 1 de diciembre de 2026."}}) {
    const auto letter = welcome_letter(ada(c.locale), &club, &plan);

    EXPECT_EQ(letter.subject, c.subject);
    for (const std::string& form : {letter.text, letter.html}) {
      EXPECT_TRUE(has(form, c.greeting)) << form;
      EXPECT_TRUE(has(form, c.date)) << form;
      EXPECT_TRUE(has(form, club.name)) << form;
      EXPECT_TRUE(has(form, plan.name)) << form;
      EXPECT_TRUE(has(form, membership_number(ada().id))) << form;
      EXPECT_FALSE(has(form, "{")) << "an unfilled slot in " << form;
    }
    EXPECT_TRUE(has(letter.html, "lang=\"" + std::string(c.locale) + "\""));
    EXPECT_LT(letter.text.size() + letter.html.size(), 2048u) << c.locale;
  }
}

TEST(Letters, every_month_is_named) {
  for (const char* locale : {"en-GB", "en-US", "de-DE", "fr-FR", "es-ES"}) {
    std::string last;
    for (unsigned month = 1; month <= 12; ++month) {
      auto member = ada(locale);
      member.details.start_date = Date(std::chrono::year(2027), std::chrono::month(month), std::chrono::day(28));
      const auto letter = welcome_letter(member, nullptr, nullptr);
      EXPECT_TRUE(has(letter.text, "28")) << letter.text;
      EXPECT_TRUE(has(letter.text, "2027")) << letter.text;
      EXPECT_NE(letter.text, last);
      last = letter.text;
    }
  }
  auto member = ada("de-DE");
  member.details.start_date = parse_date("2027-03-28");
  EXPECT_TRUE(has(welcome_letter(member, nullptr, nullptr).text, "28. März 2027"));
}

TEST(Letters, text_and_html_say_the_same) {
  for (const char* locale : {"en-GB", "en-US", "de-DE", "fr-FR", "es-ES"}) {
    const auto letter = welcome_letter(ada(locale), &club, &plan);
    std::string text = letter.text;
    std::erase(text, '\n');

    EXPECT_EQ(plain(letter.html), text);
  }
}

TEST(Letters, an_unknown_locale_is_answered_in_british_english) {
  for (const char* locale : {"", "tlh", "en", "de"}) {
    EXPECT_EQ(welcome_letter(ada(locale), &club, &plan).text, welcome_letter(ada("en-GB"), &club, &plan).text);
    EXPECT_TRUE(has(welcome_letter(ada(locale), &club, &plan).html, "lang=\"en-GB\""));
  }
}

TEST(Letters, do_without_what_has_left_the_catalogue_or_was_not_given) {
  for (const char* locale : {"en-GB", "en-US", "de-DE", "fr-FR", "es-ES"}) {
    auto member = ada(locale);
    member.details.start_date.reset();
    for (const Club* some_club : {&club, static_cast<const Club*>(nullptr)}) {
      for (const Plan* some_plan : {&plan, static_cast<const Plan*>(nullptr)}) {
        const auto letter = welcome_letter(member, some_club, some_plan);
        EXPECT_EQ(has(letter.text, club.name), some_club != nullptr);
        EXPECT_EQ(has(letter.text, plan.name), some_plan != nullptr);
        EXPECT_FALSE(has(letter.text, "2026"));
        for (const char* scar : {" .", "  ", "{", " ,", "\n "}) EXPECT_FALSE(has(letter.text, scar)) << letter.text;
      }
    }
  }
}

TEST(Letters, what_people_wrote_is_escaped_in_html_and_only_there) {
  auto member = ada();
  member.details.first_name = Personal<std::string>("<script>alert(\"A&D'a\")</script>");
  const Club odd_club{"x", "<b>Bold & Strong</b>", 16};

  const auto letter = welcome_letter(member, &odd_club, &plan);

  EXPECT_FALSE(has(letter.html, "<script"));
  EXPECT_FALSE(has(letter.html, "<b>"));
  EXPECT_TRUE(has(letter.html, "&lt;script&gt;alert(&quot;A&amp;D&#39;a&quot;)&lt;/script&gt;"));
  EXPECT_TRUE(has(letter.html, "&lt;b&gt;Bold &amp; Strong&lt;/b&gt;"));
  EXPECT_TRUE(has(letter.text, "Hello <script>alert(\"A&D'a\")</script>,"));
}

TEST(Letters, a_name_cannot_start_a_line_or_name_a_slot) {
  auto member = ada();
  member.details.first_name = Personal<std::string>("Ada\r\nBcc: eve@example.com\n{m}");

  const auto letter = welcome_letter(member, &club, &plan);

  EXPECT_EQ(letter.subject, "Welcome to GloboGym, Ada  Bcc: eve@example.com {m}");
  EXPECT_FALSE(has(letter.text, "\r"));
  EXPECT_FALSE(has(letter.text, "\nBcc"));
}

TEST(Letters, are_utf8_whatever_the_script) {
  auto member = ada("fr-FR");
  member.details.first_name = Personal<std::string>("李小龍");

  const auto letter = welcome_letter(member, &club, &plan);

  EXPECT_TRUE(is_utf8(letter.subject) && is_utf8(letter.text) && is_utf8(letter.html));
  EXPECT_TRUE(has(letter.text, "Bonjour 李小龍,"));
}

TEST(Letters, go_to_the_address_as_written_with_the_domain_of_the_dns) {
  struct Case {
    const char *written, *normalized, *to;
  };
  for (const Case& c : {Case{"Ada@Example.com", "ada@example.com", "Ada@Example.com"},
                        Case{"Ada@bücher.example", "ada@xn--bcher-kva.example", "Ada@xn--bcher-kva.example"},
                        Case{"Zoë@Example.com", "zoë@example.com", "Zoë@example.com"}, Case{"", "", ""}}) {
    Applicant applicant;
    applicant.email = Personal<std::string>(c.written);
    applicant.normalized_email = Personal<std::string>(c.normalized);
    EXPECT_EQ(letter_address(applicant).reveal(), c.to);
  }
}

}  // namespace
}  // namespace globogym::domain
