// Signing up from a web page: the form's beginning, publishable keys, origins, proofs, and what a stranger may see.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "domain/enrollment.h"
#include "gateway/answers/enrollment_view.h"
#include "gateway/world_test.h"

namespace globogym::gateway {
namespace {

using testing::body_for;
using testing::Headers;
using testing::slug_of;
using testing::text_in;
using testing::World;

class SignUpTest : public ::testing::Test {
 protected:
  static constexpr std::string_view host = "club.example";

  World world;
  Gateway gateway{parts()};

  Parts parts() {
    Parts all = world.parts();
    all.allowed_origins = {"https://partner.example"};
    all.proof_bits = 4;
    return all;
  }

  http::Response send(std::string method, std::string path, Headers headers = {}, std::string body = {}) {
    headers.emplace_back("Host", host);
    return world.loop.run(
        World::exchange(gateway, std::move(method), std::move(path), std::move(headers), std::move(body)));
  }

  // A challenge solved for this key, as a page would.
  std::string proof_for(const std::string& idempotency_key) {
    const auto form = JsonDocument::parse(send("GET", "/v1/sign-up").body);
    const auto challenge = form->root().find("challenge");
    const std::string token = challenge->text("token");
    for (int nonce = 0;; ++nonce) {
      const Sha256 hash = sha256(token + "." + idempotency_key + "." + std::to_string(nonce));
      if (std::countl_zero(hash[0]) >= challenge->integer("bits"))
        return "token=" + token + ", nonce=" + std::to_string(nonce);
    }
  }

  Headers page_headers(const std::string& idempotency_key, std::string origin = "https://club.example") {
    Headers headers = {{"X-API-Key", world.keys.page_key()},
                       {"Content-Type", "application/json"},
                       {"Idempotency-Key", idempotency_key},
                       {"Sign-Up-Proof", proof_for(idempotency_key)}};
    if (!origin.empty()) headers.emplace_back("Origin", origin);
    world.loop.advance(Proofs::wait);
    return headers;
  }

  http::Response sign_up(const std::string& idempotency_key, const std::string& email = "ada@example.com") {
    return send("POST", "/v1/enrollments", page_headers(idempotency_key), body_for(email));
  }

