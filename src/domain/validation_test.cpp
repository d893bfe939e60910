#include "domain/validation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/random.h"
#include "base/time_text.h"
#include "domain/person_name.h"

namespace globogym::domain {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

const Date today = *parse_date("2026-11-22");

Submission ada() {
  Submission submission;
  submission.first_name = "Ada";
  submission.last_name = "Lovelace";
  submission.email = "ada@example.com";
  submission.phone = "+442079460991";
  submission.date_of_birth = "1990-12-10";
  submission.home_club_id = "london-shoreditch";
  submission.plan = "premium-annual";
  submission.start_date = "2026-12-01";
  submission.locale = "en-GB";
  submission.marketing_consent = false;
  submission.terms_version = "2026-01";
  submission.referral_code = "GYM-FRIEND";
  return submission;
}

std::string day_from_today(int offset) {
  return iso_date(Date(sys_days(today) + days(offset)));
}

std::vector<std::string> codes(const Submission& submission, Date on = today) {
  auto outcome = validate(submission, sample_catalogue(), noon(on));
  std::vector<std::string> all;
  if (auto* problems = std::get_if<std::vector<Problem>>(&outcome))
    for (const Problem& problem : *problems) all.push_back(problem.code);
  return all;
}

std::vector<std::string> codes_with(std::optional<std::string> Submission::* field, std::string value,
                                    Date on = today) {
  auto submission = ada();
  submission.*field = std::move(value);
  return codes(submission, on);
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

using Codes = std::vector<std::string>;
const Codes none;

TEST(Validation, a_whole_application_becomes_an_applicant) {
  auto outcome = validate(ada(), sample_catalogue(), noon(today));

  auto* applicant = std::get_if<Applicant>(&outcome);
  ASSERT_NE(applicant, nullptr);
  EXPECT_EQ(applicant->first_name.reveal(), "Ada");
  EXPECT_EQ(applicant->last_name.reveal(), "Lovelace");
  EXPECT_EQ(applicant->email.reveal(), "ada@example.com");
  EXPECT_EQ(applicant->normalized_email.reveal(), "ada@example.com");
  EXPECT_EQ(applicant->phone->reveal(), "+442079460991");
  EXPECT_EQ(applicant->date_of_birth.reveal(), *parse_date("1990-12-10"));
  EXPECT_EQ(applicant->home_club_id, "london-shoreditch");
  EXPECT_EQ(applicant->plan, "premium-annual");
  EXPECT_EQ(applicant->start_date, parse_date("2026-12-01"));
  EXPECT_EQ(applicant->locale, "en-GB");
  EXPECT_FALSE(applicant->marketing_consent);
  EXPECT_EQ(applicant->terms_version, "2026-01");
  EXPECT_EQ(applicant->referral_code, "GYM-FRIEND");
}

TEST(Validation, what_is_not_the_default_is_kept_too) {
  auto submission = ada();
  submission.locale = "de-DE";
  submission.marketing_consent = true;

  auto outcome = validate(submission, sample_catalogue(), noon(today));

  auto* applicant = std::get_if<Applicant>(&outcome);
  ASSERT_NE(applicant, nullptr);
  EXPECT_EQ(applicant->locale, "de-DE");
  EXPECT_TRUE(applicant->marketing_consent);
}

TEST(Validation, only_the_required_fields_are_required) {
  auto submission = ada();
  submission.phone = submission.start_date = submission.locale = submission.terms_version = submission.referral_code =
      std::nullopt;
  submission.marketing_consent.reset();

  auto outcome = validate(submission, sample_catalogue(), noon(today));

  auto* applicant = std::get_if<Applicant>(&outcome);
  ASSERT_NE(applicant, nullptr);
  EXPECT_EQ(applicant->locale, "en-GB");
  EXPECT_FALSE(applicant->marketing_consent);
  EXPECT_FALSE(applicant->phone || applicant->start_date || applicant->terms_version || applicant->referral_code);
}

TEST(Validation, an_empty_application_names_every_required_field_in_order) {
  auto outcome = validate({}, sample_catalogue(), noon(today));

  const auto& problems = std::get<std::vector<Problem>>(outcome);
  std::vector<std::string> pointers;
  for (const auto& problem : problems) {
    EXPECT_EQ(problem.code, "required");
    EXPECT_FALSE(problem.detail.empty());
    pointers.push_back(problem.pointer);
  }
  EXPECT_EQ(pointers,
            (std::vector<std::string>{"/firstName", "/lastName", "/email", "/dateOfBirth", "/homeClubId", "/plan"}));
}

TEST(Validation, all_problems_are_told_at_once_and_repeat_nothing_that_was_written) {
  Submission submission;
  submission.first_name = "Z00<zq>";
  submission.last_name = "12345678";
  submission.email = "qqzzqq@";
  submission.phone = "0815-4711";
  submission.date_of_birth = "1991-02-30";
  submission.home_club_id = "club-of-nowhere";
  submission.plan = "gratis-forever";
  submission.start_date = "9999-99-99";
  submission.locale = "tlh-QX";
  submission.terms_version = "1066-01";
  submission.referral_code = "no spaces!";

  auto outcome = validate(submission, sample_catalogue(), noon(today));

  const auto& problems = std::get<std::vector<Problem>>(outcome);
  Codes found;
  for (const auto& problem : problems) {
    found.push_back(problem.code);
    for (const auto& rule : field_rules())
      if (rule.text) {
        EXPECT_EQ(problem.detail.find(*(submission.*rule.text)), std::string::npos) << problem.code;
      }
  }
  EXPECT_EQ(found, (Codes{"firstName.invalid-character", "lastName.no-letter", "email.invalid", "phone.invalid",
                          "dateOfBirth.invalid", "homeClubId.unknown", "plan.unknown", "startDate.invalid",
                          "locale.unsupported", "termsVersion.unknown", "referralCode.invalid"}));
}

TEST(Validation, phone_numbers_are_e_164) {
  for (const char* good : {"+1234567", "+123456789012345", "+442079460991"})
    EXPECT_EQ(codes_with(&Submission::phone, good), none) << good;
  for (const char* bad : {"", "+", "+123456", "+1234567890123456", "+0123456789", "442079460991", "+44 20 7946 0991",
                          " +442079460991", "+44207946099a", "++442079460991", "+٤٤٢٠٧٩٤٦"})
    EXPECT_EQ(codes_with(&Submission::phone, bad), Codes{"phone.invalid"}) << bad;
}

TEST(Validation, a_date_of_birth_is_a_day_the_calendar_has) {
  for (const char* good : {"1992-02-29", "2000-02-29", "1999-12-31"})
    EXPECT_EQ(codes_with(&Submission::date_of_birth, good), none) << good;
  for (const char* bad : {"", "1990", "1990-12", "1990-13-01", "1990-00-10", "1990-12-00", "1990-12-32", "1990-02-30",
                          "1991-02-29", "1900-02-29", "90-12-10", "1990-12-1", "10.12.1990", "1990/12/10",
                          "1990-12-10T00:00:00Z", " 1990-12-10", "-990-12-10", "1990-1a-10", "١٩٩٠-12-10"})
    EXPECT_EQ(codes_with(&Submission::date_of_birth, bad), Codes{"dateOfBirth.invalid"}) << bad;
}

TEST(Validation, age_is_checked_on_each_side_of_its_limits) {
  EXPECT_EQ(codes_with(&Submission::date_of_birth, "2010-11-22"), none) << "16 today";
  EXPECT_EQ(codes_with(&Submission::date_of_birth, "2010-11-23"), Codes{"dateOfBirth.too-young"}) << "16 tomorrow";
  EXPECT_EQ(codes_with(&Submission::date_of_birth, "1905-11-23"), none) << "121 tomorrow";
  EXPECT_EQ(codes_with(&Submission::date_of_birth, "1905-11-22"), Codes{"dateOfBirth.too-old"}) << "121 today";
  EXPECT_EQ(codes_with(&Submission::date_of_birth, "2026-11-22"), Codes{"dateOfBirth.too-young"}) << "born today";
  EXPECT_EQ(codes_with(&Submission::date_of_birth, "2026-11-23"), Codes{"dateOfBirth.future"});
  EXPECT_EQ(codes_with(&Submission::date_of_birth, "0000-01-01"), Codes{"dateOfBirth.too-old"});
}

TEST(Validation, people_born_on_a_leap_day_grow_older_on_the_first_of_march) {
  EXPECT_EQ(codes_with(&Submission::date_of_birth, "2008-02-29", *parse_date("2024-02-28")).front(),
            "dateOfBirth.too-young");
  auto submission = ada();
  submission.start_date.reset();
  submission.date_of_birth = "2008-02-29";
  EXPECT_EQ(codes(submission, *parse_date("2024-02-29")), none);
  submission.date_of_birth = "2004-02-29";
  submission.home_club_id = "new-york-chelsea";
  EXPECT_EQ(codes(submission, *parse_date("2022-02-28")), Codes{"dateOfBirth.too-young"});
  EXPECT_EQ(codes(submission, *parse_date("2022-03-01")), none);
}

TEST(Validation, each_club_has_its_own_minimum_age) {
  auto submission = ada();
  submission.date_of_birth = "2009-01-01";  // 17
  EXPECT_EQ(codes(submission), none);

  submission.home_club_id = "new-york-chelsea";
  auto outcome = validate(submission, sample_catalogue(), noon(today));

  const auto& problems = std::get<std::vector<Problem>>(outcome);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].code, "dateOfBirth.too-young");
  EXPECT_NE(problems[0].detail.find("18"), std::string::npos);
  submission.home_club_id = "nowhere";
  EXPECT_EQ(codes(submission), Codes{"homeClubId.unknown"}) << "an unknown club asks for 16 years";
}

