// TCP and TLS over Asio and OpenSSL.
//
// Plain bytes go through Asio's own operations; under TLS, OpenSSL reads and writes the socket itself (through a BIO of
// ours that never raises SIGPIPE) and Asio only says when the socket is ready. Each operation is first tried at once
// and waits only when the kernel has nothing for it. One timer serves a stream for its whole life: an operation notes
// its deadline, and the timer looks at what is due when it fires, so the common case never touches the timer queue.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <cstring>
#include <optional>

#include "async/asio.h"
#include "async/stream.h"

namespace globogym::async {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Io = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Io>;
using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Io>;
using Tcp = asio::ip::tcp;

constexpr std::size_t most_addresses_tried = 8;

SteadyTime now(Loop& loop) {
  return loop.clock().steady();
}

std::string at_address(const Endpoint& endpoint) {
  return endpoint.host + ":" + std::to_string(endpoint.port);
}

// What OpenSSL has to say, as a phrase. Empties its queue.
std::string tls_words() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "the peer ended the connection";
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS error " + std::to_string(code);
}

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
struct ContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

// A BIO over a non-blocking socket whose writes never raise SIGPIPE.
int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))), data,
                              static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}
int bio_read(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))), data,
                             static_cast<std::size_t>(size), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}
long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}
BIO_METHOD* socket_bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "socket");
    ASSERT(made != nullptr);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

// What every stream of one connector trusts; loaded at the first handshake, so that a wrong file is an answer.
class Trust {
 public:
  explicit Trust(TlsTrust trust) : trust_(std::move(trust)) {}

  Result<SSL_CTX*> context() {
    if (context_) return context_.get();
    std::unique_ptr<SSL_CTX, ContextFree> made(SSL_CTX_new(TLS_client_method()));
    if (!made) return fail(Fault::unavailable, "TLS cannot be set up: " + tls_words());
    SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(made.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                     SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
    const bool loaded = trust_.ca_file.empty()
                            ? SSL_CTX_set_default_verify_paths(made.get()) == 1
                            : SSL_CTX_load_verify_locations(made.get(), trust_.ca_file.c_str(), nullptr) == 1;
    if (!loaded) {
      const std::string which = trust_.ca_file.empty() ? "the system's certificates" : trust_.ca_file;
      return fail(Fault::unavailable, "cannot load " + which + " to check certificates with: " + tls_words());
    }
    context_ = std::move(made);
    return context_.get();
  }

 private:
  TlsTrust trust_;
  std::unique_ptr<SSL_CTX, ContextFree> context_;
};

class TcpStream final : public Stream {
 public:
  TcpStream(Loop& loop, asio::io_context& io, Endpoint peer, std::shared_ptr<Trust> trust)
      : loop_(loop), peer_(std::move(peer)), trust_(std::move(trust)), socket_(io) {}

  ~TcpStream() override {
    ASSERT(!read_.busy && !write_.busy);
    close();
  }

  // Connects to one address.
  Task<Result<void>> open(Tcp::endpoint address, Duration time_limit) {
    error_code error;
    if (socket_.open(address.protocol(), error); error) co_return failed("connect", error);
    socket_.non_blocking(true, error);
    if (!error) socket_.set_option(Tcp::no_delay(true), error);
    if (error) co_return failed("connect", error);
    Operation::Deadline deadline(*this, write_, time_limit);
    Connecting connecting{*this, address};
    error = co_await connecting;
    if (error) co_return deadline.passed() ? timed_out("connect") : failed("connect", error);
    co_return Result<void>{};
  }

