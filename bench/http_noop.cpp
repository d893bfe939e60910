// The HTTP server alone: answers every request 202 with a constant body, so that what is measured is the server.
//
//   http_noop [THREADS] [HOST:PORT]      default: 2 127.0.0.1:8080; ends on SIGINT or SIGTERM
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "http/server.h"

namespace {

class Noop final : public globogym::http::Handler {
 public:
  globogym::async::Task<globogym::http::Response> handle(const globogym::http::Request&) override {
    globogym::http::Response response;
    response.status = 202;
    response.body = R"({"id":"0"})";
    response.extra_headers = "Location: /v1/enrollments/0\r\n";
    co_return response;
  }
};

}  // namespace

int main(int count, char** arguments) {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  Noop handler;
  globogym::telemetry::Metrics metrics;
  globogym::http::ServerOptions options;
  options.threads = count > 1 ? static_cast<unsigned>(std::atoi(arguments[1])) : 2;
  options.listen = count > 2 ? arguments[2] : "127.0.0.1:8080";
  auto server = globogym::http::serve(options, handler, metrics);
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
