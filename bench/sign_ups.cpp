// Load for measuring: signs up distinct people over keep-alive connections and prints what it saw as one JSON line.
//
//   sign_ups HOST:PORT KEY COUNT CONNECTIONS [PER_SECOND [PREFIX]]
//
// Without PER_SECOND each connection posts as soon as it has its answer (closed loop). With it, posts go out at that
// rate whether or not answers come (open loop), and latency counts from when a post was due, so that waiting is not
// hidden. Anything but a 202 counts as an error and is not repeated. Loopback only.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Connection {
  int fd = -1;
  std::string out, in;
  Clock::time_point due;
  bool waiting = false;
};

std::string post(const std::string& host, const std::string& key, const std::string& prefix, long number) {
  char body[400];
  const int size = std::snprintf(body, sizeof body,
                                 R"({"firstName":"Margarethe","lastName":"Oyelaran-Smith","email":"%s.%08ld@members.)"
                                 R"(example.com","phone":"+442079460991","dateOfBirth":"1988-04-17","homeClubId":)"
                                 R"("london-shoreditch","plan":"premium-annual","marketingConsent":true})",
                                 prefix.c_str(), number);
  return "POST /v1/enrollments HTTP/1.1\r\nHost: " + host + "\r\nX-API-Key: " + key +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
         std::string(body, static_cast<std::size_t>(size));
}

// The status of the whole answer at the front of `in`, which it removes; 0 while there is none.
int take_answer(std::string& in) {
  const auto head = in.find("\r\n\r\n");
  if (head == std::string::npos) return 0;
  const auto field = in.find("Content-Length: ");
  const std::size_t length = field < head ? std::strtoul(in.c_str() + field + 16, nullptr, 10) : 0;
  if (in.size() < head + 4 + length) return 0;
  const int status = std::atoi(in.c_str() + 9);
  in.erase(0, head + 4 + length);
  return status;
}

double percentile(const std::vector<double>& sorted, double p) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(static_cast<double>(sorted.size() - 1) * p)];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: sign_ups HOST:PORT KEY COUNT CONNECTIONS [PER_SECOND [PREFIX]]\n");
    return 2;
  }
  const std::string host = argv[1], key = argv[2];
  const long count = std::atol(argv[3]);
  const auto connections = static_cast<std::size_t>(std::atol(argv[4]));
  const double per_second = argc > 5 ? std::atof(argv[5]) : 0;
  const std::string prefix =
      argc > 6 ? argv[6] : "s" + std::to_string(::getpid()) + "x" + std::to_string(::time(nullptr));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const auto colon = host.rfind(':');
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(host.c_str() + colon + 1)));
  if (colon == std::string::npos || ::inet_pton(AF_INET, host.substr(0, colon).c_str(), &address.sin_addr) != 1 ||
      (ntohl(address.sin_addr.s_addr) >> 24) != 127) {
    std::fprintf(stderr, "sign_ups: HOST:PORT must be a loopback address\n");
    return 2;
  }

  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> all(connections);
  std::deque<Connection*> idle;
  for (auto& connection : all) {
    connection.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("connect");
      return 1;
    }
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, connection.fd, &event);
    idle.push_back(&connection);
  }

  std::vector<double> latencies;
  latencies.reserve(static_cast<std::size_t>(count));
  long sent = 0, accepted = 0, errors = 0;
  const double wall_start = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  const auto start = Clock::now();
  auto due_time = [&](long number) {
    return start + std::chrono::duration_cast<Clock::duration>(
                       std::chrono::duration<double>(static_cast<double>(number) / per_second));
  };
  auto last = start;
  while (accepted + errors < count) {
    auto now = Clock::now();
    if (now - last > std::chrono::seconds(60)) {
      std::fprintf(stderr, "sign_ups: no answer for a minute\n");
      break;
    }
    while (sent < count && !idle.empty() && (per_second == 0 || due_time(sent) <= now)) {
      auto* connection = idle.front();
      idle.pop_front();
      connection->due = per_second == 0 ? now : due_time(sent);
      connection->waiting = true;
      const auto bytes = post(host, key, prefix, sent++);
      if (::send(connection->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
        ++errors;
        connection->waiting = false;
      }
    }
    int wait = 100;
    if (per_second > 0 && sent < count && !idle.empty()) {
      const auto until = std::chrono::duration_cast<std::chrono::microseconds>(due_time(sent) - now).count();
      wait = until < 1500 ? 0 : static_cast<int>(until / 1000);  // the last stretch is waited out awake
    }
    epoll_event events[256];
    const int n = ::epoll_wait(epoll, events, 256, wait);
    for (int i = 0; i < n; ++i) {
      auto& connection = *static_cast<Connection*>(events[i].data.ptr);
      char buffer[8192];
      const auto got = ::recv(connection.fd, buffer, sizeof buffer, 0);
      if (got <= 0) {
        if (connection.waiting) ++errors;
        connection.waiting = false;
        ::epoll_ctl(epoll, EPOLL_CTL_DEL, connection.fd, nullptr);
        continue;
      }
      connection.in.append(buffer, static_cast<std::size_t>(got));
      if (const int status = take_answer(connection.in)) {
        last = Clock::now();
        latencies.push_back(std::chrono::duration<double, std::milli>(last - connection.due).count());
        ++(status == 202 ? accepted : errors);
        connection.waiting = false;
        idle.push_back(&connection);
      }
    }
  }
  const double seconds = std::chrono::duration<double>(last - start).count();
  std::sort(latencies.begin(), latencies.end());
  std::printf(
      "{\"accepted\":%ld,\"errors\":%ld,\"start\":%.4f,\"seconds\":%.4f,\"perSecond\":%.0f,\"p50\":%.3f,\"p99\":%.3f,"
      "\"p999\":%.3f,\"max\":%.3f}\n",
      accepted, errors, wall_start, seconds, seconds > 0 ? static_cast<double>(accepted) / seconds : 0,
      percentile(latencies, .5), percentile(latencies, .99), percentile(latencies, .999), percentile(latencies, 1));
  return errors == 0 ? 0 : 1;
}
