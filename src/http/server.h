// An HTTP/1.1 server: keep-alive and pipelining, one event loop per thread, every input bounded.
//
// Each of `threads` loops owns a listening socket of each address (SO_REUSEPORT) and its connections. It refuses what
// could be read in two ways (RFC 9112): conflicting or repeated Content-Length, Transfer-Encoding with Content-Length,
// any Transfer-Encoding but a single "chunked", chunk extensions, trailers that frame, bare LF, obsolete folding,
// spaces before a colon, authority-form targets, a missing or repeated Host; it answers once and closes. A target in
// absolute form says whom it is for, whatever Host says. HTTP/1.2 and later are answered as 1.1. Answers to pipelined
// requests come in order and leave together.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "http/http.h"
#include "http/tls.h"
#include "telemetry/metrics.h"

namespace globogym::http {

struct ServerOptions {
  std::vector<std::string> listen;          // "127.0.0.1:8080", "[::1]:0"; port 0 picks a free one
  std::string unix_path;                    // instead of `listen`: a socket file, created with mode 0600
  std::string name = "public";              // the metrics' label "listener"
  unsigned threads = 1;                     // one on a unix socket
  std::size_t max_header = 16 * 1024;       // bytes of request line and headers: 431 beyond
  std::size_t max_body = 16 * 1024;         // bytes: 413 beyond
  std::size_t max_connections = 20'000;     // over all threads; the next one gets 503 and is closed
  std::size_t max_refused = 256;            // besides those: who is being told so; more are closed without a word
  std::size_t max_held = 64 * 1024 * 1024;  // bytes of requests and answers in hand, over all threads; beyond
                                            // it those are closed who have kept the most waiting the longest
  // Addresses that are counted together, by a name; nothing for those that are not counted. Called from all threads.
  std::function<std::optional<std::string>(const std::string& remote_address)> group_of = {};
  std::size_t max_connections_of_group = 1'000;  // the next one of them is closed, in plain with a 503
  // Under TLS: whether a connection from there may cost us a handshake now; when not it is closed without a word. Asked
  // once for each that would, from all threads.
  std::function<bool(const std::string& remote_address)> may_handshake = {};
  std::size_t max_pipelined = 64;                   // requests of one connection in hand at once; more are not read yet
  Duration header_time = std::chrono::seconds(10);  // from the first byte of a request to its last: 408; and for the
                                                    // TLS handshake: closed
  Duration idle_time = std::chrono::seconds(75);    // between requests: closed
  Duration write_time = std::chrono::seconds(20);   // a client that does not take its answer: closed
  std::shared_ptr<Tls> tls;                         // null: plain HTTP
};

class Server {
 public:
  virtual ~Server() = default;
  // The addresses bound to, with the real ports, in the order of `listen`: "127.0.0.1:8080"; or the socket file.
  virtual std::vector<std::string> addresses() const = 0;
  std::string address() const { return addresses().front(); }
  // Stops accepting and reading; requests in hand are answered. Returns when every connection has ended or `grace` is
  // over, after which connections are cut. Handlers are joined, however long they take. Blocks; call from a thread that
  // is none of the server's.
  virtual void stop(Duration grace) = 0;
};

// Binds, and starts the threads. `handler` is called on all of them and must outlive the server.
//   unavailable  an address cannot be bound; the message names it and says why
Result<std::unique_ptr<Server>> serve(ServerOptions options, Handler& handler, telemetry::Metrics& metrics);

}  // namespace globogym::http
