#include "base/time_text.h"
#include "console/world_test.h"

namespace globogym::console {
namespace {

using namespace testing;

TEST(DeadLetters, are_listed_page_by_page_without_what_they_say) {
  World world;
  world.mailbag.refusing = true;
  for (int i = 0; i < 7; ++i) world.enroll("person" + std::to_string(i) + "@example.com");
  world.finish();

  std::set<std::string> seen;
  std::string after;
  int pages = 0;
  do {
    auto response = world.ask("GET", "/admin/v1/dead-letters?limit=3&after=" + after);
    ASSERT_EQ(response.status, 200u) << response.body;
    EXPECT_EQ(response.body.find("example.com"), std::string::npos) << response.body;
    for (auto& id : ids_of_items(response.body)) EXPECT_TRUE(seen.insert(id).second) << id;
    after = text(response.body, "next");
    ++pages;
  } while (!after.empty() && pages < 10);

  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(pages, 3);
}

TEST(DeadLetters, a_replayed_one_is_done_and_its_enrollment_completed) {
  World world;
  world.mailbag.refusing = true;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const auto letters = ids_of_items(world.ask("GET", "/admin/v1/dead-letters").body);
  ASSERT_EQ(letters, std::vector<std::string>{"welcome-mail:" + id});
  world.mailbag.refusing = false;

  auto response = world.ask("POST", "/admin/v1/dead-letters/replay", R"({"ids":[")" + letters[0] + R"("]})");
  world.finish();

  EXPECT_EQ(response.body, R"({"replayed":1,"failed":[],"next":null})");
  EXPECT_EQ(text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "status"), "completed");
  EXPECT_EQ(world.mailbag.sent.size(), 1u);
  EXPECT_EQ(
      world.ask("GET", "/admin/v1/stats").body,
      R"({"members":1,"enrollments":{"accepted":0,"processing":0,"completed":1,"rejected":0,"parked":0},"mailsSent":1})");
}

TEST(DeadLetters, an_unknown_id_fails_alone_and_says_so) {
  World world;
  world.mailbag.refusing = true;
  const auto id = world.enroll("ada@example.com");
  world.finish();

  auto response = world.ask("POST", "/admin/v1/dead-letters/replay",
                            R"({"ids":["welcome-mail:)" + id + R"(","welcome-mail:nope","nonsense"]})");

  EXPECT_EQ(number(response.body, "replayed"), 1);
  EXPECT_NE(response.body.find(R"("id":"welcome-mail:nope")"), std::string::npos);
  EXPECT_NE(response.body.find(R"("id":"nonsense")"), std::string::npos);
}

TEST(DeadLetters, a_filter_takes_what_matches_in_bounded_steps) {
  World world;
  world.mailbag.refusing = true;
  for (int i = 0; i < 25; ++i) world.enroll("person" + std::to_string(i) + "@example.com");
  world.finish();
  Parts parts{.engine = *world.engine,
              .keys = *world.keys,
              .metrics = world.metrics,
              .clock = world.loop.clock(),
              .pseudonyms = world.pseudonyms};
  Selection selection{.queue = "welcome-mail"};

  int steps = 0;
  std::int64_t replayed = 0;
  do {
    audit::Deed deed;
    auto outcome = world.loop.run(
        act_on_dead_letters(parts, Verb::discard, selection, {.at_most = 10, .time = 5s}, "uid:1", deed));
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    EXPECT_LE(number(*outcome, "discarded"), 10);
    replayed += number(*outcome, "discarded");
    selection.after = text(*outcome, "next");
    ++steps;
  } while (!selection.after.empty() && steps < 10);

  EXPECT_EQ(replayed, 25);
  EXPECT_TRUE(ids_of_items(world.ask("GET", "/admin/v1/dead-letters").body).empty());
}

TEST(DeadLetters, a_discarded_one_leaves_its_attempts_and_its_time_to_the_enrollment) {
  World world;
  world.mailbag.refusing = true;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const std::string story = "/admin/v1/enrollments/" + id + "/timeline";
  const auto before = world.ask("GET", story).body;
  world.loop.advance(1h);
  const auto when = rfc3339(world.loop.clock().wall()).substr(0, 23);

  auto response = world.ask("POST", "/admin/v1/dead-letters/discard", R"({"ids":["welcome-mail:)" + id + R"("]})");
  const auto after = world.ask("GET", story).body;

  EXPECT_EQ(response.body, R"({"discarded":1,"failed":[],"next":null})");
  EXPECT_TRUE(ids_of_items(world.ask("GET", "/admin/v1/dead-letters").body).empty());
  EXPECT_EQ(text(after, "status"), "parked");
  EXPECT_EQ(text(after, "reason"), "discarded");
  auto events = events_of(before), times = times_of_events(before);
  events.push_back("discarded");
  times.push_back(when);
  EXPECT_EQ(events_of(after), events);
  EXPECT_EQ(times_of_events(after), times);
  EXPECT_NE(after.find("550 no such mailbox"), std::string::npos) << after;
  EXPECT_EQ(
      world.ask("GET", "/admin/v1/stats").body,
      R"({"members":1,"enrollments":{"accepted":0,"processing":0,"completed":0,"rejected":0,"parked":1},"mailsSent":0})");
}

TEST(DeadLetters, one_whose_enrollment_cannot_be_read_is_discarded_all_the_same) {
  World world;
  world.mailbag.refusing = true;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  engine::Commit damage;
  damage.documents.push_back(
      {{"enrollments", domain::partition_of_enrollment(id).value(), id}, "{}", engine::Expect::anything()});
  ASSERT_TRUE(world.loop.run(world.engine->commit(std::move(damage))).has_value());

  auto response = world.ask("POST", "/admin/v1/dead-letters/discard", R"({"ids":["welcome-mail:)" + id + R"("]})");

  EXPECT_EQ(response.body, R"({"discarded":1,"failed":[],"next":null})");
}

TEST(DeadLetters, a_filter_by_another_reason_takes_nothing) {
  World world;
  world.mailbag.refusing = true;
  world.enroll("ada@example.com");
  world.finish();

  auto response = world.ask("POST", "/admin/v1/dead-letters/replay", R"({"filter":{"reason":"no-such-reason"}})");

  EXPECT_EQ(response.body, R"({"replayed":0,"failed":[],"next":null})");
  EXPECT_EQ(ids_of_items(world.ask("GET", "/admin/v1/dead-letters").body).size(), 1u);
}

// Dead letters of queues nobody works on, and a replay that a test takes step by step.
struct Job {
  World world{false};
  Parts parts{.engine = *world.engine,
              .keys = *world.keys,
              .metrics = world.metrics,
              .clock = world.loop.clock(),
              .pseudonyms = world.pseudonyms};
  Selection selection;

