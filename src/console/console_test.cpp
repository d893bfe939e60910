#include "console/console.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "base/json_reader.h"
#include "console/dead_letters.h"
#include "domain/ids.h"
#include "domain/records.h"
#include "engine/memory/engine.h"
#include "functions/enrollment/process_enrollment.h"
#include "functions/enrollment/welcome_mail.h"
#include "functions/host.h"

namespace globogym::console {
namespace {

using namespace std::chrono_literals;

// Refuses the recipients it is told to, for good.
class Mailbag final : public mail::Mailer {
 public:
  Task<Result<mail::Receipt>> send(mail::Letter letter, std::stop_token) override {
    if (refusing) co_return fail(Fault::refused, "550 no such mailbox");
    sent.push_back(letter.message_id);
    co_return mail::Receipt{"250 taken"};
  }
  bool refusing = false;
  std::vector<std::string> sent;
};

// An enrollment service on a virtual clock, with both of its consoles.
class World {
 public:
  explicit World(bool with_host = true) {
    on_loop([&] {
      engine.emplace(disk);
      keys.emplace(*engine, loop.clock(), random);
      host.emplace(*engine, loop.clock(), random, metrics);
      for (auto& function : functions(mailbag)) host->add(std::move(function));
      if (with_host) host->start();
    });
    hosted_ = with_host;
    EXPECT_TRUE(loop.run(keys->load()).has_value());
    repairing_ = functions(mailbag);
    Parts parts{.engine = *engine, .keys = *keys, .metrics = metrics, .clock = loop.clock()};
    for (auto& function : repairing_) parts.functions.push_back(function.get());
    parts.queue_state = [this](std::string_view queue) {
      for (const auto& state : host->queues())
        if (state.queue == queue) return std::string(name(state.state));
      return std::string("running");
    };
    open.emplace(parts, Options{.hosts = {"console.example"}});
    trusted.emplace(parts, Options{.trusted = true});
  }

  ~World() {
    if (hosted_) loop.run(host->stop());
  }

  // Accepts an application for `email`, as the gateway would; its id.
  std::string enroll(const std::string& email) {
    domain::Applicant applicant;
    applicant.first_name = Personal<std::string>("Ada");
    applicant.last_name = Personal<std::string>("Lovelace");
    applicant.email = applicant.normalized_email = Personal<std::string>(email);
    applicant.date_of_birth =
        Personal(domain::Date(std::chrono::year(1990), std::chrono::month(12), std::chrono::day(10)));
    applicant.home_club_id = "london-shoreditch";
    applicant.plan = "premium-annual";
    const auto ids = domain::person_ids(pseudonyms, applicant.normalized_email);
    const auto now = loop.clock().wall();
    const std::string id = domain::new_enrollment_id(now, random, ids.partition);
    engine::Commit commit;
    commit.documents.push_back({{"enrollments", ids.partition, id},
                                domain::to_json(domain::accepted_enrollment(id, now, "key")),
                                engine::Expect::absent()});
    commit.messages.push_back({.queue = "process-enrollment",
                               .id = id,
                               .body = domain::to_json(domain::ProcessEnrollment{
                                   .enrollment_id = id, .accepted_at = now, .applicant = applicant})});
    commit.tallies.push_back({"enrollments.accepted", 1});
    EXPECT_TRUE(loop.run(engine->commit(std::move(commit))).has_value());
    return id;
  }

  // Time passes until nothing is in work any more.
  void finish() { loop.advance(30s); }

  http::Response ask(std::string_view method, const std::string& target, const std::string& body = "",
                     std::vector<std::pair<std::string, std::string>> headers = {
                         {"Host", "127.0.0.1:8081"}, {"Content-Type", "application/json"}}) {
    return send(*open, method, target, body, std::move(headers));
  }
  http::Response ask_trusted(std::string_view method, const std::string& target, const std::string& body = "") {
    return send(*trusted, method, target, body, {});
  }

  // Not the host's own: for running by hand.
  functions::Function& process_enrollment() { return *repairing_.front(); }

  async::SimLoop loop;
  SeededRandom random{7};
  telemetry::Metrics metrics;
  engine::memory::Disk disk;
  Hmac pseudonyms{"a key of this test, 32 bytes long"};
  domain::Catalogue catalogue = domain::sample_catalogue();
  Mailbag mailbag;
  std::optional<engine::memory::Engine> engine;
  std::optional<gateway::ApiKeys> keys;
  std::optional<functions::Host> host;
  std::optional<Console> open;
  std::optional<Console> trusted;

 private:
  void on_loop(std::move_only_function<void()> work) {
    loop.post(std::move(work));
    loop.settle();
  }