  Task<Result<std::size_t>> read_some(std::span<char> into, Duration time_limit) override {
    ASSERT(!into.empty());
    Operation::Deadline deadline(*this, read_, time_limit);
    for (;;) {
      if (closed_) co_return std::unexpected(cancelled().error());
      if (ssl_) {
        ERR_clear_error();
        std::size_t got = 0;
        const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
        if (done == 1) co_return got;
        const auto wait = what_tls_waits_for(done);
        if (!wait) {
          if (SSL_get_error(ssl_.get(), done) == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
          co_return std::unexpected(tls_failed().error());
        }
        if (deadline.passed()) co_return std::unexpected(timed_out("read").error());
        Ready ready{*this, *wait};
        co_await ready;
        continue;
      }
      if (deadline.passed()) {
        error_code error;
        const std::size_t got = socket_.read_some(asio::buffer(into.data(), into.size()), error);
        if (!error) co_return got;
        if (error == asio::error::eof) co_return std::size_t{0};
        if (error == asio::error::would_block) co_return std::unexpected(timed_out("read").error());
        co_return std::unexpected(failed("read", error).error());
      }
      Reading reading{*this, into};
      const error_code error = co_await reading;
      if (!error) co_return reading.got;
      if (error == asio::error::eof) co_return std::size_t{0};
      if (error == asio::error::operation_aborted) continue;  // the other direction's time-out, or ours: look again
      co_return std::unexpected(failed("read", error).error());
    }
  }

  Task<Result<void>> write_all(std::string_view bytes, Duration time_limit) override {
    Operation::Deadline deadline(*this, write_, time_limit);
    while (!bytes.empty()) {
      if (closed_) co_return cancelled();
      if (ssl_) {
        ERR_clear_error();
        std::size_t sent = 0;
        const int done = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
        if (done == 1) {
          bytes.remove_prefix(sent);
          continue;
        }
        const auto wait = what_tls_waits_for(done);
        if (!wait) co_return tls_failed();
        if (deadline.passed()) co_return timed_out("write");
        Ready ready{*this, *wait};
        co_await ready;
        continue;
      }
      error_code error;
      const std::size_t sent = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
      if (!error) {
        bytes.remove_prefix(sent);
        continue;
      }
      if (error != asio::error::would_block) co_return failed("write", error);
      if (deadline.passed()) co_return timed_out("write");
      Ready ready{*this, Socket::wait_write};
      co_await ready;
    }
    co_return Result<void>{};
  }

  Task<Result<void>> start_tls(std::string host, Duration time_limit) override {
    ASSERT(!ssl_ && !read_.busy && !write_.busy);
    Operation::Deadline deadline(*this, write_, time_limit);
    auto context = trust_->context();
    if (!context) co_return std::unexpected(context.error());
    std::unique_ptr<SSL, SslFree> ssl(SSL_new(*context));
    if (!ssl || !expect_host(ssl.get(), host)) co_return tls_failed();
    if (host.empty()) SSL_set_verify(ssl.get(), SSL_VERIFY_NONE, nullptr);
    BIO* bio = BIO_new(socket_bio_method());
    if (bio == nullptr) co_return tls_failed();
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket_.native_handle())));
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl.get(), bio, bio);
    ssl_ = std::move(ssl);
    for (;;) {
      if (closed_) co_return cancelled();
      ERR_clear_error();
      const int done = SSL_connect(ssl_.get());
      if (done == 1) co_return Result<void>{};
      const auto wait = what_tls_waits_for(done);
      if (!wait) {
        const long verdict = SSL_get_verify_result(ssl_.get());
        if (verdict != X509_V_OK && !host.empty()) {
          ERR_clear_error();
          co_return fail(Fault::unavailable, "the certificate that " + at_address(peer_) +
                                                 " shows is not accepted for " + host + ": " +
                                                 X509_verify_cert_error_string(verdict));
        }
        co_return tls_failed();
      }
      if (deadline.passed()) co_return timed_out("agree on TLS");
      Ready ready{*this, *wait};
      co_await ready;
    }
  }

  std::string local_address() const override {
    error_code error;
    auto address = socket_.local_endpoint(error).address();
    if (error) return {};
    if (address.is_v4()) return address.to_string();
    auto six = address.to_v6();
    if (six.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, six).to_string();
    six.scope_id(0);  // means something on this machine only
    return six.to_string();
  }

  void close() override {
    if (timer_) loop_.cancel(std::exchange(timer_, 0));
    if (closed_) return;
    closed_ = true;
    // Says goodbye under TLS when the socket takes it at once; nobody waits for the answer.
    if (ssl_ && SSL_is_init_finished(ssl_.get())) {
      SSL_shutdown(ssl_.get());
      ERR_clear_error();
    }
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  // One direction's operation in progress, and when it must have ended.
  struct Operation {
    bool busy = false;
    bool overdue = false;
    SteadyTime ends{};

    // Marks the operation as running for as long as this lives.
    class Deadline {
     public:
      Deadline(TcpStream& stream, Operation& operation, Duration time_limit) : operation_(operation) {
        ASSERT(!operation.busy);
        operation = {.busy = true, .overdue = false, .ends = now(stream.loop_) + time_limit};
        stream.watch(operation.ends);
      }
      Deadline(const Deadline&) = delete;
      ~Deadline() { operation_.busy = false; }
      bool passed() const { return operation_.overdue; }

     private:
      Operation& operation_;
    };
  };

  struct Reading {
    TcpStream& stream;
    std::span<char> into;
    std::size_t got = 0;
    error_code error{};
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
      stream.socket_.async_read_some(asio::buffer(into.data(), into.size()),
                                     [this, caller](const error_code& result, std::size_t size) {
                                       error = result;
                                       got = size;
                                       caller.resume();
                                     });
    }
    error_code await_resume() { return error; }
  };

  struct Ready {
    TcpStream& stream;
    Socket::wait_type for_what;
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
      stream.socket_.async_wait(for_what, [caller](const error_code&) { caller.resume(); });
    }
    void await_resume() {}
  };

  struct Connecting {
    TcpStream& stream;
    Tcp::endpoint address;
    error_code error{};
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
      stream.socket_.async_connect(address, [this, caller](const error_code& result) {
        error = result;
        caller.resume();
      });
    }
    error_code await_resume() { return error; }
  };

  // Makes sure that the timer fires at `when` or before.
  void watch(SteadyTime when) {
    if (timer_ != 0) {
      if (timer_at_ <= when) return;
      loop_.cancel(timer_);
    }
    timer_at_ = when;
    timer_ = loop_.at(when, [this] { look(); });
  }

  // Ends what is overdue; waits on for what is not.
  void look() {
    timer_ = 0;
    const SteadyTime at = now(loop_);
    bool any_overdue = false;
    std::optional<SteadyTime> next;
    for (Operation* operation : {&read_, &write_}) {
      if (!operation->busy || operation->overdue) continue;
      if (operation->ends <= at) {
        operation->overdue = any_overdue = true;
      } else if (!next || operation->ends < *next) {
        next = operation->ends;
      }
    }
    if (next) watch(*next);
    // Wakes both directions; the one that is not overdue takes up its work again.
    error_code ignored;
    if (any_overdue) socket_.cancel(ignored);
  }

  static bool expect_host(SSL* ssl, const std::string& host) {
    if (host.empty()) return true;
    error_code not_an_address;
    const auto address = asio::ip::make_address(host, not_an_address);
    if (!not_an_address) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address.to_string().c_str()) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  }

  std::optional<Socket::wait_type> what_tls_waits_for(int outcome) {
    switch (SSL_get_error(ssl_.get(), outcome)) {
      case SSL_ERROR_WANT_READ:
        return Socket::wait_read;
      case SSL_ERROR_WANT_WRITE:
        return Socket::wait_write;
      default:
        return std::nullopt;
    }
  }

  Result<void> cancelled() const {
    return fail(Fault::cancelled, "the connection to " + at_address(peer_) + " was closed here");
  }
  Result<void> timed_out(const char* what) const {
    return fail(Fault::timed_out, at_address(peer_) + " did not let us " + what + " in time");
  }
  Result<void> failed(const char* what, const error_code& error) const {
    if (closed_) return cancelled();
    return fail(Fault::unavailable, "cannot " + std::string(what) + " (" + at_address(peer_) + "): " + error.message());
  }
  Result<void> tls_failed() const {
    if (closed_) return cancelled();
    return fail(Fault::unavailable, "TLS with " + at_address(peer_) + " failed: " + tls_words());
  }

  Loop& loop_;
  Endpoint peer_;
  std::shared_ptr<Trust> trust_;
  Socket socket_;
  std::unique_ptr<SSL, SslFree> ssl_;
  Operation read_;
  Operation write_;
  Loop::TimerId timer_ = 0;
  SteadyTime timer_at_{};
  bool closed_ = false;
};

