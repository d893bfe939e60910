#include "domain/records.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/json_reader.h"
#include "base/random.h"
#include "base/result_test.h"
#include "base/text.h"
#include "base/time_text.h"

namespace globogym::domain {
namespace {

WallTime at(std::string_view time) {
  return parse_rfc3339(time).value();
}

Applicant ada() {
  Applicant applicant;
  applicant.first_name = Personal<std::string>("Ada");
  applicant.last_name = Personal<std::string>("Lovelace");
  applicant.email = Personal<std::string>("Ada@Example.com");
  applicant.normalized_email = Personal<std::string>("ada@example.com");
  applicant.phone = Personal<std::string>("+442079460991");
  applicant.date_of_birth = Personal(*parse_date("1990-12-10"));
  applicant.home_club_id = "london-shoreditch";
  applicant.plan = "premium-annual";
  applicant.start_date = parse_date("2026-12-01");
  applicant.locale = "de-DE";
  applicant.marketing_consent = true;
  applicant.terms_version = "2026-01";
  applicant.referral_code = "GYM-FRIEND";
  return applicant;
}

Enrollment long_story() {
  auto enrollment = accepted_enrollment("e1", at("2026-11-22T13:30:05.123Z"), "key-1");
  enrollment.status = Status::parked;
  enrollment.reason = "mail-refused";
  enrollment.member_id = "m1";
  enrollment.completed_at = at("2026-11-22T13:30:06.001Z");
  enrollment.steps[0].status = StepStatus::done;
  enrollment.steps[0].attempts = 1;
  enrollment.steps[0].finished_at = at("2026-11-22T13:30:05.999Z");
  enrollment.steps[2].status = StepStatus::parked;
  enrollment.steps[2].attempts = 2;
  remember_failure(enrollment.steps[2], {.number = 1, .at = at("2026-11-22T13:31:00Z"), .error = "450 \"later\"\r\n"});
  remember_failure(enrollment.steps[2], {.number = 2, .at = at("2026-11-22T13:32:00Z"), .error = ""});
  remember_round(enrollment.steps[2],
                 {.status = StepStatus::parked,
                  .attempts = 1,
                  .ended = at("2026-11-22T13:30:30Z"),
                  .reason = "recipient-refused",
                  .failures = {{.number = 1, .at = at("2026-11-22T13:30:29Z"), .error = "550 no"}}});
  return enrollment;
}

TEST(Records, an_enrollment_is_read_as_it_was_written) {
  const auto fresh = accepted_enrollment("e1", at("2026-11-22T13:30:05.123Z"), "key-1");

  EXPECT_EQ(enrollment_from_json(to_json(fresh)).value(), fresh);
  EXPECT_EQ(enrollment_from_json(to_json(long_story())).value(), long_story());
}

TEST(Records, every_status_survives) {
  for (auto status : {Status::accepted, Status::processing, Status::completed, Status::rejected, Status::parked}) {
    auto enrollment = long_story();
    enrollment.status = status;
    EXPECT_EQ(enrollment_from_json(to_json(enrollment)).value().status, status);
  }
  for (auto status : {StepStatus::pending, StepStatus::running, StepStatus::retrying, StepStatus::done,
                      StepStatus::parked, StepStatus::skipped}) {
    auto enrollment = long_story();
    enrollment.steps[1].status = status;
    EXPECT_EQ(enrollment_from_json(to_json(enrollment)).value().steps[1].status, status);
  }
}

TEST(Records, an_address_that_another_build_normalised_is_todays) {
  Member member{.id = "m1", .enrollment_id = "e1", .joined_at = at("2026-11-22T13:30:05.123Z"), .details = ada()};
  member.details.email = Personal<std::string>("Weiß@Example.com");
  member.details.normalized_email = Personal<std::string>("weiss@example.com");

  const auto read = member_from_json(to_json(member));

  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->details.normalized_email, Personal<std::string>("weiß@example.com"));
}

TEST(Records, a_member_is_read_as_it_was_written) {
  Member member{.id = "m1", .enrollment_id = "e1", .joined_at = at("2026-11-22T13:30:05.123Z"), .details = ada()};
  EXPECT_EQ(member_from_json(to_json(member)).value(), member);

  member.details.phone.reset();
  member.details.start_date.reset();
  member.details.terms_version.reset();
  member.details.referral_code.reset();
  member.details.marketing_consent = false;
  member.details.first_name = Personal<std::string>("李\"小\\龍 𞤀\t");
  EXPECT_EQ(member_from_json(to_json(member)).value(), member);
}

TEST(Records, work_to_process_is_read_as_it_was_written) {
  const ProcessEnrollment work{
      .enrollment_id = "e1", .accepted_at = at("2026-11-22T13:30:05.123Z"), .created_by = "key-1", .applicant = ada()};

  EXPECT_EQ(process_enrollment_from_json(to_json(work)).value(), work);
  auto older = work;
  older.created_by.reset();
  EXPECT_EQ(process_enrollment_from_json(to_json(older)).value(), older);
}

WelcomeMail kept_mail() {
  LetterValues says{.locale = "de-DE", .first_name = Personal<std::string>("Zoë \"Z\""), .number = "GG-1"};
  says.club = "Gym";
  says.club_address = "1 Yard\nLondon";
  says.club_hours = "always";
  says.plan = "Premium";
  says.plan_price = "39,90 £";
  says.plan_term = "12 months";
  says.first_day = "1. Dezember 2026";
  return {.enrollment_id = "e1",
          .member_id = "m1",
          .to = Personal<std::string>("zoë@example.com"),
          .message_id = "e1@globogym.example",
          .letter = KeptLetter{.layout = "l1", .date = at("2026-11-22T13:30:05.123Z"), .says = std::move(says)}};
}

TEST(Records, a_welcome_mail_is_read_as_it_was_written) {
  const auto body = to_body(kept_mail());

  EXPECT_EQ(welcome_mail_from_body(body).value(), kept_mail());
  EXPECT_FALSE(body.contains('\n'));
  WelcomeMail bare = kept_mail();
  bare.letter = KeptLetter{.layout = "l", .date = {}, .says = {.locale = "en-GB", .number = "GG-1"}};
  EXPECT_EQ(welcome_mail_from_body(to_body(bare)).value(), bare);
  EXPECT_FALSE(to_body(bare).contains("club"));
}

TEST(Records, a_frozen_welcome_mail_is_kept_byte_for_byte) {
  WelcomeMail mail = kept_mail();
  mail.to = Personal<std::string>("zoë\n@example.com");
  FrozenLetter letter{.from = "welcome@globogym.example",
                      .content = std::string("Subject: x\r\n\r\n{\"not\":\"json\"}\n\0\xff\r\n", 33)};
  mail.letter = letter;

  const auto body = to_body(mail);

  EXPECT_EQ(welcome_mail_from_body(body).value(), mail);
  EXPECT_EQ(body.substr(body.find('\n') + 1), letter.content);
  letter.content.clear();
  mail.letter = letter;
  EXPECT_EQ(welcome_mail_from_body(to_body(mail)).value(), mail);
}

TEST(Records, the_domain_a_letter_goes_to_is_read_in_either_form) {
  WelcomeMail mail = kept_mail();
  mail.to = Personal<std::string>("a@b\"@Example.COM");
  EXPECT_EQ(mail_domain_of(to_body(mail)), "example.com");
  mail.letter = FrozenLetter{.from = "w@g", .content = "To: x@other.example"};
  EXPECT_EQ(mail_domain_of(to_body(mail)), "example.com");
  for (const char* text : {"", "{", "{}", "{\"to\":3}", "[]"}) EXPECT_EQ(mail_domain_of(text), "") << text;
}

WelcomeMail with_a_story() {
  auto enrollment = long_story();
  enrollment.status = Status::processing;
  return {.enrollment_id = "e1",
          .member_id = "m1",
          .story = StoryOfLetter{.enrollment = enrollment, .version = 7},
          .to = Personal<std::string>("ada@example.com"),
          .message_id = "e1@globogym.example",
          .letter = FrozenLetter{.from = "welcome@globogym.example", .content = "Subject: x\r\n\r\n"}};
}

TEST(Records, a_letter_carries_its_enrollment_and_says_nothing_twice) {
  const auto mail = with_a_story();

  const auto body = to_body(mail);

  EXPECT_EQ(welcome_mail_from_body(body).value(), mail);
  EXPECT_EQ(body.find("enrollmentId"), std::string::npos);
  auto unknown = mail;
  unknown.story->version = 0;
  EXPECT_EQ(welcome_mail_from_body(to_body(unknown)).value(), unknown);
}

TEST(Records, a_letters_story_that_does_not_read_damages_it) {
  const auto body = to_body(with_a_story());
  const auto with = [&](std::string_view what, std::string_view by) {
    auto changed = body;
    changed.replace(changed.find(what), what.size(), by);
    return welcome_mail_from_body(changed);
  };

  EXPECT_EQ(ending_of(with("\"version\":7", "\"version\":-7")), Fault::damaged);
  EXPECT_EQ(ending_of(with("\"version\":7", "\"version\":\"7\"")), Fault::damaged);
  EXPECT_EQ(ending_of(with("\"status\":\"processing\"", "\"status\":\"processed\"")), Fault::damaged);
  EXPECT_EQ(ending_of(with("\"enrollment\":{", "\"enrollment\":[],\"x\":{")), Fault::damaged);
}

TEST(Records, the_letters_message_knows_better_only_while_the_document_says_accepted) {
  const auto letter = *with_a_story().story;
  auto stored = accepted_enrollment("e1", at("2026-11-22T13:30:05.123Z"), "key-1");
  remember_intervention(stored, {.at = at("2026-11-22T13:31:00Z"), .what = "retried", .by = "uid:1"});

  const auto told = as_told(stored, letter);

  EXPECT_EQ(told.status, Status::processing);
  EXPECT_EQ(told.member_id, "m1");
  EXPECT_EQ(told.steps, letter.enrollment.steps);
  EXPECT_EQ(told.interventions, stored.interventions);
  for (const auto status : {Status::processing, Status::completed, Status::rejected, Status::parked}) {
    stored.status = status;
    EXPECT_EQ(as_told(stored, letter), stored);
  }
}

TEST(Records, steps_that_nothing_has_come_of_need_no_record) {
  const auto fresh = accepted_enrollment("e1", at("2026-11-22T13:30:05.123Z"), "key-1");
  auto begun = fresh;
  begun.steps[1].attempts = 1;

  EXPECT_EQ(to_json(fresh).find("steps"), std::string::npos);
  EXPECT_EQ(enrollment_from_json(to_json(begun)).value(), begun);
  // As older builds wrote them.
  EXPECT_EQ(enrollment_from_json(R"({"id":"e1","status":"accepted","acceptedAt":"2026-11-22T13:30:05.123Z",)"
                                 R"("createdBy":"key-1","steps":[{"name":"validate","status":"pending","attempts":0},)"
                                 R"({"name":"store-member","status":"pending","attempts":0},)"
                                 R"({"name":"welcome-mail","status":"pending","attempts":0}]})")
                .value(),
            fresh);
}

TEST(Records, times_are_kept_to_the_millisecond) {
  auto enrollment = accepted_enrollment("e1", at("2026-11-22T13:30:05.123987Z"), "key-1");

  EXPECT_EQ(enrollment.accepted_at, at("2026-11-22T13:30:05.123Z"));
  EXPECT_EQ(enrollment_from_json(to_json(enrollment)).value(), enrollment);
}

TEST(Records, a_time_written_finer_than_that_is_read_as_it_would_be_written) {
  auto enrollment =
      enrollment_from_json(R"({"id":"e1","status":"accepted","acceptedAt":"2026-11-22T13:30:05.123987Z","steps":[]})");

  ASSERT_TRUE(enrollment.has_value()) << said(enrollment);
  EXPECT_EQ(enrollment->accepted_at, at("2026-11-22T13:30:05.123Z"));
}

TEST(Records, words_of_a_server_that_are_no_utf8_do_not_make_a_record_unreadable) {
  auto enrollment = long_story();
  enrollment.steps[2].last_error = "550 caf\xe9 \xc3\xa9 \xe2\x82";
  enrollment.steps[2].failures[0].error = "\xff\xfe";

  auto read = enrollment_from_json(to_json(enrollment));

  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->steps[2].last_error, "550 caf\uFFFD é \uFFFD\uFFFD");
  EXPECT_EQ(read->steps[2].failures[0].error, "\uFFFD\uFFFD");
}

