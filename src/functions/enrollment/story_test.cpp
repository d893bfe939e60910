#include "functions/enrollment/story.h"

#include "base/text.h"
#include "domain/records.h"
#include "functions/world_test.h"

namespace globogym::functions::enrollment {
namespace {

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
    engine::Commit change;
    change.documents.push_back({{"enrollments", *domain::partition_of_enrollment(id), id},
                                domain::to_json(enrollment),
                                engine::Expect::absent()});
    const auto committed = commit(std::move(change));
    if (committed) version = committed->version;
  }

  static bool changes_nothing(const Result<engine::Commit>& commit) {
    return commit && commit->documents.empty() && commit->tallies.empty() && commit->messages.empty();
  }
};

const domain::Intervention replayed{.what = "replayed", .by = "uid:1000"}, discarded{.what = "discarded"};

TEST(Story, what_has_ended_meanwhile_is_neither_revived_nor_discarded) {
  for (const Status status : {Status::completed, Status::rejected}) {
    Stored s(status);
    engine::KeptMessage letter;
    letter.message.id = s.id;

    EXPECT_TRUE(Stored::changes_nothing(s.loop.run(revived_story(*s.engine, s.id, Status::processing, replayed))));
    EXPECT_TRUE(Stored::changes_nothing(s.loop.run(discarded_story(*s.engine, letter, "welcome-mail", discarded))));
  }
}

TEST(Story, what_somebody_else_has_continued_is_not_revived) {
  for (const Status status : {Status::accepted, Status::processing}) {
    Stored s(status);

    EXPECT_TRUE(Stored::changes_nothing(s.loop.run(revived_story(*s.engine, s.id, Status::processing, replayed))));
  }
}

TEST(Story, who_brought_it_back_is_remembered_with_it) {
  Stored s(Status::parked);

  const auto change = s.loop.run(revived_story(*s.engine, s.id, Status::processing, replayed));

  ASSERT_TRUE(change && change->documents.size() == 1);
  const auto written = domain::enrollment_from_json(change->documents[0].body);
  ASSERT_TRUE(written && written->interventions.size() == 1);
  EXPECT_EQ(written->interventions[0], replayed);
}

TEST(Story, a_change_expects_the_version_that_was_read) {
  Stored s(Status::parked);

  const auto change = s.loop.run(revived_story(*s.engine, s.id, Status::processing, replayed));

  ASSERT_TRUE(change.has_value());
  ASSERT_EQ(change->documents.size(), 1u);
  EXPECT_EQ(change->documents[0].expect.kind, engine::Expect::Kind::exactly);
  EXPECT_EQ(change->documents[0].expect.version, s.version);
  EXPECT_GT(s.version, 0u);
}

}  // namespace
}  // namespace globogym::functions::enrollment