TEST(Validation, a_membership_starts_today_to_ninety_days_from_today) {
  EXPECT_EQ(codes_with(&Submission::start_date, day_from_today(0)), none);
  EXPECT_EQ(codes_with(&Submission::start_date, day_from_today(90)), none);
  EXPECT_EQ(codes_with(&Submission::start_date, day_from_today(-1)), Codes{"startDate.past"});
  EXPECT_EQ(codes_with(&Submission::start_date, day_from_today(91)), Codes{"startDate.too-far"});
  EXPECT_EQ(codes_with(&Submission::start_date, "2027-02-29"), Codes{"startDate.invalid"});
  EXPECT_EQ(codes_with(&Submission::start_date, ""), Codes{"startDate.invalid"});
}

// What is wrong with an application for a club there, at that moment.
Codes codes_at(const char* zone, std::string_view moment, std::string_view born, std::string_view start) {
  auto catalogue = sample_catalogue();
  catalogue.clubs = {{"somewhere", "Somewhere", 18, TimeZone(zone)}};
  EXPECT_TRUE(catalogue.clubs[0].time_zone.known()) << zone;
  auto submission = ada();
  submission.home_club_id = "somewhere";
  submission.date_of_birth = born;
  submission.start_date = start;
  auto outcome = validate(submission, catalogue, parse_rfc3339(moment).value());
  Codes all;
  if (auto* problems = std::get_if<std::vector<Problem>>(&outcome))
    for (const Problem& problem : *problems) all.push_back(problem.code);
  return all;
}