// Written by the first release. They stay readable for ever: never edit them, add new ones.
constexpr std::string_view first_enrollment =
    R"({"id":"069m3vyc7g1h2k3n4p5q6r7s8t9v0wxy","status":"completed","memberId":"0123456789abcdefghjkmnpqrstvwxyz",)"
    R"("acceptedAt":"2026-11-22T13:30:05.123Z","completedAt":"2026-11-22T13:30:05.200Z","createdBy":"k1","steps":[)"
    R"({"name":"validate","status":"done","attempts":1,"finishedAt":"2026-11-22T13:30:05.150Z"},)"
    R"({"name":"store-member","status":"done","attempts":1,"finishedAt":"2026-11-22T13:30:05.150Z"},)"
    R"({"name":"welcome-mail","status":"done","attempts":2,"lastError":"450 later","finishedAt":"2026-11-22T13:30:05.200Z",)"
    R"("failures":[{"number":1,"at":"2026-11-22T13:30:05.160Z","error":"450 later"}]}]})";
constexpr std::string_view first_member =
    R"({"id":"m1","enrollmentId":"e1","joinedAt":"2026-11-22T13:30:05.123Z","details":{"firstName":"Ada",)"
    R"("lastName":"Lovelace","email":"Ada@Example.com","normalizedEmail":"ada@example.com","phone":"+442079460991",)"
    R"("dateOfBirth":"1990-12-10","homeClubId":"london-shoreditch","plan":"premium-annual","startDate":"2026-12-01",)"
    R"("locale":"de-DE","marketingConsent":true,"termsVersion":"2026-01","referralCode":"GYM-FRIEND"}})";
