// The two functions of an enrollment's way, on the memory engine and a virtual clock.
#include <algorithm>

#include "base/result_test.h"
#include "base/time_text.h"
#include "domain/catalogue.h"
#include "domain/records.h"
#include "functions/enrollment/process_enrollment.h"
#include "functions/enrollment/welcome_mail.h"
#include "functions/world_test.h"

namespace globogym::functions::enrollment {
namespace {

using namespace std::chrono_literals;
using domain::Status;
using domain::StepStatus;

// Takes letters, or fails as told.
class FakeMailer final : public mail::Mailer {
 public:
  Task<Result<mail::Receipt>> send(mail::Letter letter, std::stop_token stop) override {
    sent.push_back(letter);
    const bool slept = co_await async::sleep_for(takes, stop);
    if (!slept) co_return fail(Fault::cancelled, "stopped");
    if (after_taking) after_taking();
    if (fault) co_return fail(*fault, "550 5.1.1 <recipient> no such mailbox");
    ++taken;
    co_return mail::Receipt{"250 ok"};
  }
  std::size_t most_at_once() const override { return 256; }
  Duration longest_send() const override { return 60s; }
  std::vector<mail::Letter> sent;  // every attempt
  int taken = 0;
  Duration takes = 1ms;
  std::optional<Fault> fault;
  std::function<void()> after_taking;
};

struct EnrollmentWorld : World {
  domain::Catalogue catalogue = domain::sample_catalogue();
  Hmac pseudonyms{"a key for tests"};
  FakeMailer mailer;
  int accepted = 0;

  ~EnrollmentWorld() {
    if (host) stop_host();  // while the mailer lives
  }

  mail::Mailbox from() const { return *mail::Mailbox::parse_named("GloboGym <welcome@globogym.example>"); }
  void add_functions(int mail_attempts = 3) { add_functions(mail::Writer(from()), mail_attempts); }
  void add_functions(mail::Writer writer, int mail_attempts = 3) {
    host->add(std::make_unique<ProcessEnrollment>(*engine, loop.clock(), catalogue, pseudonyms, std::move(writer)));
    host->add(std::make_unique<WelcomeMail>(*engine, loop.clock(), mailer,
                                            WelcomeMailOptions{.max_attempts = mail_attempts}));
  }

  domain::Applicant applicant(std::string email) const {
    domain::Applicant ada;
    ada.first_name = Personal<std::string>("Ada");
    ada.last_name = Personal<std::string>("Lovelace");
    ada.email = Personal(email);
    ada.normalized_email = Personal(std::move(email));
    ada.date_of_birth = Personal(domain::Date(std::chrono::year(1990), std::chrono::December, std::chrono::day(10)));
    ada.home_club_id = "london-shoreditch";
    ada.plan = "premium-annual";
    return ada;
  }

