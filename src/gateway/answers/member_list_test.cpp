#include "gateway/answers/member_list.h"

#include <algorithm>
#include <set>

#include "domain/membership_number.h"
#include "gateway/answers/people.h"
#include "gateway/world_test.h"

namespace globogym::gateway {
namespace {

using namespace testing;

// Stores a member; the id.
std::string join(World& world, const std::string& email, const std::string& club = "london-shoreditch",
                 const std::string& plan = "premium-annual") {
  domain::Member member;
  member.details.first_name = Personal<std::string>("Ada");
  member.details.last_name = Personal<std::string>("Lovelace");
  member.details.email = member.details.normalized_email = Personal(email);
  member.details.date_of_birth =
      Personal(domain::Date(std::chrono::year(1990), std::chrono::month(12), std::chrono::day(10)));
  member.details.home_club_id = club;
  member.details.plan = plan;
  member.joined_at = world.loop.clock().wall();
  const auto person = domain::person_ids(world.pseudonyms, member.details.normalized_email);
  member.enrollment_id = domain::new_enrollment_id(member.joined_at, world.random, person.partition);
  member.id = domain::member_id(world.pseudonyms, person, member.enrollment_id);
  engine::Commit commit;
  commit.documents.push_back(
      {{"members", person.partition, person.document}, domain::to_json(member), engine::Expect::absent()});
  world.commit(std::move(commit));
  return member.id;
}

struct Listed {
  std::vector<std::string> ids;
  std::size_t pages = 0;
};

Listed list_all(World& world, const std::string& key, const std::string& filter) {
  Listed listed;
  std::string after;
  do {
    const auto page = world.get("/v1/members?after=" + after + filter, key);
    EXPECT_EQ(page.status, 200u) << page.body;
    auto json = JsonDocument::parse(page.body);
    const auto members = json->root().find("members");
    if (!members) return listed;
    for (const auto& member : members->elements()) listed.ids.push_back(member.text("id"));
    after = json->root().text("next");
    ++listed.pages;
  } while (!after.empty() && listed.pages < 1000);
  return listed;
}

TEST(MemberList, every_member_is_on_exactly_one_page) {
  World world;
  const auto key = world.key({"members:read"});
  std::set<std::string> joined;
  for (int i = 0; i < 25; ++i) joined.insert(join(world, "m" + std::to_string(i) + "@example.com"));

  for (const auto* limit : {"1", "7", "25", "100"}) {
    const auto listed = list_all(world, key, "&limit=" + std::string(limit));

    EXPECT_EQ(listed.ids.size(), 25u) << limit;
    EXPECT_EQ(std::set(listed.ids.begin(), listed.ids.end()), joined) << limit;
  }
}

TEST(MemberList, is_told_as_a_member_is) {
  World world;
  const auto key = world.key({"members:read"});
  const auto id = join(world, "ada@example.com");

  const auto page = world.get("/v1/members", key);

  EXPECT_EQ(page.body, R"({"members":[)" + world.get("/v1/members/" + id, key).body + R"(],"next":null})");
  EXPECT_NE(page.body.find(domain::membership_number(id)), std::string::npos);
  EXPECT_NE(page.extra_headers.find("no-store"), std::string::npos);
}

TEST(MemberList, a_filter_chooses_by_club_plan_and_time_however_few_there_are) {
  World world;
  const auto key = world.key({"members:read"});
  for (int i = 0; i < 300; ++i) join(world, "m" + std::to_string(i) + "@example.com");
  const auto rare = join(world, "rare@example.com", "berlin-mitte");
  const auto other_plan = join(world, "plan@example.com", "london-shoreditch", "basic-monthly");
  world.loop.advance(24h);
  const auto late = join(world, "late@example.com");

  EXPECT_EQ(list_all(world, key, "&limit=2&club=berlin-mitte").ids, std::vector<std::string>{rare});
  EXPECT_EQ(list_all(world, key, "&plan=basic-monthly").ids, std::vector<std::string>{other_plan});
  EXPECT_EQ(list_all(world, key, "&since=2026-11-23").ids, std::vector<std::string>{late});
  EXPECT_EQ(list_all(world, key, "&since=2026-11-23T14:00:00Z").ids, std::vector<std::string>());
  EXPECT_EQ(list_all(world, key, "&since=2026-11-22").ids.size(), 303u);
  EXPECT_EQ(list_all(world, key, "&club=berlin-mitte&plan=basic-monthly").ids, std::vector<std::string>());
  EXPECT_EQ(list_all(world, key, "&club=").ids.size(), 303u);
}

TEST(MemberList, a_page_that_finds_few_ends_and_says_where_to_go_on) {
  World world;
  const auto key = world.key({"members:read"});
  for (int i = 0; i < 200; ++i) join(world, "m" + std::to_string(i) + "@example.com");

  const auto listed = list_all(world, key, "&limit=1&club=berlin-mitte");

  EXPECT_EQ(listed.ids.size(), 0u);
  EXPECT_GT(listed.pages, 1u);
}

TEST(MemberList, a_parameter_that_is_not_understood_is_refused_because_it_would_show_too_many) {
  World world;
  const auto key = world.key({"members:read"});
  join(world, "ada@example.com");

  for (const auto* query : {"limit=0", "limit=1001", "limit=x", "limit=", "since=yesterday", "since=2026-13-01",
                            "clubs=berlin-mitte", "club=a&club=b", "club=%zz", "after=nonsense"}) {
    const auto answer = world.get("/v1/members?" + std::string(query), key);
    if (std::string_view(query) == "limit=") {
      EXPECT_EQ(answer.status, 200u);
      continue;
    }
    EXPECT_EQ(answer.status, 400u) << query << ": " << answer.body;
    EXPECT_EQ(slug_of(answer), "bad-request");
    EXPECT_EQ(answer.body.find("Ada"), std::string::npos);
  }
}

TEST(MemberList, is_for_keys_that_may_read_members_alone) {
  World world;
  join(world, "ada@example.com");

  EXPECT_EQ(world.send("GET", "/v1/members").status, 401u);
  EXPECT_EQ(world.get("/v1/members", world.key({"enrollments:read", "enrollments:write"})).status, 403u);
  EXPECT_EQ(world.get("/v1/members", world.key({"members:find"})).status, 403u);
  EXPECT_EQ(world.send("POST", "/v1/members").status, 405u);
}

TEST(People, a_sign_up_is_found_among_the_persons_enrollments_newest_first) {
  World world;
  const auto key = world.key({"enrollments:write", "enrollments:read"});
  const auto first = text_in(world.post(key, body_for("ada@example.com")).body, "id");
  world.loop.advance(1ms);
  world.post(key, body_for("grace@example.com"));
  const auto second = text_in(world.post(key, body_for("ADA@example.com")).body, "id");
  const auto partition = *domain::partition_of_enrollment(first);

  const auto all = value_of(world.loop.run(enrollments_of(world.engine, partition, 10)));
  const auto one = value_of(world.loop.run(enrollments_of(world.engine, partition, 1)));

  EXPECT_EQ(all.ids, (std::vector<std::string>{second, first}));
  EXPECT_EQ(one.ids, std::vector<std::string>{second});
  EXPECT_EQ(one.total, 2u);
}

TEST(People, indexing_goes_on_where_it_stopped_and_ends_for_good) {
  World world;
  std::vector<std::string> ids;
  for (int i = 0; i < 1200; ++i) {
    const auto person = domain::person_ids(world.pseudonyms, Personal("m" + std::to_string(i) + "@example.com"));
    const auto now = world.loop.clock().wall();
    ids.push_back(domain::new_enrollment_id(now, world.random, person.partition));
    engine::Commit commit;
    commit.documents.push_back({{"enrollments", person.partition, ids.back()},
                                domain::to_json(domain::accepted_enrollment(ids.back(), now, "key")),
                                engine::Expect::absent()});
    world.commit(std::move(commit));
  }

  EXPECT_FALSE(value_of(world.loop.run(index_more(world.engine))));
  world.engine.commit_fails = Error{Fault::unavailable, "the disk refused"};
  EXPECT_FALSE(world.loop.run(index_more(world.engine)).has_value());
  world.engine.commit_fails.reset();
  int steps = 1;
  while (!value_of(world.loop.run(index_more(world.engine)))) ++steps;
  const auto commits = world.engine.commits.size();
  EXPECT_TRUE(value_of(world.loop.run(index_more(world.engine))));

  EXPECT_EQ(steps, 2);
  EXPECT_EQ(world.engine.commits.size(), commits);
  for (const auto& id : ids) {
    const auto found = value_of(world.loop.run(enrollments_of(world.engine, *domain::partition_of_enrollment(id), 10)));
    EXPECT_EQ(found.ids, std::vector<std::string>{id});
  }
}

TEST(AlreadyMember, the_member_there_was_is_told_to_keys_that_may_read_members_and_to_nobody_else) {
  World world;
  const auto plain = world.key({"enrollments:write", "enrollments:read"});
  const auto reader = world.key({"enrollments:read", "members:read"});
  const auto member = join(world, "ada@example.com");
  const auto id = text_in(world.post(plain, body_for("ada@example.com")).body, "id");
  const auto now = world.loop.clock().wall();
  auto rejected = domain::accepted_enrollment(id, now, "key");
  rejected.status = domain::Status::rejected;
  rejected.reason = domain::already_member;
  rejected.completed_at = now;
  rejected.existing_member_id = member;
  engine::Commit commit;
  commit.documents.push_back({{"enrollments", *domain::partition_of_enrollment(id), id},
                              domain::to_json(rejected),
                              engine::Expect::anything()});
  world.commit(std::move(commit));

  EXPECT_EQ(text_in(world.get("/v1/enrollments/" + id, reader).body, "memberId"), member);
  EXPECT_EQ(world.get("/v1/enrollments/" + id, plain).body.find(member), std::string::npos);
  const auto page = world.send("GET", "/v1/enrollments/" + id,
                               {{"X-API-Key", world.keys.page_key()}, {"Origin", "https://localhost"}});
  EXPECT_EQ(page.body.find(member), std::string::npos);
  auto feed = world.get("/v1/enrollments/" + id + "/events", reader);
  ASSERT_TRUE(feed.feed);
  const auto event = world.loop.run(feed.feed->next({}));
  EXPECT_NE(event->find(member), std::string::npos);
}

}  // namespace
}  // namespace globogym::gateway
