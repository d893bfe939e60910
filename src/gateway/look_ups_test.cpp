// Reading an enrollment and a member: to whom they are shown, and what is said otherwise.
#include "domain/date.h"
#include "gateway/world_test.h"

namespace globogym::gateway {
namespace {

using testing::has_line;
using testing::slug_of;
using testing::text_in;
using testing::World;
using namespace std::chrono_literals;

TEST(GetEnrollment, a_fresh_one_has_every_field_of_the_contract) {
  World world;
  const std::string key = world.writer();
  const auto posted = world.post(key);
  const std::string id = text_in(posted.body, "id"), accepted_at = text_in(posted.body, "acceptedAt");

  auto response = world.get("/v1/enrollments/" + id, key);

  EXPECT_EQ(response.status, 200u);
  const auto pending = [](std::string step) {
    return R"({"name":")" + step +
           R"(","status":"pending","attempts":0,"lastError":null,"nextAttemptAt":null,"finishedAt":null})";
  };
  EXPECT_EQ(response.body, R"({"id":")" + id + R"(","status":"accepted","reason":null,"memberId":null,"acceptedAt":")" +
                               accepted_at + R"(","completedAt":null,"steps":[)" + pending("validate") + "," +
                               pending("store-member") + "," + pending("welcome-mail") + "]}");
}

TEST(GetEnrollment, others_may_only_know_of_it_with_the_scope) {
  World world;
  const std::string owner = world.writer(), stranger = world.key({"enrollments:write", "members:read"}),
                    reader = world.key({"enrollments:read"});
  const std::string path = "/v1/enrollments/" + text_in(world.post(owner).body, "id");

  EXPECT_EQ(world.get(path, owner).status, 200u);
  EXPECT_EQ(world.get(path, reader).status, 200u);
  auto refused = world.get(path, stranger);
  auto absent = world.get("/v1/enrollments/00000000000000000000000000000000", stranger);
  EXPECT_EQ(refused.status, 403u);
  EXPECT_EQ(slug_of(refused), "scope-missing");
  EXPECT_EQ(absent.status, 403u);
  EXPECT_EQ(refused.body, absent.body) << "what is there looks like what is not";
  EXPECT_EQ(world.get("/v1/enrollments/nonsense", stranger).body, refused.body);
  EXPECT_EQ(world.get("/v1/enrollments/00000000000000000000000000000000", reader).status, 404u);
  EXPECT_EQ(world.send("GET", path).status, 401u);
}

TEST(GetEnrollment, what_cannot_be_an_id_is_404) {
  World world;
  const std::string reader = world.key({"enrollments:read"});

  for (const auto* path :
       {"/v1/enrollments/x", "/v1/enrollments/%00", "/v1/enrollments/../members",
        "/v1/enrollments/0000000000000000000000000000000u", "/v1/enrollments/", "/v1/enrollments/a/b"})
    EXPECT_EQ(world.get(path, reader).status, 404u) << path;
  EXPECT_EQ(world.get("/v1/enrollments/" + std::string(4000, '0'), reader).status, 404u);
}

TEST(GetEnrollment, an_engine_that_cannot_read_is_503) {
  World world;
  const std::string key = world.writer();
  const std::string path = "/v1/enrollments/" + text_in(world.post(key).body, "id");
  world.engine.find_fails = Error{Fault::unavailable, "no disk"};

  auto response = world.get(path, key);

  EXPECT_EQ(response.status, 503u);
  EXPECT_EQ(slug_of(response), "cannot-keep-promise");
}

TEST(GetMember, shows_the_member_to_who_may_read_members) {
  World world;
  const std::string id(32, '0');
  domain::Member member{.id = id,
                        .enrollment_id = std::string(32, '1'),
                        .joined_at = *parse_rfc3339("2026-11-22T13:31:00.000Z"),
                        .details = {.first_name = Personal<std::string>("Ada"),
                                    .last_name = Personal<std::string>("Lovelace \"the\" first"),
                                    .email = Personal<std::string>("Ada@example.com"),
                                    .normalized_email = Personal<std::string>("ada@example.com"),
                                    .phone = std::nullopt,
                                    .date_of_birth = Personal<domain::Date>(*domain::parse_date("1990-12-10")),
                                    .home_club_id = "london-shoreditch",
                                    .plan = "premium-annual",
                                    .start_date = domain::parse_date("2026-12-01"),
                                    .locale = "en-GB",
                                    .marketing_consent = true,
                                    .terms_version = std::nullopt,
                                    .referral_code = "GYM-FRIEND"}};
  engine::Commit commit;
  commit.documents.push_back(
      {.key = {"members", id.substr(0, 13), id}, .body = domain::to_json(member), .expect = engine::Expect::absent()});
  world.commit(std::move(commit));

  auto response = world.get("/v1/members/" + id, world.key({"members:read"}));

  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.body,
            R"({"id":"00000000000000000000000000000000","number":"GG-0000-0000-0000-0",)"
            R"("enrollmentId":"11111111111111111111111111111111",)"
            R"("joinedAt":"2026-11-22T13:31:00.000Z","firstName":"Ada","lastName":"Lovelace \"the\" first",)"
            R"("email":"Ada@example.com","phone":null,"dateOfBirth":"1990-12-10","homeClubId":"london-shoreditch",)"
            R"("plan":"premium-annual","startDate":"2026-12-01","locale":"en-GB","marketingConsent":true,)"
            R"("termsVersion":null,"referralCode":"GYM-FRIEND"})");
  EXPECT_TRUE(has_line(response, "Cache-Control: no-store"));
}