constexpr std::string_view first_work =
    R"({"enrollmentId":"e1","acceptedAt":"2026-11-22T13:30:05.123Z","application":{"firstName":"Ada",)"
    R"("lastName":"Lovelace","email":"a@b.co","normalizedEmail":"a@b.co","dateOfBirth":"1990-12-10",)"
    R"("homeClubId":"london-shoreditch","plan":"premium-annual","locale":"en-GB","marketingConsent":false}})";
constexpr std::string_view first_mail =
    "{\"enrollmentId\":\"e1\",\"memberId\":\"m1\",\"from\":\"w@g.example\",\"to\":\"a@b.co\",\"messageId\":\"e1@g\"}\n"
    "Subject: x\r\n\r\nHello\r\n";

// Of the builds that keep what a letter says.
constexpr std::string_view second_mail =
    R"({"to":"a@b.co","enrollmentId":"e1","memberId":"m1","messageId":"e1@g","letter":{"layout":"6t3vyc7g1h2k3n4p5q6r7",)"
    R"("date":"2026-11-22T13:30:05.123Z","firstName":"Ada","locale":"en-GB","number":"GG-4K7Q-9M2X-7HTC-V",)"
    R"("club":"Gym","clubAddress":"12 Sample Yard\nLondon","clubHours":"always","plan":"Premium",)"
    R"("planPrice":"39.90","firstDay":"1 December 2026"}})";

