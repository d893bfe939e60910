#include "gateway/gateway.h"

#include "base/gzip.h"
#include "gateway/world_test.h"
#include "http/parser.h"
#include "http/refusals.h"

namespace globogym::gateway {
namespace {

using testing::body_for;
using testing::errors_of;
using testing::good_body;
using testing::has_line;
using testing::Headers;
using testing::slug_of;
using testing::text_in;
using testing::World;
using namespace std::chrono_literals;

// ---- what is promised -----------------------------------------------------------------------------------------------

TEST(Post, an_application_is_answered_202_as_the_contract_says) {
  World world;

  auto response = world.post(world.writer());

  EXPECT_EQ(response.status, 202u);
  EXPECT_EQ(response.content_type, "application/json");
  const std::string id = text_in(response.body, "id");
  EXPECT_EQ(id.size(), 32u);
  const std::string accepted_at = text_in(response.body, "acceptedAt");
  EXPECT_TRUE(parse_rfc3339(accepted_at).has_value()) << accepted_at;
  EXPECT_EQ(response.body, R"({"id":")" + id + R"(","status":"accepted","acceptedAt":")" + accepted_at +
                               R"(","links":{"self":"/v1/enrollments/)" + id + R"("}})");
  EXPECT_TRUE(has_line(response, "Location: /v1/enrollments/" + id));
  EXPECT_TRUE(has_line(response, "Retry-After: 1"));
}

