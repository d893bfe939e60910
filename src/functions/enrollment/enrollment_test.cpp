#include "functions/enrollment/world_test.h"

namespace globogym::functions::enrollment {
namespace {

TEST(Enrollment, an_accepted_enrollment_becomes_a_member_and_is_welcomed) {
  EnrollmentWorld w;
  w.add_functions();
  const auto who = w.applicant("ada@example.com");
  const auto id = w.accept(who);
  w.start();

  EXPECT_TRUE(w.drain_all());

  const auto enrollment = w.enrollment(id);
  const auto ids = domain::person_ids(w.pseudonyms, who.normalized_email);
  EXPECT_EQ(enrollment.status, Status::completed);
  EXPECT_EQ(enrollment.member_id, domain::member_id(w.pseudonyms, ids, id));
  EXPECT_EQ(enrollment.reason, std::nullopt);
  EXPECT_TRUE(enrollment.completed_at.has_value());
  for (auto& step : enrollment.steps) {
    EXPECT_EQ(step.status, StepStatus::done) << step.name;
    EXPECT_EQ(step.attempts, 1) << step.name;
    EXPECT_TRUE(step.finished_at.has_value()) << step.name;
    EXPECT_TRUE(step.failures.empty()) << step.name;
  }
  const auto member = domain::member_from_json(*w.document("members", ids.partition, ids.document));
  ASSERT_TRUE(member.has_value());
  EXPECT_EQ(member->id, enrollment.member_id);
  EXPECT_EQ(member->enrollment_id, id);
  EXPECT_EQ(member->details, who);
  ASSERT_EQ(w.mailer.sent.size(), 1u);
  EXPECT_EQ(w.mailer.sent[0].message_id, id + "@globogym.example");
  EXPECT_EQ(w.mailer.sent[0].recipient.reveal(), "ada@example.com");
  EXPECT_EQ(w.mailer.sent[0].from, "welcome@globogym.example");
  EXPECT_EQ(w.tally("members"), 1);
  EXPECT_EQ(w.tally("mails-sent"), 1);
  EXPECT_EQ(w.in(Status::completed), 1);
  w.expect_totals_add_up();
}

TEST(Enrollment, between_the_two_functions_the_member_is_stored_and_the_letter_kept_as_what_it_says) {
  EnrollmentWorld w;
  w.add_functions();
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.host->pause("welcome-mail");
  w.start();

  EXPECT_TRUE(w.drain("process-enrollment"));

  const auto enrollment = w.enrollment(id);
  EXPECT_EQ(enrollment.status, Status::processing);
  EXPECT_EQ(w.step(enrollment, "validate").status, StepStatus::done);
  EXPECT_EQ(w.step(enrollment, "store-member").status, StepStatus::done);
  EXPECT_EQ(w.step(enrollment, "welcome-mail").status, StepStatus::pending);
  EXPECT_EQ(w.in(Status::processing), 1);
  const auto kept = w.message("welcome-mail", id);
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->message.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  const auto mail = domain::welcome_mail_from_body(kept->message.body);
  ASSERT_TRUE(mail.has_value());
  EXPECT_EQ(mail->message_id, id + "@globogym.example");
  EXPECT_LT(kept->message.body.size(), 1000u);
  const auto* letter = std::get_if<domain::KeptLetter>(&mail->letter);
  ASSERT_TRUE(letter);
  EXPECT_EQ(letter->says.first_name.reveal(), "Ada");
  const mail::Writer writer(w.from());
  EXPECT_EQ(letter->layout, writer.layout().id);
  EXPECT_EQ(w.document("letters", letter->layout, letter->layout), writer.layout().json);
}

TEST(Enrollment, one_address_enrolled_many_times_becomes_one_member_and_the_others_are_rejected) {
  EnrollmentWorld w;
  w.add_functions();
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(w.accept(w.applicant("ada@example.com")));
  w.start();
  EXPECT_TRUE(w.drain_all());
  ids.push_back(w.accept(w.applicant("ada@example.com")));  // and once more, later

  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.tally("members"), 1);
  EXPECT_EQ(w.in(Status::completed), 1);
  EXPECT_EQ(w.in(Status::rejected), 20);
  EXPECT_EQ(w.mailer.sent.size(), 1u);
  const auto rejected = w.enrollment(ids.back());
  EXPECT_EQ(rejected.status, Status::rejected);
  EXPECT_EQ(rejected.reason, "already-member");
  EXPECT_EQ(rejected.member_id, std::nullopt);
  EXPECT_TRUE(rejected.completed_at.has_value());
  EXPECT_EQ(rejected.completed_at, w.step(rejected, "validate").finished_at);
  EXPECT_EQ(w.step(rejected, "validate").status, StepStatus::done);
  EXPECT_EQ(w.step(rejected, "store-member").status, StepStatus::skipped);
  EXPECT_EQ(w.step(rejected, "welcome-mail").status, StepStatus::skipped);
  w.expect_totals_add_up();
}

TEST(Enrollment, who_signs_up_again_after_an_erasure_is_another_member) {
  EnrollmentWorld w;
  w.add_functions();
  const auto who = w.applicant("ada@example.com");
  const auto first = w.accept(who);
  w.start();
  EXPECT_TRUE(w.drain_all());
  const auto ids = domain::person_ids(w.pseudonyms, who.normalized_email);
  engine::Commit erasure;
  erasure.erased.push_back({{"members", ids.partition, ids.document}, engine::Expect::anything()});
  ASSERT_TRUE(w.commit(std::move(erasure)).has_value());

  const auto second = w.accept(who);
  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.enrollment(second).status, Status::completed);
  ASSERT_TRUE(w.enrollment(first).member_id && w.enrollment(second).member_id);
  EXPECT_NE(w.enrollment(first).member_id, w.enrollment(second).member_id);
  const auto member = domain::member_from_json(*w.document("members", ids.partition, ids.document));
  ASSERT_TRUE(member.has_value());
  EXPECT_EQ(member->id, w.enrollment(second).member_id);
}

