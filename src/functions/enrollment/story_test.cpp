#include "functions/enrollment/story.h"

#include "base/text.h"
#include "domain/records.h"
#include "functions/world_test.h"

namespace globogym::functions::enrollment {
namespace {

using namespace std::chrono_literals;
using domain::Status;

// One enrollment, stored as it stands.
struct Stored : World {
  std::string id;
  engine::Version version = 0;

  explicit Stored(Status status) {
    const std::vector<unsigned char> partition(8, 7);
    id = domain::new_enrollment_id(loop.clock().wall(), random, base32(partition));
    auto enrollment = domain::accepted_enrollment(id, loop.clock().wall(), "key-1");
    enrollment.status = status;
    if (status == Status::parked) {
      enrollment.steps[2].status = domain::StepStatus::parked;
      enrollment.steps[2].last_error = "550 no such box";
    }
    engine::Commit change;
    change.documents.push_back({{"enrollments", *domain::partition_of_enrollment(id), id},
                                domain::to_json(enrollment),
                                engine::Expect::absent()});
    const auto committed = commit(std::move(change));
    if (committed) version = committed->version;
  }

  engine::KeptMessage letter() const {
    engine::KeptMessage letter{.message = {.queue = "welcome-mail", .id = id, .body = {}, .traceparent = {}},
                               .state = engine::MessageState::dead_lettered,
                               .attempts = 2};
    letter.history.push_back({.number = 1, .at = WallTime(10s), .error = "451 later"});
    letter.dead_reason = "recipient-refused";
    letter.dead_at = WallTime(20s);
    return letter;
  }
  Result<engine::Commit> revive() {
    return loop.run(
        revived_story(*engine, letter(), "welcome-mail", Status::processing, {.what = "replayed", .by = "uid:1000"}));
  }

  static bool changes_nothing(const Result<engine::Commit>& commit) {
    return commit && commit->documents.empty() && commit->tallies.empty() && commit->messages.empty();
  }
};

const domain::Intervention replayed{.what = "replayed", .by = "uid:1000"}, discarded{.what = "discarded"};

TEST(Story, what_was_rejected_meanwhile_is_neither_revived_nor_discarded) {
  Stored s(Status::rejected);

  EXPECT_TRUE(Stored::changes_nothing(s.revive()));
  EXPECT_TRUE(Stored::changes_nothing(s.loop.run(discarded_story(*s.engine, s.letter(), "welcome-mail", discarded))));
}

TEST(Story, what_becomes_of_a_letter_that_was_sent_again_is_told_and_completed_it_stays) {
  Stored s(Status::completed);

  for (const auto& change :
       {s.revive(), s.loop.run(discarded_story(*s.engine, s.letter(), "welcome-mail", discarded))}) {
    ASSERT_TRUE(change && change->documents.size() == 1);
    const auto written = domain::enrollment_from_json(change->documents[0].body);
    ASSERT_TRUE(written);
    EXPECT_EQ(written->status, Status::completed);
    EXPECT_EQ(written->interventions.size(), 1u);
    ASSERT_EQ(written->steps[2].earlier.size(), 1u);
    EXPECT_EQ(written->steps[2].earlier[0].reason, "recipient-refused");
    EXPECT_TRUE(change->tallies.empty());
  }
}

TEST(Story, what_somebody_else_has_continued_is_not_revived) {
  for (const Status status : {Status::accepted, Status::processing}) {
    Stored s(status);

    EXPECT_TRUE(Stored::changes_nothing(s.revive()));
  }
}

TEST(Story, who_brought_it_back_is_remembered_with_it) {
  Stored s(Status::parked);

  const auto change = s.revive();

  ASSERT_TRUE(change && change->documents.size() == 1);
  const auto written = domain::enrollment_from_json(change->documents[0].body);
  ASSERT_TRUE(written && written->interventions.size() == 1);
  EXPECT_EQ(written->interventions[0], replayed);
}

TEST(Story, what_had_come_of_it_before_it_was_brought_back_is_kept) {
  Stored s(Status::parked);

  const auto change = s.revive();

  ASSERT_TRUE(change && change->documents.size() == 1);
  const auto written = domain::enrollment_from_json(change->documents[0].body);
  ASSERT_TRUE(written);
  const auto& step = written->steps[2];
  EXPECT_EQ(step.status, domain::StepStatus::pending);
  EXPECT_TRUE(step.failures.empty());
  EXPECT_EQ(step.last_error, std::nullopt) << "it is the earlier round's";
  EXPECT_EQ(step.earlier,
            (std::vector<domain::Round>{{.status = domain::StepStatus::parked,
                                         .attempts = 2,
                                         .ended = WallTime(20s),
                                         .reason = "recipient-refused",
                                         .failures = {{.number = 1, .at = WallTime(10s), .error = "451 later"}}}}));
}

TEST(Story, a_change_expects_the_version_that_was_read) {
  Stored s(Status::parked);

  const auto change = s.revive();

  ASSERT_TRUE(change.has_value());
  ASSERT_EQ(change->documents.size(), 1u);
  EXPECT_EQ(change->documents[0].expect.kind, engine::Expect::Kind::exactly);
  EXPECT_EQ(change->documents[0].expect.version, s.version);
  EXPECT_GT(s.version, 0u);
}

}  // namespace
}  // namespace globogym::functions::enrollment