  // Of each of these queues, a message of this id.
  void send(const std::string& id, const std::vector<std::string>& queues = {"notes"}) {
    engine::Commit commit;
    for (const auto& queue : queues) commit.messages.push_back({.queue = queue, .id = id, .body = "{}"});
    EXPECT_TRUE(world.loop.run(world.engine->commit(std::move(commit))).has_value());
  }
  // Whatever is ready there.
  void park(const std::string& queue = "notes") {
    auto deliveries = world.loop.run(
        world.engine->receive({.queue = queue, .lease_for = 30s, .at_most = 100, .wait_for = Duration{0}}));
    ASSERT_TRUE(deliveries.has_value());
    engine::Commit settled;
    for (auto& delivery : *deliveries)
      settled.settled.push_back({delivery.lease, engine::DeadLetter{"tired", "of it"}});
    ASSERT_TRUE(world.loop.run(world.engine->commit(std::move(settled))).has_value());
  }
  // How many it brought back. Takes two at a time.
  std::int64_t step() {
    audit::Deed deed;
    auto outcome =
        world.loop.run(act_on_dead_letters(parts, Verb::replay, selection, {.at_most = 2, .time = 5s}, "uid:1", deed));
    EXPECT_TRUE(outcome.has_value());
    if (!outcome) return -1;
    selection.after = text(*outcome, "next");
    return number(*outcome, "replayed");
  }
  // The rest of the job.
  std::int64_t finish() {
    std::int64_t replayed = 0;
    for (int steps = 0; !selection.after.empty() && steps < 20; ++steps) replayed += step();
    EXPECT_EQ(selection.after, "");
    return replayed;
  }
  std::vector<std::string> parked() { return ids_of_items(world.ask("GET", "/admin/v1/dead-letters").body); }
};

TEST(DeadLetters, a_job_does_not_take_twice_what_is_parked_again_meanwhile) {
  Job job;
  for (const auto* id : {"b", "c", "d", "e"}) job.send(id);
  job.park();
  job.selection.queue = "notes";
  job.world.loop.advance(1s);

  // What each step brought back is parked again before the next, and beside it what sorts before everything and behind.
  std::int64_t replayed = job.step();
  ASSERT_NE(job.selection.after, "") << "there is more to do, or nothing here tells anything";
  job.world.loop.advance(1s);
  for (const auto* id : {"a", "cc", "z"}) job.send(id);
  job.park();
  replayed += job.finish();

  EXPECT_EQ(replayed, 4);
  for (const auto* id : {"notes:a", "notes:b", "notes:cc", "notes:z"}) {
    const auto parked = job.parked();
    EXPECT_NE(std::ranges::find(parked, id), parked.end()) << id << " was parked after the job began";
  }
}

TEST(DeadLetters, a_job_over_all_queues_leaves_alone_what_is_parked_meanwhile_in_any) {
  Job job;
  for (const auto* id : {"1", "2", "3"}) job.send(id, {"m", "n"});
  job.park("m");
  job.park("n");
  job.world.loop.advance(1s);

  std::int64_t replayed = job.step();
  job.world.loop.advance(1s);
  job.send("4", {"a", "m", "n", "z"});
  for (const auto* queue : {"a", "m", "n", "z"}) job.park(queue);
  replayed += job.finish();

  EXPECT_EQ(replayed, 6);
  for (const auto* id : {"a:4", "m:4", "n:4", "z:4"}) {
    const auto parked = job.parked();
    EXPECT_NE(std::ranges::find(parked, id), parked.end()) << id;
  }
}

TEST(DeadLetters, what_was_parked_by_a_clock_that_ran_ahead_is_taken_all_the_same) {
  Job job;
  job.send("1");
  job.world.loop.advance(1h);
  job.park();
  // The clock is set back; here: somebody looks whose clock was never ahead.
  struct SetBack final : Clock {
    const Clock& ahead;
    explicit SetBack(const Clock& clock) : ahead(clock) {}
    WallTime wall() const override { return ahead.wall() - 1h; }
    SteadyTime steady() const override { return ahead.steady(); }
  } clock{job.world.loop.clock()};
  Parts parts{.engine = *job.world.engine,
              .keys = *job.world.keys,
              .metrics = job.world.metrics,
              .clock = clock,
              .pseudonyms = job.world.pseudonyms};

  audit::Deed deed;
  auto outcome = job.world.loop.run(act_on_dead_letters(parts, Verb::replay, {.queue = "notes"}, {}, "uid:1", deed));

  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(number(*outcome, "replayed"), 1);
}

TEST(DeadLetters, one_that_is_named_twice_is_taken_once) {
  Job job;
  job.send("1");
  job.park();

  EXPECT_EQ(job.world.ask("POST", "/admin/v1/dead-letters/replay", R"({"ids":["notes:1","notes:1"]})").body,
            R"({"replayed":1,"failed":[],"next":null})");
}

TEST(DeadLetters, so_many_may_be_named_and_so_long_may_a_name_be) {
  World world;
  const auto naming = [&](int count) {
    std::string ids;
    for (int i = 0; i < count; ++i) ids += (i ? ",\"n:" : "\"n:") + std::to_string(i) + "\"";
    return world.ask("POST", "/admin/v1/dead-letters/replay", R"({"ids":[)" + ids + "]}").status;
  };

  EXPECT_EQ(naming(1000), 200u);
  EXPECT_EQ(naming(1001), 400u);
  EXPECT_TRUE(parse_dead_letter_id(std::string(64, 'q') + ":" + std::string(255, 'm')));
  EXPECT_FALSE(parse_dead_letter_id(std::string(65, 'q') + ":m"));
  EXPECT_FALSE(parse_dead_letter_id("q:" + std::string(256, 'm')));
  for (const auto* none : {"", ":", "q", "q:", ":m"}) EXPECT_FALSE(parse_dead_letter_id(none)) << none;
  EXPECT_EQ(parse_dead_letter_id("q:m:n")->message_id, "m:n");
}

TEST(DeadLetters, a_selection_must_be_one_thing_or_the_other) {
  World world;
  for (const char* body :
       {"", "[]", "{}", "{\"ids\":[]}", R"({"ids":["a:b"],"filter":{}})", R"({"filter":{"x":"y"}})",
        R"({"filter":{"queue":5}})", R"({"ids":[5]})", R"({"other":1})", R"({"filter":{},"after":"x"})"})
    EXPECT_EQ(world.ask("POST", "/admin/v1/dead-letters/replay", body).status, 400u) << body;
}

}  // namespace
}  // namespace globogym::console
