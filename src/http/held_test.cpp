// What is held for clients that do not take their answers.
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "http/groups.h"
#include "http/server.h"
#include "http/test_client.h"

namespace globogym::http {
namespace {

using namespace std::chrono_literals;
using test::Client;

constexpr std::size_t page_size = 256 * 1024;
const std::string page = "GET /page HTTP/1.1\r\nHost: t\r\n\r\n";

class Pages final : public Handler {
 public:
  std::atomic<int> handled = 0;
  async::Task<Response> handle(const Request&) override {
    Response response;
    response.body.assign(page_size, 'x');
    ++handled;
    co_return response;
  }
};

template <class Condition>
bool eventually(Condition holds) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::yield();
  }
  return false;
}

double value(const telemetry::Metrics& metrics, const std::string& series) {
  const std::string text = metrics.text();
  const std::size_t at = text.find("\n" + series + " ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + series.size() + 2));
}

TEST(Held, memory_for_clients_that_do_not_read_is_bounded_and_the_worst_are_ended) {
  telemetry::Metrics metrics;
  Pages pages;
  auto server = serve({.listen = {"127.0.0.1:0"}, .max_held = 8 * page_size, .write_time = 1h}, pages, metrics);
  ASSERT_TRUE(server);
  std::vector<std::unique_ptr<Client>> lazy;

  for (int i = 0; i < 40; ++i) {
    lazy.push_back(std::make_unique<Client>((*server)->address(), 4096));
    lazy.back()->send(page + page);
  }

  EXPECT_TRUE(eventually([&] {
    return pages.handled >= 40 && value(metrics, "globogym_http_connections{listener=\"public\"}") <= 8 &&
           value(metrics, "globogym_http_refused_total{listener=\"public\",reason=\"slow-reader\"}") >= 32;
  }));
  Client polite((*server)->address());
  polite.send(page);
  EXPECT_EQ(polite.read()->body.size(), page_size);
}

TEST(Held, memory_for_requests_that_do_not_end_is_bounded_too) {
  telemetry::Metrics metrics;
  Pages pages;
  auto server = serve({.listen = {"127.0.0.1:0"}, .max_body = page_size, .max_held = 8 * page_size, .header_time = 1h},
                      pages, metrics);
  ASSERT_TRUE(server);
  std::vector<std::unique_ptr<Client>> lazy;

  for (int i = 0; i < 40; ++i) {
    lazy.push_back(std::make_unique<Client>((*server)->address()));
    lazy.back()->send("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(page_size) + "\r\n\r\n" +
                      std::string(page_size - 1, 'x'));
  }

  EXPECT_TRUE(eventually([&] {
    return value(metrics, "globogym_http_connections{listener=\"public\"}") <= 8 &&
           value(metrics, "globogym_http_refused_total{listener=\"public\",reason=\"slow-sender\"}") >= 32;
  }));
  EXPECT_EQ(pages.handled, 0);
}

TEST(Held, a_client_that_reads_gets_all_it_asked_for_however_tight_it_is) {
  telemetry::Metrics metrics;
  Pages pages;
  auto server = serve({.listen = {"127.0.0.1:0"}, .max_held = 2 * page_size}, pages, metrics);
  ASSERT_TRUE(server);
  Client client((*server)->address(), 16 * 1024);

  std::string many;
  for (int i = 0; i < 50; ++i) many += page;
  client.send(many);

  for (int i = 0; i < 50; ++i) {
    const auto answer = client.read();
    ASSERT_TRUE(answer) << i;
    ASSERT_EQ(answer->body.size(), page_size);
  }
}

TEST(Groups, one_group_may_hold_so_many_connections_and_the_others_go_on) {
  telemetry::Metrics metrics;
  Pages pages;
  std::atomic<bool> counted = true;
  auto server = serve({.listen = {"127.0.0.1:0"},
                       .group_of = [&](const std::string& address) -> std::optional<std::string> {
                         EXPECT_EQ(address, "127.0.0.1");
                         return counted ? std::optional<std::string>("them") : std::nullopt;
                       },
                       .max_connections_of_group = 2},
                      pages, metrics);
  ASSERT_TRUE(server);
  auto one = std::make_unique<Client>((*server)->address());
  Client two((*server)->address());
  for (Client* client : {one.get(), &two}) {
    client->send(page);
    ASSERT_EQ(client->read()->status, 200);
  }

  Client three((*server)->address());
  const auto refused = three.read();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_TRUE(refused->body.contains("too-many-connections-of-address"));
  counted = false;
  Client somebody_else((*server)->address());
  somebody_else.send(page);
  EXPECT_EQ(somebody_else.read()->status, 200);

  counted = true;
  one.reset();
  EXPECT_TRUE(eventually([&] {
    Client again((*server)->address());
    again.send(page);
    const auto answer = again.read();
    return answer && answer->status == 200;
  }));
}

TEST(Groups, who_is_refused_holds_no_place_that_others_need) {
  telemetry::Metrics metrics;
  Pages pages;
  std::atomic<bool> counted = true;
  auto server = serve({.listen = {"127.0.0.1:0"},
                       .max_connections = 3,
                       .group_of = [&](const std::string&) -> std::optional<std::string> {
                         return counted ? std::optional<std::string>("them") : std::nullopt;
                       },
                       .max_connections_of_group = 1},
                      pages, metrics);
  ASSERT_TRUE(server);
  Client in((*server)->address());
  in.send(page);
  ASSERT_EQ(in.read()->status, 200);

  // The refused do not hang up when they are told.
  std::vector<std::unique_ptr<Client>> refused;
  for (int i = 0; i < 20; ++i) {
    refused.push_back(std::make_unique<Client>((*server)->address()));
    const auto answer = refused.back()->read();
    ASSERT_TRUE(answer) << i;
    ASSERT_TRUE(answer->body.contains("too-many-connections-of-address")) << i << answer->body;
  }
  counted = false;
  Client one((*server)->address()), two((*server)->address());
  for (Client* somebody_else : {&one, &two}) {
    somebody_else->send(page);
    EXPECT_EQ(somebody_else->read()->status, 200);
  }
  EXPECT_TRUE(
      eventually([&] { return metrics.text().contains("globogym_http_connections{listener=\"public\"} 3\n"); }));
}

TEST(Groups, who_finds_the_server_full_takes_no_place_of_their_group) {
  telemetry::Metrics metrics;
  Pages pages;
  auto server = serve({.listen = {"127.0.0.1:0"},
                       .max_connections = 1,
                       .group_of = [](const std::string&) { return std::optional<std::string>("them"); },
                       .max_connections_of_group = 2},
                      pages, metrics);
  ASSERT_TRUE(server);
  Client in((*server)->address());
  in.send(page);
  ASSERT_EQ(in.read()->status, 200);

  for (int i = 0; i < 5; ++i) {
    Client out((*server)->address());
    const auto answer = out.read();
    ASSERT_TRUE(answer) << i;
    EXPECT_TRUE(answer->body.contains("problems/too-many-connections\"")) << i << answer->body;
  }
}

TEST(Groups, nothing_is_kept_of_a_group_that_has_gone) {
  ConnectionGroups groups(2);

  EXPECT_TRUE(groups.enter("a") && groups.enter("a") && groups.enter("b"));
  EXPECT_FALSE(groups.enter("a"));
  EXPECT_EQ(groups.size(), 2u);
  groups.leave("a");
  EXPECT_TRUE(groups.enter("a"));
  for (const auto* one : {"a", "a", "b"}) groups.leave(one);

  EXPECT_EQ(groups.size(), 0u);
}

TEST(Groups, only_so_many_are_told_that_they_are_refused) {
  telemetry::Metrics metrics;
  Pages pages;
  auto server = serve({.listen = {"127.0.0.1:0"}, .max_connections = 1, .max_refused = 1}, pages, metrics);
  ASSERT_TRUE(server);
  Client in((*server)->address());
  in.send(page);
  ASSERT_EQ(in.read()->status, 200);

  // Who is told hangs up no sooner than it must, so it is soon met by somebody who is not.
  EXPECT_TRUE(eventually([&] {
    Client told((*server)->address()), not_told((*server)->address());
    const auto answer = told.read();
    return answer && answer->status == 503 && not_told.read_to_end() == "";
  }));
  EXPECT_GE(value(metrics, "globogym_http_refused_total{listener=\"public\",reason=\"too-many-connections\"}"), 2);
  in.send(page);
  EXPECT_EQ(in.read()->status, 200);
}

}  // namespace
}  // namespace globogym::http