TEST(GetMember, whoever_has_the_address_since_is_not_shown_under_an_old_id) {
  World world;
  const std::string document(32, '0'), mine = document + "00000001";
  domain::Member member{.id = mine, .enrollment_id = std::string(32, '1'), .joined_at = {}, .details = {}};
  member.details.first_name = member.details.last_name = Personal<std::string>("Ada");
  member.details.email = member.details.normalized_email = Personal<std::string>("ada@example.com");
  member.details.date_of_birth = Personal<domain::Date>(*domain::parse_date("1990-12-10"));
  member.details.home_club_id = "london-shoreditch";
  member.details.plan = "premium-annual";
  engine::Commit commit;
  commit.documents.push_back({.key = {"members", document.substr(0, 13), document},
                              .body = domain::to_json(member),
                              .expect = engine::Expect::absent()});
  world.commit(std::move(commit));
  const std::string reader = world.key({"members:read"});

  EXPECT_EQ(world.get("/v1/members/" + mine, reader).status, 200u);
  EXPECT_EQ(world.get("/v1/members/" + document, reader).status, 404u) << "an id of an older build";
  EXPECT_EQ(world.get("/v1/members/" + document + "00000002", reader).status, 404u);
}

// Where no line finds a place any more.
class FullTrail final : public audit::Trail {
 public:
  async::Task<Result<std::uint64_t>> write(audit::Entry) override { co_return fail(Fault::unavailable, "full"); }
  Result<void> note(audit::Entry) override { return fail(Fault::unavailable, "too much waits to be audited"); }
  Result<audit::Page> read(std::string, std::size_t, std::optional<WallTime>) override {
    return fail(Fault::unavailable, "full");
  }
  audit::Condition condition() const override { return {}; }
};

TEST(GetMember, what_cannot_be_audited_is_503_and_the_log_does_not_call_it_the_engines_fault) {
  World world;
  FullTrail trail;
  Parts parts = world.parts();
  parts.trail = &trail;
  Gateway gateway(parts);
  const std::string reader = world.key({"members:read"});

  ::testing::internal::CaptureStderr();
  const auto response = world.loop.run(
      World::exchange(gateway, "GET", "/v1/members/" + std::string(32, '0'), {{"X-API-Key", reader}}, ""));
  const std::string log = ::testing::internal::GetCapturedStderr();

  EXPECT_EQ(response.status, 503u);
  EXPECT_TRUE(has_line(response, "Retry-After: 5"));
  EXPECT_TRUE(log.contains(R"("event":"gateway-audit-unavailable")") && log.contains("too much waits to be audited"))
      << log;
  EXPECT_FALSE(log.contains("gateway-engine-unavailable")) << log;
}

TEST(GetMember, is_403_without_the_scope_and_404_when_there_is_none) {
  World world;

  auto refused = world.get("/v1/members/" + std::string(32, '0'), world.key({"enrollments:read", "members:write"}));
  EXPECT_EQ(refused.status, 403u);
  EXPECT_EQ(slug_of(refused), "scope-missing");
  const std::string reader = world.key({"members:read"});
  EXPECT_EQ(world.get("/v1/members/" + std::string(32, '0'), reader).status, 404u);
  EXPECT_EQ(world.get("/v1/members/nobody", reader).status, 404u);
  EXPECT_EQ(world.send("GET", "/v1/members/x").status, 401u);
}

TEST(GetMember, a_damaged_record_is_500_and_says_nothing_of_it) {
  World world;
  const std::string id(32, '0');
  engine::Commit commit;
  commit.documents.push_back(
      {.key = {"members", id.substr(0, 13), id}, .body = R"({"id":"secret"})", .expect = engine::Expect::absent()});
  world.commit(std::move(commit));

  auto response = world.get("/v1/members/" + id, world.key({"members:read"}));

  EXPECT_EQ(response.status, 500u);
  EXPECT_EQ(slug_of(response), "internal");
}

}  // namespace
}  // namespace globogym::gateway