  std::vector<std::unique_ptr<functions::Function>> functions(mail::Mailer& mailer) {
    std::vector<std::unique_ptr<functions::Function>> out;
    out.push_back(std::make_unique<functions::enrollment::ProcessEnrollment>(
        *engine, loop.clock(), catalogue, pseudonyms, *mail::Mailbox::parse("welcome@globogym.example")));
    out.push_back(std::make_unique<functions::enrollment::WelcomeMail>(*engine, loop.clock(), mailer));
    return out;
  }

  http::Response send(Console& console, std::string_view method, const std::string& target, const std::string& body,
                      std::vector<std::pair<std::string, std::string>> headers) {
    http::Request request;
    request.method = method;
    request.target = target;
    request.path = request.target.substr(0, request.target.find('?'));
    if (target.find('?') != std::string::npos) request.query = request.target.substr(target.find('?') + 1);
    request.body = body;
    for (const auto& [name, value] : headers) request.headers.emplace_back(name, value);
    return loop.run(console.handle(request));
  }

  std::vector<std::unique_ptr<functions::Function>> repairing_;
  bool hosted_ = false;
};

std::string text(const std::string& json, std::string_view name) {
  auto document = JsonDocument::parse(json);
  return document ? document->root().text(name) : "not JSON";
}

std::int64_t number(const std::string& json, std::string_view name) {
  auto document = JsonDocument::parse(json);
  return document ? document->root().integer(name, -1) : -1;
}

std::vector<std::string> ids_of_items(const std::string& json) {
  std::vector<std::string> out;
  auto document = JsonDocument::parse(json);
  const auto items = document->root().find("items");
  for (const auto& item : items->elements()) out.push_back(item.text("id"));
  return out;
}

std::vector<std::string> events_of(const std::string& json) {
  std::vector<std::string> out;
  auto document = JsonDocument::parse(json);
  const auto events = document->root().find("events");
  for (const auto& event : events->elements()) out.push_back(event.text("event"));
  return out;
}

std::vector<std::string> times_of_events(const std::string& json) {
  std::vector<std::string> out;
  auto document = JsonDocument::parse(json);
  const auto events = document->root().find("events");
  for (const auto& event : events->elements()) out.push_back(event.text("at").substr(0, 23));  // to the millisecond
  return out;
}

// ---- looking --------------------------------------------------------------------------------------------------------

TEST(Console, queues_that_never_had_a_message_are_shown_too) {
  World world(false);

  auto response = world.ask("GET", "/admin/v1/queues");

  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.body,
            R"([{"name":"process-enrollment","ready":0,"leased":0,"delayed":0,"deadLettered":0,"oldestSeconds":0,)"
            R"("state":"running"},{"name":"welcome-mail","ready":0,"leased":0,"delayed":0,"deadLettered":0,)"
            R"("oldestSeconds":0,"state":"running"}])");
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

TEST(Console, what_is_not_there_is_a_problem_document) {
  World world;
  const std::pair<const char*, unsigned> cases[] = {
      {"/nothing", 404},
      {"/admin/v1/nothing", 404},
      {"/admin/v1/enrollments/nope", 404},
      {"/admin/v1/enrollments/nope/timeline", 404},
      {"/admin/v1/dead-letters/nope", 404},
      {"/admin/v1/dead-letters?limit=0", 400},
      {"/admin/v1/dead-letters?after=!", 400},
      {"/admin/v1/%zz", 404},
  };
  for (const auto& [target, status] : cases) {
    auto response = world.ask("GET", target);
    EXPECT_EQ(response.status, status) << target;
    EXPECT_EQ(response.content_type, "application/problem+json") << target;
  }
  EXPECT_EQ(world.ask("DELETE", "/admin/v1/queues").status, 405u);
}

// ---- repairing ------------------------------------------------------------------------------------------------------

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
  Parts parts{.engine = *world.engine, .keys = *world.keys, .metrics = world.metrics, .clock = world.loop.clock()};
  Selection selection{.queue = "welcome-mail"};

