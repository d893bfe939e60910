#include "fetch/client.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <latch>

#include "async/loop.h"
#include "base/result_test.h"
#include "fetch/server_test.h"

namespace globogym::fetch {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<Client> client(Options options = {}) {
  return value_of(open(std::move(options)));
}

Result<Reply> ask(Client& client, Request request, std::stop_token stop = {}) {
  async::AsioLoop loop;
  return async::run_until_done(loop, client.send(std::move(request), std::move(stop)));
}

std::string outcome(const Result<Reply>& reply) {
  return reply ? std::to_string(reply->status) : std::string(name(reply.error().fault));
}

TEST(Client, reads_the_whole_reply_whatever_its_status) {
  WebDouble server([](const std::string&) { return reply(404, "not here", "X-Why: because \r\n"); });
  auto http = client();

  const auto got = ask(*http, {.url = server.url("/a?b=c")});

  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 404);
  EXPECT_EQ(got->body, "not here");
  EXPECT_EQ(got->header("x-why"), "because");
  EXPECT_EQ(got->header("absent"), std::nullopt);
}

TEST(Client, sends_what_it_is_given_and_little_else) {
  std::string seen;
  WebDouble server([&](const std::string& request) {
    seen = request;
    return reply(204, "");
  });
  auto http = client();

  const auto got = ask(*http, {.method = "PUT", .url = server.url("/x"), .headers = {{"X-One", "1"}}, .body = "{}"});

  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(seen.starts_with("PUT /x HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("\r\nX-One: 1\r\n"), std::string::npos) << seen;
  EXPECT_TRUE(seen.ends_with("\r\n\r\n{}")) << seen;
  for (const char* unwanted : {"Expect", "Content-Type", "Cookie", "Accept-Encoding", "Authorization"})
    EXPECT_EQ(seen.find(unwanted), std::string::npos) << seen;
}

TEST(Client, keeps_its_connection_unless_told_otherwise) {
  WebDouble server([](const std::string&) { return reply(200, "ok"); });
  auto http = client();

  for (int i = 0; i < 3; ++i) EXPECT_EQ(outcome(ask(*http, {.url = server.url()})), "200");
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(outcome(ask(*http, {.url = server.url(), .own_connection = true})), "200");

  EXPECT_EQ(server.connections(), 2);
}

TEST(Client, follows_no_redirect) {
  WebDouble elsewhere([](const std::string&) { return reply(200, "secret"); });
  WebDouble server([&](const std::string&) { return reply(302, "", "Location: " + elsewhere.url() + "\r\n"); });
  auto http = client();

  EXPECT_EQ(outcome(ask(*http, {.url = server.url()})), "302");

  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST(Client, asks_no_proxy_of_the_environment) {
  WebDouble proxy([](const std::string&) { return reply(200, "through the proxy"); });
  WebDouble server([](const std::string&) { return reply(200, "direct"); });
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  ::setenv("ALL_PROXY", proxy.url().c_str(), 1);
  auto http = client();

  const auto got = ask(*http, {.url = server.url()});
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");

  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body, "direct");
}

TEST(Client, goes_through_the_proxy_it_is_given) {
  std::string seen;
  WebDouble proxy([&](const std::string& request) {
    seen = request;
    return reply(200, "through the proxy");
  });
  auto http = client({.proxy = proxy.url()});

  const auto got = ask(*http, {.url = "http://127.0.0.1:9/page"});

  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body, "through the proxy");
  EXPECT_TRUE(seen.starts_with("GET http://127.0.0.1:9/page HTTP/1.1\r\n")) << seen;
}

TEST(Client, stops_reading_a_reply_that_is_too_long) {
  const std::string long_body(5000, 'x');
  WebDouble announced([&](const std::string&) { return reply(200, long_body); });
  WebDouble chunked([&](const std::string&) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n" + long_body + "\r\n0\r\n\r\n";
  });
  WebDouble endless_head(
      [&](const std::string&) { return "HTTP/1.1 200 OK\r\n" + std::string(80'000, 'a') + ": b\r\n"; });
  auto http = client();

  EXPECT_EQ(outcome(ask(*http, {.url = announced.url(), .max_reply = 4999})), "full");
  EXPECT_EQ(outcome(ask(*http, {.url = chunked.url(), .max_reply = 4999})), "full");
  EXPECT_EQ(outcome(ask(*http, {.url = chunked.url(), .max_reply = 5000})), "200");
  EXPECT_NE(outcome(ask(*http, {.url = endless_head.url(), .time_limit = 2s})), "200");
}

TEST(Client, stops_reading_headers_that_do_not_end) {
  std::string many;
  for (int i = 0; i < 70; ++i) many += "X-Filling: " + std::string(1000, 'x') + "\r\n";
  WebDouble server([&](const std::string&) { return reply(200, "small", many); });
  auto http = client();

  EXPECT_EQ(outcome(ask(*http, {.url = server.url()})), name(Fault::full));
}

TEST(Client, gives_up_when_the_time_is_over_and_says_what_is_known) {
  WebDouble silent([](const std::string&) { return std::nullopt; });
  auto http = client();

  const auto question = ask(*http, {.url = silent.url(), .time_limit = 50ms});
  const auto deed = ask(*http, {.method = "POST", .url = silent.url(), .body = "x", .time_limit = 50ms});

  EXPECT_EQ(outcome(question), name(Fault::timed_out));
  EXPECT_EQ(outcome(deed), name(Fault::unknown_outcome));
}

TEST(Client, a_connection_that_dies_after_the_request_leaves_a_deed_unknown) {
  WebDouble rude([](const std::string&) { return ""; });
  auto http = client();

  EXPECT_EQ(outcome(ask(*http, {.url = rude.url()})), name(Fault::unavailable));
  EXPECT_EQ(outcome(ask(*http, {.method = "POST", .url = rude.url(), .body = "x"})), name(Fault::unknown_outcome));
}

TEST(Client, says_that_nobody_is_there) {
  std::string nobody;
  {
    nobody = WebDouble([](const std::string&) { return ""; }).url();
  }
  auto http = client();

  const auto got = ask(*http, {.method = "POST", .url = nobody, .body = "x"});

  EXPECT_EQ(outcome(got), name(Fault::unavailable));
  EXPECT_NE(said(got).find("127.0.0.1"), std::string::npos) << said(got);
}

TEST(Client, refuses_what_must_not_be_sent) {
  auto http = client();
  for (const char* url :
       {"http://192.0.2.1/", "http://example.com/", "http://127.0.0.1.example.com/", "http://[::2]/",
        "ftp://127.0.0.1/", "file:///etc/passwd", "https://user:secret@example.com/", "http://127.0.0.1@example.com/",
        "//127.0.0.1/", "127.0.0.1", "", "https://exa mple.com/", "https://example.com/\r\nX: y", "https:///",
        "http://0.0.0.0/", "gopher://127.0.0.1/", "http://localhost.example.com/"}) {
    EXPECT_EQ(outcome(ask(*http, {.url = url})), name(Fault::invalid)) << url;
    EXPECT_TRUE(url_problem(url)) << url;
  }
  for (const char* url : {"https://example.com", "http://localhost:1/x", "http://127.9.9.9", "http://[::1]:2/"})
    EXPECT_EQ(url_problem(url), std::nullopt) << url;
  const std::string good = "https://example.com/";
  EXPECT_EQ(outcome(ask(*http, {.method = "GE T", .url = good})), name(Fault::invalid));
  EXPECT_EQ(outcome(ask(*http, {.url = good, .headers = {{"X", "a\r\nY: b"}}})), name(Fault::invalid));
  EXPECT_EQ(outcome(ask(*http, {.url = good, .headers = {{"X:", "a"}}})), name(Fault::invalid));
}

TEST(Client, gives_up_when_asked_to_stop) {
  std::stop_source stop;
  WebDouble server([&](const std::string&) -> std::optional<std::string> {
    stop.request_stop();
    return std::nullopt;
  });
  auto http = client();

  EXPECT_EQ(outcome(ask(*http, {.url = server.url()}, stop.get_token())), name(Fault::cancelled));
  EXPECT_EQ(outcome(ask(*http, {.url = server.url()}, stop.get_token())), name(Fault::cancelled));
}

// Who gives up, and who waits for a turn, is answered when it is time and not when something else wakes the thread:
// here that would be a minute later.
TEST(Client, nobody_waits_for_somebody_elses_end) {
  std::stop_source stop;
  std::latch arrived(1);
  WebDouble silent([&](const std::string&) -> std::optional<std::string> {
    arrived.count_down();
    return std::nullopt;
  });
  auto http = client({.max_in_progress = 1});
  std::string of_first;
  const auto began = SystemClock().steady();
  std::thread first(
      [&] { of_first = outcome(ask(*http, {.url = silent.url(), .time_limit = 1min}, stop.get_token())); });
  arrived.wait();

  EXPECT_EQ(outcome(ask(*http, {.url = silent.url(), .time_limit = 50ms})), name(Fault::timed_out));
  stop.request_stop();
  first.join();

  EXPECT_EQ(of_first, name(Fault::cancelled));
  EXPECT_LT(SystemClock().steady() - began, 50s);
}

TEST(Client, closing_ends_everything_in_progress) {
  std::latch arrived(1);
  WebDouble silent([&](const std::string&) -> std::optional<std::string> {
    arrived.count_down();
    return std::nullopt;
  });
  auto http = client();
  std::thread closer([&] {
    arrived.wait();
    http->close();
  });

  EXPECT_EQ(outcome(ask(*http, {.url = silent.url()})), name(Fault::cancelled));
  closer.join();

  EXPECT_EQ(outcome(ask(*http, {.url = silent.url()})), name(Fault::cancelled));
}

Task<void> ask_and_count(Client& client, Request request, int& good) {
  auto got = co_await client.send(std::move(request));
  good += got && got->status == 200;
}

Task<void> ask_many(Client& client, std::string url, int count, int& good) {
  async::Scope scope;
  for (int i = 0; i < count; ++i) scope.start(ask_and_count(client, {.url = url, .time_limit = 30s}, good));
  co_await scope.join();
}

TEST(Client, many_at_once_from_two_loops_are_all_answered_over_few_connections) {
  WebDouble server([](const std::string&) { return reply(200, "ok"); });
  auto http = client({.max_in_progress = 20, .max_connections_to_a_host = 4});
  int good[2] = {};
  const auto crowd = [&](int i) {
    async::AsioLoop loop;
    async::run_until_done(loop, ask_many(*http, server.url(), 200, good[i]));
  };

  std::thread other([&] { crowd(1); });
  crowd(0);
  other.join();

  EXPECT_EQ(good[0], 200);
  EXPECT_EQ(good[1], 200);
  EXPECT_LE(server.connections(), 4);
}

TEST(Client, waiting_for_a_turn_counts_as_time) {
  WebDouble silent([](const std::string&) { return std::nullopt; });
  auto http = client({.max_in_progress = 1, .max_connections_to_a_host = 1});
  std::thread first([&] { EXPECT_NE(outcome(ask(*http, {.url = silent.url(), .time_limit = 300ms})), "200"); });

  EXPECT_EQ(outcome(ask(*http, {.url = silent.url(), .time_limit = 50ms})), name(Fault::timed_out));

  first.join();
}

TEST(Client, an_unreadable_ca_file_is_said_at_once) {
  const auto opened = open({.ca_file = "/nowhere/ca.pem"});

  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("/nowhere/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace globogym::fetch
