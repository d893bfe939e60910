// A mail server for measuring: takes everything at once and counts.
//
//   mail_sink PORT     0 picks a free one; prints {"port":N}, then answers each line on stdin with one JSON line of
//   counts
//
// One thread, PIPELINING. Distinct recipients are counted by a 64-bit hash. Loopback only.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace {

struct Session {
  int fd;
  std::string in, out;
  std::size_t recipient = 0;
  bool content = false;
};

struct Counts {
  long letters = 0;
  std::unordered_set<std::size_t> recipients;
  double first = 0, last = 0;  // seconds since 1970: when the first and the latest new recipient's letter was taken
};

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Takes whole commands and letters off the front of what has come.
void serve(Session& session, Counts& counts) {
  std::string_view rest = session.in;
  for (;;) {
    if (session.content) {
      const auto end = rest.find("\r\n.\r\n");
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 5);
      session.content = false;
      ++counts.letters;
      if (counts.recipients.insert(session.recipient).second) {
        counts.last = now();
        if (counts.first == 0) counts.first = counts.last;
      }
      session.out += "250 2.0.0 taken\r\n";
      continue;
    }
    const auto end = rest.find("\r\n");
    if (end == std::string_view::npos) break;
    const auto line = rest.substr(0, end);
    auto is = [&](const char* verb) { return line.size() >= 4 && ::strncasecmp(line.data(), verb, 4) == 0; };
    if (is("DATA")) {
      // The line end stays: an empty letter's dot follows it directly.
      session.content = true;
      session.out += "354 go on\r\n";
      rest.remove_prefix(end);
      continue;
    }
    rest.remove_prefix(end + 2);
    if (is("EHLO")) {
      session.out += "250-mail-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n";
    } else if (is("QUIT")) {
      session.out += "221 2.0.0 bye\r\n";
    } else {
      if (is("RCPT")) session.recipient = std::hash<std::string_view>{}(line);
      session.out += "250 2.0.0 ok\r\n";
    }
  }
  session.in.erase(0, session.in.size() - rest.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: mail_sink PORT\n");
    return 2;
  }
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int one = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener, 1024) != 0) {
    std::perror("mail_sink");
    return 3;
  }
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("{\"port\":%d}\n", ntohs(address.sin_port));
  std::fflush(stdout);

  Counts counts;
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  Session listening{.fd = listener}, asking{.fd = 0};
  auto watch = [&](Session* session) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = session}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, session->fd, &event);
  };
  watch(&listening);
  watch(&asking);
  for (;;) {
    epoll_event events[128];
    const int n = ::epoll_wait(epoll, events, 128, -1);
    for (int i = 0; i < n; ++i) {
      auto* session = static_cast<Session*>(events[i].data.ptr);
      if (session == &listening) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) continue;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        auto* fresh = new Session{.fd = fd};
        watch(fresh);
        (void)!::send(fd, "220 mail-sink\r\n", 15, MSG_NOSIGNAL);
        continue;
      }
      char buffer[65536];
      const auto got = ::read(session->fd, buffer, sizeof buffer);
      if (session == &asking) {
        if (got <= 0) return 0;
        std::printf("{\"letters\":%ld,\"recipients\":%zu,\"first\":%.4f,\"last\":%.4f}\n", counts.letters,
                    counts.recipients.size(), counts.first, counts.last);
        std::fflush(stdout);
        continue;
      }
      if (got <= 0) {
        if (got < 0 && errno == EAGAIN) continue;
        ::close(session->fd);
        delete session;
        continue;
      }
      session->in.append(buffer, static_cast<std::size_t>(got));
      serve(*session, counts);
      while (!session->out.empty()) {
        const auto sent = ::send(session->fd, session->out.data(), session->out.size(), MSG_NOSIGNAL);
        if (sent <= 0) break;
        session->out.erase(0, static_cast<std::size_t>(sent));
      }
    }
  }
}