TEST(Validation, what_day_it_is_the_club_says) {
  const Codes too_young{"dateOfBirth.too-young"}, past{"startDate.past"}, too_far{"startDate.too-far"};
  const char *ahead = "Pacific/Kiritimati", *behind = "Pacific/Pago_Pago";

  // 10:00 on the 22nd in UTC: midnight of the 23rd there.
  EXPECT_EQ(codes_at(ahead, "2026-11-22T09:59:59.999Z", "2008-11-23", "2026-11-22"), too_young);
  EXPECT_EQ(codes_at(ahead, "2026-11-22T10:00:00Z", "2008-11-23", "2026-11-23"), none);
  EXPECT_EQ(codes_at(ahead, "2026-11-22T10:00:00Z", "2008-11-23", "2026-11-22"), past);
  EXPECT_EQ(codes_at(ahead, "2026-11-22T09:59:59.999Z", "1990-12-10", "2027-02-21"), too_far);
  EXPECT_EQ(codes_at(ahead, "2026-11-22T10:00:00Z", "1990-12-10", "2027-02-21"), none);
  EXPECT_EQ(codes_at(ahead, "2026-11-22T10:00:00Z", "2026-11-23", "2026-11-23"), too_young) << "born today, there";
  // 11:00 on the 22nd in UTC: midnight of the 22nd there.
  EXPECT_EQ(codes_at(behind, "2026-11-22T10:59:59.999Z", "2008-11-22", "2026-11-21"), too_young);
  EXPECT_EQ(codes_at(behind, "2026-11-22T10:59:59.999Z", "2008-11-21", "2026-11-21"), none);
  EXPECT_EQ(codes_at(behind, "2026-11-22T11:00:00Z", "2008-11-22", "2026-11-22"), none);
  EXPECT_EQ(codes_at(behind, "2026-11-22T11:00:00Z", "2008-11-22", "2026-11-21"), past);
  EXPECT_EQ(codes_at(behind, "2026-11-22T10:59:59.999Z", "2026-11-22", "2026-11-21"), Codes{"dateOfBirth.future"});
}

