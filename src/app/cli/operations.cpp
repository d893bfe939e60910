#include "app/cli/operations.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>

#include "app/installation.h"
#include "async/loop.h"
#include "console/console.h"

namespace globogym::app::cli {
namespace {

constexpr std::size_t answer_at_most = 256u << 20;
constexpr int wait_seconds = 120;  // longer than any step of a job takes

class Socket {
 public:
  // Nothing when nobody listens at `path`.
  static std::optional<Socket> connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return std::nullopt;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return std::nullopt;
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(socket);
      return std::nullopt;
    }
    const timeval limit{.tv_sec = wait_seconds, .tv_usec = 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return Socket(socket);
  }
  Socket(Socket&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (socket_ >= 0) ::close(socket_);
  }

  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto written = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }

  // Everything until the peer ends the stream.
  std::optional<std::string> read_to_end() {
    std::string out;
    char buffer[64 * 1024];
    while (out.size() < answer_at_most) {
      const auto count = ::recv(socket_, buffer, sizeof buffer, 0);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return std::nullopt;
      if (count == 0) return out;
      out.append(buffer, static_cast<std::size_t>(count));
    }
    return std::nullopt;
  }

 private:
  explicit Socket(int socket) : socket_(socket) {}
  int socket_;
};

// The status and the body of a response that ended with its connection.
std::optional<Answer> parse_answer(std::string_view text) {
  constexpr std::string_view version = "HTTP/1.1 ";
  if (!text.starts_with(version)) return std::nullopt;
  Answer answer;
  const char* digits = text.data() + version.size();
  if (std::from_chars(digits, text.data() + text.size(), answer.status).ec != std::errc()) return std::nullopt;
  const auto end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  answer.body = text.substr(end + 4);
  return answer;
}

class Remote final : public Operations {
 public:
  explicit Remote(std::string path) : path_(std::move(path)) {}

  Result<Answer> ask(std::string_view method, std::string_view target, std::string_view body) override {
    auto socket = Socket::connect(path_);
    if (!socket) return fail(Fault::unavailable, "the server stopped answering at " + path_);
    std::string request;
    request.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    if (!body.empty() || method == "POST")
      request.append("Content-Type: application/json\r\nContent-Length: ")
          .append(std::to_string(body.size()))
          .append("\r\n");
    request.append("\r\n").append(body);
    if (!socket->write(request)) return fail(Fault::unavailable, "the server does not take requests at " + path_);
    const auto text = socket->read_to_end();
    auto answer = text ? parse_answer(*text) : std::nullopt;
    if (!answer) return fail(Fault::unavailable, "the server gave no whole answer at " + path_);
    return std::move(*answer);
  }

 private:
  std::string path_;
};

class Direct final : public Operations {
 public:
  explicit Direct(std::unique_ptr<Installation> installation)
      : installation_(std::move(installation)),
        console_(installation_->console_parts(), {.trusted = true, .by = "command"}) {}

  Result<Answer> ask(std::string_view method, std::string_view target, std::string_view body) override {
    http::Request request;
    request.bytes.append(method).append(target).append(body);
    const std::string_view bytes = request.bytes;
    request.method = bytes.substr(0, method.size());
    request.target = bytes.substr(method.size(), target.size());
    request.body = bytes.substr(method.size() + target.size());
    request.peer_uid = ::getuid();
    const auto mark = request.target.find('?');
    request.path = request.target.substr(0, mark);
    if (mark != std::string_view::npos) request.query = request.target.substr(mark + 1);
    async::AsioLoop loop;
    auto response = async::run_until_done(loop, console_.handle(request));
    return Answer{response.status, std::move(response.body)};
  }

 private:
  std::unique_ptr<Installation> installation_;
  console::Console console_;
};

}  // namespace

Result<std::unique_ptr<Operations>> Operations::reach(const Config& config, Missing missing) {
  const std::string& data = config.service.data;
  std::error_code ignored;
  const bool used_before = std::filesystem::exists(engine_directory(data), ignored);
  if (!used_before && missing == Missing::is_error)
    return fail(Fault::unavailable, "there is no data in " + data + "; name the server's directory with --data");
  if (server_is_running(data)) return std::make_unique<Remote>(control_socket(data));
  auto installation = Installation::open(config);
  if (!installation) return std::unexpected(installation.error());
  if (!used_before) std::fprintf(stderr, "globogym: made a new, empty data directory in %s\n", data.c_str());
  return std::make_unique<Direct>(std::move(*installation));
}

bool server_is_running(const std::string& data) {
  return Socket::connect(control_socket(data)).has_value();
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += static_cast<char>(c);
    } else {
      out += '%';
      out += digits[c >> 4];
      out += digits[c & 15];
    }
  }
  return out;
}

}  // namespace globogym::app::cli
