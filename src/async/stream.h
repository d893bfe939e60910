// A byte stream to a peer: TCP, possibly under TLS.
//
// Owned by one loop. At most one read and one write are in progress at a time. Every operation ends: with data, with an
// error, or with Fault::timed_out when the deadline given to it passes. Before it says so it looks once more: a process
// that was held for longer than a deadline finds what came meanwhile. The simulator and the tests bring their own.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"

namespace globogym::async {

struct Endpoint {
  std::string host;  // a name or an address
  std::uint16_t port = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;
  // Reads what is there, at least one byte; 0 means the peer ended the stream. `into` must outlive the task.
  virtual Task<Result<std::size_t>> read_some(std::span<char> into, Duration time_limit) = 0;
  // Writes all of `bytes`, which must outlive the task.
  virtual Task<Result<void>> write_all(std::string_view bytes, Duration time_limit) = 0;
  // Negotiates TLS as a client. The certificate must be valid for `host` under the trust store; without a `host` any
  // will do, which keeps out nobody who can stand between.
  virtual Task<Result<void>> start_tls(std::string host, Duration time_limit) = 0;
  // Ends the connection at once. Operations in progress end with Fault::cancelled.
  virtual void close() = 0;
  // This side's address, numeric; empty when it is not known.
  virtual std::string local_address() const { return {}; }
};

// Opens streams.
class Connector {
 public:
  virtual ~Connector() = default;
  virtual Task<Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint, Duration time_limit) = 0;
};

// What a TLS client trusts.
struct TlsTrust {
  std::string ca_file;  // PEM; empty: the system's store
};

// Connects over TCP from the loop that calls it. TLS 1.2 or newer.
std::unique_ptr<Connector> tcp_connector(TlsTrust trust = {});

}  // namespace globogym::async
