// A web server for tests: answers each request on loopback with whatever bytes a function gives it.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace globogym::fetch {

class WebDouble {
 public:
  // Gets a request, head and body, and gives the reply's bytes. Nothing: never answers, and keeps the connection open.
  // An empty string: closes it.
  using Answer = std::function<std::optional<std::string>(const std::string& request)>;

  explicit WebDouble(Answer answer);
  ~WebDouble();
  std::string url(const std::string& path = "/") const;
  int connections() const { return connections_; }
  int requests() const { return requests_; }

 private:
  void serve(int socket);

  const Answer answer_;
  int listener_ = -1;
  std::atomic<int> connections_ = 0;
  std::atomic<int> requests_ = 0;
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

// A reply with a body and its length.
std::string reply(int status, const std::string& body, const std::string& extra_headers = {});

}  // namespace globogym::fetch
