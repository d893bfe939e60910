// The HTTP server alone: answers every request 202 with a constant body, so that what is measured is the server.
//
//   http_noop [THREADS] [HOST:PORT] [now|later]      default: 2 127.0.0.1:8080 now; ends on SIGINT or SIGTERM
//
// With `later`, another thread says when: it takes all requests that wait at once and lets each loop's go together, as
// a storage engine does that commits in groups.
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "async/loop.h"
#include "http/server.h"

namespace {

using namespace globogym;

constexpr auto flush_time = std::chrono::microseconds(200);

class Groups {
 public:
  Groups() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

  auto next() {
    struct Awaiter {
      Groups& groups;
      bool await_ready() { return false; }
      void await_suspend(std::coroutine_handle<> caller) {
        std::lock_guard lock(groups.mutex_);
        if (groups.waiting_.empty()) groups.some_.notify_one();
        groups.waiting_[async::Loop::current()].push_back(caller);
      }
      void await_resume() {}
    };
    return Awaiter{*this};
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (some_.wait(lock, stop, [&] { return !waiting_.empty(); })) {
      auto taken = std::exchange(waiting_, {});
      lock.unlock();
      std::this_thread::sleep_for(flush_time);
      for (auto& [loop, callers] : taken)
        loop->post([group = std::move(callers)] {
          for (auto caller : group) caller.resume();
        });
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any some_;
  std::map<async::Loop*, std::vector<std::coroutine_handle<>>> waiting_;
  std::jthread thread_;
};

class Noop final : public http::Handler {
 public:
  explicit Noop(bool later) : later_(later) {}
  async::Task<http::Response> handle(const http::Request&) override {
    if (later_) co_await groups_.next();
    http::Response response;
    response.status = 202;
    response.body = R"({"id":"0"})";
    response.extra_headers = "Location: /v1/enrollments/0\r\n";
    co_return response;
  }

 private:
  bool later_;
  Groups groups_;
};

}  // namespace

int main(int count, char** arguments) {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  Noop handler(count > 3 && arguments[3] == std::string_view("later"));
  telemetry::Metrics metrics;
  http::ServerOptions options;
  options.threads = count > 1 ? static_cast<unsigned>(std::atoi(arguments[1])) : 2;
  options.listen = {count > 2 ? arguments[2] : "127.0.0.1:8080"};
  auto server = http::serve(options, handler, metrics);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 3;
  }
  std::printf("%s\n", (*server)->address().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ending, &signal);
  (*server)->stop(std::chrono::seconds(2));
  return 0;
}
