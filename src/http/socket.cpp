#include "http/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstring>

#include "async/asio.h"
#include "http/tls_link.h"
#include "telemetry/log.h"

namespace globogym::http {
namespace asio = boost::asio;
namespace {

using Executor = asio::io_context::executor_type;
using StreamSocket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;
using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

constexpr Duration pause_when_exhausted = std::chrono::milliseconds(100);
constexpr int accepts_a_turn = 64;
constexpr char tls_handshake_record = 0x16;

// As the kernel noted it when the peer connected (unix(7), SO_PEERCRED).
std::optional<std::uint32_t> user_of_peer(int descriptor) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

std::string address_of(const sockaddr_storage& from) {
  char text[INET6_ADDRSTRLEN] = "";
  if (from.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &from, sizeof in);
    inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
  } else if (from.ss_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, &from, sizeof in6);
    if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
      inet_ntop(AF_INET, &in6.sin6_addr.s6_addr[12], text, sizeof text);
    else
      inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
  }
  return text;
}

}  // namespace

struct Socket::Asio {
  Asio(asio::io_context& io, int descriptor, User& u) : socket(io), user(u) {
    boost::system::error_code error;
    // The family matters only to Asio's connect and accept, which are not used here.
    socket.assign(asio::generic::stream_protocol(AF_UNIX, 0), descriptor, error);
    if (error) ::close(descriptor);  // no memory to watch it: the first read ends the connection
  }

  // Under TLS: waits until there is something to give the user, through as many reads as that takes.
  void read_tls() {
    if (tls->is_established() && tls->has_more()) {
      asio::post(socket.get_executor(), [this] { go_on({}); });
      return;
    }
    socket.async_read_some(asio::buffer(buffer), [this](const boost::system::error_code& error, std::size_t size) {
      // Closed, although this read had succeeded: the descriptor may be somebody else's by now.
      if (!socket.is_open()) return end(false);
      if (error) return end(heard_anything && !tls->is_established());
      if (!heard_anything && buffer[0] != tls_handshake_record) {
        tls.reset();
        trouble = Trouble::not_tls;
        return user.on_read({buffer, size}, false);
      }
      heard_anything = true;
      tls->bring({buffer, size}, size == pending_read_size);
      go_on({});
    });
  }

  void go_on(const boost::system::error_code& error) {
    if (error || !socket.is_open()) return end(false);
    TlsLink::Step step = TlsLink::Step::done;
    if (!tls->is_established()) step = tls->handshake();
    std::size_t size = 0;
    if (step == TlsLink::Step::done) {
      const auto read = tls->read(scratch);
      step = read.step;
      size = read.size;
    }
    switch (step) {
      case TlsLink::Step::done:
        return user.on_read({scratch.data(), size}, false);
      case TlsLink::Step::wants_read:
        return read_tls();
      case TlsLink::Step::wants_write:
        socket.async_wait(StreamSocket::wait_write, [this](const boost::system::error_code& e) { go_on(e); });
        return;
      case TlsLink::Step::ended:
      case TlsLink::Step::failed:
        return end(!tls->is_established());
    }
  }

  void end(bool in_handshake) {
    if (in_handshake) trouble = Trouble::handshake;
    user.on_read({}, true);
  }

  StreamSocket socket;
  User& user;
  std::unique_ptr<TlsLink> tls;
  std::span<char> scratch;
  Trouble trouble = Trouble::none;
  bool heard_anything = false;
  char buffer[pending_read_size];
};

Socket::Socket(async::AsioLoop& loop, int descriptor, User& user)
    : asio_(std::make_unique<Asio>(loop.context().io, descriptor, user)) {}

Socket::Socket(async::AsioLoop& loop, int descriptor, User& user, const Tls& tls, std::span<char> scratch)
    : Socket(loop, descriptor, user) {
  asio_->tls = std::make_unique<TlsLink>(tls, descriptor);
  asio_->scratch = scratch;
}

Socket::~Socket() = default;

bool Socket::is_secure() const {
  return asio_->tls && asio_->tls->is_established();
}

bool Socket::awaits_handshake() const {
  return asio_->tls && !asio_->tls->is_established();
}

Socket::Trouble Socket::trouble() const {
  return asio_->trouble;
}

std::string_view Socket::client_subject() const {
  return asio_->tls ? std::string_view(asio_->tls->client_subject()) : std::string_view();
}

void Socket::start_read() {
  if (asio_->tls) return asio_->read_tls();
  asio_->socket.async_read_some(asio::buffer(asio_->buffer),
                                [a = asio_.get()](const boost::system::error_code& error, std::size_t size) {
                                  a->user.on_read({a->buffer, error ? 0 : size}, static_cast<bool>(error));
                                });
}

void Socket::start_wait_writable() {
  asio_->socket.async_wait(StreamSocket::wait_write,
                           [a = asio_.get()](const boost::system::error_code&) { a->user.on_writable(); });
}

std::size_t Socket::read_now(std::span<char> into) {
  if (asio_->tls) {
    if (!asio_->tls->has_more()) asio_->tls->bring({}, true);
    const auto read = asio_->tls->read(into);
    return read.step == TlsLink::Step::done ? read.size : 0;
  }
  const ssize_t got = ::recv(asio_->socket.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

std::optional<std::size_t> Socket::send_now(std::string_view bytes) {
  if (asio_->tls) return asio_->tls->write(bytes);
  for (;;) {
    const ssize_t sent = ::send(asio_->socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return 0;
    return std::nullopt;
  }
}

void Socket::end_sending() {
  if (asio_->tls) asio_->tls->end_sending();
  ::shutdown(asio_->socket.native_handle(), SHUT_WR);
}

void Socket::close() {
  if (asio_->tls) asio_->tls->end_sending();
  boost::system::error_code ignored;
  asio_->socket.close(ignored);
}

// Shared with its pending callback, which may run after the acceptor has gone.
struct Acceptor::Asio : std::enable_shared_from_this<Asio> {
  Asio(async::AsioLoop& l, int fd, std::function<void(Accepted)> callback)
      : loop(l), descriptor(l.context().io, fd), accepted(std::move(callback)) {}

  void wait() {
    descriptor.async_wait(Descriptor::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->descriptor.is_open()) self->take();
    });
  }

  void take() {
    for (int i = 0; i < accepts_a_turn; ++i) {
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      const int fd = ::accept4(descriptor.native_handle(), reinterpret_cast<sockaddr*>(&from), &size,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        accepted({fd, address_of(from), from.ss_family == AF_UNIX ? user_of_peer(fd) : std::nullopt});
        if (!descriptor.is_open()) return;
        continue;
      }
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return pause(errno);
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      // Anything else is about the one connection that was waiting (ECONNABORTED, EPROTO, …): the next may do.
    }
    wait();
  }

  void pause(int error) {
    log::warning("http-accept-paused", {{"reason", std::strerror(error)}});
    loop.at(loop.clock().steady() + pause_when_exhausted, [weak = weak_from_this()] {
      if (auto self = weak.lock(); self && self->descriptor.is_open()) self->take();
    });
  }

  async::AsioLoop& loop;
  Descriptor descriptor;
  std::function<void(Accepted)> accepted;
};

Acceptor::Acceptor(async::AsioLoop& loop, int descriptor, std::function<void(Accepted)> accepted)
    : asio_(std::make_shared<Asio>(loop, descriptor, std::move(accepted))) {}

Acceptor::~Acceptor() {
  close();
}

void Acceptor::start() {
  asio_->wait();
}

void Acceptor::close() {
  boost::system::error_code ignored;
  asio_->descriptor.close(ignored);
}

}  // namespace globogym::http
