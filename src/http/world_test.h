// The HTTP tests' world: a server on a free port, and a handler that does what a path says.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "async/loop.h"
#include "http/server.h"
#include "http/test_client.h"

namespace globogym::http::test {

using namespace std::chrono_literals;

// Waits until `holds` does. A test that waits in vain fails after ten seconds.
template <class Condition>
bool eventually(Condition holds) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::yield();
  }
  return false;
}

// Suspends handlers until the test lets them go, by name.
class Gates {
 public:
  auto wait(std::string name) {
    struct Awaiter {
      Gates& gates;
      std::string name;
      bool await_ready() { return false; }
      void await_suspend(std::coroutine_handle<> caller) {
        std::lock_guard lock(gates.mutex_);
        gates.waiting_[name] = {async::Loop::current(), caller};
      }
      void await_resume() {}
    };
    return Awaiter{*this, std::move(name)};
  }
  bool waits(const std::string& name) {
    std::lock_guard lock(mutex_);
    return waiting_.contains(name);
  }
  // Waits until somebody waits there.
  void open(const std::string& name) {
    ASSERT_TRUE(eventually([&] { return waits(name); })) << name;
    std::lock_guard lock(mutex_);
    auto [loop, caller] = waiting_.extract(name).mapped();
    loop->post([caller] { caller.resume(); });
  }

 private:
  struct Waiting {
    async::Loop* loop;
    std::coroutine_handle<> caller;
  };
  std::mutex mutex_;
  std::map<std::string, Waiting> waiting_;
};

class Ticks final : public Feed {
 public:
  Ticks(int count, std::size_t size, std::atomic<bool>& gone) : left_(count), size_(size), gone_(gone) {}
  ~Ticks() override { gone_ = true; }
  async::Task<std::optional<std::string>> next(std::stop_token stop) override {
    if (left_ == 0) co_return std::nullopt;
    if (left_ < 0) {  // endless: one, then until it is stopped
      if (left_ == -2) {
        co_await async::sleep_for(1h, stop);
        co_return std::nullopt;
      }
      if (size_ < 100) left_ = -2;
    } else {
      --left_;
    }
    co_return "data: tick\n\n" + std::string(size_, '.');
  }

 private:
  int left_;
  std::size_t size_;
  std::atomic<bool>& gone_;
};

class Playground final : public Handler {
 public:
  Gates gates;
  std::atomic<int> handled = 0;
  std::atomic<bool> feed_gone = false;

  async::Task<Response> handle(const Request& request) override {
    Response response;
    if (request.path.starts_with("/gate/")) co_await gates.wait(std::string(request.path.substr(6)));
    if (request.path == "/later") co_await async::sleep_for(2ms);
    if (request.path == "/big")
      response.body.assign(16 * 1024 * 1024, 'x');
    else if (request.path == "/feed")
      response.feed = std::make_unique<Ticks>(3, 0, feed_gone);
    else if (request.path == "/endless")
      response.feed = std::make_unique<Ticks>(-1, 0, feed_gone);
    else if (request.path == "/flood")
      response.feed = std::make_unique<Ticks>(-1, 64 * 1024, feed_gone);
    else if (request.path == "/who")
      response.body = request.remote_address + " " + request.request_id;
    else if (request.path == "/same") {
      response.status = 304;
      response.body = "what is there already";
    } else if (request.path == "/none")
      response.status = 204;
    else
      response.body = std::string(request.path) + " " + std::string(request.body);
    if (request.path == "/bye") response.close = true;
    ++handled;
    co_return response;
  }

  void on_refused(std::optional<std::string_view> origin, Response& refusal) override {
    refusal.extra_headers.append("X-Refused: ").append(origin.value_or("nobody knows who")).append("\r\n");
  }
};

inline std::string get(const std::string& path, const std::string& headers = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: t\r\n" + headers + "\r\n";
}

struct Running {
  explicit Running(ServerOptions o = {}) : options(std::move(o)) {
    if (options.listen.empty() && options.unix_path.empty()) options.listen = {"127.0.0.1:0"};
    auto started = serve(options, handler, metrics);
    if (!started)
      ADD_FAILURE() << started.error().message;
    else
      server = std::move(*started);
  }
  std::string address() const { return server->address(); }
  bool metric(const std::string& line) {
    return eventually([&] { return metrics.text().contains(line); });
  }

  ServerOptions options;
  telemetry::Metrics metrics;
  Playground handler;
  std::unique_ptr<Server> server;
};

}  // namespace globogym::http::test