TEST(Validation, leap_day_birthdays_and_changed_clocks_count_at_the_club_too) {
  const Codes too_young{"dateOfBirth.too-young"}, past{"startDate.past"};

  EXPECT_EQ(codes_at("Pacific/Kiritimati", "2026-02-28T09:59:59Z", "2008-02-29", "2026-02-28"), too_young);
  EXPECT_EQ(codes_at("Pacific/Kiritimati", "2026-02-28T10:00:00Z", "2008-02-29", "2026-03-01"), none)
      << "1 March there";
  EXPECT_EQ(codes_at("Pacific/Pago_Pago", "2026-03-01T10:59:59Z", "2008-02-29", "2026-02-28"), too_young);
  EXPECT_EQ(codes_at("Pacific/Pago_Pago", "2024-03-01T10:59:59Z", "2006-02-28", "2024-02-29"), none);
  EXPECT_EQ(codes_at("Europe/London", "2026-07-01T23:00:00Z", "1990-12-10", "2026-07-01"), past) << "summer time";
  EXPECT_EQ(codes_at("Europe/London", "2026-12-01T23:00:00Z", "1990-12-10", "2026-12-01"), none);
  // A day that begins at one o'clock, and one that has two midnights.
  EXPECT_EQ(codes_at("Africa/Cairo", "2026-04-23T22:00:00Z", "1990-12-10", "2026-04-23"), past);
  EXPECT_EQ(codes_at("Africa/Cairo", "2026-10-29T21:30:00Z", "1990-12-10", "2026-10-29"), none);
}

TEST(Validation, while_no_club_is_known_the_day_is_that_of_utc) {
  auto submission = ada();
  submission.home_club_id = "nowhere";
  submission.start_date = "2026-11-22";

  auto outcome = validate(submission, sample_catalogue(), parse_rfc3339("2026-11-22T23:59:59Z").value());

  const auto& problems = std::get<std::vector<Problem>>(outcome);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].code, "homeClubId.unknown");
}

TEST(Validation, clubs_plans_locales_and_terms_come_from_the_catalogue) {
  for (const auto& club : sample_catalogue().clubs) EXPECT_EQ(codes_with(&Submission::home_club_id, club.id), none);
  for (const auto& plan : sample_catalogue().plans) EXPECT_EQ(codes_with(&Submission::plan, plan.id), none);
  for (const char* locale : {"en-GB", "en-US", "de-DE", "fr-FR", "es-ES"})
    EXPECT_EQ(codes_with(&Submission::locale, locale), none) << locale;

  EXPECT_EQ(codes_with(&Submission::home_club_id, "LONDON-SHOREDITCH"), Codes{"homeClubId.unknown"});
  EXPECT_EQ(codes_with(&Submission::plan, ""), Codes{"plan.unknown"});
  for (const char* locale : {"", "en", "en-gb", "en_GB", "it-IT"})
    EXPECT_EQ(codes_with(&Submission::locale, locale), Codes{"locale.unsupported"}) << locale;
  EXPECT_EQ(codes_with(&Submission::terms_version, "2025-12"), Codes{"termsVersion.unknown"});
}

TEST(Validation, referral_codes_have_1_to_64_letters_digits_and_hyphens) {
  EXPECT_EQ(codes_with(&Submission::referral_code, "a"), none);
  EXPECT_EQ(codes_with(&Submission::referral_code, repeated("A", 64)), none);
  EXPECT_EQ(codes_with(&Submission::referral_code, repeated("A", 65)), Codes{"referralCode.too-long"});
  for (const char* bad : {"", " ", "A_B", "ÄB", "A B", "<b>"})
    EXPECT_EQ(codes_with(&Submission::referral_code, bad), Codes{"referralCode.invalid"}) << bad;
}