TEST(Enrollment, a_member_of_an_older_build_is_recognised_and_shuts_nobody_else_out_of_their_own_address) {
  EnrollmentWorld w;
  w.add_functions();
  // As 0.1 kept it: under the address it took "weiß" for, with the document's id.
  auto weiss = w.applicant("weiß@example.com");
  const auto place = domain::former_person_ids(w.pseudonyms, weiss.email, weiss.normalized_email);
  ASSERT_TRUE(place.has_value());
  domain::Member old{
      .id = place->document, .enrollment_id = "e0", .joined_at = w.loop.clock().wall(), .details = weiss};
  old.details.normalized_email = Personal<std::string>("weiss@example.com");
  engine::Commit before;
  before.documents.push_back(
      {{"members", place->partition, place->document}, domain::to_json(old), engine::Expect::absent()});
  ASSERT_TRUE(w.commit(std::move(before)).has_value());

  const auto again = w.accept(weiss);
  const auto other = w.accept(w.applicant("maſt@example.com"));  // "mast@" to it, which is nobody
  w.start();
  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.enrollment(again).reason, "already-member");
  EXPECT_EQ(w.enrollment(other).status, Status::completed);
}

TEST(Enrollment, addresses_that_mail_systems_tell_apart_are_two_members) {
  EnrollmentWorld w;
  w.add_functions();
  const auto one = w.accept(w.applicant("weiß@example.com")), other = w.accept(w.applicant("weiss@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());
  const auto again = w.accept(w.applicant("weiß@example.com"));  // "weiss@" to an older build, which is a member by now
  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.enrollment(one).status, Status::completed);
  EXPECT_EQ(w.enrollment(other).status, Status::completed);
  EXPECT_EQ(w.enrollment(again).reason, "already-member");
  EXPECT_EQ(w.tally("members"), 2);

  // Also when who stands where an older build would have put the second has long been there.
  w.accept(w.applicant("strasse@example.com"));
  EXPECT_TRUE(w.drain_all());
  const auto later = w.accept(w.applicant("straße@example.com"));
  EXPECT_TRUE(w.drain_all());
  EXPECT_EQ(w.enrollment(later).status, Status::completed);
  EXPECT_EQ(w.tally("members"), 4);
}

TEST(Enrollment, what_is_no_longer_valid_is_rejected_with_its_reason) {
  EnrollmentWorld w;
  w.add_functions();
  const auto no_club = w.accept(w.applicant("a@example.com"));
  auto child = w.applicant("b@example.com");
  child.home_club_id = w.catalogue.clubs[1].id;
  child.date_of_birth = Personal(domain::Date(std::chrono::year(2009), std::chrono::January, std::chrono::day(1)));
  const auto too_young = w.accept(child);
  auto other = w.applicant("c@example.com");
  other.home_club_id = w.catalogue.clubs[1].id;
  other.plan = "discontinued";
  const auto no_plan = w.accept(other);
  std::erase_if(w.catalogue.clubs, [](auto& club) { return club.id == "london-shoreditch"; });
  for (auto& club : w.catalogue.clubs) club.minimum_age = 18;
  w.start();

  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.enrollment(no_club).reason, "club-unknown");
  EXPECT_EQ(w.enrollment(too_young).reason, "age-below-minimum");
  EXPECT_EQ(w.enrollment(no_plan).reason, "plan-unknown");
  for (const auto& id : {no_club, too_young, no_plan}) EXPECT_TRUE(w.enrollment(id).completed_at.has_value()) << id;
  EXPECT_EQ(w.in(Status::rejected), 3);
  EXPECT_EQ(w.tally("members"), -0);
  EXPECT_TRUE(w.mailer.sent.empty());
  w.expect_totals_add_up();
}

