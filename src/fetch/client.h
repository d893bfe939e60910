// An HTTP client: asks other systems, and always gets an answer or a reason.
//
// Every request ends within its time limit, with a reply no longer than it allows. https is verified against the
// trust given; plain http goes to loopback addresses only. It follows no redirect, keeps no cookie, reads no proxy
// from the environment and undoes no compression. Connections are kept and used again; a request that meets one which
// the server has just closed goes out once more on a new one. Beyond that it does not try again: whoever asks knows
// whether that is safe.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"

namespace globogym::fetch {

using async::Task;

struct Request {
  std::string method = "GET";
  std::string url;  // no user name or password in it
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Duration time_limit = std::chrono::seconds(10);   // from the call to the last byte of the reply
  Duration connect_time = std::chrono::seconds(5);  // of that, for the name, the connection and TLS
  std::size_t max_reply = std::size_t{1} << 20;     // bytes of body
  bool own_connection = false;                      // a new one for this request alone: it goes out once, or never
};

struct Reply {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in order
  std::string body;

  // The first header of this name (in lower case).
  std::optional<std::string_view> header(std::string_view name) const;
};

class Client {
 public:
  virtual ~Client() = default;
  // Sends `request` and reads the whole reply, whatever its status. Called from any loop and resumed on it; that loop
  // must still turn when the task ends. Errors name the host, never the whole URL.
  //   invalid          the URL, the method or a header cannot be sent; nothing was
  //   unavailable      no connection or no TLS; the request was not sent
  //   timed_out        the time was over before the request was sent, or the request was only a question (GET, HEAD)
  //   unknown_outcome  it was sent, and what became of it is not known
  //   full             the reply is longer than `max_reply`, or too many requests wait for their turn
  //   cancelled        `stop` was requested, or the client is closed
  virtual Task<Result<Reply>> send(Request request, std::stop_token stop = {}) = 0;
  // Ends everything in progress with `cancelled`, and all that is sent later. Thread-safe; does not wait.
  virtual void close() = 0;
};

struct Options {
  std::string ca_file;  // PEM; empty: the system's store
  std::string proxy;    // "http://host:port"; empty: none, whatever the environment says
  std::string user_agent = "globogym";
  std::size_t max_in_progress = 256;  // requests; more wait for their turn, within their time limit
  std::size_t max_connections_to_a_host = 8;
};

// A client over libcurl, with a thread of its own that starts with the first request. Destroy it when every send() has
// ended.
//   unavailable  libcurl is not installed, or `ca_file` cannot be read
Result<std::unique_ptr<Client>> open(Options options = {});

// Nothing when a request may be sent to `url`; else what it would have to be, as "must be …".
std::optional<std::string> url_problem(std::string_view url);

}  // namespace globogym::fetch