  int steps = 0;
  std::int64_t replayed = 0;
  do {
    auto outcome = world.loop.run(act_on_dead_letters(parts, Verb::discard, selection, {.at_most = 10, .time = 5s}));
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

  auto response = world.ask("POST", "/admin/v1/dead-letters/discard", R"({"ids":["welcome-mail:)" + id + R"("]})");
  const auto after = world.ask("GET", story).body;

  EXPECT_EQ(response.body, R"({"discarded":1,"failed":[],"next":null})");
  EXPECT_TRUE(ids_of_items(world.ask("GET", "/admin/v1/dead-letters").body).empty());
  EXPECT_EQ(text(after, "status"), "parked");
  EXPECT_EQ(text(after, "reason"), "discarded");
  EXPECT_EQ(events_of(after), events_of(before));
  EXPECT_EQ(times_of_events(after), times_of_events(before));
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

TEST(DeadLetters, a_job_does_not_take_twice_what_is_parked_again_meanwhile) {
  World world(false);
  engine::Commit commit;
  for (int i = 0; i < 4; ++i) commit.messages.push_back({.queue = "notes", .id = std::to_string(i), .body = "{}"});
  ASSERT_TRUE(world.loop.run(world.engine->commit(std::move(commit))).has_value());
  const auto park_all = [&] {
    auto deliveries = world.loop.run(world.engine->receive({.queue = "notes", .lease_for = 30s, .at_most = 10}));
    engine::Commit settled;
    for (auto& delivery : *deliveries)
      settled.settled.push_back({delivery.lease, engine::DeadLetter{"tired", "of it"}});
    ASSERT_TRUE(world.loop.run(world.engine->commit(std::move(settled))).has_value());
  };
  park_all();
  Parts parts{.engine = *world.engine, .keys = *world.keys, .metrics = world.metrics, .clock = world.loop.clock()};
  Selection selection{.queue = "notes"};

  // Each step takes two, and what it brought back is parked again before the next.
  std::int64_t replayed = 0;
  int steps = 0;
  do {
    auto outcome = world.loop.run(act_on_dead_letters(parts, Verb::replay, selection, {.at_most = 2, .time = 5s}));
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
    replayed += number(*outcome, "replayed");
    selection.after = text(*outcome, "next");
    world.loop.advance(1s);
    park_all();
  } while (!selection.after.empty() && ++steps < 20);

  EXPECT_EQ(replayed, 4);
}

TEST(DeadLetters, a_selection_must_be_one_thing_or_the_other) {
  World world;
  for (const char* body :
       {"", "[]", "{}", "{\"ids\":[]}", R"({"ids":["a:b"],"filter":{}})", R"({"filter":{"x":"y"}})",
        R"({"filter":{"queue":5}})", R"({"ids":[5]})", R"({"other":1})", R"({"filter":{},"after":"x"})"})
    EXPECT_EQ(world.ask("POST", "/admin/v1/dead-letters/replay", body).status, 400u) << body;
}

// ---- people ---------------------------------------------------------------------------------------------------------

TEST(People, a_member_is_exported_and_erased_through_the_trusted_door) {
  World world;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "memberId");

  auto exported = world.ask_trusted("GET", "/admin/v1/members/" + member + "/export");
  auto erased = world.ask_trusted("DELETE", "/admin/v1/members/" + member);

  EXPECT_NE(exported.body.find("ada@example.com"), std::string::npos);
  EXPECT_NE(exported.body.find(id), std::string::npos);
  EXPECT_EQ(erased.status, 200u) << erased.body;
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/members/" + member).status, 404u);
  EXPECT_EQ(world.ask_trusted("DELETE", "/admin/v1/members/" + member).status, 404u);
  EXPECT_EQ(number(world.ask("GET", "/admin/v1/stats").body, "members"), 0);
}

TEST(People, erasing_discards_the_dead_letters_about_the_member_and_no_others) {
  World world;
  world.mailbag.refusing = true;
  const auto ada = world.enroll("ada@example.com");
  const auto grace = world.enroll("grace@example.com");
  world.finish();
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + ada).body, "memberId");

  auto erased = world.ask_trusted("DELETE", "/admin/v1/members/" + member);

  EXPECT_EQ(number(erased.body, "deadLettersDiscarded"), 1) << erased.body;
  EXPECT_EQ(ids_of_items(world.ask("GET", "/admin/v1/dead-letters").body),
            std::vector<std::string>{"welcome-mail:" + grace});
}

TEST(People, a_member_whose_letter_is_on_its_way_is_not_erased_yet) {
  World world(false);
  const auto id = world.enroll("ada@example.com");
  auto deliveries =
      world.loop.run(world.engine->receive({.queue = "process-enrollment", .lease_for = 30s, .at_most = 1}));
  functions::Invocation invocation{.message = (*deliveries)[0].message};
  auto commit = world.loop.run(world.process_enrollment().run(invocation));
  ASSERT_TRUE(commit.has_value());
  commit->settled.push_back({(*deliveries)[0].lease, engine::Complete{}});
  ASSERT_TRUE(world.loop.run(world.engine->commit(std::move(*commit))).has_value());
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "memberId");

  auto erased = world.ask_trusted("DELETE", "/admin/v1/members/" + member);

  EXPECT_EQ(erased.status, 409u);
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/members/" + member).status, 200u);
}

// ---- doors ----------------------------------------------------------------------------------------------------------

TEST(Doors, the_open_one_hands_out_no_keys_and_no_people) {
  World world;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "memberId");

  EXPECT_EQ(world.ask("GET", "/admin/v1/keys").status, 404u);
  EXPECT_EQ(world.ask("POST", "/admin/v1/keys", R"({"name":"x","scopes":["members:read"]})").status, 404u);
  EXPECT_EQ(world.ask("GET", "/admin/v1/members/" + member).status, 404u);
  EXPECT_EQ(world.ask("GET", "/admin/v1/members/" + member + "/export").status, 404u);
  EXPECT_EQ(world.ask("DELETE", "/admin/v1/members/" + member).status, 404u);
  EXPECT_TRUE(world.keys->list().empty());
}