TEST(Enrollment, one_that_was_rejected_stays_so_when_its_message_comes_back) {
  EnrollmentWorld w;
  w.add_functions();
  const auto clubs = std::exchange(w.catalogue.clubs, {});
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());
  const auto rejected = w.enrollment(id);
  ASSERT_EQ(rejected.reason, "club-unknown");

  w.catalogue.clubs = clubs;
  engine::Commit again;
  again.messages.push_back(
      {.queue = "process-enrollment",
       .id = id,
       .body = domain::to_json(domain::ProcessEnrollment{.enrollment_id = id,
                                                         .accepted_at = w.loop.clock().wall(),
                                                         .created_by = {},
                                                         .applicant = w.applicant("ada@example.com")})});
  ASSERT_TRUE(w.commit(std::move(again)).has_value());
  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.enrollment(id), rejected);
  EXPECT_EQ(w.tally("members"), 0);
  EXPECT_TRUE(w.mailer.sent.empty());
}

// Accepted by somebody else's calendar: what a club's own day is worth.
TEST(Enrollment, the_age_counts_on_the_day_of_acceptance_at_the_club) {
  struct Case {
    const char *zone, *accepted, *born;
    bool old_enough;
  };
  for (const Case& c : {Case{"Pacific/Kiritimati", "2026-11-22T09:59:59.999Z", "2008-11-23", false},
                        Case{"Pacific/Kiritimati", "2026-11-22T10:00:00.000Z", "2008-11-23", true},
                        Case{"Pacific/Pago_Pago", "2026-11-22T10:59:59.999Z", "2008-11-22", false},
                        Case{"Pacific/Pago_Pago", "2026-11-22T11:00:00.000Z", "2008-11-22", true},
                        Case{"Europe/London", "2026-02-28T23:59:59.999Z", "2008-02-29", false},
                        Case{"Europe/London", "2026-03-01T00:00:00.000Z", "2008-02-29", true},
                        Case{"Europe/London", "2026-07-01T22:59:59.999Z", "2008-07-02", false},
                        Case{"Europe/London", "2026-07-01T23:00:00.000Z", "2008-07-02", true}}) {
    EnrollmentWorld w;
    w.add_functions();
    w.catalogue.clubs = {{"london-shoreditch", "There", 18, TimeZone(c.zone)}};
    auto young = w.applicant("ada@example.com");
    young.date_of_birth = Personal(domain::parse_date(c.born).value());
    const auto id = w.accept(young, parse_rfc3339(c.accepted).value());
    w.loop.advance(72h);  // a backlog makes nobody older
    w.start();

    EXPECT_TRUE(w.drain_all());

    const auto enrollment = w.enrollment(id);
    EXPECT_EQ(enrollment.status, c.old_enough ? Status::completed : Status::rejected) << c.zone << c.accepted;
    EXPECT_EQ(enrollment.reason.value_or(""), c.old_enough ? "" : "age-below-minimum") << c.zone << c.accepted;
  }
}

