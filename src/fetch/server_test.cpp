#include "fetch/server_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "base/assert.h"

namespace globogym::fetch {

WebDouble::WebDouble(Answer answer) : answer_(std::move(answer)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  ASSERT(::listen(listener_, 512) == 0);
  accepting_ = std::thread([this] {
    for (;;) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      ++connections_;
      const std::lock_guard lock(mutex_);
      sockets_.push_back(socket);
      threads_.emplace_back([this, socket] { serve(socket); });
    }
  });
}

WebDouble::~WebDouble() {
  ::shutdown(listener_, SHUT_RDWR);
  accepting_.join();
  for (int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  for (auto& thread : threads_) thread.join();
  for (int socket : sockets_) ::close(socket);
  ::close(listener_);
}

std::string WebDouble::url(const std::string& path) const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ASSERT(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + path;
}

void WebDouble::serve(int socket) {
  std::string bytes;
  for (;;) {
    std::size_t head = 0, body = 0;
    for (;;) {
      head = bytes.find("\r\n\r\n");
      if (head != std::string::npos) {
        const auto length = bytes.find("Content-Length: ");
        body = length < head ? std::strtoul(bytes.c_str() + length + 16, nullptr, 10) : 0;
        if (bytes.size() >= head + 4 + body) break;
      }
      char buffer[4096];
      const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
      if (got <= 0) return;
      bytes.append(buffer, static_cast<std::size_t>(got));
    }
    ++requests_;
    const auto answer = answer_(bytes.substr(0, head + 4 + body));
    bytes.erase(0, head + 4 + body);
    if (!answer) continue;
    if (answer->empty()) {
      ::shutdown(socket, SHUT_RDWR);
      return;
    }
    for (std::size_t sent = 0; sent < answer->size();) {
      const ssize_t more = ::send(socket, answer->data() + sent, answer->size() - sent, MSG_NOSIGNAL);
      if (more <= 0) return;
      sent += static_cast<std::size_t>(more);
    }
  }
}

std::string reply(int status, const std::string& body, const std::string& extra_headers) {
  return "HTTP/1.1 " + std::to_string(status) + " Whatever\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         extra_headers + "\r\n" + body;
}

}  // namespace globogym::fetch
