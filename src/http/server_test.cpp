#include "http/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/random.h"
#include "http/world_test.h"

namespace globogym::http {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::eventually;
using test::get;
using test::Running;

TEST(HttpServer, a_connection_serves_many_requests) {
  Running running;
  Client client(running.address());

  for (int i = 0; i < 3; ++i) {
    client.send("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi");
    const auto answer = client.read();

    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "/x hi");
    EXPECT_TRUE(answer->head.contains("X-Content-Type-Options: nosniff\r\n"));
    EXPECT_TRUE(answer->head.contains("Date: "));
    EXPECT_FALSE(answer->head.contains("Server:"));
  }
  EXPECT_TRUE(running.metric("globogym_http_requests_total{listener=\"public\",status=\"2xx\"} 3"));
  EXPECT_TRUE(running.metric("globogym_http_connections{listener=\"public\"} 1"));
  EXPECT_TRUE(running.metrics.text().contains("globogym_http_request_duration_seconds_count{listener=\"public\"} 3"));
}

TEST(HttpServer, pipelined_requests_run_side_by_side_and_are_answered_in_order) {
  Running running;
  Client client(running.address());

  client.send(get("/gate/a") + get("/gate/b") + get("/c"));
  running.handler.gates.open("b");
  ASSERT_TRUE(eventually([&] { return running.handler.handled == 2; }));
  running.handler.gates.open("a");

  EXPECT_EQ(client.read()->body, "/gate/a ");
  EXPECT_EQ(client.read()->body, "/gate/b ");
  EXPECT_EQ(client.read()->body, "/c ");
}

TEST(HttpServer, no_more_requests_are_in_hand_than_allowed) {
  Running running({.max_pipelined = 2});
  Client client(running.address());
  std::string many = get("/gate/a") + get("/gate/b");
  for (int i = 0; i < 100; ++i) many += get("/after/" + std::to_string(i));

  client.send(many);
  ASSERT_TRUE(eventually([&] { return running.handler.gates.waits("b"); }));
  EXPECT_EQ(running.handler.handled, 0);
  running.handler.gates.open("a");
  running.handler.gates.open("b");

  EXPECT_EQ(client.read()->body, "/gate/a ");
  EXPECT_EQ(client.read()->body, "/gate/b ");
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.read()->body, "/after/" + std::to_string(i) + " ");
}