TEST(Records, what_the_first_release_wrote_is_read) {
  auto enrollment = enrollment_from_json(first_enrollment);
  ASSERT_TRUE(enrollment.has_value()) << enrollment.error().message;
  EXPECT_EQ(enrollment->status, Status::completed);
  ASSERT_EQ(enrollment->steps.size(), 3u);
  EXPECT_EQ(enrollment->steps[2].attempts, 2);
  ASSERT_EQ(enrollment->steps[2].failures.size(), 1u);
  EXPECT_EQ(enrollment->steps[2].failures[0].error, "450 later");

  auto member = member_from_json(first_member);
  ASSERT_TRUE(member.has_value()) << member.error().message;
  EXPECT_EQ(member->details, ada());

  auto work = process_enrollment_from_json(first_work);
  ASSERT_TRUE(work.has_value()) << work.error().message;
  EXPECT_EQ(work->applicant.email.reveal(), "a@b.co");
  EXPECT_FALSE(work->applicant.phone.has_value());

  auto mail = welcome_mail_from_body(first_mail);
  ASSERT_TRUE(mail.has_value()) << mail.error().message;
  ASSERT_TRUE(std::holds_alternative<FrozenLetter>(mail->letter));
  EXPECT_EQ(std::get<FrozenLetter>(mail->letter).content, "Subject: x\r\n\r\nHello\r\n");
  EXPECT_EQ(std::get<FrozenLetter>(mail->letter).from, "w@g.example");

  auto second = welcome_mail_from_body(second_mail);
  ASSERT_TRUE(second.has_value()) << second.error().message;
  ASSERT_TRUE(std::holds_alternative<KeptLetter>(second->letter));
  const auto& letter = std::get<KeptLetter>(second->letter);
  EXPECT_EQ(letter.layout, "6t3vyc7g1h2k3n4p5q6r7");
  EXPECT_EQ(letter.date, at("2026-11-22T13:30:05.123Z"));
  EXPECT_EQ(letter.says.first_name.reveal(), "Ada");
  EXPECT_EQ(letter.says.club_address, "12 Sample Yard\nLondon");
  EXPECT_EQ(letter.says.plan_term, "");
}

