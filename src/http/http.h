// HTTP, as the rest of the product sees it: a request, a response, and somebody who turns one into the other.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.h"
#include "base/result.h"

namespace globogym::http {

using async::Task;

// A whole request. Owns its bytes: the views below point into `bytes`, so it is moved by pointer and never copied.
struct Request {
  std::string_view method;  // as sent: "GET"
  std::string_view target;  // as sent: "/v1/enrollments?x=1", "http://gym.example/v1/enrollments"
  std::string_view path;    // the target's, up to '?', not decoded; "*" with OPTIONS
  std::string_view query;   // after '?', not decoded
  std::string_view body;
  // As sent, in order. Only Host says what the target says, when that names a host.
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string remote_address;             // the peer's, without the port; empty on a unix socket
  std::optional<std::uint32_t> peer_uid;  // on a unix socket: whose process it is that asks
  std::string request_id;                 // the caller's X-Request-Id when it is well-formed, else made here
  std::string traceparent;                // the caller's when it is well-formed, else a new trace
  bool secure = false;                    // came under TLS
  std::string_view client_subject;        // whom the client's certificate names (RFC 2253); empty when it showed none

  std::string bytes;

  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  // The value of a header, by name without regard to case; nullopt when absent. The first when sent more than once.
  std::optional<std::string_view> header(std::string_view name) const;
};

// Pieces of a response that has no end known in advance (server-sent events).
class Feed {
 public:
  virtual ~Feed() = default;
  // The next piece; nullopt ends the response. `stop` is requested when the client has gone or the server stops.
  virtual Task<std::optional<std::string>> next(std::stop_token stop) = 0;
};

struct Response {
  unsigned status = 200;
  std::string_view content_type = "application/json";  // a literal
  std::string body;
  std::string extra_headers;   // whole lines, each ending in CRLF; built from checked values only
  std::string_view refusal;    // the slug of the problem it tells, a literal; empty when it tells none
  bool close = false;          // end the connection after this response
  std::unique_ptr<Feed> feed;  // when set, `body` is the first piece
};

class Handler {
 public:
  virtual ~Handler() = default;
  // `request` outlives the task.
  virtual Task<Response> handle(const Request& request) = 0;
  // A request is refused without being handled: it is too long, too slow, malformed, or one too many. May add to
  // `refusal` what lets its sender read it. `origin` is its Origin header, when that much of it came.
  virtual void on_refused(std::optional<std::string_view> /*origin*/, Response& /*refusal*/) {}
};

// Percent-decoding of a path segment or a query value ('+' is a space in queries only). nullopt when malformed.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

// The decoded value of `name` in a query string; nullopt when absent or malformed.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

}  // namespace globogym::http
