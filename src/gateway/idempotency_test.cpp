// One Idempotency-Key, one answer, one enrollment: however often, however concurrently, whatever fails meanwhile.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "base/text.h"
#include "gateway/requests/idempotency_key.h"
#include "gateway/world_test.h"

namespace globogym::gateway {
namespace {

using testing::body_for;
using testing::good_body;
using testing::Headers;
using testing::slug_of;
using testing::text_in;
using testing::World;
using namespace std::chrono_literals;

TEST(Idempotency, the_same_key_and_body_get_the_very_same_answer_and_one_enrollment) {
  World world;
  const std::string key = world.writer();

  auto first = world.post(key, std::string(good_body), "order-66");
  world.loop.advance(24h);
  auto second = world.post(key, std::string(good_body), "order-66");

  EXPECT_EQ(first.status, 202u);
  EXPECT_EQ(second.status, 202u);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.extra_headers, first.extra_headers);
  EXPECT_EQ(world.enrollments(), 1u);
  EXPECT_EQ(world.tally("enrollments.accepted"), 1);
}

TEST(Idempotency, what_was_kept_although_its_commit_reported_a_failure_is_found_again) {
  World world;
  const std::string key = world.writer();
  world.disk.fail_writes(1, 1, true);
  ASSERT_EQ(world.post(key, std::string(good_body), "order-66").status, 503u);
  world.loop.advance(5s);

  auto again = world.post(key, std::string(good_body), "order-66");

  EXPECT_EQ(again.status, 202u);
  EXPECT_EQ(world.enrollments(), 1u);
  EXPECT_EQ(world.tally("enrollments.accepted"), 1);
  EXPECT_EQ(world.post(key, std::string(good_body), "order-66").body, again.body);
}

TEST(Idempotency, without_a_key_the_same_body_is_two_enrollments) {
  World world;
  const std::string key = world.writer();

  auto first = world.post(key), second = world.post(key);

  EXPECT_NE(text_in(first.body, "id"), text_in(second.body, "id"));
  EXPECT_EQ(world.enrollments(), 2u);
}

TEST(Idempotency, the_same_key_with_another_body_is_422) {
  World world;
  const std::string key = world.writer();
  ASSERT_EQ(world.post(key, body_for("a@example.com"), "order-66").status, 202u);

  for (const auto& other : {body_for("b@example.com"), body_for("a@example.com") + " ", std::string("nonsense")}) {
    auto response = world.post(key, other, "order-66");
    EXPECT_EQ(response.status, 422u);
    EXPECT_EQ(slug_of(response), "idempotency-key-reused");
  }
  EXPECT_EQ(world.enrollments(), 1u);
}

TEST(Idempotency, another_callers_key_is_another_key) {
  World world;
  const std::string one = world.writer(), two = world.writer();

  auto first = world.post(one, body_for("a@example.com"), "order-66");
  auto second = world.post(two, body_for("b@example.com"), "order-66");

  EXPECT_EQ(first.status, 202u);
  EXPECT_EQ(second.status, 202u);
  EXPECT_EQ(world.enrollments(), 2u);
}

TEST(Idempotency, a_refused_request_does_not_use_the_key_up) {
  World world;
  const std::string key = world.writer();
  ASSERT_EQ(world.post(key, "{}", "order-66").status, 422u);
  ASSERT_EQ(world.post(key, "{", "order-66").status, 400u);

  EXPECT_EQ(world.post(key, std::string(good_body), "order-66").status, 202u);
}

TEST(Idempotency, an_accepted_request_is_answered_again_when_nothing_new_could_be_accepted) {
  World world;
  const std::string key = world.writer();
  auto first = world.post(key, std::string(good_body), "order-66");
  ASSERT_EQ(first.status, 202u);

  world.disk.set_full(true);
  world.loop.advance(24h * 365);  // its start date lies in the past now

  auto again = world.post(key, std::string(good_body), "order-66");
  EXPECT_EQ(again.status, 202u);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(world.post(key, body_for("new@example.com"), "order-67").status, 503u);
}

TEST(Idempotency, a_hundred_posts_at_once_are_one_enrollment) {
  World world;
  const std::string key = world.writer();
  std::vector<http::Response> answers(100);
  struct Poster {
    static Task<void> post(World* w, std::string api_key, http::Response* answer) {
      Headers headers = {{"X-API-Key", api_key}, {"Content-Type", "application/json"}, {"Idempotency-Key", "once"}};
      *answer = co_await World::exchange(w->gateway, "POST", "/v1/enrollments", headers, std::string(good_body));
    }
    static Task<void> all(World* w, std::string api_key, std::vector<http::Response>* into) {
      async::Scope scope;
      for (auto& answer : *into) scope.start(post(w, api_key, &answer));
      co_await scope.join();
    }
  };

  world.loop.run(Poster::all(&world, key, &answers));

  std::set<std::string> bodies;
  for (const auto& answer : answers) {
    EXPECT_EQ(answer.status, 202u);
    bodies.insert(answer.body);
  }
  EXPECT_EQ(bodies.size(), 1u);
  EXPECT_EQ(world.enrollments(), 1u);
  EXPECT_EQ(world.tally("enrollments.accepted"), 1);
  auto message = world.lease("process-enrollment");
  EXPECT_EQ(message.size(), 1u);
}

TEST(Idempotency, at_once_with_different_bodies_one_is_kept_and_the_others_are_told) {
  World world;
  const std::string key = world.writer();
  std::vector<http::Response> answers(10);
  struct Poster {
    static Task<void> post(World* w, std::string api_key, int number, http::Response* answer) {
      Headers headers = {{"X-API-Key", api_key}, {"Content-Type", "application/json"}, {"Idempotency-Key", "once"}};
      *answer = co_await World::exchange(w->gateway, "POST", "/v1/enrollments", headers,
                                         body_for("a" + std::to_string(number) + "@example.com"));
    }
    static Task<void> all(World* w, std::string api_key, std::vector<http::Response>* into) {
      async::Scope scope;
      int number = 0;
      for (auto& answer : *into) scope.start(post(w, api_key, number++, &answer));
      co_await scope.join();
    }
  };

  world.loop.run(Poster::all(&world, key, &answers));

  EXPECT_EQ(std::ranges::count(answers, 202u, &http::Response::status), 1);
  EXPECT_EQ(std::ranges::count(answers, 422u, &http::Response::status), 9);
  EXPECT_EQ(world.enrollments(), 1u);
}

TEST(Idempotency, the_key_is_1_to_255_visible_ascii_characters_sent_once) {
  World world;
  const std::string key = world.writer();

  for (const auto& bad : {std::string(), std::string(256, 'k'), std::string("a b"), std::string("\x7f"),
                          std::string("schl\xc3\xbcssel"), std::string("a\tb")}) {
    auto response = world.post(key, std::string(good_body), bad);
    EXPECT_EQ(response.status, 400u) << bad;
    EXPECT_EQ(slug_of(response), "idempotency-key-invalid");
  }
  auto twice = world.send(
      "POST", "/v1/enrollments",
      {{"X-API-Key", key}, {"Content-Type", "application/json"}, {"Idempotency-Key", "a"}, {"Idempotency-Key", "b"}},
      std::string(good_body));
  EXPECT_EQ(twice.status, 400u);
  EXPECT_EQ(world.post(key, std::string(good_body), std::string(255, '~')).status, 202u);
}

TEST(Idempotency, when_the_earlier_answer_cannot_be_read_nothing_is_accepted) {
  World world;
  const std::string key = world.writer();
  world.engine.get_fails = Error{Fault::unavailable, "no disk"};

  auto response = world.post(key, std::string(good_body), "order-66");

  EXPECT_EQ(response.status, 503u);
  EXPECT_EQ(world.enrollments(), 0u);
}

TEST(Idempotency, a_damaged_record_is_500_and_accepts_nothing) {
  World world;
  const std::string key = world.writer();
  ASSERT_EQ(world.post(key, std::string(good_body), "order-66").status, 202u);
  engine::Commit commit;
  commit.documents.push_back(
      {.key = world.engine.commits.back().documents.at(1).key, .body = "{}", .expect = engine::Expect::anything()});
  world.commit(std::move(commit));

  auto response = world.post(key, std::string(good_body), "order-66");

  EXPECT_EQ(response.status, 500u);
  EXPECT_EQ(world.enrollments(), 1u);
}

// ---- how the key is written -----------------------------------------------------------------------------------------

TEST(IdempotencyKey, quotation_marks_are_how_it_is_written_and_no_part_of_it) {
  EXPECT_EQ(read_idempotency_key("8e03978e-40d5"), "8e03978e-40d5");
  EXPECT_EQ(read_idempotency_key(R"("8e03978e-40d5")"), "8e03978e-40d5");
  EXPECT_EQ(read_idempotency_key(R"("order 66, again")"), "order 66, again");
  EXPECT_EQ(read_idempotency_key(R"("a\"b\\c")"), R"(a"b\c)");
  EXPECT_EQ(read_idempotency_key(R"(a"b\c)"), R"(a"b\c)") << "bare, every character is one";
  EXPECT_EQ(read_idempotency_key(R"("k";v=1; w="x")"), "k") << "parameters mean nothing";
  for (const auto* none : {"", "\"", "\"\"", "\"a", "\"a\"b", "\"a\"\"", R"("a\b")", R"("a\)", R"("a\")", "a b", " a",
                           "\"a\tb\"", "\"\xc3\xa4\"", "\"a\" b", "\"a\" ", "\"a\";\x7f"})
    EXPECT_EQ(read_idempotency_key(none), std::nullopt) << none;
}

TEST(IdempotencyKey, it_is_as_long_as_it_may_be_and_no_longer) {
  const auto quoted = [](const std::string& text) { return '"' + text + '"'; };
  std::string escaped;
  for (int i = 0; i < 255; ++i) escaped += "\\\"";

  EXPECT_EQ(read_idempotency_key(std::string(255, 'k')), std::string(255, 'k'));
  EXPECT_EQ(read_idempotency_key(std::string(256, 'k')), std::nullopt);
  EXPECT_EQ(read_idempotency_key(quoted(std::string(255, ' '))), std::string(255, ' '));
  EXPECT_EQ(read_idempotency_key(quoted(std::string(256, ' '))), std::nullopt);
  EXPECT_EQ(read_idempotency_key(quoted(escaped)), std::string(255, '"'));
  EXPECT_EQ(read_idempotency_key(quoted(escaped + "k")), std::nullopt);
}

TEST(IdempotencyKey, what_is_published_is_what_is_taken) {
  const std::regex published{std::string(idempotency_key_pattern)};
  // Every text of up to five of the characters that mean something, and one that does not.
  const std::string letters = "k\" \\;\t";
  std::vector<std::string> all = {"", std::string(255, 'k'), std::string(256, 'k')};
  for (std::size_t from = 0, size = 0; size <= 5; ++size) {
    const std::size_t end = all.size();
    for (; from < end; ++from)
      if (all[from].size() < 5)
        for (char c : letters) all.push_back(all[from] + c);
  }
  ASSERT_GT(all.size(), 7000u);

  for (const auto& header : all)
    ASSERT_EQ(read_idempotency_key(header).has_value(), std::regex_match(header, published)) << header;
}

TEST(Idempotency, a_key_is_the_same_with_quotation_marks_and_without) {
  World world;
  const std::string key = world.writer();

  auto bare = world.post(key, std::string(good_body), "order-66");
  auto quoted = world.post(key, std::string(good_body), R"("order-66")");
  auto other = world.post(key, body_for("eve@example.com"), R"("order-66")");
  auto spaced = world.post(key, body_for("bob@example.com"), R"("order 66")");

  EXPECT_EQ(quoted.body, bare.body);
  EXPECT_EQ(slug_of(other), "idempotency-key-reused");
  EXPECT_EQ(spaced.status, 202u);
  EXPECT_EQ(world.enrollments(), 2u);
}

TEST(Idempotency, what_an_earlier_release_kept_under_the_quotation_marks_is_found) {
  World world;
  const std::string key = world.writer();
  const auto kept = world.post(key, std::string(good_body), "order-66");
  // As that release would have kept it: the marks are a part of the key.
  const auto& record = world.engine.commits.back().documents.at(1);
  std::string owned = world.keys.list().front().id;
  owned.append(1, '\0').append(R"("order-67")");
  const std::string id = base32(world.pseudonyms(owned));
  engine::Commit commit;
  commit.documents.push_back({.key = {.container = record.key.container, .partition = id, .id = id},
                              .body = record.body,
                              .expect = engine::Expect::absent()});
  world.commit(std::move(commit));

  EXPECT_EQ(world.post(key, std::string(good_body), R"("order-67")").body, kept.body);
  EXPECT_EQ(slug_of(world.post(key, body_for("eve@example.com"), R"("order-67")")), "idempotency-key-reused");
  EXPECT_EQ(world.enrollments(), 1u);
}

// ---- reading --------------------------------------------------------------------------------------------------------

}  // namespace
}  // namespace globogym::gateway