TEST(Records, are_written_as_the_first_release_wrote_them) {
  EXPECT_EQ(to_json(enrollment_from_json(first_enrollment).value()), first_enrollment);
  EXPECT_EQ(to_json(member_from_json(first_member).value()), first_member);
  EXPECT_EQ(to_json(process_enrollment_from_json(first_work).value()), first_work);
  EXPECT_EQ(to_body(welcome_mail_from_body(first_mail).value()), first_mail);
  EXPECT_EQ(to_body(welcome_mail_from_body(second_mail).value()), second_mail);
}

TEST(Records, fields_of_later_releases_are_ignored_and_optional_ones_may_be_null_or_absent) {
  auto enrollment = enrollment_from_json(
      R"({"later":{"a":[1]},"id":"e1","status":"accepted","reason":null,"memberId":null,"completedAt":null,)"
      R"("acceptedAt":"2026-11-22T13:30:05Z","steps":[{"name":"x","status":"done","later":1,"lastError":null}]})");

  ASSERT_TRUE(enrollment.has_value()) << enrollment.error().message;
  EXPECT_EQ(enrollment->created_by, "");
  EXPECT_EQ(enrollment->steps[0].attempts, 0);
  EXPECT_FALSE(enrollment->reason || enrollment->steps[0].last_error);
}