TEST(Doors, the_content_of_a_dead_letter_is_for_the_trusted_one) {
  World world;
  world.mailbag.refusing = true;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const std::string target = "/admin/v1/dead-letters/welcome-mail%3A" + id + "?content=true";

  EXPECT_EQ(world.ask("GET", target).body.find("ada@example.com"), std::string::npos);
  EXPECT_NE(world.ask_trusted("GET", target).body.find("ada@example.com"), std::string::npos);
}

TEST(Doors, a_key_is_made_listed_and_revoked_through_the_trusted_one) {
  World world;

  auto created =
      world.ask_trusted("POST", "/admin/v1/keys",
                        R"({"name":"kiosk","scopes":["enrollments:write"],"rate":"5/s","expiresInSeconds":60})");
  ASSERT_EQ(created.status, 201u) << created.body;
  const auto key = text(created.body, "key");
  const auto before = world.keys->authenticate(key, world.loop.clock().wall());
  auto listed = world.ask_trusted("GET", "/admin/v1/keys");
  auto revoked = world.ask_trusted("DELETE", "/admin/v1/keys/" + text(created.body, "id"));
  const auto after = world.keys->authenticate(key, world.loop.clock().wall());

  EXPECT_TRUE(before.has_value());
  EXPECT_EQ(listed.body.find(key), std::string::npos);
  EXPECT_NE(listed.body.find("kiosk"), std::string::npos);
  EXPECT_EQ(revoked.status, 200u);
  EXPECT_FALSE(after.has_value());
  EXPECT_EQ(world.ask_trusted("DELETE", "/admin/v1/keys/nope").status, 404u);
  EXPECT_EQ(world.ask_trusted("POST", "/admin/v1/keys", R"({"name":"x","scopes":["everything"]})").status, 400u);
  EXPECT_EQ(world.ask_trusted("POST", "/admin/v1/keys", R"({"name":"x","scopes":[1]})").status, 400u);
}

TEST(Doors, what_another_site_could_make_a_browser_send_changes_nothing) {
  World world;
  const std::string target = "/admin/v1/dead-letters/replay";
  const std::string body = R"({"filter":{}})";
  const std::pair<std::string, std::string> host{"Host", "127.0.0.1:8081"};

  EXPECT_EQ(world.ask("POST", target, body, {host}).status, 403u);
  EXPECT_EQ(world.ask("POST", target, body, {host, {"Content-Type", "text/plain"}}).status, 403u);
  EXPECT_EQ(world.ask("POST", target, body, {host, {"Content-Type", "application/x-www-form-urlencoded"}}).status,
            403u);
  EXPECT_EQ(
      world.ask("POST", target, body, {host, {"Content-Type", "application/json"}, {"Sec-Fetch-Site", "cross-site"}})
          .status,
      403u);
  EXPECT_EQ(world.ask("POST", target, body, {host, {"X-Requested-With", "globogym"}}).status, 200u);
  EXPECT_EQ(world.ask("POST", target, body, {host, {"Content-Type", "application/json; charset=utf-8"}}).status, 200u);
}

TEST(Doors, a_name_that_is_not_ours_is_refused) {
  World world;
  for (const char* host : {"127.0.0.1:8081", "127.0.0.1", "[::1]:8081", "localhost:8081", "LOCALHOST", "10.1.2.3:80",
                           "console.example", "Console.Example:8081"})
    EXPECT_EQ(world.ask("GET", "/admin/v1/stats", "", {{"Host", host}}).status, 200u) << host;
  for (const char* host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "evil.127", ":8081"})
    EXPECT_EQ(world.ask("GET", "/admin/v1/stats", "", {{"Host", host}}).status, 403u) << host;
}

TEST(Doors, every_answer_forbids_what_a_page_of_ours_does_not_need) {
  World world;
  for (const char* target : {"/", "/console.js", "/console.css", "/admin/v1/stats", "/nothing"}) {
    auto response = world.ask("GET", target);
    EXPECT_NE(response.extra_headers.find("Content-Security-Policy: default-src 'none'; script-src 'self'"),
              std::string::npos)
        << target;
    EXPECT_NE(response.extra_headers.find("X-Frame-Options: DENY\r\n"), std::string::npos) << target;
    EXPECT_EQ(response.extra_headers.find("X-Content-Type-Options"), std::string::npos)
        << "every answer has it already";
  }
  EXPECT_EQ(world.ask("GET", "/").body.find("://"), std::string::npos);
}

}  // namespace
}  // namespace globogym::console
