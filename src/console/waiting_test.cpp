// What waits: how it is told, and trying it again because a person wants it.
#include "console/waiting.h"

#include "console/people.h"
#include "console/world_test.h"

namespace globogym::console {
namespace {

using namespace testing;

// The queue called `name`, as the operations API tells of it.
JsonValue queue_in(const JsonDocument& queues, std::string_view name) {
  for (const auto& queue : queues.root().elements())
    if (queue.text("name") == name) return queue;
  return queues.root();
}

class Waiting : public ::testing::Test {
 protected:
  // An enrollment whose letter the mail system puts off.
  std::string put_off() {
    world.mailbag.deferring = true;
    const auto id = world.enroll("ada@example.com");
    world.loop.advance(10s);
    return id;
  }
  JsonDocument queues() { return value_of(JsonDocument::parse(world.ask("GET", "/admin/v1/queues").body)); }
  http::Response retry(const std::string& id, const std::string& body = R"({"reason":"the box was mended"})") {
    return world.ask("POST", "/admin/v1/enrollments/" + id + "/retry-now", body);
  }

  World world;
};

TEST_F(Waiting, a_queue_says_what_failed_since_when_and_when_it_is_tried_again) {
  put_off();

  const auto all = queues();
  const auto queue = queue_in(all, "welcome-mail");

  EXPECT_EQ(queue.integer("waiting"), 1);
  EXPECT_EQ(queue.integer("delayed"), 1);
  EXPECT_GE(queue.integer("oldestSeconds"), 9);
  EXPECT_EQ(queue.text("lastError"), "451 4.7.1 later");
  EXPECT_FALSE(queue.text("lastErrorAt").empty());
  EXPECT_FALSE(queue.text("blockedSince").empty());
  EXPECT_GT(queue.text("nextAttemptAt"), queue.text("lastErrorAt"));
  EXPECT_TRUE(queue.find("drainSeconds")->is_null());
  const auto other = queue_in(all, "process-enrollment");
  EXPECT_TRUE(other.find("lastError")->is_null());
  EXPECT_TRUE(other.find("blockedSince")->is_null());
  EXPECT_TRUE(other.find("nextAttemptAt")->is_null());
  EXPECT_EQ(other.integer("drainSeconds", -1), 0);
}

TEST_F(Waiting, a_queue_that_serves_again_is_blocked_no_more_and_keeps_its_last_error) {
  put_off();
  world.mailbag.deferring = false;
  world.loop.advance(10min);

  const auto all = queues();
  const auto queue = queue_in(all, "welcome-mail");

  EXPECT_EQ(queue.integer("waiting", -1), 0);
  EXPECT_TRUE(queue.find("blockedSince")->is_null());
  EXPECT_EQ(queue.text("lastError"), "451 4.7.1 later");
}

TEST_F(Waiting, a_paused_queue_is_blocked_since_it_was_paused) {
  world.ask("POST", "/admin/v1/queues/welcome-mail/pause");
  world.enroll("ada@example.com");
  world.loop.advance(10s);

  const auto all = queues();
  const auto queue = queue_in(all, "welcome-mail");

  EXPECT_EQ(queue.text("state"), "paused");
  EXPECT_FALSE(queue.text("blockedSince").empty());
  EXPECT_TRUE(queue.find("nextAttemptAt")->is_null());
}

TEST_F(Waiting, what_waits_is_listed_with_whose_it_is_and_never_with_what_it_says) {
  const auto id = put_off();

  const auto answer = world.ask("GET", "/admin/v1/waiting?queue=welcome-mail");

  EXPECT_EQ(answer.status, 200u);
  const auto json = value_of(JsonDocument::parse(answer.body));
  const auto items = json.root().find("items")->elements();
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].text("id"), "welcome-mail:" + id);
  EXPECT_EQ(items[0].text("enrollmentId"), id);
  EXPECT_EQ(items[0].text("state"), "delayed");
  EXPECT_EQ(items[0].text("lastError"), "451 4.7.1 later");
  EXPECT_FALSE(items[0].text("dueAt").empty());
  EXPECT_FALSE(answer.body.contains("example.com"));
  EXPECT_TRUE(ids_of_items(world.ask("GET", "/admin/v1/waiting?queue=process-enrollment").body).empty());
  EXPECT_EQ(world.ask("GET", "/admin/v1/waiting?limit=0").status, 400u);
  EXPECT_EQ(world.ask("GET", "/admin/v1/waiting?after=nonsense").status, 400u);
}

TEST_F(Waiting, one_that_was_never_tried_says_what_keeps_all_of_its_queue_back) {
  const auto held_back = [&](const std::string& id) {
    const auto json = value_of(JsonDocument::parse(world.ask("GET", "/admin/v1/waiting?queue=welcome-mail").body));
    for (const auto& item : json.root().find("items")->elements())
      if (item.text("enrollmentId") == id) return item.text("heldBackBy");
    return std::string("it does not wait");
  };
  world.mailbag.down = true;
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(world.enroll("ada" + std::to_string(i) + "@example.com"));
  world.loop.advance(2min);

  EXPECT_TRUE(held_back(ids.back()).starts_with("mail does not serve since 20")) << held_back(ids.back());
  EXPECT_TRUE(held_back(ids.back()).ends_with("421 going down")) << held_back(ids.back());

  world.ask("POST", "/admin/v1/queues/welcome-mail/pause");
  EXPECT_TRUE(held_back(ids.back()).starts_with("its queue is paused since 20")) << held_back(ids.back());
  const auto found = world.ask_trusted("POST", "/admin/v1/find", R"({"query":"ada3@example.com"})").body;
  EXPECT_TRUE(found.contains("its queue is paused")) << found;
}

