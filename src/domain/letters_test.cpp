#include "domain/letters.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "domain/long_date.h"
#include "domain/membership_number.h"

namespace globogym::domain {
namespace {

const Club club = [] {
  Club out{"london-shoreditch", "GloboGym London Shoreditch", 16};
  out.address = "12 Sample Yard\nLondon EC2A 3XX";
  out.hours = "Monday to Friday 6:00–22:00";
  out.hours.set("de", "Montag bis Freitag 6–22 Uhr");
  return out;
}();
const Plan plan = [] {
  Plan out{"premium-annual", "Premium Annual", "£39.90 a month", "12 months"};
  out.price.set("de-DE", "39,90 £ im Monat");
  return out;
}();
constexpr const char* all_locales[] = {"en-GB", "en-US", "de-DE", "fr-FR", "es-ES"};

Letters letters(const std::vector<Letters::File>& files = {}, Letterhead head = {}) {
  auto made = Letters::make(std::move(head), files);
  EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
  return std::move(*made);
}

LetterText welcome_letter(const Member& member, const Club* a_club, const Plan* a_plan) {
  static const Letters built_in = letters();
  return built_in.welcome(member, a_club, a_plan);
}

std::string complaint(const std::vector<Letters::File>& files) {
  const auto made = Letters::make({}, files);
  return made ? "" : made.error().message;
}

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

// HTML as people read it: without tags, references replaced, white space as one blank.
std::string read(std::string_view html) {
  std::string out;
  html.remove_prefix(html.find("<body"));
  while (!html.empty()) {
    if (html.starts_with('<')) {
      html.remove_prefix(html.find('>') + 1);
      out += ' ';
    } else if (html.starts_with("&#")) {
      const auto end = html.find(';');
      const auto c = static_cast<char32_t>(std::stoul(std::string(html.substr(2, end - 2))));
      if (c < 0x80) {
        out += static_cast<char>(c);
      } else if (c < 0x800) {
        out += static_cast<char>(0xc0 | c >> 6);
        out += static_cast<char>(0x80 | (c & 0x3f));
      } else if (c < 0x10000) {
        out += static_cast<char>(0xe0 | c >> 12);
        out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
        out += static_cast<char>(0x80 | (c & 0x3f));
      } else {
        out += static_cast<char>(0xf0 | c >> 18);
        out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
        out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
        out += static_cast<char>(0x80 | (c & 0x3f));
      }
      html.remove_prefix(end + 1);
    } else {
      out += html.front() == '\n' ? ' ' : html.front();
      html.remove_prefix(1);
    }
  }
  std::string spaced;
  for (char c : out)
    if (c != ' ' || !spaced.ends_with(' ')) spaced += c;
  return spaced;
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
    const char *locale, *subject, *greeting, *date, *hours, *price;
  };
  for (const Case& c :
       {Case{"en-GB", "Welcome to GloboGym, Ada", "Hello Ada,", "1 December 2026", "Monday", "£39.90 a"},
        Case{"en-US", "Welcome to GloboGym, Ada", "Hi Ada,", "December 1, 2026", "Monday", "£39.90 a"},
        Case{"de-DE", "Willkommen bei GloboGym, Ada", "Hallo Ada,", "1. Dezember 2026", "Montag", "39,90 £ im Monat"},
        Case{"fr-FR", "Bienvenue chez GloboGym, Ada", "Bonjour Ada,", "1er décembre 2026", "Monday", "£39.90 a"},
        Case{"es-ES", "Te damos la bienvenida a GloboGym, Ada", "Hola, Ada:", "1 de diciembre de 2026", "Monday",
             "£39.90 a"}}) {
    const auto letter = welcome_letter(ada(c.locale), &club, &plan);

    EXPECT_EQ(letter.subject, c.subject);
    for (const std::string& form : {letter.text, read(letter.html)}) {
      for (const std::string& part :
           {std::string(c.greeting), std::string(c.date), std::string(c.hours), std::string(c.price), club.name.text(),
            plan.name.text(), plan.term.text(), std::string("London EC2A 3XX"), membership_number(ada().id)})
        EXPECT_TRUE(has(form, part)) << part << " in " << form;
      EXPECT_FALSE(has(form, "{")) << "an unfilled slot in " << form;
    }
    EXPECT_TRUE(has(letter.html, "lang=\"" + std::string(c.locale) + "\""));
  }
}

TEST(Letters, show_the_number_and_the_brand_in_pictures_that_come_along) {
  const auto letter = letters({}, {.domain = "gym.example"}).welcome(ada(), &club, &plan);

  ASSERT_EQ(letter.pictures.size(), 2u);
  EXPECT_EQ(letter.pictures[0].content_id, membership_number(ada().id) + "@gym.example");
  EXPECT_EQ(letter.pictures[1].content_id, "logo@gym.example");
  for (const auto& picture : letter.pictures) {
    EXPECT_TRUE(picture.bytes.starts_with("\x89PNG"));
    EXPECT_TRUE(has(letter.html, "src=\"cid:" + picture.content_id + "\""));
  }
}

TEST(Letters, ask_nothing_of_anybody) {
  for (const char* locale : all_locales) {
    const auto letter = welcome_letter(ada(locale), &club, &plan);
    for (const char* outside : {"http:", "https:", "url(", "@import", "<link", "<script", "//"})
      EXPECT_FALSE(has(letter.html, outside)) << outside;
  }
}

TEST(Letters, are_small_whatever_a_person_is_called) {
  for (const char* locale : all_locales) {
    auto member = ada(locale);
    std::string name;
    for (int i = 0; i < 100; ++i) name += "\U00020BB7";
    member.details.first_name = Personal(name);
    const auto letter = letters({}, {.imprint = std::string(2000, 'i')}).welcome(member, &club, &plan);
    EXPECT_LT(letter.html.size(), 30'000u) << locale;

    const auto usual = welcome_letter(ada(locale), &club, &plan);
    std::size_t whole = usual.text.size() + usual.html.size();
    for (const auto& picture : usual.pictures) whole += picture.bytes.size() * 4 / 3;
    EXPECT_LT(whole, 10'500u) << locale << ": every letter that waits holds it";
    EXPECT_TRUE(std::ranges::all_of(usual.html, [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  }
}

TEST(Letters, a_name_from_the_right_is_kept_apart_from_the_sentence) {
  for (const char* name : {"محمد", "שרה", "Ada שרה"}) {
    auto member = ada();
    member.details.first_name = Personal<std::string>(name);
    const auto letter = welcome_letter(member, &club, &plan);
    const std::string isolated = "\u2068" + std::string(name) + "\u2069";

    EXPECT_TRUE(has(letter.text, "Hello " + isolated + ","));
    EXPECT_TRUE(has(read(letter.html), "Hello " + isolated + ","));
    EXPECT_EQ(letter.subject, "Welcome to GloboGym, " + std::string(name));
  }
  EXPECT_FALSE(has(welcome_letter(ada(), &club, &plan).text, "\u2068"));
}

TEST(Letters, say_who_sends_them_and_where_answers_go) {
  const auto letter = letters({}, {.imprint = "GloboGym Ltd\nNo. 01234567", .reply_to = "hello@gym.example"})
                          .welcome(ada(), &club, &plan);

  EXPECT_TRUE(letter.text.ends_with("\n-- \nGloboGym Ltd\nNo. 01234567\n")) << letter.text;
  EXPECT_TRUE(has(letter.text, "or write to hello@gym.example."));
  EXPECT_TRUE(has(letter.html, "GloboGym Ltd<br>\nNo. 01234567"));
  EXPECT_TRUE(has(read(letter.html), "or write to hello@gym.example."));
  const auto without = welcome_letter(ada(), &club, &plan);
  EXPECT_TRUE(has(without.text, "Just reply to this e-mail.\n"));
  EXPECT_FALSE(has(without.text, "-- "));
}

TEST(Letters, tell_whoever_did_not_sign_up_what_to_do) {
  for (const char* locale : all_locales) {
    const auto letter = welcome_letter(ada(locale), &club, &plan);
    const std::string_view text = letter.text;
    const auto question = text.find("?", text.rfind("\n\n"));
    ASSERT_NE(question, std::string_view::npos) << text;
    EXPECT_TRUE(has(read(letter.html), text.substr(question + 2, 40))) << locale;
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
  for (const char* locale : all_locales) {
    const auto letter = welcome_letter(ada(locale), &club, &plan);
    const std::string html = read(letter.html);
    std::string paragraph;
    for (std::size_t at = 0, end = 0; at < letter.text.size(); at = end + 1) {
      end = letter.text.find('\n', at);
      std::string line = letter.text.substr(at, end - at);
      line.erase(0, line.find_first_not_of(' '));
      // The HTML has the welcome as its headline, and a code to show in place of a number to say.
      if (line.size() < 100) {
        EXPECT_TRUE(has(html, line)) << locale << ": " << line;
      }
    }
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
        EXPECT_EQ(has(letter.text, club.name.text()), some_club != nullptr);
        EXPECT_EQ(has(letter.text, plan.name.text()), some_plan != nullptr);
        EXPECT_FALSE(has(letter.text, "2026"));
        for (const char* scar : {" .", "{", " ,", " \n", "\n\n\n\n"})
          EXPECT_FALSE(has(letter.text, scar)) << letter.text;
        for (const char* scar : {"<p></p>", "{"})
          EXPECT_FALSE(has(letter.html.substr(letter.html.find("<body")), scar));
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
  EXPECT_FALSE(has(letter.html, "<b>Bold"));
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

TEST(Letters, each_part_can_be_replaced_for_all_for_a_language_and_for_a_locale) {
  const auto replaced = letters({{"welcome.txt", "All: {{firstName}}\n"},
                                 {"welcome.en.txt", "English: {{>closing}}\n"},
                                 {"welcome.en-US.txt", "American: {{>closing}}\n"},
                                 {"welcome.de.words", "subject = Na, {{firstName}}?\n"},
                                 {"welcome.en.words", "closing = Bye!\n"},
                                 {"welcome.es.subject", "{{club}}\n"}});

  const auto of = [&](const char* locale) { return replaced.welcome(ada(locale), &club, &plan); };

  EXPECT_EQ(of("fr-FR").text, "All: Ada\n");
  EXPECT_EQ(of("en-GB").text, "English: Bye!\n");
  EXPECT_EQ(of("en-US").text, "American: Bye!\n") << "what is written for a language goes before the built-in locale's";
  EXPECT_EQ(of("de-DE").subject, "Na, Ada?");
  EXPECT_EQ(of("es-ES").subject, club.name.text());
  EXPECT_EQ(of("fr-FR").subject, "Bienvenue chez GloboGym, Ada");
  EXPECT_TRUE(has(of("de-DE").html, "Willkommen"));
}

TEST(Letters, html_without_pictures_has_none_and_a_logo_can_be_yours) {
  const std::string png("\x89PNG\r\n\x1a\nmine", 12);

  EXPECT_TRUE(letters({{"welcome.html", "<p>{{number}}</p>"}}).welcome(ada(), &club, &plan).pictures.empty());
  const auto own =
      letters({{"welcome.html", "<img src=\"{{logo}}\">"}, {"logo.png", png}}).welcome(ada(), &club, &plan);
  ASSERT_EQ(own.pictures.size(), 1u);
  EXPECT_EQ(own.pictures[0].bytes, png);
  EXPECT_EQ(complaint({{"logo.png", "GIF89a"}}), "logo.png: it is no PNG");
}

TEST(Letters, what_is_wrong_with_a_file_is_said) {
  EXPECT_EQ(complaint({{"welcome.de.htm", "x"}}),
            "welcome.de.htm: no letter is made of a file of this name; did you mean welcome.de.html?");
  EXPECT_EQ(complaint({{"welcome.dk.html", "x"}}),
            "welcome.dk.html: no letter is made of a file of this name; did you mean welcome.de.html?");
  EXPECT_EQ(complaint({{"welcome.de.html", "<p>\n{{fristName}}"}}),
            "welcome.de.html:2: unknown placeholder {{fristName}}; did you mean {{firstName}}?");
  EXPECT_EQ(complaint({{"welcome.de.words", "greeting = Hallo {{vorname}}"}}),
            "welcome.de.words:1: unknown placeholder {{vorname}}; did you mean {{locale}}?");
  EXPECT_TRUE(complaint({{"welcome.html", std::string(64 * 1024 + 1, 'x')}}).contains("longer than 64 KiB"));
  EXPECT_TRUE(complaint({{"welcome.subject", "two\nlines"}}).contains("a subject is one line"));
  EXPECT_TRUE(complaint({{"welcome.subject", "\n"}}).contains("a subject is one line, and not empty"));
  EXPECT_TRUE(complaint({{"welcome.fr.txt", "{{#club}} {{/club}}"}}).contains("fr-FR: it is empty"));
  std::string many;
  for (int i = 0; i < 900; ++i) many += "{{firstName}}\n";
  EXPECT_TRUE(complaint({{"welcome.html", many}}).contains("make it shorter"));
}

TEST(Letters, a_sentence_that_no_template_knows_is_told_with_its_line) {
  EXPECT_EQ(complaint({{"welcome.de.words", "# unsere Worte\ngreting = Hallo\n"}}),
            "welcome.de.words:2: no template knows the words \"greting\"; did you mean \"greeting\"?");
  EXPECT_EQ(complaint({{"welcome.en-US.words", std::string(9, '\n') + "z = b\nclossing = a\ngreting = c"}}),
            "welcome.en-US.words:10: no template knows the words \"z\"; did you mean \"notyou\"?");
  EXPECT_TRUE(complaint({{"welcome.html", "<p>{{>summmer}}</p>"}, {"welcome.words", "summer = Hot!"}})
                  .starts_with("welcome.words:1: no template knows the words \"summer\"; did you mean \"summmer\"?"));
}

TEST(Letters, a_sentence_of_ones_own_is_known_by_the_template_that_asks_for_it_and_ours_need_not_be_used) {
  const auto own = letters({{"welcome.de.txt", "{{>summer}}\n"},
                            {"welcome.words", "summer = Hot!\n"},
                            {"welcome.de.words", "summer = Heiß!\nnotyou = Nicht du?\n"}});

  EXPECT_EQ(own.welcome(ada("de-DE"), &club, &plan).text, "Heiß!\n");
}

TEST(Letters, the_built_in_files_are_a_whole_set_of_templates) {
  EXPECT_EQ(letters(Letters::built_in()).welcome(ada("de-DE"), &club, &plan).html,
            welcome_letter(ada("de-DE"), &club, &plan).html);
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