TEST(Post, one_commit_holds_the_enrollment_the_message_and_the_count) {
  World world;
  const std::string key = world.writer();
  world.engine.commits.clear();

  auto response = world.post(key);

  const std::string id = text_in(response.body, "id");
  ASSERT_EQ(world.engine.commits.size(), 1u);
  const auto& commit = world.engine.commits[0];
  ASSERT_EQ(commit.documents.size(), 2u);
  EXPECT_EQ(commit.documents[1].key.container, "people");
  EXPECT_EQ(commit.documents[1].key.id, *domain::partition_of_enrollment(id) + id);
  EXPECT_EQ(commit.documents[0].key.container, "enrollments");
  EXPECT_EQ(commit.documents[0].key.partition, domain::partition_of_enrollment(id));
  auto enrollment = domain::enrollment_from_json(commit.documents[0].body);
  ASSERT_TRUE(enrollment.has_value());
  EXPECT_EQ(enrollment->status, domain::Status::accepted);
  EXPECT_EQ(enrollment->created_by, world.keys.list()[0].id);
  ASSERT_EQ(commit.messages.size(), 1u);
  EXPECT_EQ(commit.messages[0].queue, "process-enrollment");
  EXPECT_EQ(commit.messages[0].id, id);
  EXPECT_EQ(commit.messages[0].traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  auto work = domain::process_enrollment_from_json(commit.messages[0].body);
  ASSERT_TRUE(work.has_value());
  EXPECT_EQ(work->enrollment_id, id);
  EXPECT_EQ(work->applicant.email.reveal(), "ada@example.com");
  EXPECT_EQ(work->accepted_at, enrollment->accepted_at);
  EXPECT_EQ(world.tally("enrollments.accepted"), 1);
}

TEST(Post, the_enrollment_document_holds_no_personal_data) {
  World world;

  world.post(world.writer());

  ASSERT_FALSE(world.engine.commits.empty());
  ASSERT_EQ(world.engine.commits.back().documents.size(), 2u);
  for (const auto& put : world.engine.commits.back().documents)
    for (const auto* personal : {"Ada", "Lovelace", "ada@example.com", "7946099", "1990-12-10"})
      EXPECT_EQ((put.key.id + put.body).find(personal), std::string::npos) << put.body;
}

TEST(Post, both_names_of_the_key_header_are_accepted_in_any_case) {
  World world;
  const std::string key = world.writer();

  for (const auto* name : {"X-API-Key", "x-api-key", "Ocp-Apim-Subscription-Key", "ocp-apim-subscription-key"}) {
    auto response = world.send("POST", "/v1/enrollments", {{name, key}, {"content-type", "application/json"}},
                               std::string(good_body));
    EXPECT_EQ(response.status, 202u) << name;
  }
}

TEST(Post, json_may_be_announced_with_parameters) {
  World world;
  const std::string key = world.writer();
  const auto status_for = [&](const char* type) {
    return world.send("POST", "/v1/enrollments", {{"X-API-Key", key}, {"Content-Type", type}}, std::string(good_body))
        .status;
  };

  for (const auto* type :
       {"application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\"",
        "application/json ; a=b; charset=utf-8", "application/json; charset=utf8", "application/json; Charset=\"UTF8\"",
        "application/json;charset=\"u\\tf-8\"", "application/json; charset=utf-8 ; a=b ;",
        "application/json; a=\"; charset=latin1\"; charset=Utf-8"})
    EXPECT_EQ(status_for(type), 202u) << type;
  for (const auto* type :
       {"", "text/plain", "application/json; charset=latin1", "application/jsonx", "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=latin1",
        "application/json; charset=", "application/json; charset=\"utf-8", "application/json; charset=utf88",
        "application/problem+json", "application/x-www-form-urlencoded"})
    EXPECT_EQ(status_for(type), 415u) << type;
}

// ---- what is refused ------------------------------------------------------------------------------------------------

TEST(Post, without_credentials_it_is_401_with_a_challenge) {
  World world;
  const Headers json = {{"Content-Type", "application/json"}};

  auto none = world.send("POST", "/v1/enrollments", json, std::string(good_body));
  auto wrong = world.post("ggk_nonsense");
  auto bearer =
      world.send("POST", "/v1/enrollments", {{"Content-Type", "application/json"}, {"Authorization", "Bearer abc"}},
                 std::string(good_body));

  for (const auto* response : {&none, &wrong, &bearer}) {
    EXPECT_EQ(response->status, 401u);
    EXPECT_EQ(slug_of(*response), "unauthorized");
    EXPECT_NE(response->extra_headers.find("WWW-Authenticate: "), std::string::npos);
  }
  EXPECT_EQ(world.enrollments(), 0u);
}

TEST(Post, an_expired_and_a_revoked_key_are_401) {
  World world;
  const std::string short_lived = world.key({"enrollments:write"}, {}, 1h);
  auto gone = world.loop.run(
      world.keys.create({.name = "gone", .scopes = {"enrollments:write"}, .rate = {}, .expires_in = {}}));
  ASSERT_TRUE(gone.has_value());
  ASSERT_EQ(world.post(short_lived).status, 202u);
  ASSERT_EQ(world.post(gone->text).status, 202u);

  world.loop.advance(2h);
  ASSERT_TRUE(world.loop.run(world.keys.revoke(gone->key.id)).has_value());

  EXPECT_EQ(world.post(short_lived).status, 401u);
  EXPECT_EQ(world.post(gone->text).status, 401u);
}

TEST(Post, a_length_no_number_can_hold_is_too_large_and_nonsense_is_malformed) {
  const auto refused_with = [](std::string headers) {
    const std::string head = "POST /v1/enrollments HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
    std::string_view bytes = head;
    http::RequestParser parser({});
    http::Request request;
    const auto step = parser.feed(bytes, request);
    return step == http::RequestParser::Step::refused ? parser.refusal().status : 0u;
  };
  const std::string huge = "Content-Length: 99999999999999999999999\r\n", small = "Content-Length: 3\r\n";

  EXPECT_EQ(refused_with(huge), 413u);
  EXPECT_EQ(refused_with("content-length:\t 18446744073709551616 \r\n"), 413u);
  EXPECT_EQ(refused_with("Content-Length: 18446744073709551615\r\n"), 413u);
  EXPECT_EQ(refused_with("Content-Length: 1000000000000000000\r\n"), 413u);
  for (const auto& headers :
       {huge + huge, huge + small, small + huge, huge + "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\n" + huge, std::string("Content-Length: 99999999999999999999999x\r\n"),
        std::string("Content-Length: 99999999999999999999999, 99999999999999999999999\r\n"),
        std::string("Content-Length: -99999999999999999999999\r\n"),
        std::string("Content-Length: +99999999999999999999999\r\n"),
        std::string("Content-Length: 0000000000000000000000003\r\n"), std::string("Content-Length:\r\n")})
    EXPECT_EQ(refused_with(headers), 400u) << headers;
}

TEST(Routes, the_description_is_sent_once_to_who_keeps_it) {
  World world;
  const auto first = world.send("GET", "/openapi.json");
  const auto tag = first.extra_headers.substr(6, first.extra_headers.find("\r\n") - 6);

  const auto again = world.send("GET", "/openapi.json", {{"If-None-Match", "W/\"other\", " + tag}});
  const auto other = world.send("GET", "/openapi.json", {{"If-None-Match", "\"other\""}});

  EXPECT_EQ(first.status, 200u);
  EXPECT_EQ(again.status, 304u);
  EXPECT_TRUE(again.body.empty());
  EXPECT_EQ(other.body, first.body);
}

TEST(Routes, the_description_is_sent_compressed_to_who_takes_it_so) {
  World world;
  const auto plain = world.send("GET", "/openapi.json");
  const auto packed = world.send("GET", "/openapi.json", {{"Accept-Encoding", "gzip, deflate, br"}});
  const auto refused = world.send("GET", "/openapi.json", {{"Accept-Encoding", "gzip;q=0, br"}});
  const auto tag = packed.extra_headers.substr(6, packed.extra_headers.find("\r\n") - 6);
  const auto again = world.send("GET", "/openapi.json", {{"Accept-Encoding", "gzip"}, {"If-None-Match", tag}});
  const auto other = world.send("GET", "/openapi.json", {{"If-None-Match", tag}});

  EXPECT_EQ(packed.body, gzip(plain.body));
  EXPECT_LT(packed.body.size() * 4, plain.body.size());
  EXPECT_TRUE(has_line(packed, "Content-Encoding: gzip"));
  EXPECT_TRUE(has_line(packed, "Vary: Accept-Encoding"));
  EXPECT_TRUE(has_line(plain, "Vary: Accept-Encoding"));
  EXPECT_FALSE(has_line(plain, "Content-Encoding: gzip"));
  EXPECT_EQ(refused.body, plain.body);
  EXPECT_EQ(again.status, 304u);
  EXPECT_EQ(other.status, 200u) << "the tag is that of the other bytes";
}

TEST(Post, a_body_that_is_encoded_is_415) {
  World world;
  const auto post = [&](const std::string& encoding) {
    return world.send(
        "POST", "/v1/enrollments",
        {{"X-API-Key", world.writer()}, {"Content-Type", "application/json"}, {"Content-Encoding", encoding}},
        std::string(good_body));
  };

  for (const auto* encoding : {"gzip", "br", "deflate", "identity, gzip", "x"}) {
    const auto response = post(encoding);
    EXPECT_EQ(response.status, 415u) << encoding;
    EXPECT_NE(response.extra_headers.find("Accept-Encoding: identity\r\n"), std::string::npos);
  }
  EXPECT_EQ(post("identity").status, 202u);
}

TEST(Post, every_other_scope_is_403) {
  World world;

  for (const auto& scope : all_scopes()) {
    auto response = world.post(world.key({std::string(name(scope))}));
    if (scope == Scope::enrollments_write) {
      EXPECT_EQ(response.status, 202u);
    } else {
      EXPECT_EQ(response.status, 403u) << name(scope);
      EXPECT_EQ(slug_of(response), "scope-missing");
    }
  }
}

TEST(Post, malformed_json_is_400_with_a_pointer_and_a_code) {
  World world;

  auto response = world.post(world.writer(), "{\"firstName\":");

  EXPECT_EQ(response.status, 400u);
  EXPECT_EQ(slug_of(response), "malformed-json");
  EXPECT_EQ(errors_of(response), (std::vector<std::string>{" json.malformed"}));
}

TEST(Post, invalid_fields_are_422_all_at_once_and_nothing_is_stored) {
  World world;
  const std::string key = world.writer();
  world.engine.commits.clear();

  auto response = world.post(key, R"({"firstName":"","email":"x","plan":1,"surname":"y"})");

  EXPECT_EQ(response.status, 422u);
  EXPECT_EQ(slug_of(response), "invalid-fields");
  EXPECT_EQ(
      errors_of(response),
      (std::vector<std::string>{"/plan type", "/surname unknown", "/firstName firstName.empty", "/lastName required",
                                "/email email.invalid", "/dateOfBirth required", "/homeClubId required"}));
  EXPECT_TRUE(world.engine.commits.empty());
}

TEST(Post, a_body_beyond_16_kib_is_413_and_one_of_16_kib_is_read) {
  World world;
  const std::string key = world.writer();
  std::string body(good_body);
  body.append(16 * 1024 - body.size(), ' ');

  EXPECT_EQ(world.post(key, body).status, 202u);
  auto response = world.post(key, body + " ");

  EXPECT_EQ(response.status, 413u);
  EXPECT_EQ(slug_of(response), "payload-too-large");
}

TEST(Post, a_key_with_a_rate_is_429_beyond_it_and_others_are_not) {
  World world;
  const std::string limited = world.key({"enrollments:write"}, "2/s"), other = world.writer();
  world.loop.advance(10s);

  EXPECT_EQ(world.post(limited).status, 202u);
  EXPECT_EQ(world.post(limited).status, 202u);
  auto response = world.post(limited);

  EXPECT_EQ(response.status, 429u);
  EXPECT_EQ(slug_of(response), "rate-limited");
  EXPECT_TRUE(has_line(response, "Retry-After: 1"));
  EXPECT_EQ(world.post(other).status, 202u);
  world.loop.advance(500ms);
  EXPECT_EQ(world.post(limited).status, 202u);
}

TEST(Post, below_the_disk_reserve_it_is_503_before_anything_is_tried) {
  World world;
  const std::string key = world.writer();
  world.engine.commits.clear();

  for (const engine::Health& health : {engine::Health{.can_commit = true, .below_reserve = true},
                                       engine::Health{.can_commit = false, .below_reserve = false}}) {
    world.engine.says_health = health;
    auto response = world.post(key);
    EXPECT_EQ(response.status, 503u);
    EXPECT_EQ(slug_of(response), "cannot-keep-promise");
    EXPECT_NE(response.extra_headers.find("Retry-After: "), std::string::npos);
  }
  EXPECT_TRUE(world.engine.commits.empty());
}

TEST(Post, a_commit_that_fails_is_503_and_says_how_to_repeat) {
  World world;
  const std::string key = world.writer();

  for (Fault fault : {Fault::unavailable, Fault::timed_out, Fault::cancelled, Fault::full, Fault::conflict}) {
    world.engine.commit_fails = Error{fault, "something about the disk"};
    auto response = world.post(key, std::string(good_body), "k-1");
    EXPECT_EQ(response.status, 503u) << name(fault);
    EXPECT_EQ(slug_of(response), "cannot-keep-promise");
    EXPECT_NE(response.extra_headers.find("Retry-After: "), std::string::npos);
    EXPECT_NE(text_in(response.body, "detail").find("Idempotency-Key"), std::string::npos);
    EXPECT_EQ(response.body.find("something about the disk"), std::string::npos) << "inner errors are for the log";
  }
}

TEST(Post, a_disk_that_fails_under_the_commit_is_never_a_202) {
  World world;
  const std::string key = world.writer();
  world.disk.fail_writes(1, 1, false);

  auto response = world.post(key);

  EXPECT_EQ(response.status, 503u);
  world.loop.advance(5s);
  EXPECT_EQ(world.enrollments(), 0u);
  EXPECT_EQ(world.post(key).status, 202u) << "the engine has recovered by itself";
}

TEST(Post, a_bug_of_ours_is_500) {
  World world;
  const std::string key = world.writer();
  world.engine.commit_fails = Error{Fault::invalid, "a bound was not kept"};

  auto response = world.post(key);

  EXPECT_EQ(response.status, 500u);
  EXPECT_EQ(slug_of(response), "internal");
}

TEST(Post, what_day_it_is_the_club_says) {
  World world;
  world.catalogue.clubs.push_back({"kiritimati", "Kiritimati", 16, TimeZone("Pacific/Kiritimati")});
  world.catalogue.clubs.push_back({"pago-pago", "Pago Pago", 16, TimeZone("Pacific/Pago_Pago")});
  world.loop.advance(21h);  // 10:30 on the 23rd of November in UTC
  const std::string key = world.writer();
  const auto starting = [&](std::string_view club, std::string_view date) {
    std::string body = body_for("ada@example.com");
    body.replace(body.find("london-shoreditch"), 17, club);
    body.insert(1, R"("startDate":")" + std::string(date) + R"(",)");
    const auto response = world.post(key, std::move(body));
    return response.status == 202 ? std::vector<std::string>{} : errors_of(response);
  };
  const std::vector<std::string> taken, past{"/startDate startDate.past"};

  EXPECT_EQ(starting("kiritimati", "2026-11-23"), past);
  EXPECT_EQ(starting("kiritimati", "2026-11-24"), taken);
  EXPECT_EQ(starting("london-shoreditch", "2026-11-22"), past);
  EXPECT_EQ(starting("london-shoreditch", "2026-11-23"), taken);
  EXPECT_EQ(starting("pago-pago", "2026-11-21"), past);
  EXPECT_EQ(starting("pago-pago", "2026-11-22"), taken);
}

// ---- paths and methods ----------------------------------------------------------------------------------------------

TEST(Routes, every_path_refuses_other_methods_with_those_it_allows) {
  World world;

  for (const Route& route : routes()) {
    std::string path(route.path);
    if (path.ends_with("{id}")) path.replace(path.size() - 4, 4, "x");
    for (const auto* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "BREW"}) {
      auto response = world.send(method, path);
      if (answers(route, method)) {
        EXPECT_NE(response.status, 405u) << method << ' ' << path;
        continue;
      }
      EXPECT_EQ(response.status, 405u) << method << ' ' << path;
      EXPECT_EQ(slug_of(response), "method-not-allowed");
      EXPECT_TRUE(has_line(response, route.method == "POST" ? "Allow: POST" : "Allow: GET, HEAD"));
    }
  }
}

