// What travels with a message, and is not read: an enrollment's story.
#include "functions/enrollment/world_test.h"

namespace globogym::functions::enrollment {
namespace {

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

}  // namespace
}  // namespace globogym::functions::enrollment