TEST_F(Waiting, what_is_put_off_is_tried_at_once_when_a_person_wants_it_and_the_story_says_who) {
  const auto id = put_off();
  world.mailbag.deferring = false;

  const auto answer = retry(id);
  world.loop.advance(1s);

  EXPECT_EQ(answer.status, 200u) << answer.body;
  EXPECT_EQ(text(answer.body, "was"), "delayed");
  EXPECT_EQ(text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "status"), "completed");
  const auto story = world.ask("GET", "/admin/v1/enrollments/" + id + "/timeline").body;
  EXPECT_TRUE(story.contains(R"("event":"retried","by":"loopback")")) << story;
}

TEST_F(Waiting, what_is_parked_is_replayed) {
  world.mailbag.refusing = true;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  world.mailbag.refusing = false;

  const auto answer = retry(id);
  world.loop.advance(1s);

  EXPECT_EQ(answer.status, 200u) << answer.body;
  EXPECT_EQ(text(answer.body, "was"), "parked");
  EXPECT_EQ(text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "status"), "completed");
}

TEST_F(Waiting, what_cannot_be_tried_is_said_why) {
  const auto done = world.enroll("ada@example.com");
  world.finish();

  const auto answer = retry(done);

  EXPECT_EQ(answer.status, 409u);
  EXPECT_TRUE(answer.body.contains("completed")) << answer.body;
  EXPECT_EQ(retry("01K6ZZZZZZZZZZZZZZZZZZZZZZZZ").status, 404u);
  EXPECT_EQ(retry(done, R"({"why":"x"})").status, 400u);
  EXPECT_EQ(world.ask("GET", "/admin/v1/enrollments/" + done + "/retry-now").status, 405u);
  const auto parked = [&] {
    world.mailbag.refusing = true;
    const auto id = world.enroll("eve@example.com");
    world.finish();
    world.ask("POST", "/admin/v1/dead-letters/discard", R"({"ids":["welcome-mail:)" + id + R"("]})");
    return id;
  }();
  EXPECT_EQ(retry(parked).status, 409u);
}

TEST_F(Waiting, one_that_is_paused_is_due_and_the_answer_says_what_keeps_it) {
  const auto id = put_off();
  world.ask("POST", "/admin/v1/queues/welcome-mail/pause");

  const auto answer = retry(id, "");

  EXPECT_EQ(answer.status, 200u);
  EXPECT_TRUE(text(answer.body, "detail").contains("paused")) << answer.body;
}

TEST_F(Waiting, a_queue_that_there_is_not_is_told_wherever_one_is_named) {
  const auto id = put_off();
  const auto told = [&](std::string_view method, const std::string& path, const std::string& body = "") {
    const auto answer = world.ask(method, "/admin/v1/" + path, body);
    EXPECT_EQ(answer.status, 400u) << path << ": " << answer.body;
    return text(answer.body, "detail");
  };

  EXPECT_EQ(told("GET", "waiting?queue=nope"), "there is no queue nope; there are process-enrollment and welcome-mail");
  EXPECT_EQ(told("GET", "dead-letters?queue=welcom-mail"),
            "there is no queue welcom-mail; there are process-enrollment and welcome-mail; did you mean welcome-mail?");
  for (const auto verb : {"replay", "discard"})
    EXPECT_TRUE(told("POST", std::string("dead-letters/") + verb, R"({"filter":{"queue":"nope"}})")
                    .starts_with("there is no queue nope; there are "));
  EXPECT_TRUE(told("GET", "waiting?queue=ada%40example.com").starts_with("there is no such queue; "));
  EXPECT_TRUE(told("GET", "waiting?queue=" + std::string(65, 'a')).starts_with("there is no such queue; "));
  EXPECT_EQ(ids_of_items(world.ask("GET", "/admin/v1/waiting?queue=").body),
            std::vector<std::string>{"welcome-mail:" + id});
}

TEST_F(Waiting, a_queue_that_only_an_earlier_build_knew_is_one_all_the_same) {
  engine::Commit commit;
  commit.messages.push_back({.queue = "farewell-mail", .id = "one", .body = "{}"});
  ASSERT_TRUE(world.loop.run(world.engine->commit(std::move(commit))).has_value());

  EXPECT_EQ(ids_of_items(world.ask("GET", "/admin/v1/waiting?queue=farewell-mail").body),
            std::vector<std::string>{"farewell-mail:one"});
  EXPECT_EQ(world.ask("GET", "/admin/v1/dead-letters?queue=farewell-mail").status, 200u);
}

TEST_F(Waiting, a_process_that_works_on_no_queue_says_that_a_worker_sends_it) {
  const auto id = put_off();
  const Parts parts{
      .engine = *world.engine,
      .keys = *world.keys,
      .metrics = world.metrics,
      .clock = world.loop.clock(),
      .pseudonyms = world.pseudonyms,
      .queue_state =
          [](std::string_view) { return functions::QueueState{.state = functions::QueueState::State::paused}; },
      .mending = &*world.mending};

  audit::Deed deed;
  const auto listed = value_of(world.loop.run(waiting_json(parts, "", "", 10)));
  const auto tried = value_of(world.loop.run(retry_now(parts, id, "uid:1", deed)));
  world.mailbag.deferring = false;
  world.loop.advance(1h);
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "memberId");
  const auto sent = value_of(world.loop.run(resend_letter(parts, member, "", "uid:1", deed)));

  EXPECT_TRUE(listed.contains("this process works on no queue")) << listed;
  EXPECT_EQ(text(tried, "detail"),
            "it is due now; this process works on no queue: a worker tries it as soon as one runs");
  EXPECT_EQ(text(*sent, "detail"),
            "the welcome letter was written anew; this process works on no queue: a worker sends it as soon as one "
            "runs");
}

}  // namespace
}  // namespace globogym::console
