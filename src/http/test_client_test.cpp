#include "http/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "base/assert.h"

namespace globogym::http::test {

Client::Client(const std::string& address, int receive_buffer) {
  const bool local = address.starts_with('/');
  const bool v6 = address.starts_with('[');
  descriptor_ = ::socket(local ? AF_UNIX : v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT(descriptor_ >= 0);
  timeval patience{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (receive_buffer > 0) ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  if (local) {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    std::memcpy(where.sun_path, address.data(), address.size());
    ASSERT(::connect(descriptor_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  } else if (v6) {
    const std::size_t end = address.rfind(']');
    sockaddr_in6 where{};
    where.sin6_family = AF_INET6;
    where.sin6_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(end + 2))));
    ::inet_pton(AF_INET6, address.substr(1, end - 1).c_str(), &where.sin6_addr);
    ASSERT(::connect(descriptor_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  } else {
    const std::size_t colon = address.rfind(':');
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &where.sin_addr);
    ASSERT(::connect(descriptor_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  }
}

Client::~Client() {
  close();
}

void Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const long sent = put(bytes);
    if (sent <= 0) return;  // the server has closed: what it said before is still to be read
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

long Client::put(std::string_view bytes) {
  return ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

long Client::get(char* into, std::size_t size) {
  return ::recv(descriptor_, into, size, 0);
}

void Client::end_sending() {
  ::shutdown(descriptor_, SHUT_WR);
}

void Client::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

void Client::reset() {
  linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

bool Client::receive() {
  char buffer[64 * 1024];
  const long got = get(buffer, sizeof buffer);
  if (got > 0) bytes_.append(buffer, static_cast<std::size_t>(got));
  ended_ = got == 0 || (got < 0 && errno == ECONNRESET);
  return got > 0;
}

bool Client::read_until(std::string_view text) {
  while (!bytes_.contains(text))
    if (!receive()) return false;
  return true;
}

std::optional<std::string> Client::read_to_end() {
  while (receive()) {
  }
  if (!ended_) return std::nullopt;
  return std::exchange(bytes_, {});
}

std::optional<Answer> Client::read(bool head_only) {
  if (!read_until("\r\n\r\n")) return std::nullopt;
  Answer answer;
  const std::size_t end = bytes_.find("\r\n\r\n") + 4;
  answer.head = bytes_.substr(0, end);
  answer.status = static_cast<unsigned>(std::stoi(answer.head.substr(9, 3)));
  bytes_.erase(0, end);
  if (head_only || answer.status < 200 || answer.status == 204) return answer;
  if (answer.head.contains("Transfer-Encoding: chunked")) {
    for (;;) {
      if (!read_until("\r\n")) return std::nullopt;
      const std::size_t size = std::stoul(bytes_, nullptr, 16);
      bytes_.erase(0, bytes_.find("\r\n") + 2);
      while (bytes_.size() < size + 2)
        if (!receive()) return std::nullopt;
      answer.body += bytes_.substr(0, size);
      bytes_.erase(0, size + 2);
      if (size == 0) return answer;
    }
  }
  const std::size_t length = answer.head.find("Content-Length: ");
  if (length == std::string::npos) return std::nullopt;
  const std::size_t size = std::stoul(answer.head.substr(length + 16));
  while (bytes_.size() < size)
    if (!receive()) return std::nullopt;
  answer.body = bytes_.substr(0, size);
  bytes_.erase(0, size);
  return answer;
}

}  // namespace globogym::http::test