TEST(Records, of_a_member_what_is_optional_may_be_null) {
  auto member = member_from_json(
      R"({"id":"m1","enrollmentId":"e1","joinedAt":"2026-11-22T13:30:05.123Z","details":{"firstName":"Ada",)"
      R"("lastName":"Lovelace","email":"a@b.co","normalizedEmail":"a@b.co","phone":null,"dateOfBirth":"1990-12-10",)"
      R"("homeClubId":"london-shoreditch","plan":"premium-annual","startDate":null,"locale":"de-DE",)"
      R"("marketingConsent":true,"termsVersion":null,"referralCode":null}})");

  ASSERT_TRUE(member.has_value()) << said(member);
  EXPECT_FALSE(member->details.phone || member->details.start_date || member->details.terms_version ||
               member->details.referral_code);
}

std::string replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out(text);
  const auto found = out.find(what);
  EXPECT_NE(found, std::string::npos) << what;
  return out.replace(found, what.size(), with);
}

template <class T>
void expect_damaged(const Result<T>& read, std::string_view field) {
  EXPECT_EQ(ending_of(read), Fault::damaged);
  EXPECT_NE(said(read).find(field), std::string::npos) << said(read);
}

TEST(Records, a_required_field_that_is_missing_or_wrong_damages_the_record_and_is_named) {
  struct Case {
    std::string_view what, with, field;
  };
  for (const Case& c : {Case{"\"id\":", "\"xx\":", "\"id\""}, Case{"\"id\":\"069m", "\"id\":\"\",\"x\":\"", "\"id\""},
                        Case{"\"completed\"", "\"finished\"", "\"status\""}, Case{"\"completed\"", "3", "\"status\""},
                        Case{"2026-11-22T13:30:05.123Z", "yesterday", "\"acceptedAt\""},
                        Case{"2026-11-22T13:30:05.200Z", "2026-02-30T13:30:05.200Z", "\"completedAt\""},
                        Case{"\"steps\":[", "\"steps\":{},\"x\":[", "\"steps\""}, Case{"\"k1\"", "1", "\"createdBy\""},
                        Case{"\"attempts\":1", "\"attempts\":-1", "\"attempts\""},
                        Case{"\"attempts\":1", "\"attempts\":2147483648", "\"attempts\""},
                        Case{"\"attempts\":1", "\"attempts\":1.5", "\"attempts\""},
                        Case{"\"name\":\"validate\"", "\"name\":null", "\"name\""},
                        Case{"\"number\":1", "\"number\":\"1\"", "\"number\""}, Case{"\"at\":", "\"xx\":", "\"at\""},
                        Case{"\"failures\":[{", "\"failures\":[3,{", "damaged"}}) {
    auto read = enrollment_from_json(replaced(first_enrollment, c.what, c.with));
    ASSERT_FALSE(read.has_value()) << c.what << " -> " << c.with;
    expect_damaged(read, c.field);
  }
  for (const Case& c :
       {Case{"\"details\":", "\"detail\":", "\"details\""}, Case{"\"firstName\"", "\"x\"", "\"firstName\""},
        Case{"\"normalizedEmail\"", "\"x\"", "\"normalizedEmail\""},
        Case{"1990-12-10", "1990-02-30", "\"dateOfBirth\""}, Case{"2026-12-01", "soon", "\"startDate\""},
        Case{"true", "\"yes\"", "\"marketingConsent\""}, Case{"\"+442079460991\"", "44", "\"phone\""}}) {
    auto read = member_from_json(replaced(first_member, c.what, c.with));
    ASSERT_FALSE(read.has_value()) << c.what << " -> " << c.with;
    expect_damaged(read, c.field);
    EXPECT_EQ(said(read).find("Lovelace"), std::string::npos);
  }
  expect_damaged(process_enrollment_from_json(replaced(first_work, "\"application\":{", "\"application\":[],\"x\":{")),
                 "\"application\"");
  expect_damaged(welcome_mail_from_body(replaced(first_mail, "\"to\"", "\"x\"")), "\"to\"");
  expect_damaged(welcome_mail_from_body(replaced(first_mail, "\"from\"", "\"x\"")), "\"from\"");
  for (const Case& c : {Case{"\"to\"", "\"x\"", "\"to\""}, Case{"\"letter\":{", "\"x\":{", "\"letter\""},
                        Case{"\"letter\":{", "\"letter\":3,\"x\":{", "\"letter\""},
                        Case{"\"6t3vyc7g1h2k3n4p5q6r7\"", "\"\"", "\"layout\""},
                        Case{"\"layout\"", "\"x\"", "\"layout\""}, Case{"2026-11-22T", "2026-11-32T", "\"date\""},
                        Case{"\"date\"", "\"x\"", "\"date\""}, Case{"\"locale\"", "\"x\"", "\"locale\""},
                        Case{"\"number\"", "\"x\"", "\"number\""}, Case{"\"Ada\"", "{}", "\"firstName\""},
                        Case{"\"Gym\"", "1", "\"club\""}, Case{"\"39.90\"", "39.9", "\"planPrice\""}})
    expect_damaged(welcome_mail_from_body(replaced(second_mail, c.what, c.with)), c.field);
}

