#include <algorithm>
#include <cctype>

#include "console/world_test.h"

namespace globogym::console {
namespace {

using namespace testing;

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

TEST(People, an_export_tells_the_story_of_the_enrollment_and_who_mended_it) {
  World world;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + id).body, "memberId");
  ASSERT_EQ(world.ask_trusted("POST", "/admin/v1/members/" + member + "/resend-letter").status, 200u);
  world.finish();

  const auto exported = world.ask_trusted("GET", "/admin/v1/members/" + member + "/export").body;

  const auto story = world.ask("GET", "/admin/v1/enrollments/" + id + "/timeline").body;
  EXPECT_TRUE(story.contains("letter-sent-again")) << story;
  EXPECT_TRUE(exported.contains(R"(,"timeline":)" + story + ",")) << exported;
}

TEST(People, a_member_is_reached_by_the_number_as_a_person_writes_it) {
  World world;
  const auto ada = world.enroll("ada@example.com");
  world.enroll("grace@example.com");
  world.finish();
  const auto id = text(world.ask("GET", "/admin/v1/enrollments/" + ada).body, "memberId");
  const auto number = text(world.ask_trusted("GET", "/admin/v1/members/" + id).body, "number");
  ASSERT_EQ(number.size(), 19u) << number;
  std::string spoken = number.substr(3);
  std::ranges::transform(spoken, spoken.begin(), [](unsigned char c) { return std::tolower(c); });

  for (const auto& path : {"/admin/v1/members/" + number, "/admin/v1/members/" + spoken}) {
    const auto shown = world.ask_trusted("GET", path);
    EXPECT_EQ(text(shown.body, "id"), id) << path << ": " << shown.body;
  }
  EXPECT_NE(world.ask_trusted("GET", "/admin/v1/members/" + number + "/export").body.find("ada@example.com"),
            std::string::npos);
  std::string slip = number;
  slip[4] = slip[4] == '7' ? '8' : '7';
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/members/" + slip).status, 404u);
  EXPECT_EQ(world.ask_trusted("DELETE", "/admin/v1/members/" + number).status, 200u);
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/members/" + number).status, 404u);
  EXPECT_EQ(::globogym::console::testing::number(world.ask("GET", "/admin/v1/stats").body, "members"), 1);
}

TEST(People, ids_are_taken_in_capitals_too) {
  World world;
  const auto enrollment = world.enroll("ada@example.com");
  world.finish();
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + enrollment).body, "memberId");
  const auto loud = [](std::string id) {
    std::ranges::transform(id, id.begin(), [](unsigned char c) { return std::toupper(c); });
    return id;
  };
  ASSERT_NE(loud(member), member);

  EXPECT_EQ(text(world.ask_trusted("GET", "/admin/v1/members/" + loud(member)).body, "id"), member);
  EXPECT_EQ(text(world.ask("GET", "/admin/v1/enrollments/" + loud(enrollment)).body, "id"), enrollment);
  EXPECT_EQ(text(world.ask("GET", "/admin/v1/enrollments/" + loud(enrollment) + "/timeline").body, "id"), enrollment);
  EXPECT_EQ(world.ask("POST", "/admin/v1/enrollments/" + loud(enrollment) + "/retry-now").status, 409u);
  EXPECT_EQ(world.ask_trusted("POST", "/admin/v1/members/" + loud(member) + "/resend-letter").status, 200u);
  world.finish();
  EXPECT_EQ(world.ask_trusted("DELETE", "/admin/v1/members/" + loud(member)).status, 200u);
}

TEST(People, who_types_an_address_or_a_slip_in_place_of_an_id_is_told_what_to_do) {
  World world;
  const auto enrollment = world.enroll("ada@example.com");
  world.finish();
  const auto member = text(world.ask("GET", "/admin/v1/enrollments/" + enrollment).body, "memberId");
  const auto number = text(world.ask_trusted("GET", "/admin/v1/members/" + member).body, "number");
  std::string slip = number;
  slip[4] = slip[4] == '7' ? '8' : '7';
  struct Question {
    std::string_view method, before, behind, body;
  };
  const std::vector<Question> of_members = {
      {"GET", "members/", "", ""},
      {"GET", "members/", "/export", ""},
      {"DELETE", "members/", "", ""},
      {"POST", "members/", "/correct-email", R"({"to":"grace@example.com","reason":"mistyped"})"},
      {"POST", "members/", "/resend-letter", ""}};
  const std::vector<Question> of_enrollments = {{"GET", "enrollments/", "", ""},
                                                {"GET", "enrollments/", "/timeline", ""},
                                                {"POST", "enrollments/", "/retry-now", ""}};
  const auto told = [&](const Question& question, const std::string& typed) {
    const auto answer = world.ask_trusted(
        question.method, "/admin/v1/" + std::string(question.before) + typed + std::string(question.behind),
        std::string(question.body));
    EXPECT_EQ(answer.status, 404u) << question.before << question.behind << ": " << answer.body;
    EXPECT_FALSE(answer.body.contains(typed) || answer.body.contains("ada")) << answer.body;
    return text(answer.body, "detail");
  };

  for (const auto* questions : {&of_members, &of_enrollments}) {
    for (const auto& question : *questions) {
      EXPECT_EQ(told(question, slip),
                "this looks like a membership number, but a character of it is wrong or two are exchanged: have it "
                "read out again");
      for (const auto* address : {"ada@example.com", "ada%40example.com"})
        EXPECT_EQ(told(question, address),
                  "this is an e-mail address and no id: `globogym find`, with the address on standard input, tells the "
                  "id");
      EXPECT_TRUE(told(question, "nobody").ends_with(" has this id"));
    }
  }
  for (const auto& question : of_enrollments)
    EXPECT_TRUE(told(question, number).starts_with("this is a membership number and no enrollment's id"));
}

TEST(People, who_signs_up_again_after_an_erasure_is_not_reached_by_the_old_id) {
  World world;
  const auto first = world.enroll("ada@example.com");
  world.finish();
  const auto old = text(world.ask("GET", "/admin/v1/enrollments/" + first).body, "memberId");
  ASSERT_EQ(world.ask_trusted("DELETE", "/admin/v1/members/" + old).status, 200u);
  const auto second = world.enroll("ada@example.com");
  world.finish();
  const auto now = text(world.ask("GET", "/admin/v1/enrollments/" + second).body, "memberId");

  EXPECT_NE(now, old);
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/members/" + old).status, 404u);
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/members/" + old + "/export").status, 404u);
  EXPECT_EQ(world.ask_trusted("DELETE", "/admin/v1/members/" + old).status, 404u);
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/members/" + now).status, 200u);
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

}  // namespace
}  // namespace globogym::console
