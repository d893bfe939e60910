// A wrong address is mended, a letter is sent again: the same member, one letter in place of the other.
#include <algorithm>
#include <set>

#include "console/world_test.h"

namespace globogym::console {
namespace {

using namespace testing;

std::string correction(const std::string& to, const std::string& reason = "mistyped at the desk") {
  return R"({"to":")" + to + R"(","reason":")" + reason + R"("})";
}

std::string about(World& world, const std::string& query) {
  return world.ask_trusted("POST", "/admin/v1/find", R"({"query":")" + query + R"("})").body;
}

std::string member_id(World& world, const std::string& query) {
  const auto body = about(world, query);
  const auto json = JsonDocument::parse(body);
  const auto member = json->root().find("member");
  return member && !member->is_null() ? member->text("id") : "";
}

std::string status(World& world, const std::string& enrollment) {
  return text(world.ask("GET", "/admin/v1/enrollments/" + enrollment).body, "status");
}

http::Response correct(World& world, const std::string& id, const std::string& body) {
  return world.ask_trusted("POST", "/admin/v1/members/" + id + "/correct-email", body);
}

TEST(Mending, a_letter_that_was_refused_goes_to_the_right_address_and_the_member_stays_who_they_are) {
  World world;
  world.mailbag.refusing = true;
  const auto enrollment = world.enroll("ada@gmial.example");
  world.finish();
  world.mailbag.refusing = false;
  const auto id = member_id(world, "ada@gmial.example");
  const auto number = text(world.ask_trusted("GET", "/admin/v1/members/" + id).body, "number");
  ASSERT_EQ(status(world, enrollment), "parked");

  const auto answer = correct(world, id, correction("ada@gmail.example"));
  world.finish();

  EXPECT_EQ(answer.status, 200u) << answer.body;
  EXPECT_EQ(text(answer.body, "letter"), "queued");
  EXPECT_EQ(world.mailbag.recipients, std::vector<std::string>{"ada@gmail.example"});
  EXPECT_EQ(status(world, enrollment), "completed");
  for (const auto& query : {std::string("ada@gmail.example"), id, number, enrollment})
    EXPECT_EQ(member_id(world, query), id) << query;
  EXPECT_EQ(member_id(world, "ada@gmial.example"), "");
  EXPECT_NE(world.ask_trusted("GET", "/admin/v1/members/" + number).body.find("ada@gmail.example"), std::string::npos);
  EXPECT_EQ(::globogym::console::testing::number(world.ask("GET", "/admin/v1/stats").body, "members"), 1);
  const auto events = events_of(world.ask("GET", "/admin/v1/enrollments/" + enrollment + "/timeline").body);
  EXPECT_NE(std::ranges::find(events, "address-corrected"), events.end());
  EXPECT_EQ(text(world.ask("GET", "/admin/v1/dead-letters").body, "next"), "");
  EXPECT_TRUE(ids_of_items(world.ask("GET", "/admin/v1/dead-letters").body).empty());
}

TEST(Mending, a_letter_that_waits_is_never_sent_to_the_old_address) {
  World world;
  world.mailbag.busy = true;
  const auto enrollment = world.enroll("ada@gmial.example");
  world.loop.advance(5s);
  const auto id = member_id(world, "ada@gmial.example");
  ASSERT_EQ(status(world, enrollment), "processing");

  EXPECT_EQ(correct(world, id, correction("ada@gmail.example")).status, 200u);
  world.mailbag.busy = false;
  world.loop.advance(24h);

  EXPECT_EQ(world.mailbag.recipients, std::vector<std::string>{"ada@gmail.example"});
  EXPECT_EQ(status(world, enrollment), "completed");
}

TEST(Mending, whose_the_old_address_really_is_becomes_a_member_of_their_own_and_the_new_one_is_taken) {
  World world;
  world.enroll("ada@gmial.example");
  world.finish();
  const auto id = member_id(world, "ada@gmial.example");
  ASSERT_EQ(correct(world, id, correction("ada@gmail.example")).status, 200u);

  const auto owner = world.enroll("ada@gmial.example");
  const auto twice = world.enroll("ada@gmail.example");
  world.finish();

  EXPECT_EQ(status(world, owner), "completed");
  EXPECT_EQ(status(world, twice), "rejected");
  const auto other = member_id(world, "ada@gmial.example");
  EXPECT_NE(other, id);
  EXPECT_EQ(other.size(), 40u);
  EXPECT_EQ(member_id(world, id), id);
  EXPECT_EQ(member_id(world, other), other);
  // What is told of the one says nothing of the other.
  EXPECT_EQ(about(world, "ada@gmail.example").find(owner), std::string::npos);
  EXPECT_NE(about(world, "ada@gmail.example").find(twice), std::string::npos);
  // And back again is somebody else's now.
  const auto back = correct(world, id, correction("ada@gmial.example"));
  EXPECT_EQ(back.status, 409u);
  EXPECT_EQ(member_id(world, "ada@gmail.example"), id);
}

TEST(Mending, an_address_can_be_corrected_again_and_back_and_the_member_erased_wherever_they_are) {
  World world;
  world.enroll("a@one.example");
  world.finish();
  const auto id = member_id(world, "a@one.example");

  for (const auto* to : {"a@two.example", "a@three.example", "a@one.example", "A@one.example", "a@two.example"}) {
    EXPECT_EQ(correct(world, id, correction(to)).status, 200u) << to;
    world.finish();
    EXPECT_EQ(member_id(world, to), id) << to;
    EXPECT_EQ(world.mailbag.recipients.back(), to);
  }
  EXPECT_EQ(correct(world, id, correction("a@two.example")).status, 409u) << "it has that already";
  EXPECT_EQ(std::set<std::string>(world.mailbag.sent.begin(), world.mailbag.sent.end()).size(),
            world.mailbag.sent.size())
      << "each letter has a Message-ID of its own";
  EXPECT_EQ(world.ask_trusted("DELETE", "/admin/v1/members/" + id).status, 200u);
  EXPECT_EQ(member_id(world, "a@two.example"), "");
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/members/" + id).status, 404u);
  for (const auto* container : {"members", "moved"}) {
    const auto page = value_of(world.loop.run(world.engine->scan({.container = container, .after = "", .limit = 10})));
    EXPECT_TRUE(page.documents.empty()) << container;
  }
}

TEST(Mending, a_letter_is_sent_again_once_while_it_waits_and_what_is_completed_stays_so) {
  World world;
  const auto enrollment = world.enroll("ada@example.com");
  world.finish();
  const auto id = member_id(world, "ada@example.com");
  const auto resend = [&] { return world.ask_trusted("POST", "/admin/v1/members/" + id + "/resend-letter", "{}"); };

  world.host->pause("welcome-mail");
  EXPECT_EQ(text(resend().body, "letter"), "queued");
  const auto story = world.ask("GET", "/admin/v1/enrollments/" + enrollment + "/timeline").body;
  EXPECT_EQ(events_of(story).back(), "letter-sent-again");
  EXPECT_TRUE(story.contains(R"("state":"ready")")) << story;
  EXPECT_EQ(text(resend().body, "letter"), "already-queued");
  EXPECT_EQ(status(world, enrollment), "completed");
  EXPECT_EQ(world.ask_trusted("POST", "/admin/v1/enrollments/" + enrollment + "/retry-now", "{}").status, 200u);
  world.host->resume("welcome-mail");
  world.finish();
  EXPECT_EQ(world.mailbag.sent.size(), 2u);
  EXPECT_EQ(world.ask_trusted("POST", "/admin/v1/enrollments/" + enrollment + "/retry-now", "{}").status, 409u);
  EXPECT_NE(world.mailbag.sent[0], world.mailbag.sent[1]);

  world.mailbag.refusing = true;
  EXPECT_EQ(text(resend().body, "letter"), "queued");
  world.finish();
  EXPECT_EQ(status(world, enrollment), "completed") << "a letter more has nothing to do with how it ended";
  EXPECT_EQ(ids_of_items(world.ask("GET", "/admin/v1/dead-letters").body).size(), 1u);
  world.mailbag.refusing = false;
  EXPECT_EQ(text(resend().body, "letter"), "queued");
  world.finish();
  EXPECT_EQ(world.mailbag.sent.size(), 3u);
  EXPECT_TRUE(ids_of_items(world.ask("GET", "/admin/v1/dead-letters").body).empty());
}

TEST(Mending, the_story_keeps_what_had_come_of_every_letter_before) {
  World world;
  world.mailbag.refusing = true;
  const auto enrollment = world.enroll("ada@gmial.example");
  world.finish();
  const auto id = member_id(world, "ada@gmial.example");
  world.mailbag.refusing = false;
  ASSERT_EQ(correct(world, id, correction("ada@gmail.example")).status, 200u);
  world.finish();
  world.mailbag.refusing = true;
  world.host->pause("welcome-mail");
  ASSERT_EQ(world.ask_trusted("POST", "/admin/v1/members/" + id + "/resend-letter", "{}").status, 200u);
  world.loop.advance(1s);
  world.host->resume("welcome-mail");
  world.finish();
  const auto story = [&] {
    return events_of(world.ask("GET", "/admin/v1/enrollments/" + enrollment + "/timeline").body);
  };
  const std::vector<std::string> so_far = {
      "accepted",  "step-done", "step-done",         "attempt-failed", "parked", "address-corrected",
      "step-done", "completed", "letter-sent-again", "attempt-failed", "parked"};
  EXPECT_EQ(story(), so_far);

  world.mailbag.refusing = false;
  const auto letters = ids_of_items(world.ask("GET", "/admin/v1/dead-letters").body);
  ASSERT_EQ(letters.size(), 1u);
  ASSERT_EQ(world.ask("POST", "/admin/v1/dead-letters/replay", R"({"ids":[")" + letters[0] + R"("]})").status, 200u);
  world.finish();

  auto all = so_far;
  all.insert(all.end(), {"replayed", "step-done"});
  EXPECT_EQ(story(), all);
  EXPECT_EQ(status(world, enrollment), "completed");
}

TEST(Mending, what_failed_before_the_address_was_mended_stands_in_the_story) {
  World world;
  world.mailbag.busy = true;
  const auto enrollment = world.enroll("ada@gmial.example");
  world.loop.advance(5s);
  const auto id = member_id(world, "ada@gmial.example");
  ASSERT_EQ(correct(world, id, correction("ada@gmail.example")).status, 200u);
  world.mailbag.busy = false;
  world.loop.advance(24h);

  const auto events = events_of(world.ask("GET", "/admin/v1/enrollments/" + enrollment + "/timeline").body);
  const auto failed = std::ranges::find(events, "attempt-failed");
  ASSERT_NE(failed, events.end());
  EXPECT_NE(std::find(failed, events.end(), "address-corrected"), events.end());
}

TEST(Mending, a_letter_that_is_left_as_it_was_is_not_called_sent_again) {
  World world;
  world.enroll("ada@example.com");
  world.finish();
  const auto id = member_id(world, "ada@example.com");
  world.host->pause("welcome-mail");
  const auto resend = [&] {
    ::testing::internal::CaptureStderr();
    world.ask_trusted("POST", "/admin/v1/members/" + id + "/resend-letter", "{}");
    return ::testing::internal::GetCapturedStderr();
  };

  EXPECT_TRUE(resend().contains("letter-sent-again"));
  const auto again = resend();
  EXPECT_TRUE(again.contains("letter-left-as-it-was")) << again;
  EXPECT_FALSE(again.contains("letter-sent-again")) << again;
}

TEST(Mending, what_cannot_be_is_refused_and_nothing_is_changed) {
  World world;
  world.enroll("ada@example.com");
  world.enroll("grace@example.com");
  world.finish();
  const auto id = member_id(world, "ada@example.com");

  EXPECT_EQ(correct(world, id, correction("grace@example.com")).status, 409u);
  for (const auto& body : {std::string("{}"), correction("no address"), correction("new@example.com", ""),
                           correction("new@example.com", "was ada@example.com"), std::string("nonsense"),
                           std::string(R"({"to":"new@example.com","reason":"x","id":"y"})")})
    EXPECT_EQ(correct(world, id, body).status, 400u) << body;
  EXPECT_EQ(correct(world, "nobody", correction("new@example.com")).status, 404u);
  EXPECT_EQ(member_id(world, "ada@example.com"), id);
  EXPECT_EQ(member_id(world, "new@example.com"), "");
}

TEST(Mending, over_the_network_it_takes_both_to_find_people_and_to_change_things) {
  World world;
  world.enroll("ada@example.com");
  world.finish();
  const auto id = member_id(world, "ada@example.com");
  const auto ask = [&](std::vector<std::string> scopes) {
    return world
        .ask("POST", "/admin/v1/members/" + id + "/resend-letter", "{}",
             {{"Host", "127.0.0.1:8081"},
              {"Content-Type", "application/json"},
              {"X-API-Key", world.key(std::move(scopes)).text}})
        .status;
  };

  EXPECT_EQ(ask({"members:find"}), 403u);
  EXPECT_EQ(ask({"ops:write"}), 403u);
  EXPECT_EQ(world.ask("POST", "/admin/v1/members/" + id + "/resend-letter", "{}").status, 401u);
  EXPECT_EQ(ask({"members:find", "ops:write"}), 200u);
}

}  // namespace
}  // namespace globogym::console