  // What the gateway commits for a 202.
  std::string accept(const domain::Applicant& who) { return accept(who, loop.clock().wall()); }
  std::string accept(const domain::Applicant& who, WallTime at) {
    const auto ids = domain::person_ids(pseudonyms, who.normalized_email);
    const auto id = domain::new_enrollment_id(loop.clock().wall(), random, ids.partition);
    engine::Commit commit;
    commit.documents.push_back({key(id), domain::to_json(domain::accepted_enrollment(id, loop.clock().wall(), "key-1")),
                                engine::Expect::absent()});
    commit.messages.push_back({.queue = "process-enrollment",
                               .id = id,
                               .body = domain::to_json(domain::ProcessEnrollment{
                                   .enrollment_id = id, .accepted_at = at, .created_by = "key-1", .applicant = who}),
                               .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"});
    commit.tallies.push_back({std::string(domain::tally::of(Status::accepted)), 1});
    EXPECT_TRUE(this->commit(std::move(commit)).has_value());
    ++accepted;
    return id;
  }

  static engine::DocumentKey key(const std::string& id) {
    return {"enrollments", *domain::partition_of_enrollment(id), id};
  }
  domain::Enrollment stored(const std::string& id) {
    auto body = document("enrollments", *domain::partition_of_enrollment(id), id);
    EXPECT_TRUE(body.has_value());
    auto read = domain::enrollment_from_json(body.value_or("{}"));
    EXPECT_TRUE(read.has_value());
    return read.value_or(domain::Enrollment{});
  }
  // As it stands: what is stored, and what its letter's message knows better.
  domain::Enrollment enrollment(const std::string& id) {
    auto read = stored(id);
    const auto kept = message("welcome-mail", id);
    const auto work = kept ? domain::welcome_mail_from_body(kept->message.body) : fail(Fault::not_found, "");
    return work && work->story ? domain::as_told(std::move(read), *work->story) : read;
  }
  static domain::Step step(const domain::Enrollment& enrollment, std::string_view name) {
    const auto* found = domain::find_step(enrollment, name);
    return found ? *found : domain::Step{};
  }
  std::int64_t in(Status status) { return tally(std::string(domain::tally::of(status))); }
  // Each enrollment counts in exactly one total.
  void expect_totals_add_up() {
    EXPECT_EQ(in(Status::accepted) + in(Status::processing) + in(Status::completed) + in(Status::rejected) +
                  in(Status::parked),
              accepted);
  }
  bool drain_all() { return drain("process-enrollment") && drain("welcome-mail"); }

  Result<engine::Committed> replay(const std::string& queue, const std::string& id) {
    for (auto* function : host->functions()) {
      if (function->options().name != queue) continue;
      auto changes = loop.run(function->on_revived(*message(queue, id), {.what = "replayed"}));
      if (!changes) return std::unexpected(changes.error());
      changes->revived.push_back({queue, id});
      return commit(std::move(*changes));
    }
    return fail(Fault::not_found, "no such queue");
  }
};

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

// How often each container was read.
struct Reads final : engine::Engine {
  explicit Reads(engine::Engine& real) : inner(real) {}
  Task<Result<std::optional<engine::Document>>> get(engine::DocumentKey key) override {
    ++of[key.container];
    return inner.get(std::move(key));
  }
  Task<Result<engine::Committed>> commit(engine::Commit commit) override {
    auto committed = co_await inner.commit(std::move(commit));
    conflicts += !committed && committed.error().fault == Fault::conflict;
    co_return committed;
  }
  Task<Result<std::vector<engine::Delivery>>> receive(engine::Receive receive) override {
    return inner.receive(std::move(receive));
  }
  Task<Result<engine::ScanPage>> scan(engine::Scan scan) override { return inner.scan(std::move(scan)); }
  Task<Result<std::optional<engine::KeptMessage>>> find_message(std::string queue, std::string id) override {
    return inner.find_message(std::move(queue), std::move(id));
  }
  Task<Result<engine::MessagePage>> messages(engine::MessageQuery query) override {
    return inner.messages(std::move(query));
  }
  Task<Result<std::vector<engine::QueueStats>>> queues() override { return inner.queues(); }
  Task<Result<std::map<std::string, std::int64_t>>> tallies() override { return inner.tallies(); }
  engine::Health health() const override { return inner.health(); }
  void close_receivers() override { inner.close_receivers(); }
  engine::Engine& inner;
  std::map<std::string, int> of;
  int conflicts = 0;
};

TEST(Enrollment, nothing_is_read_on_the_way_of_an_enrollment_and_its_document_is_written_when_it_ends) {
  EnrollmentWorld w;
  Reads reads(*w.engine);
  w.host->add(std::make_unique<ProcessEnrollment>(reads, w.loop.clock(), w.catalogue, w.pseudonyms, w.from()));
  w.host->add(std::make_unique<WelcomeMail>(reads, w.loop.clock(), w.mailer));
  const auto id = w.accept(w.applicant("ada@example.com"));
  const auto accepted = w.stored(id);
  w.host->pause("welcome-mail");
  w.start();

  EXPECT_TRUE(w.drain("process-enrollment"));
  EXPECT_EQ(w.stored(id), accepted);
  EXPECT_EQ(w.enrollment(id).status, Status::processing);
  w.host->resume("welcome-mail");
  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.stored(id).status, Status::completed);
  EXPECT_EQ(reads.of, (std::map<std::string, int>{{"letters", 2}})) << "each function the layout, once";
}

// A person's note in the story, as `retry-now` makes it.
void retry_now(EnrollmentWorld& w, const std::string& queue, const std::string& id) {
  auto story = w.loop.run(read_story(*w.engine, w.message(queue, id)->message));
  ASSERT_TRUE(story && *story);
  engine::Commit commit;
  commit.hastened.push_back({queue, id});
  domain::remember_intervention((*story)->enrollment,
                                {w.loop.clock().wall(), std::string(domain::retried), "uid:1000"});
  tell(commit, std::move(**story));
  ASSERT_TRUE(w.commit(std::move(commit)).has_value());
}

TEST(Enrollment, what_a_person_did_meanwhile_stays_in_the_story) {
  EnrollmentWorld w;
  w.add_functions();
  const auto id = w.accept(w.applicant("ada@example.com")), other = w.accept(w.applicant("max@example.com"));
  w.host->pause("process-enrollment");
  w.host->pause("welcome-mail");
  w.start();

  retry_now(w, "process-enrollment", id);
  EXPECT_EQ(w.stored(id).interventions.size(), 1u);
  w.host->resume("process-enrollment");
  EXPECT_TRUE(w.drain("process-enrollment"));
  for (const auto& each : {id, other}) retry_now(w, "welcome-mail", each);
  w.host->resume("welcome-mail");
  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.stored(id).interventions.size(), 2u);
  EXPECT_EQ(w.stored(other).interventions.size(), 1u);
  for (const auto& each : {id, other}) {
    EXPECT_EQ(w.stored(each).status, Status::completed);
    EXPECT_EQ(w.step(w.stored(each), "store-member").status, StepStatus::done);
    EXPECT_TRUE(w.stored(each).member_id.has_value());
  }
  EXPECT_EQ(w.mailer.sent.size(), 2u) << "a conflict does not send it again";
  EXPECT_EQ(w.in(Status::completed), 2);
  EXPECT_EQ(w.in(Status::processing), 0);
  w.expect_totals_add_up();
}

TEST(Enrollment, what_an_older_build_left_on_its_way_is_finished) {
  EnrollmentWorld w;
  w.add_functions();
  // Accepted, without createdBy in its message; and half done, with a document that says `processing`.
  const auto accepted = w.accept(w.applicant("ada@example.com"));
  const auto half = w.accept(w.applicant("max@example.com"));
  w.host->pause("process-enrollment");
  w.host->pause("welcome-mail");
  w.start();
  auto body = w.message("process-enrollment", accepted)->message.body;
  const std::string created_by = R"("createdBy":"key-1",)";
  ASSERT_NE(body.find(created_by), std::string::npos);
  body.erase(body.find(created_by), created_by.size());
  engine::Commit older;
  older.messages.push_back({.queue = "process-enrollment", .id = accepted, .body = body, .replaces = true});
  ASSERT_TRUE(w.commit(std::move(older)).has_value());
  auto letters = w.loop.run(w.engine->receive({.queue = "process-enrollment", .lease_for = 1s, .at_most = 2}));
  ASSERT_TRUE(letters.has_value());
  for (const auto& delivery : *letters) {
    if (delivery.message.id != half) continue;
    auto story = w.loop.run(read_story(*w.engine, delivery.message));
    ASSERT_TRUE(story && *story);
    (*story)->enrollment.status = Status::processing;
    (*story)->enrollment.member_id = "m1";
    note_done((*story)->enrollment, domain::step::validate, w.loop.clock().wall());
    note_done((*story)->enrollment, domain::step::store_member, w.loop.clock().wall());
    engine::Commit commit;
    commit.messages.push_back({.queue = "welcome-mail",
                               .id = half,
                               .body = R"({"enrollmentId":")" + half +
                                       R"(","memberId":"m1","from":"a@example.com","to":"max@example.com",)"
                                       R"("messageId":"x@example.com"})"
                                       "\nSubject: x\r\n\r\n"});
    commit.settled.push_back({delivery.lease, engine::Complete{}});
    tell(commit, std::move(**story));
    ASSERT_TRUE(w.commit(std::move(commit)).has_value());
  }
  w.loop.advance(2s);

