#include "gateway/answers/progress_feed.h"

#include <gtest/gtest.h>

#include "gateway/world_test.h"

namespace globogym::gateway {
namespace {

using testing::text_in;
using testing::World;
using namespace std::chrono_literals;

class ProgressFeedTest : public ::testing::Test {
 protected:
  World world;
  std::string key = world.writer();
  std::string id = text_in(world.post(key).body, "id");

  http::Response follow() { return world.get("/v1/enrollments/" + id + "/events", key); }

  std::optional<std::string> next(http::Response& response, std::stop_token stop = {}) {
    return world.loop.run(response.feed->next(stop));
  }

  // What a function would do: the document says that it has ended.
  void ends_as(domain::Status status) {
    const auto partition = domain::partition_of_enrollment(id);
    const engine::DocumentKey where{
        .container = std::string(domain::container::enrollments), .partition = *partition, .id = id};
    auto document = world.loop.run(world.engine.get(where));
    ASSERT_TRUE(document.has_value() && *document);
    auto enrollment = domain::enrollment_from_json((*document)->body);
    ASSERT_TRUE(enrollment.has_value());
    enrollment->status = status;
    engine::Commit commit;
    commit.documents.push_back(
        {.key = where, .body = domain::to_json(*enrollment), .expect = engine::Expect::anything()});
    world.commit(std::move(commit));
  }
};

TEST_F(ProgressFeedTest, how_it_stands_is_told_at_once) {
  auto response = follow();

  EXPECT_EQ(response.content_type, "text/event-stream");
  const auto event = next(response);
  ASSERT_TRUE(event.has_value());
  EXPECT_TRUE(event->starts_with("data: {")) << *event;
  EXPECT_TRUE(event->ends_with("}\n\n")) << *event;
  EXPECT_NE(event->find(R"("status":"accepted")"), std::string::npos);
}

TEST_F(ProgressFeedTest, the_end_is_told_and_ends_it) {
  auto response = follow();
  next(response);
  ends_as(domain::Status::completed);

  const auto event = next(response);
  const auto after = next(response);

  ASSERT_TRUE(event.has_value());
  EXPECT_NE(event->find(R"("status":"completed")"), std::string::npos) << *event;
  EXPECT_FALSE(after.has_value());
}

TEST_F(ProgressFeedTest, while_nothing_changes_a_comment_keeps_the_connection_open) {
  auto response = follow();
  next(response);
  const SteadyTime began = world.loop.clock().steady();

  const auto piece = next(response);

  ASSERT_TRUE(piece.has_value());
  EXPECT_TRUE(piece->starts_with(":")) << *piece;
  const Duration waited = world.loop.clock().steady() - began;
  EXPECT_GE(waited, 15s);
  EXPECT_LT(waited, 20s);
}

TEST_F(ProgressFeedTest, the_engine_is_asked_less_often_the_longer_nothing_happens) {
  auto response = follow();
  next(response);
  world.engine.gets = 0;
  next(response);  // after fifteen seconds in which nothing happened
  const int at_first = std::exchange(world.engine.gets, 0);
  next(response);
  const int later = world.engine.gets;

  EXPECT_GE(at_first, 10) << "soon, at first";
  EXPECT_LE(at_first, 40);
  EXPECT_GE(later, 7) << "a change is told within two seconds";
  EXPECT_LE(later, 20);
}

TEST_F(ProgressFeedTest, it_ends_after_ten_minutes) {
  auto response = follow();
  const SteadyTime began = world.loop.clock().steady();

  int pieces = 0;
  while (next(response)) ASSERT_LT(++pieces, 100);

  EXPECT_GE(world.loop.clock().steady() - began, 10min);
  EXPECT_LT(world.loop.clock().steady() - began, 11min);
}

TEST_F(ProgressFeedTest, it_ends_when_the_client_has_gone) {
  auto response = follow();
  next(response);
  std::stop_source gone;
  gone.request_stop();

  EXPECT_FALSE(next(response, gone.get_token()).has_value());
}

TEST_F(ProgressFeedTest, it_ends_with_the_key_that_opened_it) {
  const std::string soon_over = world.key({"enrollments:read"}, {}, 1min);
  auto response = follow();
  auto other = world.get("/v1/enrollments/" + id + "/events", soon_over);
  ASSERT_TRUE(next(response) && next(other));

  ASSERT_TRUE(world.loop.run(world.keys.revoke(key.substr(4, 11))).has_value());
  ends_as(domain::Status::completed);

  EXPECT_EQ(next(response), std::nullopt) << "and the end is not told any more";
  EXPECT_NE(next(other), std::nullopt) << "somebody else's goes on";
}

TEST_F(ProgressFeedTest, it_ends_when_the_time_of_its_key_is_over) {
  const std::string soon_over = world.key({"enrollments:read"}, {}, 1min);
  auto response = world.get("/v1/enrollments/" + id + "/events", soon_over);
  const auto about = world.keys.find(soon_over.substr(4, 11));
  ASSERT_TRUE(about && about->expires);
  const WallTime end = *about->expires;

  while (next(response)) ASSERT_LT(world.loop.clock().wall(), end);

  EXPECT_GE(world.loop.clock().wall(), end);
  EXPECT_LE(world.loop.clock().wall(), end + 2s);
}

TEST_F(ProgressFeedTest, neither_proxies_nor_browsers_keep_any_of_it) {
  EXPECT_TRUE(follow().extra_headers.contains("Cache-Control: no-store\r\n"));
}

TEST_F(ProgressFeedTest, it_ends_when_the_engine_cannot_be_read) {
  auto response = follow();
  next(response);
  world.engine.get_fails = Error{Fault::unavailable, "no disk"};

  EXPECT_FALSE(next(response).has_value());
}

TEST_F(ProgressFeedTest, there_is_a_bound_and_room_again_afterwards) {
  std::vector<http::Response> open;
  http::Response refused;
  for (int i = 0; i < 10'000; ++i) {
    auto response = follow();
    if (response.status != 200) {
      refused = std::move(response);
      break;
    }
    open.push_back(std::move(response));
  }

  EXPECT_EQ(open.size(), 5000u);
  EXPECT_EQ(testing::slug_of(refused), "too-many-streams");
  open.clear();
  EXPECT_EQ(follow().status, 200u);
}

}  // namespace
}  // namespace globogym::gateway
