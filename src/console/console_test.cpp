#include "console/world_test.h"

namespace globogym::console {
namespace {

using namespace testing;

TEST(Console, queues_that_never_had_a_message_are_shown_too) {
  World world(false);

  auto response = world.ask("GET", "/admin/v1/queues");

  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.body,
            R"([{"name":"process-enrollment","ready":0,"leased":0,"delayed":0,"deadLettered":0,"oldestSeconds":0,)"
            R"("state":"running","waiting":0,"lastError":null,"lastErrorAt":null,"blockedSince":null,)"
            R"("nextAttemptAt":null,"drainSeconds":0},{"name":"welcome-mail","ready":0,"leased":0,"delayed":0,)"
            R"("deadLettered":0,"oldestSeconds":0,"state":"running","waiting":0,"lastError":null,"lastErrorAt":null,)"
            R"("blockedSince":null,"nextAttemptAt":null,"drainSeconds":0}])");
}

TEST(Console, a_waiting_message_is_counted_with_its_age) {
  World world(false);
  world.enroll("ada@example.com");
  world.loop.advance(90s);

  auto response = world.ask("GET", "/admin/v1/queues");

  EXPECT_NE(response.body.find(
                R"("name":"process-enrollment","ready":1,"leased":0,"delayed":0,"deadLettered":0,"oldestSeconds":90)"),
            std::string::npos)
      << response.body;
}

TEST(Console, totals_are_what_has_happened) {
  World world;
  world.enroll("ada@example.com");
  world.enroll("grace@example.com");
  world.enroll("ada@example.com");
  world.finish();

  auto response = world.ask("GET", "/admin/v1/stats");

  EXPECT_EQ(
      response.body,
      R"({"members":2,"enrollments":{"accepted":0,"processing":0,"completed":2,"rejected":1,"parked":0},"mailsSent":2})");
}

TEST(Console, metrics_hold_gauges_brought_up_to_date_at_the_scrape) {
  World world(false);
  world.enroll("ada@example.com");

  auto response = world.ask("GET", "/metrics");

  EXPECT_EQ(response.status, 200u);
  EXPECT_TRUE(response.content_type.starts_with("text/plain; version=0.0.4"));
  EXPECT_NE(response.body.find("globogym_queue_messages{queue=\"process-enrollment\",state=\"ready\"} 1"),
            std::string::npos);
  EXPECT_NE(response.body.find("globogym_enrollments{status=\"accepted\"} 1"), std::string::npos);
}

TEST(Console, the_story_of_an_enrollment_is_told_in_order) {
  World world;
  const auto id = world.enroll("ada@example.com");
  world.finish();

  auto response = world.ask("GET", "/admin/v1/enrollments/" + id + "/timeline");

  EXPECT_EQ(text(response.body, "status"), "completed");
  EXPECT_EQ(events_of(response.body),
            (std::vector<std::string>{"accepted", "step-done", "step-done", "step-done", "completed"}));
}

TEST(Console, the_story_of_a_rejected_enrollment_has_an_end) {
  World world;
  world.enroll("ada@example.com");
  world.finish();
  const auto id = world.enroll("ada@example.com");
  world.finish();

  auto response = world.ask("GET", "/admin/v1/enrollments/" + id + "/timeline");

  EXPECT_EQ(text(response.body, "status"), "rejected");
  EXPECT_EQ(events_of(response.body).back(), "rejected");
  EXPECT_NE(text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "completedAt"), "");
}

TEST(Console, the_story_of_a_parked_enrollment_says_why) {
  World world;
  world.mailbag.refusing = true;
  const auto id = world.enroll("ada@example.com");
  world.finish();

  auto response = world.ask("GET", "/admin/v1/enrollments/" + id + "/timeline");

  EXPECT_EQ(text(response.body, "status"), "parked");
  const auto events = events_of(response.body);
  EXPECT_EQ(events.front(), "accepted");
  EXPECT_EQ(events.back(), "parked");
  EXPECT_NE(response.body.find("550 no such mailbox"), std::string::npos) << response.body;
}

TEST(Console, a_failed_attempt_of_which_both_the_enrollment_and_its_message_know_is_told_once) {
  World world;
  world.mailbag.refusing = true;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const auto letter = value_of(world.loop.run(world.engine->find_message("welcome-mail", id)));
  ASSERT_TRUE(letter && letter->history.size() == 1);
  const auto& failure = letter->history[0];
  ASSERT_NE(std::chrono::floor<std::chrono::milliseconds>(failure.at), failure.at)
      << "documents keep no more than that";
  const engine::DocumentKey key{"enrollments", *domain::partition_of_enrollment(id), id};
  const auto document = value_of(world.loop.run(world.engine->get(key)));
  ASSERT_TRUE(document);
  auto enrollment = value_of(domain::enrollment_from_json(document->body));
  domain::remember_failure(*domain::find_step(enrollment, domain::step::welcome_mail),
                           {.number = failure.number, .at = failure.at, .error = failure.error});
  engine::Commit commit;
  commit.documents.push_back({key, domain::to_json(enrollment), engine::Expect::anything()});
  ASSERT_TRUE(world.loop.run(world.engine->commit(std::move(commit))).has_value());

  const auto events = events_of(world.ask("GET", "/admin/v1/enrollments/" + id + "/timeline").body);

  EXPECT_EQ(std::ranges::count(events, "attempt-failed"), 1);
}

