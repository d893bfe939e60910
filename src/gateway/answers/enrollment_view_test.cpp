#include "gateway/answers/enrollment_view.h"

#include <stdexcept>

#include "gateway/world_test.h"

namespace globogym::gateway {
namespace {

using domain::Status;
using domain::StepStatus;
using testing::World;
using namespace std::chrono_literals;

struct Story : World {
  std::string id = testing::text_in(post(writer()).body, "id");

  EnrollmentView view() {
    auto found = loop.run(view_enrollment(engine, id));
    EXPECT_TRUE(found.has_value() && found->has_value());
    return found && *found ? std::move(**found) : EnrollmentView();
  }
  const domain::Step& step(const EnrollmentView& view, std::string_view name) {
    const auto* step = domain::find_step(view.enrollment, name);
    if (step == nullptr) throw std::runtime_error("there is no step " + std::string(name));
    return *step;
  }
  void settle(engine::Settle settle) {
    engine::Commit change;
    change.settled.push_back(std::move(settle));
    commit(std::move(change));
  }
  // What process-enrollment commits when it succeeds.
  void processed() {
    auto delivery = lease("process-enrollment").at(0);
    auto enrollment = view().enrollment;
    enrollment.status = Status::processing;
    enrollment.member_id = std::string(32, '0');
    for (int i : {0, 1}) {
      enrollment.steps[static_cast<std::size_t>(i)].status = StepStatus::done;
      enrollment.steps[static_cast<std::size_t>(i)].attempts = 1;
      enrollment.steps[static_cast<std::size_t>(i)].finished_at = loop.clock().wall();
    }
    engine::Commit change;
    change.documents.push_back({.key = key_of_document(), .body = domain::to_json(enrollment), .expect = {}});
    change.messages.push_back({.queue = "welcome-mail", .id = id, .body = "letter"});
    change.settled.push_back({.lease = delivery.lease, .how = engine::Complete{}});
    commit(std::move(change));
  }
  // The same as today's build commits it: the document stays as it is.
  std::string stored() {
    auto delivery = lease("process-enrollment").at(0);
    auto enrollment = view().enrollment;
    enrollment.status = Status::processing;
    enrollment.member_id = std::string(32, '0');
    for (int i : {0, 1}) {
      auto& step = enrollment.steps[static_cast<std::size_t>(i)];
      step = {.name = step.name, .status = StepStatus::done, .attempts = 1, .finished_at = loop.clock().wall()};
    }
    domain::WelcomeMail work{.enrollment_id = id,
                             .member_id = *enrollment.member_id,
                             .story = domain::StoryOfLetter{.enrollment = enrollment, .version = delivery.version},
                             .to = Personal<std::string>("b@example.com"),
                             .message_id = "m",
                             .letter = domain::FrozenLetter{.from = "a@example.com", .content = "letter"}};
    engine::Commit change;
    change.messages.push_back({.queue = "welcome-mail", .id = id, .body = domain::to_body(work)});
    change.settled.push_back({.lease = delivery.lease, .how = engine::Complete{}});
    commit(std::move(change));
    return *enrollment.member_id;
  }
  engine::DocumentKey key_of_document() { return {"enrollments", *domain::partition_of_enrollment(id), id}; }
};

// An engine of which is remembered what it was asked, and whose first document may be one of before.
struct Observed final : engine::Engine {
  engine::Engine& real;
  std::optional<engine::Document> before;
  std::vector<std::string> asked;
  explicit Observed(engine::Engine& engine) : real(engine) {}
  Task<Result<std::optional<engine::Document>>> get(engine::DocumentKey key) override {
    asked.push_back(key.container);
    if (before) co_return std::exchange(before, std::nullopt);
    auto document = co_await real.get(std::move(key));
    co_return document;
  }
  Task<Result<std::optional<engine::KeptMessage>>> find_message(std::string queue, std::string message) override {
    asked.push_back(queue);
    return real.find_message(std::move(queue), std::move(message));
  }
  Task<Result<engine::Committed>> commit(engine::Commit c) override { return real.commit(std::move(c)); }
  Task<Result<std::vector<engine::Delivery>>> receive(engine::Receive r) override { return real.receive(std::move(r)); }
  Task<Result<engine::ScanPage>> scan(engine::Scan s) override { return real.scan(std::move(s)); }
  Task<Result<engine::MessagePage>> messages(engine::MessageQuery q) override { return real.messages(std::move(q)); }
  Task<Result<std::vector<engine::QueueStats>>> queues() override { return real.queues(); }
  Task<Result<std::map<std::string, std::int64_t>>> tallies() override { return real.tallies(); }
  engine::Health health() const override { return real.health(); }
  void close_receivers() override {}
};

TEST(EnrollmentView, waits_until_somebody_takes_it) {
  Story story;

  auto view = story.view();

  EXPECT_EQ(view.enrollment.status, Status::accepted);
  EXPECT_EQ(view.current_step, "validate");
  EXPECT_EQ(story.step(view, "validate").status, StepStatus::pending);
  EXPECT_EQ(story.step(view, "validate").attempts, 0);
}

TEST(EnrollmentView, runs_while_its_message_is_leased) {
  Story story;

  story.lease("process-enrollment");
  auto view = story.view();

  EXPECT_EQ(view.enrollment.status, Status::processing);
  EXPECT_EQ(story.step(view, "validate").status, StepStatus::running);
  EXPECT_EQ(story.step(view, "validate").attempts, 1);
  EXPECT_EQ(story.step(view, "store-member").status, StepStatus::pending);
}

TEST(EnrollmentView, is_retried_with_the_last_error_and_the_time_of_the_next_attempt) {
  Story story;
  story.processed();
  auto delivery = story.lease("welcome-mail").at(0);
  const WallTime next = story.loop.clock().wall() + 1min;

  story.settle({.lease = delivery.lease, .how = engine::GiveBack{.delay = 1min, .error = "450 later \xff"}});
  auto view = story.view();

  EXPECT_EQ(view.enrollment.status, Status::processing);
  EXPECT_EQ(view.current_step, "welcome-mail");
  EXPECT_EQ(story.step(view, "welcome-mail").status, StepStatus::retrying);
  EXPECT_EQ(story.step(view, "welcome-mail").attempts, 1);
  EXPECT_EQ(story.step(view, "welcome-mail").last_error, "450 later ?");
  ASSERT_TRUE(view.next_attempt_at.has_value());
  EXPECT_EQ(rfc3339(*view.next_attempt_at), rfc3339(next));
  EXPECT_NE(to_json(view).find(R"("nextAttemptAt":")" + rfc3339(next)), std::string::npos);
}

TEST(EnrollmentView, still_counts_as_retrying_when_the_time_has_come_and_nobody_has_taken_it) {
  Story story;
  story.processed();
  auto delivery = story.lease("welcome-mail").at(0);
  story.settle({.lease = delivery.lease, .how = engine::GiveBack{.delay = 1s, .error = "450 later"}});

  story.loop.advance(1min);
  auto view = story.view();

  EXPECT_EQ(story.step(view, "welcome-mail").status, StepStatus::retrying);
}

TEST(EnrollmentView, given_back_uncounted_it_waits_as_if_it_had_never_been_taken) {
  Story story;
  auto delivery = story.lease("process-enrollment").at(0);

  story.settle({.lease = delivery.lease, .how = engine::GiveBack{.delay = {}, .error = "", .count_attempt = false}});
  auto view = story.view();

  EXPECT_EQ(view.enrollment.status, Status::accepted);
  EXPECT_EQ(story.step(view, "validate").status, StepStatus::pending);
}

TEST(EnrollmentView, is_parked_when_its_message_is_a_dead_letter) {
  Story story;
  story.processed();
  auto delivery = story.lease("welcome-mail").at(0);

  story.settle({.lease = delivery.lease, .how = engine::DeadLetter{.reason = "poison", .error = "550 no such user"}});
  auto view = story.view();

  EXPECT_EQ(view.enrollment.status, Status::parked);
  EXPECT_EQ(view.enrollment.reason, "poison");
  EXPECT_EQ(story.step(view, "welcome-mail").status, StepStatus::parked);
}

TEST(EnrollmentView, an_ended_one_is_shown_as_it_is_stored) {
  for (Status status : {Status::completed, Status::rejected, Status::parked}) {
    Story story;
    auto enrollment = story.view().enrollment;
    enrollment.status = status;
    enrollment.reason = "already-member";
    engine::Commit change;
    change.documents.push_back({.key = story.key_of_document(), .body = domain::to_json(enrollment), .expect = {}});
    story.commit(std::move(change));
    story.lease("process-enrollment");

    auto view = story.view();

    EXPECT_EQ(view.enrollment.status, status);
    EXPECT_EQ(view.enrollment.reason, "already-member");
    EXPECT_EQ(view.current_step, "");
    EXPECT_EQ(story.step(view, "validate").status, StepStatus::pending);
  }
}

TEST(EnrollmentView, a_message_that_went_away_meanwhile_is_not_mistaken_for_one_that_never_was) {
  // The document says that process-enrollment is at work, the queue that it is not: the first look is answered with the
  // state before the commit, and everything after it with the state behind it.
  Story story;
  Observed late(story.engine);
  auto before = story.loop.run(story.engine.get(story.key_of_document()));
  ASSERT_TRUE(before.has_value() && before->has_value());
  story.processed();
  late.before = **before;

  auto view = story.loop.run(view_enrollment(late, story.id));

  ASSERT_TRUE(view.has_value() && view->has_value());
  EXPECT_EQ((*view)->current_step, "welcome-mail");
  EXPECT_EQ(story.step(**view, "validate").status, StepStatus::done);
}

TEST(EnrollmentView, what_only_the_letters_message_knows_is_told) {
  Story story;
  const auto member = story.stored();

  const auto view = story.view();

  EXPECT_EQ(view.enrollment.status, Status::processing);
  EXPECT_EQ(view.enrollment.member_id, member);
  EXPECT_EQ(view.current_step, "welcome-mail");
  EXPECT_EQ(story.step(view, "store-member").status, StepStatus::done);
  EXPECT_EQ(story.step(view, "welcome-mail").status, StepStatus::pending);
  const auto read = story.loop.run(read_enrollment(story.engine, story.id));
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->member_id, member);
}

TEST(EnrollmentView, a_letter_that_is_parked_shows_although_the_document_could_not_be_written) {
  Story story;
  story.stored();
  auto delivery = story.lease("welcome-mail").at(0);
  story.settle({.lease = delivery.lease, .how = engine::DeadLetter{.reason = "recipient-refused", .error = "550"}});

  const auto view = story.view();

  EXPECT_EQ(view.enrollment.status, Status::parked);
  EXPECT_EQ(view.enrollment.reason, "recipient-refused");
  EXPECT_EQ(story.step(view, "store-member").status, StepStatus::done);
}

TEST(EnrollmentView, a_stranger_reads_completed_while_the_letter_still_waits) {
  Story story;
  story.stored();

  const auto masked = [&] {
    auto view = story.loop.run(view_for(story.engine, story.id, Sight::masked, story.loop.clock()));
    EXPECT_TRUE(view && *view);
    return view && *view ? (*view)->enrollment : domain::Enrollment{};
  };

  EXPECT_EQ(masked().status, Status::accepted) << "not before the second whole second";
  story.loop.advance(2s);
  EXPECT_EQ(masked().status, Status::completed);
  EXPECT_EQ(masked().member_id, std::nullopt);
}

TEST(EnrollmentView, for_a_stranger_the_same_is_looked_up_whatever_has_come_of_it) {
  std::vector<std::vector<std::string>> asked;
  for (const int how : {0, 1, 2}) {
    Story story;
    if (how == 1) story.stored();
    if (how == 2) {
      auto enrollment = story.view().enrollment;
      enrollment.status = Status::rejected;
      enrollment.reason = domain::already_member;
      engine::Commit change;
      change.documents.push_back({.key = story.key_of_document(), .body = domain::to_json(enrollment), .expect = {}});
      story.commit(std::move(change));
    }
    Observed engine(story.engine);
    ASSERT_TRUE(story.loop.run(view_for(engine, story.id, Sight::masked, story.loop.clock())).has_value());
    asked.push_back(engine.asked);
  }

  EXPECT_EQ(asked[0], asked[1]);
  EXPECT_EQ(asked[0], asked[2]);
}

TEST(EnrollmentView, what_is_not_there_is_nothing) {
  Story story;

  for (const auto* id : {"", "x", "00000000000000000000000000000000"}) {
    auto view = story.loop.run(view_enrollment(story.engine, id));
    ASSERT_TRUE(view.has_value());
    EXPECT_FALSE(view->has_value());
  }
}

}  // namespace
}  // namespace globogym::gateway