TEST(Validation, the_field_table_is_the_contract) {
  std::vector<std::string_view> names, required;
  for (const auto& rule : field_rules()) {
    names.push_back(rule.name);
    if (rule.required) required.push_back(rule.name);
    EXPECT_EQ(rule.boolean, rule.text == nullptr) << rule.name;
    EXPECT_FALSE(rule.description.empty()) << rule.name;
  }
  EXPECT_EQ(names, (std::vector<std::string_view>{"firstName", "lastName", "email", "phone", "dateOfBirth",
                                                  "homeClubId", "plan", "startDate", "locale", "marketingConsent",
                                                  "termsVersion", "referralCode"}));
  EXPECT_EQ(required,
            (std::vector<std::string_view>{"firstName", "lastName", "email", "dateOfBirth", "homeClubId", "plan"}));
}

TEST(Validation, the_examples_in_the_field_table_are_accepted) {
  Submission submission;
  for (const auto& rule : field_rules())
    if (rule.text) submission.*rule.text = std::string(rule.example);

  EXPECT_EQ(codes(submission), none);
}

TEST(Validation, every_flaw_of_the_table_can_be_met_and_no_other) {
  const std::vector<std::pair<std::optional<std::string> Submission::*, std::vector<std::string>>> bad = {
      {&Submission::first_name, {"", repeated("a", 101), "a\nb", "a<b", "--", "a \u0301", "evil.co"}},
      {&Submission::last_name, {" ", repeated("é", 101), "a\u202Eb", "a_b", "8", "a \u034F", "www.evil.com"}},
      {&Submission::email, {"a", repeated("a", 65) + "@b.c"}},
      {&Submission::phone, {"112"}},
      {&Submission::date_of_birth, {"soon", day_from_today(1), day_from_today(-1), "1900-01-01"}},
      {&Submission::home_club_id, {""}},
      {&Submission::plan, {""}},
      {&Submission::start_date, {"soon", day_from_today(-1), day_from_today(91)}},
      {&Submission::locale, {"xx"}},
      {&Submission::terms_version, {"0"}},
      {&Submission::referral_code, {"?", repeated("a", 65)}}};
  std::set<std::string> met, listed;

  for (const auto& [field, values] : bad)
    for (const auto& value : values)
      for (auto& code : codes_with(field, value)) met.insert(std::move(code));

  for (const auto& rule : field_rules())
    for (const auto& flaw : rule.flaws) {
      EXPECT_EQ(flaw.field, rule.name);
      EXPECT_FALSE(flaw.detail.empty());
      EXPECT_TRUE(listed.insert(std::string(rule.name) + "." + std::string(flaw.reason)).second) << flaw.reason;
    }
  EXPECT_EQ(met, listed);
}

TEST(Validation, the_lengths_of_the_field_table_are_those_of_the_shortest_and_longest_values) {
  EXPECT_EQ(codes_with(&Submission::first_name, "A"), none);
  EXPECT_EQ(codes_with(&Submission::last_name, repeated("李", max_name_length)), none);
  EXPECT_EQ(codes_with(&Submission::email, "a@b.c"), none);
  EXPECT_EQ(codes_with(&Submission::email, repeated("a", 64) + "@" + repeated(repeated("b", 61) + ".", 3) + "com"),
            none)
      << "254 bytes";
  for (const auto& rule : field_rules()) {
    EXPECT_LE(rule.min_length, rule.example.size()) << rule.name;
    if (rule.max_length) EXPECT_GE(rule.max_length, rule.example.size()) << rule.name;
    if (rule.name == "email") EXPECT_EQ(rule.min_length, 5u);
    if (rule.name == "phone") {
      EXPECT_EQ(codes_with(rule.text, "+" + repeated("1", rule.min_length - 1)), none);
      EXPECT_EQ(codes_with(rule.text, "+" + repeated("1", rule.min_length - 2)), Codes{"phone.invalid"});
      EXPECT_EQ(codes_with(rule.text, "+" + repeated("1", rule.max_length - 1)), none);
      EXPECT_EQ(codes_with(rule.text, "+" + repeated("1", rule.max_length)), Codes{"phone.invalid"});
    }
  }
}