// A look-up in the system's resolver, which cannot be interrupted: whoever gives up leaves this behind, and the late
// answer finds nobody waiting.
struct LookUp {
  explicit LookUp(asio::io_context& io) : resolver(io) {}
  Resolver resolver;
  std::coroutine_handle<> waiter;
  error_code error = asio::error::timed_out;
  Resolver::results_type found;
};

class TcpConnector final : public Connector {
 public:
  explicit TcpConnector(TlsTrust trust) : trust_(std::make_shared<Trust>(std::move(trust))) {}

  Task<Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint, Duration time_limit) override {
    auto& io = current_io();
    Loop& loop = *Loop::current();
    const SteadyTime deadline = now(loop) + time_limit;
    auto addresses = co_await resolve(endpoint, deadline);
    if (!addresses) co_return std::unexpected(addresses.error());
    Error last;
    for (std::size_t i = 0; i < addresses->size(); ++i) {
      // A dead address must not use up the time of the living ones behind it.
      const Duration left = deadline - now(loop);
      if (left <= Duration::zero())
        co_return fail(Fault::timed_out, at_address(endpoint) + " did not let us connect in time");
      auto stream = std::make_unique<TcpStream>(loop, io, endpoint, trust_);
      auto opened = co_await stream->open((*addresses)[i], left / static_cast<int>(addresses->size() - i));
      if (opened) co_return std::unique_ptr<Stream>(std::move(stream));
      last = std::move(opened.error());
    }
    co_return std::unexpected(std::move(last));
  }

 private:
  static Task<Result<std::vector<Tcp::endpoint>>> resolve(Endpoint endpoint, SteadyTime deadline) {
    error_code not_an_address;
    const auto address = asio::ip::make_address(endpoint.host, not_an_address);
    if (!not_an_address) co_return std::vector{Tcp::endpoint(address, endpoint.port)};

    struct Waiting {
      std::shared_ptr<LookUp> look_up;
      const Endpoint& endpoint;
      SteadyTime deadline;
      Loop& loop;
      bool await_ready() { return false; }
      bool await_suspend(std::coroutine_handle<> caller) {
        look_up->waiter = caller;
        const auto timer = loop.at(deadline, [kept = look_up] {
          if (auto waiter = std::exchange(kept->waiter, nullptr)) waiter.resume();
        });
        try {
          look_up->resolver.async_resolve(
              endpoint.host, std::to_string(endpoint.port), Resolver::numeric_service,
              [kept = look_up, timer, &loop = loop](const error_code& error, const Resolver::results_type& found) {
                auto waiter = std::exchange(kept->waiter, nullptr);
                if (!waiter) return;  // gave up
                loop.cancel(timer);
                kept->error = error;
                kept->found = found;
                waiter.resume();
              });
        } catch (const boost::system::system_error& none) {
          // The first look-up starts a thread, and none may be to be had.
          loop.cancel(timer);
          look_up->waiter = nullptr;
          look_up->error = none.code();
          return false;
        }
        return true;
      }
      void await_resume() {}
    };
    auto look_up = std::make_shared<LookUp>(current_io());
    Waiting waiting{look_up, endpoint, deadline, *Loop::current()};
    co_await waiting;
    if (look_up->error == asio::error::timed_out)
      co_return fail(Fault::timed_out, "the address of " + endpoint.host + " was not found in time");
    if (look_up->error || look_up->found.empty())
      co_return fail(Fault::unavailable,
                     "the address of " + endpoint.host + " cannot be found: " + look_up->error.message());
    std::vector<Tcp::endpoint> out;
    for (const auto& entry : look_up->found) {
      if (out.size() == most_addresses_tried) break;
      out.push_back(entry.endpoint());
    }
    co_return out;
  }

  std::shared_ptr<Trust> trust_;
};

}  // namespace

std::unique_ptr<Connector> tcp_connector(TlsTrust trust) {
  return std::make_unique<TcpConnector>(std::move(trust));
}

}  // namespace globogym::async
