#include "app/cli/operations.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "app/installation.h"
#include "async/loop.h"
#include "console/console.h"

namespace globogym::app::cli {
namespace {

constexpr std::size_t answer_at_most = 256u << 20;
constexpr std::chrono::seconds any_step_of_a_job(120), a_sign_of_life(5);

class Socket {
 public:
  // Nothing when nobody listens at `path` (errno is ECONNREFUSED or ENOENT), or when who does has not taken earlier
  // connections for `limit` (EAGAIN). Reading and writing end after `limit`, too.
  static std::optional<Socket> connect(const std::string& path, std::chrono::seconds limit) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return std::nullopt;
    std::memcpy(address.sun_path, path.data(), path.size());
    Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket.socket_ < 0) return std::nullopt;
    const timeval time{.tv_sec = limit.count(), .tv_usec = 0};
    ::setsockopt(socket.socket_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::setsockopt(socket.socket_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    if (::connect(socket.socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return socket;
    const int why = errno;
    ::close(std::exchange(socket.socket_, -1));
    errno = why;
    return std::nullopt;
  }
  Socket(Socket&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (socket_ >= 0) ::close(socket_);
  }

  // The process that listens; 0: not to be told.
  pid_t peer() const {
    ucred who{};
    socklen_t size = sizeof who;
    return ::getsockopt(socket_, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 ? who.pid : 0;
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

// What the kernel says of the process, as far as it explains why it does not answer.
std::string state_of(pid_t process) {
  std::string text;
  std::getline(std::ifstream("/proc/" + std::to_string(process) + "/stat"), text);
  const auto name_ends = text.rfind(") ");
  const char state = name_ends == std::string::npos ? '?' : text[name_ends + 2];
  if (state == 'T') return ", which is stopped: kill -CONT " + std::to_string(process) + " lets it go on";
  if (state == 'D') return ", which waits for a disk";
  return "";
}

class Remote final : public Operations {
 public:
  // unavailable: it gives no sign of life; nothing was asked of it
  static Result<std::unique_ptr<Operations>> reach(const std::string& data) {
    std::unique_ptr<Remote> remote(new Remote(control_socket(data)));
    auto socket = Socket::connect(remote->path_, a_sign_of_life);
    // Answered without a look at anything.
    constexpr std::string_view question = "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    if (socket && socket->write(question)) {
      const auto answer = socket->read_to_end();
      if (answer && !answer->empty()) return remote;
      if (answer) errno = ECONNRESET;  // the stream ended without a word
    }
    const int why = errno;
    if (why == ECONNREFUSED || why == ENOENT || why == ECONNRESET || why == EPIPE)
      return fail(Fault::unavailable, "the server that ran on " + data + " has just ended; ask again");
    if (why != EAGAIN)
      return fail(Fault::unavailable, "the server that runs on " + data + " cannot be asked: " + std::strerror(why));
    const pid_t process = socket ? socket->peer() : 0;
    return fail(Fault::unavailable,
                "the server that runs on " + data + " has not answered for " + std::to_string(a_sign_of_life.count()) +
                    " seconds" +
                    (process > 0 ? ": it is process " + std::to_string(process) + state_of(process) : std::string()));
  }

  Result<Answer> ask(std::string_view method, std::string_view target, std::string_view body) override {
    auto socket = Socket::connect(path_, any_step_of_a_job);
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
  explicit Remote(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

// As whom the data directory belongs to, for as long as this lives, where root asks: what root makes there nobody else
// could open.
class AsOwner {
 public:
  explicit AsOwner(const std::string& data) {
    struct stat status{};
    if (::geteuid() != 0 || ::stat(data.c_str(), &status) != 0 || status.st_uid == 0) return;
    // The group first: whoever is not root any more may not choose one.
    is_owner_ = ::setegid(status.st_gid) == 0 && ::seteuid(status.st_uid) == 0;
  }
  ~AsOwner() {
    if (is_owner_ && (::seteuid(0) != 0 || ::setegid(0) != 0)) std::abort();  // root may always go back
  }
  AsOwner(const AsOwner&) = delete;

 private:
  bool is_owner_ = false;
};

class Direct final : public Operations {
 public:
  Direct(std::unique_ptr<AsOwner> owner, std::unique_ptr<Installation> installation)
      : owner_(std::move(owner)),
        installation_(std::move(installation)),
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
  const std::unique_ptr<AsOwner> owner_;  // longer than the installation
  std::unique_ptr<Installation> installation_;
  console::Console console_;
};

}  // namespace

Result<std::unique_ptr<Operations>> Operations::reach(const Config& config, Missing missing) {
  const std::string& data = config.service.data;
  if (auto may = may_be_looked_into(data); !may) return std::unexpected(may.error());
  std::error_code ignored;
  const bool used_before = std::filesystem::exists(engine_directory(data), ignored);
  if (!used_before && missing == Missing::is_error)
    return fail(Fault::unavailable, "there is no data in " + data + "; name the server's directory with --data");
  if (server_is_running(data)) return Remote::reach(data);
  auto owner = std::make_unique<AsOwner>(data);
  auto installation = Installation::open(config);
  if (!installation) return std::unexpected(installation.error());
  if (!used_before) std::fprintf(stderr, "globogym: made a new, empty data directory in %s\n", data.c_str());
  return std::make_unique<Direct>(std::move(owner), std::move(*installation));
}

Result<void> sign_of_life(const std::string& data) {
  if (!server_is_running(data)) return {};
  if (auto reached = Remote::reach(data); !reached) return std::unexpected(reached.error());
  return {};
}

bool server_is_running(const std::string& data) {
  return Socket::connect(control_socket(data), a_sign_of_life) || errno == EAGAIN;
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