// Mixes bytes that are no UTF-8, control characters, joiners, right-to-left overrides and ordinary words.
std::string garbage(SeededRandom& random) {
  static const std::vector<std::string> pieces = {"a",
                                                  "Ada",
                                                  "@",
                                                  ".",
                                                  "..",
                                                  "-",
                                                  "example.com",
                                                  "xn--",
                                                  "xn--a",
                                                  "\u200D",
                                                  "é",
                                                  "e\u0301",
                                                  "\u202E",
                                                  "\xff",
                                                  "\xc3",
                                                  "\xed\xa0\x80",
                                                  "\n",
                                                  " ",
                                                  "\u00A0",
                                                  "\u3000",
                                                  "1990-12-10",
                                                  "2026-11-30",
                                                  "+",
                                                  "442079460991",
                                                  "\U0001F600",
                                                  "李",
                                                  "山",
                                                  "\u3164",
                                                  "'",
                                                  std::string(1, '\0'),
                                                  "münchen.de",
                                                  "london-shoreditch",
                                                  "premium-annual",
                                                  "de-DE",
                                                  "。",
                                                  "ß",
                                                  "İ",
                                                  "9",
                                                  "<",
                                                  "\u0300"};
  std::string out;
  const auto count = random.below(10);
  for (std::uint64_t i = 0; i < count; ++i) {
    switch (random.below(12)) {
      case 0:
        out += static_cast<char>(random.below(256));
        break;
      case 1:
        out += repeated(pieces[random.below(pieces.size())], random.below(120));
        break;
      default:
        out += pieces[random.below(pieces.size())];
    }
  }
  return out;
}

TEST(Validation, garbage_is_either_an_applicant_or_problems_with_pointers_from_the_table) {
  SeededRandom random(20261122);
  const auto catalogue = sample_catalogue();
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    auto submission = ada();
    const auto damaged = 1 + random.below(3);
    for (std::uint64_t i = 0; i < damaged; ++i) {
      const auto& rule = field_rules()[random.below(field_rules().size())];
      if (rule.text) submission.*rule.text = garbage(random);
    }

    auto outcome = validate(submission, catalogue, noon(today));

    if (auto* applicant = std::get_if<Applicant>(&outcome)) {
      ++accepted;
      EXPECT_FALSE(applicant->first_name.reveal().empty());
      EXPECT_FALSE(applicant->normalized_email.reveal().empty());
      continue;
    }
    const auto& problems = std::get<std::vector<Problem>>(outcome);
    ASSERT_FALSE(problems.empty());
    for (const auto& problem : problems) {
      const auto in_table = std::ranges::any_of(
          field_rules(), [&](const FieldRule& rule) { return problem.pointer == "/" + std::string(rule.name); });
      ASSERT_TRUE(in_table) << problem.pointer;
      ASSERT_TRUE(problem.code == "required" || problem.code.starts_with(problem.pointer.substr(1) + "."));
    }
  }
  EXPECT_GT(accepted, 100) << "the generator never wrote anything acceptable, so it proves little";
}

TEST(Validation, an_applicant_that_applies_again_as_kept_stays_the_same) {
  SeededRandom random(7);
  const auto catalogue = sample_catalogue();
  int compared = 0;
  for (int round = 0; round < 20000; ++round) {
    auto submission = ada();
    submission.first_name = garbage(random);
    submission.email = garbage(random) + "@" + (random.below(2) ? "Example.COM" : "Bücher.example");
    auto first = validate(submission, catalogue, noon(today));
    auto* applicant = std::get_if<Applicant>(&first);
    if (!applicant) continue;
    const std::string_view key = applicant->normalized_email.reveal();
    if (key.find('@') > 64) continue;  // folding can lengthen a local part: a fine key, but no address to apply with
    submission.first_name = applicant->first_name.reveal();
    submission.email = applicant->normalized_email.reveal();

    auto second = validate(submission, catalogue, noon(today));

    auto* again = std::get_if<Applicant>(&second);
    ASSERT_NE(again, nullptr) << submission.email.value();
    EXPECT_EQ(again->first_name, applicant->first_name);
    EXPECT_EQ(again->normalized_email, applicant->normalized_email);
    ++compared;
  }
  EXPECT_GT(compared, 100);
}

}  // namespace
}  // namespace globogym::domain