TEST(Console, the_feed_tells_the_state_every_second_until_it_is_stopped) {
  World world;
  auto response = world.ask("GET", "/admin/v1/events");
  ASSERT_TRUE(response.feed);
  EXPECT_EQ(response.content_type, "text/event-stream");
  std::stop_source stop;

  auto first = world.loop.run(response.feed->next(stop.get_token()));
  const auto before = world.loop.clock().steady();
  auto second = world.loop.run(response.feed->next(stop.get_token()));
  const auto took = world.loop.clock().steady() - before;
  stop.request_stop();
  auto last = world.loop.run(response.feed->next(stop.get_token()));

  ASSERT_TRUE(first && second);
  EXPECT_TRUE(first->starts_with("event: state\ndata: {\"queues\":["));
  EXPECT_TRUE(first->ends_with("\n\n"));
  EXPECT_GE(took, 1s);
  EXPECT_LT(took, 2s);
  EXPECT_FALSE(last);
}

TEST(Console, a_queue_that_is_paused_rests_until_it_is_resumed) {
  World world;

  auto paused = world.ask("POST", "/admin/v1/queues/welcome-mail/pause");
  world.enroll("ada@example.com");
  world.finish();
  const auto sent_meanwhile = world.mailbag.sent.size();
  const auto shown = world.ask("GET", "/admin/v1/queues").body;
  auto resumed = world.ask("POST", "/admin/v1/queues/welcome-mail/resume");
  world.finish();

  EXPECT_EQ(paused.body, R"({"name":"welcome-mail","state":"paused"})");
  EXPECT_EQ(sent_meanwhile, 0u);
  EXPECT_NE(shown.find(R"("name":"welcome-mail","ready":1)"), std::string::npos) << shown;
  EXPECT_NE(shown.find(R"("state":"paused")"), std::string::npos) << shown;
  EXPECT_EQ(resumed.body, R"({"name":"welcome-mail","state":"running"})");
  EXPECT_EQ(world.mailbag.sent.size(), 1u);
}

TEST(Console, only_a_queue_that_is_worked_on_can_be_paused) {
  World world;

  EXPECT_EQ(world.ask("POST", "/admin/v1/queues/nothing/pause").status, 404u);
  EXPECT_EQ(world.ask("GET", "/admin/v1/queues/welcome-mail/pause").status, 405u);
  EXPECT_EQ(world.ask("POST", "/admin/v1/queues/welcome-mail/stop").status, 404u);
  EXPECT_EQ(world.ask("POST", "/admin/v1/queues/welcome-mail/pause", "", {{"Host", "localhost"}}).status, 403u);
  EXPECT_EQ(world
                .ask_guarded("POST", "/admin/v1/queues/welcome-mail/pause",
                             {{"X-API-Key", world.key({"ops:read"}).text}, {"Content-Type", "application/json"}})
                .status,
            403u);
}

TEST(Console, what_is_not_there_is_a_problem_document) {
  World world;
  const std::pair<const char*, unsigned> cases[] = {
      {"/nothing", 404},
      {"/admin/v1/nothing", 404},
      {"/admin/v1/enrollments/nope", 404},
      {"/admin/v1/enrollments/nope/timeline", 404},
      {"/admin/v1/dead-letters/nope", 404},
      {"/admin/v1/dead-letters?limit=0", 400},
      {"/admin/v1/dead-letters?limit=1001", 400},
      {"/admin/v1/dead-letters?limit=1x", 400},
      {"/admin/v1/dead-letters?after=!", 400},
      {"/admin/v1/%zz", 404},
  };
  for (const auto& [target, status] : cases) {
    auto response = world.ask("GET", target);
    EXPECT_EQ(response.status, status) << target;
    EXPECT_EQ(response.content_type, "application/problem+json") << target;
  }
  EXPECT_EQ(world.ask("GET", "/admin/v1/dead-letters?limit=1000").status, 200u);
  EXPECT_EQ(world.ask("DELETE", "/admin/v1/queues").status, 405u);
}

}  // namespace
}  // namespace globogym::console