TEST(Enrollment, every_attempt_sends_the_same_letter_and_the_failures_are_kept) {
  EnrollmentWorld w;
  w.add_functions();
  w.mailer.fault = Fault::deferred;
  w.mailer.after_taking = [&] {
    if (w.mailer.sent.size() == 3) w.mailer.fault.reset();
  };
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.start();

  EXPECT_TRUE(w.drain_all());

  ASSERT_EQ(w.mailer.sent.size(), 3u);
  for (auto& letter : w.mailer.sent) {
    EXPECT_EQ(letter.content, w.mailer.sent[0].content);
    EXPECT_EQ(letter.message_id, w.mailer.sent[0].message_id);
  }
  const auto step = w.step(w.enrollment(id), "welcome-mail");
  EXPECT_EQ(step.status, StepStatus::done);
  EXPECT_EQ(step.attempts, 3);
  EXPECT_EQ(step.failures.size(), 2u);
  EXPECT_EQ(step.last_error, "550 5.1.1 <recipient> no such mailbox");
  EXPECT_EQ(w.tally("mails-sent"), 1);
}

TEST(Enrollment, a_refused_recipient_parks_the_mail_and_a_person_brings_it_back) {
  EnrollmentWorld w;
  w.add_functions();
  w.mailer.fault = Fault::refused;
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());

  const auto parked = w.enrollment(id);
  EXPECT_EQ(parked.status, Status::parked);
  EXPECT_EQ(parked.reason, "recipient-refused");
  EXPECT_EQ(w.step(parked, "welcome-mail").status, StepStatus::parked);
  EXPECT_EQ(w.step(parked, "welcome-mail").last_error, "550 5.1.1 <recipient> no such mailbox");
  EXPECT_EQ(w.message("welcome-mail", id)->dead_reason, "recipient-refused");
  EXPECT_EQ(w.in(Status::parked), 1);
  EXPECT_EQ(w.tally("members"), 1);
  w.expect_totals_add_up();

  w.mailer.fault.reset();
  w.host->pause("welcome-mail");
  w.loop.advance(5s);
  ASSERT_TRUE(w.replay("welcome-mail", id).has_value());
  EXPECT_EQ(w.enrollment(id).status, Status::processing);
  EXPECT_EQ(w.enrollment(id).reason, std::nullopt);
  EXPECT_EQ(w.step(w.enrollment(id), "welcome-mail").status, StepStatus::pending);
  w.expect_totals_add_up();
  w.host->resume("welcome-mail");

  EXPECT_TRUE(w.drain_all());
  EXPECT_EQ(w.enrollment(id).status, Status::completed);
  EXPECT_EQ(w.in(Status::completed), 1);
  w.expect_totals_add_up();
}

TEST(Enrollment, a_message_that_cannot_be_read_is_parked_and_its_enrollment_says_so) {
  EnrollmentWorld w;
  w.add_functions();
  const auto id = w.accept(w.applicant("ada@example.com"));
  engine::Commit damage;  // the same enrollment, but a message nobody can read
  const auto other = domain::new_enrollment_id(w.loop.clock().wall(), w.random, *domain::partition_of_enrollment(id));
  damage.documents.push_back({w.key(other),
                              domain::to_json(domain::accepted_enrollment(other, w.loop.clock().wall(), "key-1")),
                              engine::Expect::absent()});
  damage.messages.push_back({.queue = "process-enrollment", .id = other, .body = "{\"enrollmentId\":"});
  damage.tallies.push_back({"enrollments.accepted", 1});
  ASSERT_TRUE(w.commit(std::move(damage)).has_value());
  ++w.accepted;
  w.start();

  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.enrollment(id).status, Status::completed);
  EXPECT_EQ(w.enrollment(other).status, Status::parked);
  EXPECT_EQ(w.enrollment(other).reason, "invalid-message");
  EXPECT_EQ(w.step(w.enrollment(other), "validate").status, StepStatus::parked);
  w.expect_totals_add_up();
  ASSERT_TRUE(w.replay("process-enrollment", other).has_value());
  EXPECT_EQ(w.enrollment(other).status, Status::accepted);
  w.expect_totals_add_up();
}

TEST(Enrollment, a_mail_outage_parks_nobody_and_everybody_is_welcomed_once_it_is_over) {
  EnrollmentWorld w;
  w.add_functions();
  w.mailer.fault = Fault::unavailable;
  for (int i = 0; i < 300; ++i) w.accept(w.applicant("p" + std::to_string(i) + "@example.com"));
  w.start();
  w.loop.advance(12h);
  EXPECT_EQ(w.in(Status::processing), 300);
  EXPECT_EQ(w.tally("members"), 300);

  w.mailer.fault.reset();

  EXPECT_TRUE(w.drain("welcome-mail", 3min));
  EXPECT_EQ(w.in(Status::completed), 300);
  EXPECT_EQ(w.mailer.taken, 300);
  w.expect_totals_add_up();
}

