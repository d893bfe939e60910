#include "console/find.h"

#include "console/world_test.h"

namespace globogym::console {
namespace {

using namespace testing;

std::string asking_for(const std::string& query) {
  return R"({"query":")" + query + R"("})";
}

// "status reason" of every enrollment in an answer.
std::vector<std::string> enrollments_in(const std::string& json) {
  std::vector<std::string> out;
  auto document = JsonDocument::parse(json);
  const auto list = document->root().find("enrollments");
  for (const auto& each : list->elements()) out.push_back(each.text("status") + " " + each.text("reason"));
  return out;
}

std::string member_in(const std::string& json, std::string_view field) {
  auto document = JsonDocument::parse(json);
  const auto member = document->root().find("member");
  return member && !member->is_null() ? member->text(field) : "";
}

std::vector<std::string> list_in(const std::string& json, std::string_view list, std::string_view field) {
  std::vector<std::string> out;
  auto document = JsonDocument::parse(json);
  const auto found = document->root().find(list);
  for (const auto& each : found->elements()) out.push_back(each.text(field));
  return out;
}

TEST(Find, a_person_is_found_by_address_number_and_ids_with_everything_there_is) {
  World world;
  const auto first = world.enroll("ada@example.com");
  world.enroll("grace@example.com");
  world.finish();
  const auto second = world.enroll("ada@example.com");
  world.finish();
  const auto by_address = world.ask_trusted("POST", "/admin/v1/find", asking_for("ada@example.com")).body;
  const std::string id = member_in(by_address, "id"), number = member_in(by_address, "number");
  ASSERT_FALSE(id.empty()) << by_address;

  for (const auto& query : {std::string(" Ada@EXAMPLE.com\\n"), number, number.substr(3), id, first, second}) {
    const auto found = world.ask_trusted("POST", "/admin/v1/find", asking_for(query));

    EXPECT_EQ(found.status, 200u) << query;
    EXPECT_EQ(member_in(found.body, "id"), id) << query << ": " << found.body;
    EXPECT_EQ(enrollments_in(found.body), (std::vector<std::string>{"rejected already-member", "completed "})) << query;
    EXPECT_EQ(list_in(found.body, "enrollments", "id"), (std::vector<std::string>{second, first}));
    EXPECT_EQ(list_in(found.body, "enrollments", "memberId"), (std::vector<std::string>{id, id}));
    EXPECT_EQ(found.body.find("grace"), std::string::npos);
  }
  const auto story = JsonDocument::parse(by_address);
  const auto enrollments = story->root().find("enrollments");
  EXPECT_EQ(events_of(std::string(R"({"events":[]})")), std::vector<std::string>());
  EXPECT_EQ(enrollments->elements().front().find("timeline")->find("events")->elements().front().text("event"),
            "accepted");
  EXPECT_FALSE(enrollments->elements().front().find("steps")->elements().empty());
}

TEST(Find, what_people_paste_is_understood) {
  World world;
  const auto enrollment = world.enroll("ada+gym@example.com");
  world.finish();
  const auto found = world.ask_trusted("POST", "/admin/v1/find", asking_for(enrollment)).body;
  const std::string id = member_in(found, "id");
  ASSERT_FALSE(id.empty()) << found;
  const auto in_capitals = [](std::string text) {
    for (char& c : text) c = static_cast<char>(std::toupper(c));
    return text;
  };

  const std::vector<std::string> pasted = {"mailto:ada+gym@example.com",
                                           "MailTo:ada+gym@example.com",
                                           "mailto:ada%2Bgym@example.com?subject=Your%20club&body=x",
                                           "<ada+gym@example.com>",
                                           "Ada Lovelace <ada+gym@example.com>",
                                           R"(  \"Lovelace, Ada\" < ada+gym@example.com > )",
                                           "ada+gym@example.com<mailto:ada+gym@example.com>",
                                           "Ada <MAILTO:ADA+GYM@EXAMPLE.COM>",
                                           R"(\u00a0ada+gym@example.com\u00a0)",
                                           in_capitals(id),
                                           in_capitals(enrollment),
                                           "  " + in_capitals(id) + R"(\t\n)",
                                           "<" + enrollment + ">",
                                           R"(\u00a0)" + member_in(found, "number") + " "};
  for (const auto& query : pasted) {
    const auto answer = world.ask_trusted("POST", "/admin/v1/find", asking_for(query));

    EXPECT_EQ(answer.status, 200u) << query << ": " << answer.body;
    EXPECT_EQ(member_in(answer.body, "id"), id) << query;
  }
  for (const auto* query : {"<>", "mailto:", "mailto:?subject=x", "Ada <>", "<ada@example.com",
                            "mailto:a@example.com,b@example.com", "mailto:ada%00@example.com"}) {
    const auto answer = world.ask_trusted("POST", "/admin/v1/find", asking_for(query));

    EXPECT_EQ(answer.status, 400u) << query << ": " << answer.body;
    EXPECT_FALSE(answer.body.contains("example.com\"")) << answer.body;
  }
}

TEST(Find, a_number_with_a_slip_is_to_be_read_out_again) {
  World world;
  const auto enrollment = world.enroll("ada@example.com");
  world.finish();
  const auto found = world.ask_trusted("POST", "/admin/v1/find", asking_for(enrollment)).body;
  const std::string number = member_in(found, "number");
  ASSERT_EQ(number.size(), 19u) << found;
  std::string wrong = number, exchanged = number;
  wrong[3] = number[3] == '7' ? '8' : '7';
  std::size_t other = 4;
  while (number[other] == number[3] || number[other] == '-') ++other;
  std::swap(exchanged[3], exchanged[other]);

  for (const auto& query : std::vector<std::string>{wrong, exchanged, "GG " + wrong.substr(3), "GG-0000-0000-0001-Z",
                                                    "GG-0000-0000-0001-U"}) {
    const auto refused = world.ask_trusted("POST", "/admin/v1/find", asking_for(query));

    EXPECT_EQ(refused.status, 400u) << query;
    EXPECT_EQ(text(refused.body, "detail"),
              "this looks like a membership number, but a character of it is wrong or two are exchanged: have it read "
              "out again");
  }
  for (const auto* query : {"Alexandra Wong", "Lovelace", "GG-0000-0000-0001", "06h07dwbjbyjj9bt29ghw0ct2ts29xt"})
    EXPECT_TRUE(text(world.ask_trusted("POST", "/admin/v1/find", asking_for(query)).body, "detail")
                    .starts_with("this is no e-mail address, no membership number and no id"))
        << query;
}

TEST(Find, what_waits_and_what_could_not_be_done_is_there_too) {
  World world;
  world.mailbag.refusing = true;
  const auto parked = world.enroll("ada@example.com");
  world.finish();
  world.mailbag.refusing = false;
  world.host->pause("welcome-mail");
  const auto waiting = world.enroll("grace@example.com");
  world.finish();

  world.host->pause("process-enrollment");
  const auto untouched = world.enroll("alan@example.com");
  world.finish();

  const auto alan = world.ask_trusted("POST", "/admin/v1/find", asking_for("alan@example.com")).body;
  const auto ada = world.ask_trusted("POST", "/admin/v1/find", asking_for("ada@example.com")).body;
  const auto grace = world.ask_trusted("POST", "/admin/v1/find", asking_for("grace@example.com")).body;

  EXPECT_EQ(list_in(ada, "deadLetters", "enrollmentId"), std::vector<std::string>{parked}) << ada;
  EXPECT_EQ(list_in(ada, "deadLetters", "reason"), std::vector<std::string>{"recipient-refused"});
  EXPECT_EQ(list_in(ada, "waiting", "id"), std::vector<std::string>());
  EXPECT_EQ(list_in(grace, "waiting", "enrollmentId"), std::vector<std::string>{waiting}) << grace;
  EXPECT_EQ(list_in(grace, "waiting", "queue"), std::vector<std::string>{"welcome-mail"});
  EXPECT_EQ(list_in(grace, "deadLetters", "id"), std::vector<std::string>());
  EXPECT_EQ(list_in(alan, "waiting", "enrollmentId"), std::vector<std::string>{untouched}) << alan;
  EXPECT_EQ(list_in(alan, "waiting", "queue"), std::vector<std::string>{"process-enrollment"});
}

// What has ended is asked for no message, except where people have sent it one.
TEST(Find, a_letter_that_is_sent_again_is_there_while_it_waits) {
  World world;
  const auto id = world.enroll("ada@example.com");
  world.finish();
  const auto member = member_in(world.ask_trusted("POST", "/admin/v1/find", asking_for(id)).body, "id");
  world.host->pause("welcome-mail");
  EXPECT_EQ(world.ask_trusted("POST", "/admin/v1/members/" + member + "/resend-letter", "{}").status, 200u);

  const auto found = world.ask_trusted("POST", "/admin/v1/find", asking_for(id)).body;

  EXPECT_EQ(enrollments_in(found), std::vector<std::string>{"completed "});
  EXPECT_EQ(list_in(found, "waiting", "enrollmentId"), std::vector<std::string>{id}) << found;
}

TEST(Find, nobody_is_an_answer_and_nonsense_is_refused_without_repeating_it) {
  World world;
  const auto id = world.enroll("ada@example.com");
  world.finish();

  const auto nobody = world.ask_trusted("POST", "/admin/v1/find", asking_for("grace@example.com"));
  EXPECT_EQ(nobody.status, 200u);
  EXPECT_EQ(nobody.body, R"({"member":null,"enrollments":[],"enrollmentsTotal":0,"waiting":[],"deadLetters":[]})");
  for (const auto& body :
       {std::string("{}"), std::string("nonsense"), asking_for(""), asking_for("   "), asking_for("Lovelace-secret"),
        asking_for("ada@"), asking_for(std::string(400, 'a') + "@example.com"), asking_for("GG-0000-0000-0001-Z")}) {
    const auto refused = world.ask_trusted("POST", "/admin/v1/find", body);
    EXPECT_EQ(refused.status, 400u) << body;
    EXPECT_EQ(refused.body.find("secret"), std::string::npos);
    EXPECT_EQ(refused.body.find("aaaa"), std::string::npos);
  }
  EXPECT_EQ(world.ask_trusted("GET", "/admin/v1/find").status, 405u);
}

TEST(Find, enrollments_of_builds_that_kept_no_index_are_found_too_and_indexed_once) {
  World world;
  world.indexes = false;
  std::vector<std::string> older;
  for (int i = 0; i < 3; ++i) {
    older.insert(older.begin(), world.enroll("ada@example.com"));
    world.finish();
  }
  for (int i = 0; i < 600; ++i) world.enroll("m" + std::to_string(i) + "@example.com");
  world.finish();
  world.indexes = true;

  auto found = world.ask_trusted("POST", "/admin/v1/find", asking_for("ada@example.com")).body;
  EXPECT_EQ(list_in(found, "enrollments", "id"), older);

  older.insert(older.begin(), world.enroll("ada@example.com"));
  found = world.ask_trusted("POST", "/admin/v1/find", asking_for("ada@example.com")).body;
  EXPECT_EQ(list_in(found, "enrollments", "id"), older);
}

TEST(Find, of_hundreds_of_enrollments_the_newest_hundred_are_shown_and_all_are_counted) {
  World world;
  std::string newest;
  for (int i = 0; i < 130; ++i) newest = world.enroll("ada@example.com"), world.loop.advance(1ms);
  world.finish();

  const auto found = world.ask_trusted("POST", "/admin/v1/find", asking_for("ada@example.com")).body;

  const auto ids = list_in(found, "enrollments", "id");
  EXPECT_EQ(ids.size(), 100u);
  EXPECT_EQ(ids.front(), newest);
  EXPECT_EQ(number(found, "enrollmentsTotal"), 130);
}

TEST(Find, over_the_network_only_a_key_with_the_scope_for_it_finds_anybody_on_loopback_too) {
  World world;
  world.enroll("ada@example.com");
  world.finish();
  const auto finder = world.key({"members:find"});
  const auto operators_key = world.key({"ops:read", "ops:write", "members:read"});
  const auto member = asking_for("ada@example.com"), stranger = asking_for("grace@example.com");
  const auto with = [](const std::string& key) {
    return Headers{{"X-API-Key", key}, {"Content-Type", "application/json"}};
  };
  const auto on_loopback = [&](const std::string& body, Headers headers, const std::string& path = "/admin/v1/find") {
    headers.emplace_back("Host", "127.0.0.1:8081");
    return world.ask("POST", path, body, headers);
  };

  EXPECT_EQ(world.ask_guarded("POST", "/admin/v1/find", with(finder.text), member).status, 200u);
  EXPECT_EQ(on_loopback(member, with(finder.text)).status, 200u);
  EXPECT_EQ(member_in(on_loopback(member, with(finder.text)).body, "id").size(), 40u);

  // Whoever lacks it is told the same of a member and of a stranger, and nothing is looked up.
  for (const auto& path : {"/admin/v1/find", "/admin/v1/%66ind"}) {
    for (const auto& body : {member, stranger, std::string("nonsense")}) {
      const auto without_scope = on_loopback(body, with(operators_key.text), path);
      const auto without_key = on_loopback(body, {{"Content-Type", "application/json"}}, path);
      const auto guarded = world.ask_guarded("POST", path, with(operators_key.text), body);
      EXPECT_EQ(without_scope.status, 403u);
      EXPECT_EQ(text(without_scope.body, "type"), "https://globogym.example/problems/scope-missing");
      EXPECT_EQ(without_scope.body, on_loopback(stranger, with(operators_key.text)).body);
      EXPECT_EQ(without_key.status, 401u);
      EXPECT_EQ(guarded.status, 403u);
      EXPECT_EQ(guarded.body, without_scope.body);
    }
  }
  // The scope finds people; it opens nothing else.
  EXPECT_EQ(world.ask_guarded("GET", "/admin/v1/queues", with(finder.text)).status, 403u);
  EXPECT_EQ(world.ask_guarded("GET", "/admin/v1/members", with(finder.text)).status, 403u);
  world.revoke(finder);
  EXPECT_EQ(on_loopback(member, with(finder.text)).status, 401u);
}

TEST(Find, a_page_of_another_site_finds_nobody_with_a_session_of_somebody_who_may) {
  World world;
  const auto key = world.key({"ops:read", "members:find"});
  const auto signed_in = world.ask_guarded("POST", "/admin/v1/session", {{"Content-Type", "application/json"}},
                                           R"({"key":")" + key.text + R"("})");
  ASSERT_EQ(signed_in.status, 201u) << signed_in.body;
  const auto begin = signed_in.extra_headers.find("__Host-");
  const std::string cookie = signed_in.extra_headers.substr(begin, signed_in.extra_headers.find(';', begin) - begin);
  Headers headers{{"Content-Type", "application/json"}, {"Cookie", cookie}};

  headers.emplace_back("Sec-Fetch-Site", "cross-site");
  EXPECT_EQ(world.ask_guarded("POST", "/admin/v1/find", headers, asking_for("ada@example.com")).status, 403u);
  headers.back().second = "same-origin";
  EXPECT_EQ(world.ask_guarded("POST", "/admin/v1/find", headers, asking_for("ada@example.com")).status, 200u);
}

}  // namespace
}  // namespace globogym::console