TEST(Records, what_is_no_json_object_is_damaged) {
  for (const char* text :
       {"", " ", "null", "[]", "3", "\"x\"", "{", "{}}", "{\"id\":\"\xff\"}", "\xef\xbb\xbf{}", "{\"id\":\"a\"\n"}) {
    EXPECT_EQ(ending_of(enrollment_from_json(text)), Fault::damaged) << text;
    EXPECT_EQ(ending_of(member_from_json(text)), Fault::damaged) << text;
    EXPECT_EQ(ending_of(process_enrollment_from_json(text)), Fault::damaged) << text;
    EXPECT_EQ(ending_of(welcome_mail_from_body(text)), Fault::damaged) << text;
    EXPECT_EQ(ending_of(welcome_mail_from_body(std::string(text) + "\nSubject: x")), Fault::damaged) << text;
  }
  EXPECT_EQ(ending_of(enrollment_from_json(std::string(100, '[') + std::string(100, ']'))), Fault::damaged);
}

TEST(Records, every_truncation_is_noticed) {
  for (std::size_t size = 0; size < first_enrollment.size(); ++size)
    EXPECT_FALSE(enrollment_from_json(first_enrollment.substr(0, size)).has_value()) << size;
  for (std::size_t size = 0; size < first_member.size(); ++size)
    EXPECT_FALSE(member_from_json(first_member.substr(0, size)).has_value()) << size;
  for (std::size_t size = 0; size <= first_mail.find('\n'); ++size)
    EXPECT_FALSE(welcome_mail_from_body(first_mail.substr(0, size)).has_value()) << size;
  for (std::size_t size = 0; size < second_mail.size(); ++size)
    EXPECT_FALSE(welcome_mail_from_body(second_mail.substr(0, size)).has_value()) << size;
}

TEST(Records, whatever_is_accepted_after_random_damage_is_written_and_read_alike) {
  SeededRandom random(99);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text(first_enrollment);
    for (std::uint64_t i = 0; i < 1 + random.below(3); ++i)
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    auto read = enrollment_from_json(text);
    if (!read) continue;
    ++accepted;
    EXPECT_EQ(enrollment_from_json(to_json(*read)).value(), *read) << text;
  }
  EXPECT_GT(accepted, 100);
}

TEST(Records, each_status_has_its_tally) {
  EXPECT_EQ(tally::of(Status::accepted), "enrollments.accepted");
  EXPECT_EQ(tally::of(Status::processing), "enrollments.processing");
  EXPECT_EQ(tally::of(Status::completed), "enrollments.completed");
  EXPECT_EQ(tally::of(Status::rejected), "enrollments.rejected");
  EXPECT_EQ(tally::of(Status::parked), "enrollments.parked");
}

}  // namespace
}  // namespace globogym::domain