TEST(Enrollment, a_disk_that_refuses_after_the_mail_went_out_does_not_make_it_go_out_twice) {
  for (const bool kept : {false, true}) {
    EnrollmentWorld w;
    w.add_functions();
    bool once = true;
    w.mailer.after_taking = [&] {
      if (std::exchange(once, false)) w.disk.fail_writes(1, 3, kept);
    };
    for (int i = 0; i < 5; ++i) w.accept(w.applicant("p" + std::to_string(i) + "@example.com"));
    w.start();

    EXPECT_TRUE(w.drain_all());

    EXPECT_EQ(w.mailer.taken, 5) << kept;
    EXPECT_EQ(w.in(Status::completed), 5);
    EXPECT_EQ(w.tally("mails-sent"), 5);
    w.expect_totals_add_up();
  }
}

TEST(Enrollment, an_engine_that_cannot_be_read_once_the_mail_went_out_is_no_outage_of_the_mail_system) {
  EnrollmentWorld w;
  w.add_functions();
  w.mailer.takes = 100ms;
  w.host->pause("welcome-mail");
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i)  // as many as open a breaker
    ids.push_back(w.accept(w.applicant("p" + std::to_string(i) + "@example.com")));
  w.start();
  ASSERT_TRUE(w.drain("process-enrollment"));
  // Letters that do not know their enrollment, so that it is read: an older build's.
  for (const auto& id : ids) {
    auto work = domain::welcome_mail_from_body(w.message("welcome-mail", id)->message.body);
    ASSERT_TRUE(work.has_value());
    work->story.reset();
    engine::Commit older;
    older.messages.push_back({.queue = "welcome-mail", .id = id, .body = domain::to_body(*work), .replaces = true});
    ASSERT_TRUE(w.commit(std::move(older)).has_value());
  }
  w.host->resume("welcome-mail");
  ASSERT_TRUE(w.loop.run_until([&] { return w.mailer.sent.size() == 5; }, 1min));

  w.disk.fail_writes(1, 1, false);
  EXPECT_EQ(ending_of(w.commit({.tallies = {{"others", 1}}})), Fault::unavailable);
  bool opened = false;
  w.loop.run_until(
      [&] {
        opened |= w.host->queue_state("welcome-mail") == "circuit-open";
        return false;
      },
      10s);

  EXPECT_FALSE(opened);
  EXPECT_EQ(w.mailer.sent.size(), 5u);
  EXPECT_EQ(w.in(Status::completed), 5);
}

TEST(Enrollment, an_engine_that_recovers_while_a_mail_is_on_its_way_does_not_send_it_twice) {
  EnrollmentWorld w;
  w.add_functions();
  w.mailer.takes = 5s;
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.start();
  w.loop.advance(1s);
  ASSERT_EQ(w.mailer.sent.size(), 1u);

  w.disk.fail_writes(1, 1, false);
  engine::Commit somebody_elses;
  somebody_elses.tallies.push_back({"other", 1});
  EXPECT_FALSE(w.commit(std::move(somebody_elses)).has_value());

  EXPECT_TRUE(w.drain_all());
  EXPECT_EQ(w.mailer.sent.size(), 1u);
  EXPECT_EQ(w.enrollment(id).status, Status::completed);
  EXPECT_EQ(w.tally("mails-sent"), 1);
}

TEST(Enrollment, a_crash_after_the_mail_went_out_sends_it_again_under_the_same_id_and_completes_once) {
  EnrollmentWorld w;
  w.add_functions();
  bool once = true;
  w.mailer.after_taking = [&] {
    if (std::exchange(once, false)) w.engine->die();
  };
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.start();
  w.loop.advance(1min);

  w.crash();
  w.add_functions();
  w.start();

  EXPECT_TRUE(w.drain_all());
  ASSERT_EQ(w.mailer.sent.size(), 2u);
  EXPECT_EQ(w.mailer.sent[0].content, w.mailer.sent[1].content);
  EXPECT_EQ(w.enrollment(id).status, Status::completed);
  EXPECT_EQ(w.step(w.enrollment(id), "welcome-mail").attempts, 2);
  EXPECT_EQ(w.in(Status::completed), 1);
  EXPECT_EQ(w.tally("mails-sent"), 1);
}

// What a letter is made of, and a person who reads it.

}  // namespace
}  // namespace globogym::functions::enrollment
