// Answers that have no end known in advance.
#include <gtest/gtest.h>

#include "http/world_test.h"

namespace globogym::http {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::eventually;
using test::get;
using test::Running;

TEST(HttpServer, a_feed_arrives_in_pieces_and_ends) {
  Running running;
  Client client(running.address());

  client.send(get("/feed") + get("/after") + "GET /feed HTTP/1.0\r\n\r\n");

  EXPECT_EQ(client.read()->body, "data: tick\n\ndata: tick\n\ndata: tick\n\n");
  EXPECT_EQ(client.read()->body, "/after ");
  EXPECT_TRUE(client.read_to_end()->ends_with("\r\n\r\ndata: tick\n\ndata: tick\n\ndata: tick\n\n"));
}

TEST(HttpServer, version_1_0_is_told_the_end_of_a_feed_by_the_end_of_the_connection) {
  Running running;
  Client client(running.address());

  client.send("GET /feed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto all = client.read_to_end();

  ASSERT_TRUE(all);
  EXPECT_FALSE(all->contains("Transfer-Encoding"));
  EXPECT_TRUE(all->contains("Connection: close\r\n"));
  EXPECT_TRUE(all->ends_with("\r\n\r\ndata: tick\n\ndata: tick\n\ndata: tick\n\n")) << *all;
}

TEST(HttpServer, proxies_are_told_to_pass_a_feed_on_as_it_comes) {
  Running running;
  Client client(running.address());

  client.send(get("/feed") + get("/x"));

  EXPECT_TRUE(client.read()->head.contains("\r\nX-Accel-Buffering: no\r\n"));
  EXPECT_FALSE(client.read()->head.contains("X-Accel-Buffering"));
}

TEST(HttpServer, a_feed_learns_that_its_client_has_gone) {
  Running running;
  Client client(running.address());
  client.send(get("/endless"));
  ASSERT_TRUE(client.read_until("data: tick"));
  EXPECT_FALSE(running.handler.feed_gone);

  client.close();

  EXPECT_TRUE(eventually([&] { return running.handler.feed_gone.load(); }));
}

TEST(HttpServer, a_feed_is_cut_when_its_client_does_not_read) {
  Running running({.write_time = 50ms});
  Client client(running.address(), 4096);

  client.send(get("/flood"));

  EXPECT_TRUE(eventually([&] { return running.handler.feed_gone.load(); }));
  EXPECT_TRUE(running.metric("reason=\"slow-reader\"} 1"));
}

TEST(HttpServer, a_feed_ends_when_the_server_stops) {
  Running running;
  Client client(running.address());
  client.send(get("/endless"));
  ASSERT_TRUE(client.read_until("data: tick"));

  running.server->stop(5s);

  EXPECT_TRUE(running.handler.feed_gone);
  EXPECT_TRUE(client.read_to_end()->ends_with("0\r\n\r\n"));
}

}  // namespace
}  // namespace globogym::http
