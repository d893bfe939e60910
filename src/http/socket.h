// A connected stream socket, plain or under TLS, and a listening one: never blocking, owned by one loop.
//
// Hides Asio, which is heavy to compile. Sending is tried at once and waits only when the peer does not take it. Under
// TLS the bytes that go in and out here are the plain ones; the handshake happens by itself while the first read waits.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "async/loop.h"
#include "base/result.h"

namespace globogym::http {

class Tls;

class Socket {
 public:
  // Bytes a pending read may bring: small, because every idle connection holds as much.
  static constexpr std::size_t pending_read_size = 1024;

  // Each start_… causes exactly one call, from the loop, also after close(): `user` must live until then.
  class User {
   public:
    virtual void on_read(std::string_view bytes, bool ended) = 0;
    virtual void on_writable() = 0;

   protected:
    ~User() = default;
  };

  // What went wrong with TLS, once a read has told.
  enum class Trouble {
    none,
    not_tls,    // the peer does not speak TLS: its bytes come as they are, and so will the answer
    handshake,  // the peer and we did not agree; the read says `ended`
  };

  // Takes over `descriptor`.
  Socket(async::AsioLoop& loop, int descriptor, User& user);
  // Under TLS. `scratch` is where what is read comes to lie, shared by the sockets of a loop; both must outlive this.
  Socket(async::AsioLoop& loop, int descriptor, User& user, const Tls& tls, std::span<char> scratch);
  ~Socket();

  // The peer has agreed on TLS.
  bool is_secure() const;
  // Under TLS, and the peer has not agreed yet.
  bool awaits_handshake() const;
  Trouble trouble() const;
  // What the client's certificate says it is; empty when it showed none. Valid as long as the socket.
  std::string_view client_subject() const;

  // One at a time. `ended` is true when the peer has sent its last byte or the connection is broken.
  void start_read();
  // One at a time.
  void start_wait_writable();
  // What is there now; 0 when there is nothing now, or the connection has ended (a pending read will tell).
  std::size_t read_now(std::span<char> into);
  // How many bytes were taken; nullopt when the connection is broken.
  std::optional<std::size_t> send_now(std::string_view bytes);
  // The peer learns that nothing more comes.
  void end_sending();
  void close();

 private:
  struct Asio;
  std::unique_ptr<Asio> asio_;
};

// Accepts connections on a bound descriptor.
class Acceptor {
 public:
  struct Accepted {
    int descriptor;
    std::string remote_address;             // without the port; empty on a unix socket
    std::optional<std::uint32_t> peer_uid;  // on a unix socket: the user of the process that connected
  };

  // `accepted` is called from the loop. When the process or the machine runs out of descriptors or memory, accepting
  // pauses for a moment, and says so in the log.
  Acceptor(async::AsioLoop& loop, int descriptor, std::function<void(Accepted)> accepted);
  ~Acceptor();
  void start();
  // Nothing is accepted any more. The last pending callback runs on the loop afterwards and touches nothing.
  void close();

 private:
  struct Asio;
  std::shared_ptr<Asio> asio_;
};

// A bound and listening descriptor, and where it listens: "127.0.0.1:8080", or the path.
struct Bound {
  int descriptor;
  std::string address;
};

// For each place that one of `addresses` ("127.0.0.1:8080", "[::]:8080", "localhost:8080") stands for, in order:
// `count` descriptors that share its port; the kernel spreads connections over them. [::] takes IPv4 too, unless the
// list also has an IPv4 address with that port.
//   unavailable  an address is malformed, unknown here or taken; the message names it and says why
Result<std::vector<std::vector<Bound>>> listen_tcp(const std::vector<std::string>& addresses, unsigned count);
// A socket file with mode 0600. A file left by a process that died is replaced; one in use is not.
Result<Bound> listen_unix(const std::string& path);

}  // namespace globogym::http