  w.host->resume("process-enrollment");
  w.host->resume("welcome-mail");
  EXPECT_TRUE(w.drain_all());

  for (const auto& id : {accepted, half}) EXPECT_EQ(w.stored(id).status, Status::completed) << id;
  EXPECT_EQ(w.stored(half).member_id, "m1");
  EXPECT_EQ(w.mailer.sent.size(), 2u);
  w.expect_totals_add_up();
}

TEST(Enrollment, one_that_is_begun_anew_is_read_and_not_taken_for_what_its_message_tells) {
  EnrollmentWorld w;
  Reads reads(*w.engine);
  w.host->add(std::make_unique<ProcessEnrollment>(reads, w.loop.clock(), w.catalogue, w.pseudonyms, w.from()));
  w.host->add(std::make_unique<WelcomeMail>(reads, w.loop.clock(), w.mailer));
  w.mailer.fault = Fault::refused;
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());
  ASSERT_EQ(w.stored(id).status, Status::parked);
  EXPECT_TRUE(w.stored(id).member_id.has_value()) << "what is parked is written whole";

  w.mailer.fault.reset();
  ASSERT_TRUE(w.replay("welcome-mail", id).has_value());
  EXPECT_EQ(w.in(Status::processing), 1);
  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.stored(id).status, Status::completed);
  EXPECT_EQ(w.stored(id).interventions.size(), 1u);
  EXPECT_EQ(w.step(w.stored(id), "welcome-mail").earlier.size(), 1u);
  EXPECT_EQ(reads.conflicts, 0);
  w.expect_totals_add_up();
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