TEST(HttpServer, garbage_after_a_request_is_told_after_its_answer) {
  Running running;
  Client client(running.address());

  client.send(get("/gate/a") + "GARBAGE\r\n\r\n" + std::string(100'000, 'x'));
  running.handler.gates.open("a");

  EXPECT_EQ(client.read()->status, 200);
  const auto refused = client.read();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 400);
  EXPECT_TRUE(refused->head.contains("Connection: close\r\n"));
  EXPECT_TRUE(refused->head.contains("Content-Type: application/problem+json\r\n"));
  EXPECT_TRUE(refused->body.contains(R"("type":"https://globogym.example/problems/malformed-request")"));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(running.metric("globogym_http_refused_total{listener=\"public\",reason=\"malformed-request\"} 1"));
}

TEST(HttpServer, what_is_too_long_is_told_although_the_client_goes_on_sending) {
  Running running({.max_header = 1024, .max_body = 100});
  const auto status_of = [&](const std::string& bytes) {
    Client client(running.address());
    client.send(bytes);
    const auto answer = client.read();
    EXPECT_EQ(client.read_to_end(), "");
    return answer ? answer->status : 0;
  };

  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x')), 413);
  EXPECT_EQ(status_of(get("/", "X: " + std::string(100'000, 'x') + "\r\n")), 431);
  EXPECT_EQ(status_of(get("/" + std::string(100'000, 'x'))), 414);
  EXPECT_EQ(status_of("GET / HTTP/3.0\r\nHost: t\r\n\r\n"), 505);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\n"), 501);
}

TEST(HttpServer, a_body_is_asked_for_only_when_its_head_is_acceptable) {
  Running running({.max_body = 100});
  Client welcome(running.address());
  Client unwelcome(running.address());

  welcome.send("POST /x HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(welcome.read()->status, 100);
  welcome.send("hi");
  EXPECT_EQ(welcome.read()->body, "/x hi");
  unwelcome.send("POST /x HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n");
  EXPECT_EQ(unwelcome.read()->status, 413);
}

TEST(HttpServer, a_body_is_asked_for_only_when_its_turn_has_come) {
  Running running;
  Client client(running.address());

  client.send(get("/gate/a") + "POST /x HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  running.handler.gates.open("a");

  EXPECT_EQ(client.read()->body, "/gate/a ");
  EXPECT_EQ(client.read()->status, 100);
  client.send("hi");
  EXPECT_EQ(client.read()->body, "/x hi");
}

TEST(HttpServer, head_is_answered_without_a_body) {
  Running running;
  Client client(running.address());

  client.send("HEAD /x HTTP/1.1\r\nHost: t\r\n\r\nHEAD /feed HTTP/1.1\r\nHost: t\r\n\r\n" + get("/none") +
              get("/same") + get("/y"));

  EXPECT_TRUE(client.read(true)->head.contains("Content-Length: 3\r\n"));
  EXPECT_TRUE(client.read(true)->head.contains("Transfer-Encoding: chunked\r\n"));
  const auto none = client.read();
  EXPECT_EQ(none->status, 204);
  EXPECT_FALSE(none->head.contains("\r\nContent-"));
  EXPECT_EQ(client.read(true)->status, 304);
  EXPECT_EQ(client.read()->body, "/y ");
}

TEST(HttpServer, version_1_0_is_closed_unless_it_asks_to_stay) {
  Running running;
  Client brief(running.address());
  Client staying(running.address());

  brief.send("GET /a HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(brief.read_to_end()->ends_with("\r\n\r\n/a "));
  staying.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(staying.read()->head.contains("Connection: keep-alive\r\n"));
  staying.send("GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(staying.read()->body, "/b ");
}

TEST(HttpServer, a_connection_ends_when_either_side_says_so) {
  Running running;
  Client theirs(running.address());
  Client ours(running.address());

  theirs.send(get("/a", "Connection: close\r\n") + get("/never"));
  ours.send(get("/bye") + get("/dropped"));

  EXPECT_EQ(theirs.read()->body, "/a ");
  EXPECT_EQ(theirs.read_to_end(), "");
  EXPECT_TRUE(ours.read()->head.contains("Connection: close\r\n"));
  EXPECT_EQ(ours.read_to_end(), "");
}

TEST(HttpServer, who_asks_is_known_by_address_and_ids) {
  Running running;
  Client client(running.address());

  client.send(
      get("/who", "x-request-id: abc.1-_\r\nTraceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\n"));
  const auto known = client.read();
  EXPECT_EQ(known->body, "127.0.0.1 abc.1-_");
  EXPECT_TRUE(known->head.contains("X-Request-Id: abc.1-_\r\n"));
  EXPECT_TRUE(known->head.contains("traceparent: 00-0123456789abcdef0123456789abcdef-"));
  EXPECT_FALSE(known->head.contains("-0123456789abcdef-"));

  client.send(get(
      "/who", "X-Request-Id: <script>\r\ntraceparent: 00-00000000000000000000000000000000-0123456789abcdef-01\r\n"));
  const auto unknown = client.read();
  EXPECT_FALSE(unknown->head.contains("script"));
  EXPECT_FALSE(unknown->head.contains("00-000000000000"));
  EXPECT_TRUE(unknown->head.contains("traceparent: 00-"));
}

TEST(HttpServer, an_id_is_returned_when_it_is_as_long_as_it_may_be_and_a_span_is_never_zero) {
  Running running;
  const auto head_of = [&](const std::string& headers) {
    Client client(running.address());
    client.send(get("/x", headers));
    const auto answer = client.read();
    return answer ? answer->head : "";
  };
  const std::string longest(128, 'a');
  const std::string trace = "0123456789abcdef0123456789abcdef";

  EXPECT_TRUE(head_of("X-Request-Id: " + longest + "\r\n").contains("X-Request-Id: " + longest + "\r\n"));
  EXPECT_FALSE(head_of("X-Request-Id: a" + longest + "\r\n").contains(longest));
  EXPECT_FALSE(head_of("X-Request-Id:\r\n").contains("X-Request-Id: \r\n"));
  EXPECT_TRUE(head_of("traceparent: 00-" + trace + "-0000000000000001-00\r\n").contains("00-" + trace + "-"));
  EXPECT_FALSE(head_of("traceparent: 00-" + trace + "-0000000000000000-00\r\n").contains(trace));
}

TEST(HttpServer, a_slow_request_is_ended) {
  Running running({.header_time = 50ms});
  Client client(running.address());

  client.send("GET / HTTP/1.1\r\nHost:");

  EXPECT_EQ(client.read()->status, 408);
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(HttpServer, an_idle_connection_is_ended_without_a_word) {
  Running running({.idle_time = 50ms});
  Client client(running.address());

  EXPECT_EQ(client.read_to_end(), "");
}

TEST(HttpServer, a_connection_that_waits_for_its_answer_does_not_rest) {
  Running running({.idle_time = 100ms});
  Client waiting(running.address());
  waiting.send(get("/gate/a"));
  ASSERT_TRUE(eventually([&] { return running.handler.gates.waits("a"); }));

  Client resting(running.address());
  EXPECT_EQ(resting.read_to_end(), "") << "who came later has rested too long by now";
  running.handler.gates.open("a");

  const auto answer = waiting.read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "/gate/a ");
}

TEST(HttpServer, a_client_that_does_not_take_its_answer_is_cut) {
  Running running({.write_time = 50ms});
  Client client(running.address(), 4096);

  client.send(get("/big"));

  EXPECT_TRUE(running.metric("reason=\"slow-reader\"} 1"));
  EXPECT_TRUE(running.metric("globogym_http_connections{listener=\"public\"} 0"));
}

TEST(HttpServer, a_long_answer_arrives_whole) {
  Running running;
  Client client(running.address(), 4096);

  client.send(get("/big") + get("/after"));

  EXPECT_EQ(client.read()->body.size(), 16u * 1024 * 1024);
  EXPECT_EQ(client.read()->body, "/after ");
}

TEST(HttpServer, answers_that_are_not_taken_keep_further_requests_waiting) {
  Running running;
  Client lazy(running.address(), 4096);
  Client other(running.address());
  std::string many;
  for (int i = 0; i < 40; ++i) many += get("/big");

  lazy.send(many);
  ASSERT_TRUE(eventually([&] { return running.handler.handled > 0; }));
  other.send(get("/a"));  // the one loop has done with the first
  ASSERT_EQ(other.read()->body, "/a ");

  EXPECT_EQ(running.handler.handled, 2);
}

TEST(HttpServer, whoever_handles_requests_has_a_say_in_what_is_refused_without_it) {
  Running running({.max_header = 1024, .max_body = 64, .header_time = 300ms});
  const std::string origin = "Origin: https://club.example\r\n";
  const auto refusal = [&](const std::string& bytes) {
    Client client(running.address());
    client.send(bytes);
    const auto answer = client.read();
    if (!answer) return std::string("nothing");
    const std::string_view name = "\r\nX-Refused: ";
    const auto from = answer->head.find(name);
    if (from == std::string::npos) return "not asked: " + answer->head;
    return std::to_string(answer->status) + " " +
           answer->head.substr(from + name.size(), answer->head.find("\r\n", from + 2) - from - name.size());
  };
  const std::string begin = "POST / HTTP/1.1\r\nHost: t\r\n";

  EXPECT_EQ(refusal(begin + origin + "Content-Length: 65\r\n\r\n"), "413 https://club.example");
  EXPECT_EQ(refusal(begin + origin + "Transfer-Encoding: chunked\r\n\r\n41\r\n"), "413 https://club.example");
  EXPECT_EQ(refusal(begin + origin + "X: " + std::string(1024, 'x') + "\r\n\r\n"), "431 https://club.example");
  EXPECT_EQ(refusal(begin + "X: " + std::string(1024, 'x') + "\r\n" + origin + "\r\n"), "431 nobody knows who");
  EXPECT_EQ(refusal(begin + origin + "Content-Length: 2\r\n\r\nx"), "408 https://club.example");
  EXPECT_EQ(refusal(begin + origin + "Acc"), "408 https://club.example");
  EXPECT_EQ(refusal(begin + origin + "Bad : header\r\n\r\n"), "400 https://club.example");
}

TEST(HttpServer, connections_over_the_limit_are_told) {
  Running running({.max_connections = 1});
  Client first(running.address());
  first.send(get("/a"));
  ASSERT_EQ(first.read()->body, "/a ");

  Client second(running.address());
  const auto refused = second.read();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_TRUE(refused->head.contains("X-Refused: nobody knows who\r\n")) << "it has not been listened to";
  EXPECT_TRUE(refused->head.contains("Retry-After: 1\r\n"));
  EXPECT_EQ(second.read_to_end(), "");
  second.close();
  first.close();

  EXPECT_TRUE(eventually([&] {
    Client third(running.address());
    third.send(get("/b"));
    return third.read()->body == "/b ";
  }));
}

TEST(HttpServer, a_client_that_leaves_does_not_stop_its_handler) {
  Running running;
  Client client(running.address());
  client.send(get("/gate/a"));
  ASSERT_TRUE(eventually([&] { return running.handler.gates.waits("a"); }));

  client.reset();
  running.handler.gates.open("a");

  EXPECT_TRUE(eventually([&] { return running.handler.handled == 1; }));
  EXPECT_TRUE(running.metric("globogym_http_connections{listener=\"public\"} 0"));
}

TEST(HttpServer, a_client_that_ends_its_side_still_gets_its_answers) {
  Running running;
  Client client(running.address());

  client.send(get("/gate/a") + get("/b"));
  client.end_sending();
  running.handler.gates.open("a");

  EXPECT_EQ(client.read()->body, "/gate/a ");
  EXPECT_EQ(client.read()->body, "/b ");
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(HttpServer, stopping_answers_what_is_in_hand) {
  Running running;
  Client busy(running.address());
  Client idle(running.address());
  idle.send(get("/a"));
  ASSERT_EQ(idle.read()->body, "/a ");
  busy.send(get("/gate/a") + get("/gate/b"));
  ASSERT_TRUE(eventually([&] { return running.handler.gates.waits("b"); }));

  std::thread stopping([&] { running.server->stop(10s); });
  EXPECT_EQ(idle.read_to_end(), "");
  running.handler.gates.open("a");
  running.handler.gates.open("b");

  EXPECT_EQ(busy.read()->body, "/gate/a ");
  const auto last = busy.read();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->body, "/gate/b ");
  EXPECT_TRUE(last->head.contains("Connection: close\r\n"));
  EXPECT_EQ(busy.read_to_end(), "");
  stopping.join();
}

TEST(HttpServer, stopping_cuts_what_does_not_end_in_time) {
  Running running;
  Client client(running.address());
  client.send(get("/gate/a"));
  ASSERT_TRUE(eventually([&] { return running.handler.gates.waits("a"); }));

  std::thread stopping([&] { running.server->stop(50ms); });
  EXPECT_EQ(client.read_to_end(), "");
  running.handler.gates.open("a");  // even then its handler is joined
  stopping.join();

  EXPECT_EQ(running.handler.handled, 1);
}

TEST(HttpServer, ill_mannered_clients_harm_nobody_else) {
  Running running({.threads = 2, .max_pipelined = 4, .header_time = 100ms, .write_time = 100ms});
  const auto behave_badly = [&](std::uint64_t seed) {
    SeededRandom random(seed);
    const std::vector<std::string> sayings = {
        get("/a"),
        get("/later"),
        get("/later") + get("/later") + get("/b"),
        get("/endless"),
        get("/flood"),
        get("/feed"),
        get("/big"),
        get("/bye"),
        "GET /a HTTP/1.1\r\nHo",
        "GARBAGE\r\n\r\n",
        get("/none"),
        "POST /a HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        "123456789",
        "HEAD /feed HTTP/1.1\r\nHost: t\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"};
    for (int i = 0; i < 60; ++i) {
      Client client(running.address(), random.below(2) ? 4096 : 0);
      for (std::uint64_t says = random.below(6); says > 0; --says) {
        client.send(sayings[random.below(sayings.size())]);
        if (random.below(3) == 0) client.read_until("HTTP/1.1 ");
      }
      switch (random.below(3)) {
        case 0:
          client.reset();
          break;
        case 1:
          client.end_sending();
          break;
        default:
          break;
      }
    }
  };

  std::vector<std::thread> clients;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) clients.emplace_back(behave_badly, seed);
  Client polite(running.address());
  for (int i = 0; i < 200; ++i) {
    polite.send(get("/later"));
    const auto answer = polite.read();
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->status, 200);
  }
  for (auto& client : clients) client.join();
  Client late(running.address());
  late.send(get("/endless") + get("/later"));
  ASSERT_TRUE(late.read_until("data: tick"));

  running.server->stop(0ms);
}

}  // namespace
}  // namespace globogym::http
