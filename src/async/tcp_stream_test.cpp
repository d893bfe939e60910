// Streams over real sockets. TLS is tested where it is used: mail/smtp/tls_test.cpp.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "async/loop.h"
#include "async/stream.h"
#include "base/result_test.h"

namespace globogym::async {
namespace {

using namespace std::chrono_literals;

// A listening socket whose connections the test holds in its hand.
class Peer {
 public:
  Peer() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
  }
  ~Peer() {
    hang_up();
    ::close(listener_);
  }
  void accept() { connection_ = ::accept(listener_, nullptr, nullptr); }
  void say(std::string_view text) {
    EXPECT_EQ(::send(connection_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  std::string hear(std::size_t size) {
    std::string out(size, '\0');
    EXPECT_EQ(::recv(connection_, out.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
    return out;
  }
  void hang_up() {
    if (connection_ >= 0) ::close(std::exchange(connection_, -1));
  }
  Endpoint endpoint(std::string host = "127.0.0.1") const { return {.host = std::move(host), .port = port}; }

  std::uint16_t port = 0;

 private:
  int listener_ = -1;
  int connection_ = -1;
};

std::string_view text(std::span<const char> bytes, std::size_t size) {
  return {bytes.data(), size};
}

Task<void> converse(Peer& peer, std::string host) {
  auto connector = tcp_connector();
  auto stream = co_await connector->connect(peer.endpoint(host), 5s);
  EXPECT_EQ(said(stream), "");
  if (!stream) co_return;
  peer.accept();
  std::array<char, 100> buffer{};

  auto written = co_await (*stream)->write_all("hello", 5s);
  EXPECT_TRUE(written.has_value());
  EXPECT_EQ(peer.hear(5), "hello");
  peer.say("good day");
  auto got = co_await (*stream)->read_some(buffer, 5s);
  EXPECT_EQ(text(buffer, got.value_or(0)), "good day");

  peer.hang_up();
  auto end = co_await (*stream)->read_some(buffer, 5s);
  EXPECT_EQ(end.value_or(99), 0u);
}

TEST(TcpStream, carries_bytes_both_ways_until_the_peer_ends_it) {
  Peer peer;
  AsioLoop loop;
  run_until_done(loop, converse(peer, "127.0.0.1"));
}

TEST(TcpStream, finds_a_host_by_its_name) {
  Peer peer;
  AsioLoop loop;
  run_until_done(loop, converse(peer, "localhost"));
}

Task<void> wait_in_vain(Peer& peer) {
  auto connector = tcp_connector();
  auto stream = co_await connector->connect(peer.endpoint(), 5s);
  EXPECT_EQ(said(stream), "");
  if (!stream) co_return;
  peer.accept();
  std::array<char, 100> buffer{};

  // A time-out ends the operation, not the stream: what comes later is still read.
  for (int i = 0; i < 3; ++i) {
    auto got = co_await (*stream)->read_some(buffer, 5ms);
    EXPECT_EQ(ending_of(got), Fault::timed_out);
  }
  peer.say("late");
  auto got = co_await (*stream)->read_some(buffer, 5s);
  EXPECT_EQ(text(buffer, got.value_or(0)), "late");

  // A peer that takes nothing.
  const std::string much(64 << 20, 'x');
  auto written = co_await (*stream)->write_all(much, 20ms);
  EXPECT_EQ(ending_of(written), Fault::timed_out);
}

TEST(TcpStream, every_operation_ends_in_its_time) {
  Peer peer;
  AsioLoop loop;
  run_until_done(loop, wait_in_vain(peer));
}

Task<void> read_into(Stream& stream, Duration time_limit, std::optional<Result<std::size_t>>& into);

// What a process finds that was held: its deadline is over, and so is what it waited for.
Task<void> read_after_a_pause(Peer& peer, AsioLoop& loop) {
  auto connector = tcp_connector();
  auto stream = co_await connector->connect(peer.endpoint(), 5s);
  EXPECT_EQ(said(stream), "");
  if (!stream) co_return;
  peer.accept();
  Scope scope;
  std::optional<Result<std::size_t>> read;
  scope.start(read_into(**stream, 20ms, read));
  // Due with the read's deadline and behind it: the answer comes after the time-out was decided, and before it is told.
  loop.at(loop.clock().steady() + 20ms, [&peer] { peer.say("250 taken"); });

  std::this_thread::sleep_for(60ms);
  co_await scope.join();

  EXPECT_EQ(read.value().value_or(0), 9u);
}

TEST(TcpStream, what_has_come_by_the_deadline_is_read_before_a_time_out_is_believed) {
  Peer peer;
  AsioLoop loop;
  run_until_done(loop, read_after_a_pause(peer, loop));
}

Task<void> say_where_from(Peer& peer, std::string& address) {
  auto connector = tcp_connector();
  auto stream = co_await connector->connect(peer.endpoint(), 5s);
  if (stream) address = (*stream)->local_address();
}

TEST(TcpStream, knows_the_address_on_its_own_side) {
  Peer peer;
  AsioLoop loop;
  std::string address;
  run_until_done(loop, say_where_from(peer, address));
  EXPECT_EQ(address, "127.0.0.1");
}

Task<void> read_into(Stream& stream, Duration time_limit, std::optional<Result<std::size_t>>& into) {
  std::array<char, 100> buffer{};
  auto got = co_await stream.read_some(buffer, time_limit);
  into.emplace(std::move(got));
}

Task<void> two_directions(Peer& peer) {
  auto connector = tcp_connector();
  auto stream = co_await connector->connect(peer.endpoint(), 5s);
  EXPECT_EQ(said(stream), "");
  if (!stream) co_return;
  peer.accept();
  Scope scope;
  std::optional<Result<std::size_t>> read;
  scope.start(read_into(**stream, 5s, read));

  // The writer's time-out does not end the reader's wait.
  const std::string much(64 << 20, 'x');
  auto written = co_await (*stream)->write_all(much, 20ms);
  EXPECT_EQ(ending_of(written), Fault::timed_out);
  EXPECT_FALSE(read.has_value());
  peer.say("still there");
  co_await scope.join();
  EXPECT_TRUE(read && read->value_or(0) == 11u);
}

TEST(TcpStream, one_direction_running_late_leaves_the_other_alone) {
  Peer peer;
  AsioLoop loop;
  run_until_done(loop, two_directions(peer));
}

Task<void> close_under_a_reader(Peer& peer) {
  auto connector = tcp_connector();
  auto stream = co_await connector->connect(peer.endpoint(), 5s);
  EXPECT_EQ(said(stream), "");
  if (!stream) co_return;
  peer.accept();
  Scope scope;
  std::optional<Result<std::size_t>> read;
  scope.start(read_into(**stream, 1h, read));

  (*stream)->close();
  co_await scope.join();

  EXPECT_TRUE(read && ending_of(*read) == Fault::cancelled);
  auto written = co_await (*stream)->write_all("x", 1s);
  EXPECT_EQ(ending_of(written), Fault::cancelled);
}

TEST(TcpStream, closing_ends_what_is_in_progress) {
  Peer peer;
  AsioLoop loop;
  run_until_done(loop, close_under_a_reader(peer));
}

Task<void> fail_to_connect(Endpoint endpoint, Duration time_limit, Fault fault) {
  auto connector = tcp_connector();
  auto stream = co_await connector->connect(std::move(endpoint), time_limit);
  EXPECT_EQ(ending_of(stream), fault);
}

TEST(TcpStream, a_port_where_nobody_listens_and_a_name_that_nobody_has_are_unavailable) {
  std::uint16_t free_port = 0;
  {
    free_port = Peer().port;
  }
  AsioLoop loop;
  run_until_done(loop, fail_to_connect({.host = "127.0.0.1", .port = free_port}, 5s, Fault::unavailable));
  run_until_done(loop, fail_to_connect({.host = "no such host", .port = 25}, 30s, Fault::unavailable));
}

TEST(TcpStream, a_host_that_does_not_answer_is_given_up) {
  // A listener whose queue is full: further connections are neither taken nor refused.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 0), 0);
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::array<int, 4> fillers{};
  for (int& filler : fillers) {
    filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    connect(filler, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }

  AsioLoop loop;
  run_until_done(loop, fail_to_connect({.host = "127.0.0.1", .port = ntohs(address.sin_port)}, 30ms, Fault::timed_out));

  for (int filler : fillers) ::close(filler);
  ::close(listener);
}

}  // namespace
}  // namespace globogym::async