mail::Writer writer_with(const std::string& text, std::string_view sender = "GloboGym <welcome@globogym.example>") {
  auto letters = domain::Letters::make({.domain = "globogym.example"}, {{"welcome.txt", text}});
  EXPECT_TRUE(letters.has_value()) << (letters ? "" : letters.error().message);
  auto writer = mail::Writer::make(std::move(*letters), *mail::Mailbox::parse_named(sender));
  EXPECT_TRUE(writer.has_value());
  return *writer;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(KeptLetter, what_is_configured_anew_after_a_restart_changes_later_letters_and_none_that_waits) {
  EnrollmentWorld w;
  w.add_functions(writer_with("In the old words, {{firstName}}, at {{club}}.\n"));
  w.host->pause("welcome-mail");
  const auto early = w.accept(w.applicant("early@example.com"));
  w.start();
  ASSERT_TRUE(w.drain("process-enrollment"));

  w.crash();
  for (auto& club : w.catalogue.clubs) club.name = "Renamed";
  w.add_functions(writer_with("In new words, {{firstName}}, at {{club}}.\n", "Another <desk@globogym.example>"));
  const auto late = w.accept(w.applicant("late@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());

  ASSERT_EQ(w.mailer.sent.size(), 2u);
  std::ranges::sort(w.mailer.sent, {}, [](auto& letter) { return letter.recipient.reveal(); });
  EXPECT_TRUE(has(w.mailer.sent[0].content, "In the old words, Ada, at GloboGym London Shoreditch."));
  EXPECT_TRUE(has(w.mailer.sent[0].content, "\r\nFrom: GloboGym <welcome@globogym.example>\r\n"));
  EXPECT_EQ(w.mailer.sent[0].from, "welcome@globogym.example");
  EXPECT_EQ(w.mailer.sent[0].message_id, early + "@globogym.example");
  EXPECT_TRUE(has(w.mailer.sent[1].content, "In new words, Ada, at Renamed."));
  EXPECT_EQ(w.mailer.sent[1].from, "desk@globogym.example");
  EXPECT_EQ(w.mailer.sent[1].message_id, late + "@globogym.example");
}

TEST(KeptLetter, attempts_before_and_after_a_restart_with_other_templates_send_the_same_bytes) {
  EnrollmentWorld w;
  w.add_functions(writer_with("Grüße, {{firstName}}\n"), 8);
  w.mailer.fault = Fault::deferred;
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.start();
  ASSERT_TRUE(w.loop.run_until([&] { return w.mailer.sent.size() == 2; }, 1h));

  w.crash();
  w.mailer.fault.reset();
  w.add_functions(writer_with("Hello!\n"), 8);
  w.start();
  EXPECT_TRUE(w.drain_all());

  ASSERT_GE(w.mailer.sent.size(), 3u);
  for (const auto& letter : w.mailer.sent) EXPECT_EQ(letter.content, w.mailer.sent[0].content);
  EXPECT_EQ(w.enrollment(id).status, Status::completed);
}

TEST(KeptLetter, its_layout_is_stored_once_however_many_begin_at_a_time) {
  EnrollmentWorld w;
  w.add_functions();
  for (int i = 0; i < 50; ++i) w.accept(w.applicant("p" + std::to_string(i) + "@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());

  const auto page = w.loop.run(w.engine->scan({.container = "letters", .after = "", .limit = 10}));
  ASSERT_TRUE(page && page->documents.size() == 1);
  const auto version = page->documents[0].version;
  w.accept(w.applicant("later@example.com"));
  EXPECT_TRUE(w.drain_all());
  w.crash();
  w.add_functions();
  w.accept(w.applicant("latest@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());

  const auto again = w.loop.run(w.engine->get({"letters", page->documents[0].key.id, page->documents[0].key.id}));
  EXPECT_EQ((*again)->version, version) << "it was written again";
  EXPECT_EQ(w.in(Status::completed), 52);
}

TEST(KeptLetter, its_layout_is_stored_once_by_two_who_ask_at_the_same_time) {
  EnrollmentWorld w;
  const auto layout = mail::Writer(w.from()).layout();
  StoredLayout stored(*w.engine, layout);
  const auto ask = [&]() -> async::Task<void> {
    const auto done = co_await stored.store();
    EXPECT_TRUE(done.has_value());
  };
  const auto ask_at_once = [&]() -> async::Task<void> {
    async::Scope scope;
    for (int i = 0; i < 3; ++i) scope.start(ask());
    co_await scope.join();
  };

  engine::Commit before;
  before.documents.push_back({{"others", "p", "i"}, "{}", engine::Expect::anything()});
  const auto version = w.commit(std::move(before))->version;

  w.loop.run(ask_at_once());

  EXPECT_TRUE(stored.is_stored());
  const auto document = w.loop.run(w.engine->get(layout_key(layout.id)));
  EXPECT_EQ((*document)->version, version + 1) << "it was written again";
}

TEST(KeptLetter, no_letter_waits_whose_layout_could_not_be_stored) {
  EnrollmentWorld w;
  w.add_functions();
  w.host->pause("welcome-mail");
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.disk.fail_writes(1, 3, false);
  w.start();
  EXPECT_TRUE(w.drain("process-enrollment"));

  const auto kept = w.message("welcome-mail", id);
  ASSERT_TRUE(kept.has_value());
  const auto layout = std::get<domain::KeptLetter>(domain::welcome_mail_from_body(kept->message.body)->letter).layout;
  EXPECT_TRUE(w.document("letters", layout, layout).has_value());
}

TEST(KeptLetter, whose_layout_is_missing_or_damaged_is_parked_with_a_sentence_and_sent_when_it_is_back) {
  for (const bool missing : {true, false}) {
    EnrollmentWorld w;
    w.add_functions();
    w.host->pause("welcome-mail");
    const auto id = w.accept(w.applicant("ada@example.com"));
    w.start();
    ASSERT_TRUE(w.drain("process-enrollment"));
    const auto layout = mail::Writer(w.from()).layout();
    engine::Commit damage;
    if (missing)
      damage.erased.push_back({layout_key(layout.id), engine::Expect::anything()});
    else
      damage.documents.push_back({layout_key(layout.id), layout.json + " ", engine::Expect::anything()});
    ASSERT_TRUE(w.commit(std::move(damage)).has_value());
    w.host->resume("welcome-mail");
    EXPECT_TRUE(w.drain("welcome-mail"));

    EXPECT_TRUE(w.mailer.sent.empty());
    EXPECT_EQ(w.enrollment(id).reason, "damaged-record");
    const auto error = w.step(w.enrollment(id), "welcome-mail").last_error.value_or("");
    EXPECT_TRUE(has(error, "the layout " + layout.id + " that a letter has is ")) << error;
    EXPECT_TRUE(has(error, missing ? "not in the store" : "damaged")) << error;

    engine::Commit repair;
    repair.documents.push_back({layout_key(layout.id), layout.json, engine::Expect::anything()});
    ASSERT_TRUE(w.commit(std::move(repair)).has_value());
    ASSERT_TRUE(w.replay("welcome-mail", id).has_value());
    EXPECT_TRUE(w.drain("welcome-mail"));
    EXPECT_EQ(w.enrollment(id).status, Status::completed);
  }
}

TEST(KeptLetter, a_layout_that_was_damaged_is_stored_again_by_who_starts_with_it) {
  EnrollmentWorld w;
  const auto layout = mail::Writer(w.from()).layout();
  engine::Commit damage;
  damage.documents.push_back({layout_key(layout.id), "{}", engine::Expect::anything()});
  ASSERT_TRUE(w.commit(std::move(damage)).has_value());
  w.add_functions();
  w.accept(w.applicant("ada@example.com"));
  w.start();

  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.in(Status::completed), 1);
}

TEST(KeptLetter, letters_of_many_layouts_are_sent_each_in_its_own) {
  EnrollmentWorld w;
  std::vector<std::string> bodies;
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 7; ++i) {
      const auto writer = writer_with("Layout " + std::to_string(i) + ", {{firstName}}\n");
      ASSERT_TRUE(w.loop.run(store_layout(*w.engine, writer.layout())).has_value());
      domain::Member member{.id = std::string(40, '0'), .details = w.applicant("ada@example.com")};
      const std::string id = "e" + std::to_string(i + 7 * round);
      auto written = *writer.welcome(member, nullptr, nullptr, id, WallTime(1s));
      engine::Commit commit;
      commit.messages.push_back({.queue = "welcome-mail",
                                 .id = id,
                                 .body = domain::to_body({.enrollment_id = id,
                                                          .member_id = member.id,
                                                          .to = written.to,
                                                          .message_id = written.message_id,
                                                          .letter = written.letter})});
      ASSERT_TRUE(w.commit(std::move(commit)).has_value());
    }
  w.add_functions();
  w.start();
  EXPECT_TRUE(w.drain_all());

  ASSERT_EQ(w.mailer.sent.size(), 14u);
  for (const auto& letter : w.mailer.sent) {
    const int i = std::stoi(letter.message_id.substr(1)) % 7;
    EXPECT_TRUE(has(letter.content, "Layout " + std::to_string(i) + ", Ada")) << letter.message_id;
  }
}

TEST(KeptLetter, one_that_a_build_before_froze_is_sent_as_it_is) {
  EnrollmentWorld w;
  w.add_functions();
  engine::Commit old;
  old.messages.push_back({.queue = "welcome-mail",
                          .id = "e1",
                          .body =
                              "{\"enrollmentId\":\"e1\",\"memberId\":\"m1\",\"from\":\"w@g.example\",\"to\":\"a@b.co\","
                              "\"messageId\":\"e1@g\"}\nSubject: x\r\n\r\nHello\r\n"});
  ASSERT_TRUE(w.commit(std::move(old)).has_value());
  w.start();
  EXPECT_TRUE(w.drain_all());

  ASSERT_EQ(w.mailer.sent.size(), 1u);
  EXPECT_EQ(w.mailer.sent[0].content, "Subject: x\r\n\r\nHello\r\n");
  EXPECT_EQ(w.mailer.sent[0].from, "w@g.example");
  EXPECT_EQ(w.mailer.sent[0].recipient.reveal(), "a@b.co");
  EXPECT_EQ(w.mailer.sent[0].message_id, "e1@g");
  EXPECT_EQ(w.tally("mails-sent"), 1);
}

TEST(KeptLetter, one_that_cannot_be_written_is_found_before_the_member_is_told_anything) {
  EnrollmentWorld w;
  w.add_functions();
  for (auto& club : w.catalogue.clubs) club.address = std::string(5'000, 'x');
  const auto id = w.accept(w.applicant("ada@example.com"));
  w.start();
  EXPECT_TRUE(w.drain_all());

  EXPECT_EQ(w.enrollment(id).reason, "invalid-message");
  EXPECT_TRUE(has(w.step(w.enrollment(id), "validate").last_error.value_or(""), "the club's address is longer"));
  EXPECT_EQ(w.tally("members"), 0);
  EXPECT_TRUE(w.mailer.sent.empty());
}

TEST(KeptLetter, those_for_one_mail_domain_are_told_from_others_in_either_form) {
  EnrollmentWorld w;
  const WelcomeMail function(*w.engine, w.loop.clock(), w.mailer);
  const auto destination = [&](const std::string& to, bool frozen) {
    domain::WelcomeMail mail{.enrollment_id = "e", .member_id = "m", .to = Personal(to), .message_id = "e@g"};
    if (frozen)
      mail.letter = domain::FrozenLetter{.from = "w@g", .content = "Subject: x\r\n\r\n"};
    else
      mail.letter = domain::KeptLetter{.layout = "l", .says = {.locale = "en-GB", .number = "GG-1"}};
    return function.destination({.queue = "welcome-mail", .id = "e", .body = domain::to_body(mail)});
  };

  const auto one = destination("ada@Example.com", false);
  EXPECT_NE(one, 0u);
  EXPECT_EQ(one, destination("bob@example.com", true));
  EXPECT_NE(one, destination("ada@other.example", false));
  EXPECT_EQ(function.destination({.queue = "welcome-mail", .id = "e", .body = "nothing"}), 0u);
}

}  // namespace
}  // namespace globogym::functions::enrollment
