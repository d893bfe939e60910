// Where a server listens, and what it does with who comes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/result_test.h"
#include "http/socket.h"
#include "http/world_test.h"

namespace globogym::http {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::eventually;
using test::get;
using test::Playground;
using test::Running;

TEST(HttpServer, running_out_of_descriptors_pauses_accepting) {
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "the sanitizer needs a free descriptor itself, to check a pointer";
#endif
  Running running;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  Client client(running.address());
  client.send(get("/first"));
  ASSERT_EQ(client.read()->body, "/first ");

  // Every number below the limit is taken, but for the one the next client needs.
  std::vector<int> taken;
  while (taken.size() < 1000) taken.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int highest = *std::ranges::max_element(taken);
  ::close(highest);
  taken.erase(std::ranges::find(taken, highest));
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(highest) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  {
    Client starved(running.address());
    starved.send(get("/x"));
    client.send(get("/gate/a"));  // those who are in are still served
    running.handler.gates.open("a");
    EXPECT_EQ(client.read()->body, "/gate/a ");
    EXPECT_EQ(running.handler.handled, 2);

    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(starved.read()->body, "/x ");
  }
  for (int fd : taken) ::close(fd);
}

TEST(HttpServer, a_unix_socket_is_for_its_owner_only) {
  const std::string path = "/tmp/globogym-http-test-" + std::to_string(::getpid()) + ".sock";
  {
    Running running({.unix_path = path});
    Client client(running.address());
    client.send(get("/who", "X-Request-Id: me\r\n"));
    EXPECT_EQ(client.read()->body, " me");
    struct stat file{};
    ASSERT_EQ(::stat(path.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0600u);

    const auto second = serve({.unix_path = path}, running.handler, running.metrics);
    EXPECT_TRUE(said(second).contains("another process"));
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(HttpServer, a_stale_socket_file_is_replaced_but_nothing_else_is) {
  const std::string path = "/tmp/globogym-http-stale-" + std::to_string(::getpid()) + ".sock";
  const auto left = listen_unix(path);
  ASSERT_TRUE(left);
  ::close(left->descriptor);  // as a process that dies does: the file stays
  {
    Running running({.unix_path = path});
  }

  const int file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ::close(file);
  Playground handler;
  telemetry::Metrics metrics;
  EXPECT_FALSE(serve({.unix_path = path}, handler, metrics));
  ::unlink(path.c_str());
}

TEST(HttpServer, an_address_that_is_taken_or_malformed_is_named) {
  Running running;
  Playground handler;
  telemetry::Metrics metrics;

  const auto taken = serve({.listen = {"127.0.0.1:0", running.address()}}, handler, metrics);
  EXPECT_EQ(ending_of(taken), Fault::unavailable);
  EXPECT_TRUE(said(taken).contains(running.address() + ": another process"));
  for (const char* bad : {"", "8080", "localhost:", "127.0.0.1:99999", "::1:80", "127.0.0.1:8o80"})
    EXPECT_FALSE(serve({.listen = {bad}}, handler, metrics)) << bad;
}

// A port that nobody has now.
std::string free_port() {
  Running running;
  const std::string address = running.address();
  return address.substr(address.rfind(':'));
}

// Whom the server takes us for there.
std::string known_at(const std::string& address) {
  Client client(address);
  client.send(get("/who", "X-Request-Id: me\r\n"));
  const auto answer = client.read();
  return answer ? answer->body : "nobody answers";
}

TEST(HttpServer, several_addresses_are_listened_at) {
  Running running({.listen = {"127.0.0.1:0", "[::1]:0"}, .threads = 2});
  const auto addresses = running.server->addresses();

  ASSERT_EQ(addresses.size(), 2u);
  EXPECT_TRUE(addresses[0].starts_with("127.0.0.1:"));
  EXPECT_TRUE(addresses[1].starts_with("[::1]:"));
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(known_at(addresses[0]), "127.0.0.1 me");
    EXPECT_EQ(known_at(addresses[1]), "::1 me");
  }
}

TEST(HttpServer, every_ipv6_address_is_every_address_of_both_families) {
  Running running({.listen = {"[::]:0"}});
  const std::string port = running.address().substr(running.address().rfind(':'));

  EXPECT_EQ(running.address(), "[::]" + port);
  EXPECT_EQ(known_at("127.0.0.1" + port), "127.0.0.1 me") << "without a trace of the IPv6 it came through";
  EXPECT_EQ(known_at("[::1]" + port), "::1 me");
}

TEST(HttpServer, every_address_of_each_family_may_be_named_by_itself) {
  const std::string port = free_port();
  Running running({.listen = {"[::]" + port, "0.0.0.0" + port}});
  ASSERT_TRUE(running.server);

  EXPECT_EQ(known_at("127.0.0.1" + port), "127.0.0.1 me");
  EXPECT_EQ(known_at("[::1]" + port), "::1 me");
}

// Here, where IPv6 may be off and /etc/hosts be anybody's.
bool localhost_is(const std::string& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo("localhost", nullptr, &hints, &found) != 0) return false;
  bool is = false;
  for (const addrinfo* each = found; each; each = each->ai_next) {
    char host[NI_MAXHOST];
    is |= ::getnameinfo(each->ai_addr, each->ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST) == 0 &&
          host == address;
  }
  ::freeaddrinfo(found);
  return is;
}

TEST(HttpServer, a_name_is_listened_at_wherever_it_is) {
  const std::string port = free_port();
  Running running({.listen = {"localhost" + port}});
  ASSERT_TRUE(running.server);

  const auto addresses = running.server->addresses();

  EXPECT_NE(std::ranges::find(addresses, "127.0.0.1" + port), addresses.end());
  if (localhost_is("::1")) {
    EXPECT_NE(std::ranges::find(addresses, "[::1]" + port), addresses.end());
  }
  for (const auto& address : addresses) EXPECT_TRUE(known_at(address).ends_with(" me")) << address;
}

TEST(HttpServer, an_address_that_is_not_ours_stops_the_others_too) {
  const std::string port = free_port();
  Playground handler;
  telemetry::Metrics metrics;

  EXPECT_TRUE(
      said(serve({.listen = {"127.0.0.1" + port, "192.0.2.1" + port}}, handler, metrics)).contains("192.0.2.1" + port));

  EXPECT_TRUE(serve({.listen = {"127.0.0.1" + port}}, handler, metrics)) << "nothing was left behind";
}

TEST(HttpServer, many_clients_are_served_on_all_loops) {
  Running running({.threads = 2});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<Client>(running.address()));

  for (int round = 0; round < 5; ++round) {
    for (auto& client : clients) client->send(get("/a") + get("/b"));
    for (auto& client : clients) {
      ASSERT_EQ(client->read()->body, "/a ");
      ASSERT_EQ(client->read()->body, "/b ");
    }
  }
}

// Clients of all bad manners at once; what must hold is that the rest is served, and that stopping ends everything.

}  // namespace
}  // namespace globogym::http