TEST(Routes, whoever_asks_what_the_server_can_do_is_told) {
  World world;

  auto response = world.send("OPTIONS", "*");

  EXPECT_EQ(response.status, 204u);
  EXPECT_TRUE(has_line(response, "Allow: GET, HEAD, POST, OPTIONS"));
}

TEST(Routes, an_unknown_path_is_404_for_everybody) {
  World world;

  for (const auto* path : {"/v1", "/v1/enrollments/", "/V1/enrollments", "/admin/v1/stats", "/metrics", "//", "",
                           "/healthz/", "/v1/members/"}) {
    auto response = world.send("GET", path);
    if (path == std::string_view("/v1/enrollments")) continue;
    EXPECT_EQ(response.status, 404u) << path;
    EXPECT_EQ(slug_of(response), "not-found");
  }
}

TEST(Routes, health_is_open_to_everybody) {
  World world;

  EXPECT_EQ(world.send("GET", "/healthz").body, R"({"status":"ok"})");
  EXPECT_EQ(world.send("GET", "/readyz").body, R"({"status":"ready"})");
  EXPECT_EQ(world.send("HEAD", "/healthz").status, 200u);
}

TEST(Routes, readiness_lists_what_is_wrong) {
  World world;
  world.engine.says_health = engine::Health{.can_commit = false,
                                            .below_reserve = true,
                                            .free_bytes = 1,
                                            .problem = "the disk refused a write: no space left"};

  auto response = world.send("GET", "/readyz");

  EXPECT_EQ(response.status, 503u);
  EXPECT_EQ(slug_of(response), "not-ready");
  EXPECT_EQ(errors_of(response), (std::vector<std::string>{" engine.cannot-commit", " engine.below-reserve"}));
  // The log tells what exactly.
  EXPECT_EQ(response.body.find("the disk refused a write"), std::string::npos);
}

TEST(Routes, the_home_page_lets_nothing_else_in) {
  World world;

  auto response = world.send("GET", "/");

  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.content_type, "text/html; charset=utf-8");
  EXPECT_NE(response.body.find("/assets/"), std::string::npos);
  EXPECT_NE(response.extra_headers.find("Content-Security-Policy: default-src 'none'"), std::string::npos);
  EXPECT_EQ(response.extra_headers.find("X-Content-Type-Options"), std::string::npos) << "every answer has it already";
}

TEST(Metrics, accepts_replays_and_refusals_are_counted) {
  World world;
  const std::string key = world.writer();

  world.post(key, std::string(good_body), "a");
  world.post(key, std::string(good_body), "a");
  world.post(key, "{}");
  world.post("nobody");

  const std::string text = world.metrics.text();
  for (const auto* line :
       {"globogym_enrollments_accepted_total 1\n", "globogym_enrollments_replayed_total 1\n",
        "globogym_requests_refused_total{reason=\"invalid-fields\"} 1\n",
        "globogym_requests_refused_total{reason=\"unauthorized\"} 1\n", "globogym_accept_duration_seconds_count 1\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  EXPECT_EQ(text.find("ada@"), std::string::npos);
}

}  // namespace
}  // namespace globogym::gateway