  static std::string header(const http::Response& response, const std::string& name) {
    const auto at = ("\r\n" + response.extra_headers).find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const auto value = at + name.size() + 2;
    return response.extra_headers.substr(value, response.extra_headers.find("\r\n", value) - value);
  }
};

TEST_F(SignUpTest, the_form_begins_with_what_it_needs) {
  const auto response = send("GET", "/v1/sign-up");

  ASSERT_EQ(response.status, 200u);
  EXPECT_EQ(header(response, "Cache-Control"), "no-store");
  const auto form = JsonDocument::parse(response.body);
  ASSERT_TRUE(form.has_value()) << response.body;
  EXPECT_EQ(form->root().text("key"), world.keys.page_key());
  EXPECT_EQ(form->root().text("termsVersion"), "2026-01");
  for (const auto* list : {"clubs", "plans", "locales", "fields"})
    EXPECT_FALSE(form->root().find(list)->elements().empty()) << list;
  EXPECT_EQ(form->root().find("challenge")->integer("bits"), 4);
}

TEST_F(SignUpTest, the_form_says_where_to_read_what_is_agreed_to) {
  const auto nowhere = send("GET", "/v1/sign-up").body;
  Parts all = parts();
  all.terms_url = "/terms";
  all.privacy_url = "https://www.globogym.example/privacy";
  Gateway open{all};
  const auto somewhere =
      world.loop.run(World::exchange(open, "GET", "/v1/sign-up", {{"Host", std::string(host)}}, "")).body;

  EXPECT_TRUE(nowhere.contains(R"("termsUrl":null,"privacyUrl":null,)")) << nowhere;
  EXPECT_TRUE(somewhere.contains(R"("termsUrl":"/terms","privacyUrl":"https://www.globogym.example/privacy",)"))
      << somewhere;
}

TEST_F(SignUpTest, a_page_of_ours_signs_up_with_a_proof) {
  EXPECT_EQ(sign_up("one").status, 202u);
  EXPECT_EQ(world.enrollments(), 1u);
}

TEST_F(SignUpTest, the_same_key_sent_again_is_the_same_enrollment) {
  const auto headers = page_headers("one");

  const auto first = send("POST", "/v1/enrollments", headers, body_for("ada@example.com"));
  const auto again = send("POST", "/v1/enrollments", headers, body_for("ada@example.com"));

  EXPECT_EQ(first.body, again.body);
  EXPECT_EQ(world.enrollments(), 1u);
}

TEST_F(SignUpTest, a_solution_cannot_be_used_for_another_sign_up) {
  auto headers = page_headers("one");
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    headers[2].second = "other-" + std::to_string(i);
    const auto response = send("POST", "/v1/enrollments", headers, body_for("ada@example.com"));
    if (response.status == 403 && slug_of(response) == "proof-wrong") ++refused;
  }
  EXPECT_GT(refused, 20);  // one in sixteen is right by chance
}

TEST_F(SignUpTest, without_a_proof_a_key_or_an_origin_nothing_is_taken) {
  const auto without = [&](std::string_view name) {
    auto headers = page_headers("one");
    std::erase_if(headers, [&](const auto& each) { return each.first == name; });
    return slug_of(send("POST", "/v1/enrollments", headers, body_for("ada@example.com")));
  };

  EXPECT_EQ(without("Sign-Up-Proof"), "proof-missing");
  EXPECT_EQ(without("Idempotency-Key"), "idempotency-key-invalid");
  EXPECT_EQ(without("Origin"), "origin-not-allowed");
  EXPECT_EQ(without("X-API-Key"), "unauthorized");
  EXPECT_EQ(world.enrollments(), 0u);
}

TEST_F(SignUpTest, too_early_says_when) {
  auto headers = page_headers("one");
  headers[3].second = proof_for("one");

  const auto response = send("POST", "/v1/enrollments", headers, body_for("ada@example.com"));

  EXPECT_EQ(slug_of(response), "proof-early");
  EXPECT_EQ(header(response, "Retry-After"), "2");
}

TEST_F(SignUpTest, too_late_asks_for_a_new_challenge) {
  const auto headers = page_headers("one");
  world.loop.advance(Proofs::life);

  const auto response = send("POST", "/v1/enrollments", headers, body_for("ada@example.com"));

  EXPECT_EQ(slug_of(response), "proof-expired");
  EXPECT_EQ(world.enrollments(), 0u);
}

TEST_F(SignUpTest, the_pages_key_is_bound_to_our_origin_and_the_allowed_ones) {
  const auto from = [&](const std::string& origin) {
    return send("POST", "/v1/enrollments", page_headers("key-" + origin, origin), body_for("ada@example.com")).status;
  };

  EXPECT_EQ(from("https://club.example"), 202u);
  EXPECT_EQ(from("http://club.example"), 202u);
  EXPECT_EQ(from("https://partner.example"), 202u);
  for (const auto* other : {"https://evil.example", "https://club.example.evil.example", "https://evilclub.example",
                            "https://club.example:8443", "null", "club.example", "https://"})
    EXPECT_EQ(from(other), 403u) << other;
}

TEST_F(SignUpTest, behind_a_trusted_proxy_the_name_it_has_for_us_is_ours_too) {
  const auto answer = [&](Gateway& through) {
    auto headers = page_headers("one", "https://club.in-front.example");
    headers.emplace_back("Host", "backend:8080");
    headers.emplace_back("X-Forwarded-For", "203.0.113.7");
    headers.emplace_back("X-Forwarded-Host", "club.in-front.example");
    return world.loop
        .run(World::exchange(through, "POST", "/v1/enrollments", headers, body_for("ada@example.com"), "192.0.2.1"))
        .status;
  };
  Parts trusting = parts();
  trusting.trusted_proxies = {*Network::parse("192.0.2.0/24")};
  Gateway behind{std::move(trusting)};

  EXPECT_EQ(answer(behind), 202u);
  EXPECT_EQ(answer(gateway), 403u);
}

TEST_F(SignUpTest, what_the_key_owns_is_used_up_by_proven_sign_ups_and_by_nothing_else) {
  auto created = world.loop.run(world.keys.create({.name = "page", .rate = "2/s", .publishable = true}));
  ASSERT_TRUE(created.has_value()) << created.error().message;
  const auto post = [&](testing::Headers headers) {
    headers[0].second = created->text;
    return send("POST", "/v1/enrollments", headers, body_for("ada@example.com")).status;
  };
  const auto good = page_headers("one"), good_too = page_headers("two"), one_more = page_headers("three");

  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(send("GET", "/v1/enrollments/nothing", {{"X-API-Key", created->text}}).status, 403u);
    EXPECT_EQ(post({{"X-API-Key", ""}, {"Content-Type", "application/json"}}), 403u);
  }

  EXPECT_EQ(post(good), 202u);
  EXPECT_EQ(post(good_too), 202u);
  EXPECT_EQ(post(one_more), 429u);
}

TEST_F(SignUpTest, a_challenge_makes_one_enrollment) {
  auto headers = page_headers("one");
  EXPECT_EQ(send("POST", "/v1/enrollments", headers, body_for("ada@example.com")).status, 202u);

  // The same challenge solved for another key.
  const std::string token = headers[3].second.substr(6, headers[3].second.find(',') - 6);
  int expired = 0;
  headers[2].second = "two";
  for (int nonce = 0; nonce < 200; ++nonce) {
    headers[3].second = "token=" + token + ", nonce=" + std::to_string(nonce);
    const auto response = send("POST", "/v1/enrollments", headers, body_for("bob@example.com"));
    ASSERT_EQ(response.status, 403u);
    expired += slug_of(response) == "proof-expired";
  }
  EXPECT_GT(expired, 0);
  EXPECT_EQ(world.enrollments(), 1u);
}

TEST_F(SignUpTest, a_crowded_mail_domain_costs_more_work_and_closes_to_nobody) {
  Parts crowded = parts();
  Limits limits({.sign_up_per_email_domain = Pace(0.001, 1)}, world.random, world.metrics);
  crowded.limits = &limits;
  Gateway busy{std::move(crowded)};
  const auto sign_up = [&](const std::string& key, const std::string& email) {
    const auto form = JsonDocument::parse(
        world.loop.run(World::exchange(busy, "GET", "/v1/sign-up", {{"Host", std::string(host)}}, "")).body);
    const auto challenge = form->root().find("challenge");
    const std::string token = challenge->text("token");
    const auto bits = challenge->integer("bits");
    Headers headers = page_headers(key);
    for (int nonce = 0;; ++nonce) {
      const Sha256 hash = sha256(token + "." + key + "." + std::to_string(nonce));
      if ((hash[0] << 8 | hash[1]) >> (16 - bits) != 0) continue;
      headers[3].second = "token=" + token + ", nonce=" + std::to_string(nonce);
      break;
    }
    headers.emplace_back("Host", host);
    const auto response = world.loop.run(World::exchange(busy, "POST", "/v1/enrollments", headers, body_for(email)));
    return std::pair(response.status == 202 ? "kept" : slug_of(response), bits);
  };

  EXPECT_EQ(sign_up("one", "ada@example.com"), std::pair(std::string("kept"), std::int64_t{4}));
  EXPECT_EQ(sign_up("two", "bob@example.com"), std::pair(std::string("proof-expired"), std::int64_t{4}));
  EXPECT_EQ(sign_up("two", "bob@example.com"), std::pair(std::string("kept"), std::int64_t{8}));
  EXPECT_EQ(sign_up("three", "eve@example.com"), std::pair(std::string("kept"), std::int64_t{8}));
}

TEST_F(SignUpTest, a_key_with_origins_of_its_own_is_bound_to_them) {
  auto created =
      world.loop.run(world.keys.create({.name = "chain", .publishable = true, .origins = {"https://chain.example"}}));
  ASSERT_TRUE(created.has_value()) << created.error().message;
  const auto from = [&](const std::string& origin) {
    auto headers = page_headers("key-" + origin, origin);
    headers[0].second = created->text;
    return send("POST", "/v1/enrollments", headers, body_for("ada@example.com")).status;
  };

  EXPECT_EQ(from("https://chain.example"), 202u);
  EXPECT_EQ(from("https://partner.example"), 403u);
}

TEST_F(SignUpTest, a_publishable_key_can_only_enroll) {
  const Headers headers = {{"X-API-Key", world.keys.page_key()}};

  EXPECT_EQ(send("GET", "/v1/members/whoever", headers).status, 403u);
  const std::string others = text_in(world.post(world.writer()).body, "id");
  EXPECT_EQ(send("GET", "/v1/enrollments/" + others, headers).status, 403u);
  for (const auto& scope : all_scopes()) {
    if (scope == Scope::enrollments_write) continue;
    auto created = world.loop.run(
        world.keys.create({.name = "greedy", .scopes = {std::string(name(scope))}, .publishable = true}));
    EXPECT_FALSE(created.has_value()) << name(scope);
  }
}

TEST_F(SignUpTest, origins_that_cannot_be_are_refused) {
  for (const auto* origin : {"", "club.example", "https://", "https://club.example/", "https://Club.example", "*",
                             "https://club.example\r\nX: y", "javascript://x", "https://a b"}) {
    auto created =
        world.loop.run(world.keys.create({.name = "page", .publishable = true, .origins = {std::string(origin)}}));
    EXPECT_FALSE(created.has_value()) << origin;
  }
  auto secret = world.loop.run(
      world.keys.create({.name = "server", .scopes = {"enrollments:write"}, .origins = {"https://club.example"}}));
  EXPECT_FALSE(secret.has_value());
}

TEST_F(SignUpTest, the_pages_key_is_the_same_after_a_start_and_in_no_list) {
  ApiKeys later(world.engine, world.loop.clock(), world.random);
  later.add_page_key(world.pseudonyms);

  EXPECT_EQ(later.page_key(), world.keys.page_key());
  EXPECT_TRUE(world.keys.list().empty());
}

TEST_F(SignUpTest, a_publishable_key_is_read_again_as_it_was_made) {
  auto created =
      world.loop.run(world.keys.create({.name = "chain", .publishable = true, .origins = {"https://chain.example"}}));
  ASSERT_TRUE(created.has_value());

  ApiKeys later(world.engine, world.loop.clock(), world.random);
  ASSERT_TRUE(world.loop.run(later.load()).has_value());

  const auto caller = later.authenticate(created->text, world.loop.clock().wall());
  ASSERT_TRUE(caller.has_value());
  EXPECT_EQ(caller->kind, Kind::publishable_key);
  EXPECT_EQ(*caller->origins, std::vector<std::string>{"https://chain.example"});
  EXPECT_TRUE(later.is_origin_of_any("https://chain.example"));
  EXPECT_FALSE(later.is_origin_of_any("https://other.example"));
}

TEST_F(SignUpTest, a_browser_on_an_allowed_page_is_told_what_it_may_send) {
  const auto response = send("OPTIONS", "/v1/enrollments",
                             {{"Origin", "https://partner.example"}, {"Access-Control-Request-Method", "POST"}});

  EXPECT_EQ(response.status, 204u);
  EXPECT_EQ(header(response, "Access-Control-Allow-Origin"), "https://partner.example");
  EXPECT_EQ(header(response, "Access-Control-Allow-Methods"), "POST");
  EXPECT_NE(header(response, "Access-Control-Allow-Headers").find("Sign-Up-Proof"), std::string::npos);
  EXPECT_EQ(header(response, "Access-Control-Allow-Credentials"), "");
}

TEST_F(SignUpTest, a_browser_on_any_other_page_is_told_nothing) {
  for (const auto* origin : {"https://evil.example", "null", "*"}) {
    const auto before =
        send("OPTIONS", "/v1/enrollments", {{"Origin", origin}, {"Access-Control-Request-Method", "POST"}});
    const auto after = send("GET", "/v1/sign-up", {{"Origin", origin}});

    for (const auto* what : {"Origin", "Methods", "Headers"})
      EXPECT_EQ(header(before, std::string("Access-Control-Allow-") + what), "") << origin;
    EXPECT_EQ(header(after, "Access-Control-Allow-Origin"), "") << origin;
    EXPECT_EQ(header(after, "Vary"), "Origin");
  }
}

TEST_F(SignUpTest, refusals_can_be_read_by_an_allowed_page_too) {
  const auto response = send("POST", "/v1/enrollments", {{"Origin", "https://partner.example"}});

  EXPECT_EQ(response.status, 401u);
  EXPECT_EQ(header(response, "Access-Control-Allow-Origin"), "https://partner.example");
}

std::string told_of_refusal(Gateway& gateway, std::optional<std::string_view> origin) {
  http::Response refusal{.status = 413};
  gateway.on_refused(origin, refusal);
  return refusal.extra_headers;
}

TEST_F(SignUpTest, what_is_refused_before_it_was_read_can_be_read_by_an_allowed_page) {
  const std::string allowed = told_of_refusal(gateway, "https://partner.example");

  EXPECT_TRUE(allowed.starts_with("Vary: Origin\r\nAccess-Control-Allow-Origin: https://partner.example\r\n"))
      << allowed;
  EXPECT_NE(allowed.find("Access-Control-Expose-Headers: "), std::string::npos);
  EXPECT_EQ(told_of_refusal(gateway, "https://evil.example"), "Vary: Origin\r\n");
}

TEST_F(SignUpTest, who_was_refused_before_they_said_a_word_is_told_why_where_pages_elsewhere_may_call) {
  EXPECT_TRUE(told_of_refusal(gateway, std::nullopt).starts_with("Access-Control-Allow-Origin: *\r\n"));
  EXPECT_EQ(told_of_refusal(world.gateway, std::nullopt), "") << "no page elsewhere may call this one";

  auto created = world.loop.run(
      world.keys.create({.name = "chain", .scopes = {}, .publishable = true, .origins = {"https://chain.example"}}));
  ASSERT_TRUE(created.has_value());
  EXPECT_TRUE(told_of_refusal(world.gateway, std::nullopt).starts_with("Access-Control-Allow-Origin: *\r\n"));
  ASSERT_TRUE(world.loop.run(world.keys.revoke(created->key.id)).has_value());
  EXPECT_EQ(told_of_refusal(world.gateway, std::nullopt), "");
}

TEST_F(SignUpTest, a_proof_is_for_what_an_idempotency_key_in_quotation_marks_names) {
  Headers headers = page_headers("my \\ key");
  for (auto& [name, value] : headers)
    if (name == "Idempotency-Key") value = R"("my \\ key")";

  const auto response = send("POST", "/v1/enrollments", std::move(headers), body_for("ada@example.com"));

  EXPECT_EQ(response.status, 202u) << response.body;
}

TEST_F(SignUpTest, an_idempotency_key_that_names_none_is_told_before_the_proof) {
  Headers headers = page_headers("key");
  for (auto& [name, value] : headers)
    if (name == "Idempotency-Key") value = "\"key";

  EXPECT_EQ(slug_of(send("POST", "/v1/enrollments", std::move(headers), body_for("ada@example.com"))),
            "idempotency-key-invalid");
}

// ---- what a stranger may see ----------------------------------------------------------------------------------------

EnrollmentView view_of(domain::Status status, std::optional<std::string> reason, domain::StepStatus stored,
                       domain::StepStatus mailed) {
  EnrollmentView view;
  view.enrollment = domain::accepted_enrollment("id", *parse_rfc3339("2026-11-22T13:30:05.123Z"), "page");
  view.enrollment.status = status;
  view.enrollment.reason = std::move(reason);
  view.enrollment.completed_at = *parse_rfc3339("2026-11-22T13:30:06Z");
  auto& steps = view.enrollment.steps;
  steps[0].status = domain::StepStatus::done;
  steps[1].status = stored;
  if (stored == domain::StepStatus::done) {
    steps[1].finished_at = *parse_rfc3339("2026-11-22T13:30:06Z");
    steps[1].attempts = 3;
    view.enrollment.member_id = "member";
  }
  steps[2].status = mailed;
  steps[2].last_error = "the mail server is away";
  view.current_step = "welcome-mail";
  view.next_attempt_at = *parse_rfc3339("2026-11-22T13:31:00Z");
  return view;
}

// Well after the decision.
std::string masked_json(const EnrollmentView& view, WallTime now = *parse_rfc3339("2026-11-22T13:30:30Z")) {
  return to_json(masked(view.enrollment, now));
}

TEST(Mask, a_new_member_and_an_old_one_read_alike_whatever_the_mail_does) {
  using domain::Status, domain::StepStatus;
  const std::string old_member = masked_json(
      view_of(Status::rejected, std::string(domain::already_member), StepStatus::skipped, StepStatus::skipped));

  EXPECT_EQ(text_in(old_member, "status"), "completed");
  EXPECT_NE(old_member.find(R"("memberId":null)"), std::string::npos);
  for (const auto mailed : {StepStatus::pending, StepStatus::running, StepStatus::retrying, StepStatus::done})
    for (const auto status : {Status::processing, Status::completed})
      EXPECT_EQ(masked_json(view_of(status, {}, StepStatus::done, mailed)), old_member);
  EXPECT_EQ(masked_json(view_of(Status::parked, "attempts-exhausted", StepStatus::done, StepStatus::parked)),
            old_member);
}

TEST(Mask, the_decision_is_told_on_a_whole_second_and_not_before_the_second_after_it) {
  using domain::Status, domain::StepStatus;
  const auto member =
      view_of(Status::rejected, std::string(domain::already_member), StepStatus::skipped, StepStatus::skipped);
  auto stranger = view_of(Status::processing, {}, StepStatus::done, StepStatus::pending);
  stranger.enrollment.steps[1].finished_at = *parse_rfc3339("2026-11-22T13:30:05.125Z");  // a little sooner
  const auto undecided = view_of(Status::accepted, {}, StepStatus::pending, StepStatus::pending);

  const WallTime shown = *parse_rfc3339("2026-11-22T13:30:07Z");
  const std::string before = masked_json(undecided, shown - std::chrono::milliseconds(1));
  EXPECT_EQ(text_in(before, "status"), "accepted");
  EXPECT_EQ(masked_json(member, shown - std::chrono::milliseconds(1)).find("done"), std::string::npos);
  EXPECT_EQ(masked_json(stranger, shown - std::chrono::milliseconds(1)), before);
  EXPECT_EQ(masked_json(stranger, shown), masked_json(member, shown));
  EXPECT_EQ(text_in(masked_json(member, shown), "completedAt"), "2026-11-22T13:30:07.000Z");
}

TEST(Mask, what_is_parked_before_the_decision_is_in_our_hands) {
  using domain::Status, domain::StepStatus;
  const std::string json =
      masked_json(view_of(Status::parked, "attempts-exhausted", StepStatus::parked, StepStatus::pending));

  EXPECT_EQ(text_in(json, "status"), "processing");
  EXPECT_EQ(json.find("attempts-exhausted"), std::string::npos);
  EXPECT_EQ(json.find("mail server is away"), std::string::npos);
}

TEST(Mask, a_reason_that_tells_nothing_of_membership_stays) {
  using domain::Status, domain::StepStatus;
  const std::string json =
      masked_json(view_of(Status::rejected, "club-unknown", StepStatus::skipped, StepStatus::skipped));

  EXPECT_EQ(text_in(json, "status"), "rejected");
  EXPECT_EQ(text_in(json, "reason"), "club-unknown");
}

}  // namespace
}  // namespace globogym::gateway
