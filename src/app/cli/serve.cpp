#include "app/cli/serve.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <semaphore>
#include <thread>

#include "app/cli/cli.h"
#include "app/letters.h"
#include "app/process.h"
#include "app/service.h"
#include "base/json_writer.h"
#include "telemetry/log.h"

namespace globogym::app::cli {
namespace {

using Seconds = std::chrono::duration<double>;

double seconds_of(clockid_t which) {
  timespec now{};
  ::clock_gettime(which, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Signals that ask for an end are waited for on this thread and on no other: block them before any thread starts.
sigset_t block_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t ending;
  ::sigemptyset(&ending);
  ::sigaddset(&ending, SIGTERM);
  ::sigaddset(&ending, SIGINT);
  ::sigaddset(&ending, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  return ending;
}

// A connection is an open file: use all this process may have.
void raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void tell_when_connections_are_fewer(const Config& config) {
  const std::uint32_t wanted = config.gateway.max_connections, fit = connections_that_fit(wanted);
  if (fit == wanted || config.service.role == Role::worker) return;
  log::warning("connections-limited", {{"wanted", wanted},
                                       {"allowed", fit},
                                       {"meaning",
                                        "open files are limited, and the engine and mail need some; raise "
                                        "LimitNOFILE (ulimit -Hn) or lower gateway.max_connections"}});
}

void print_ready_line(const Service& service, double began) {
  const double millis = (seconds_of(CLOCK_MONOTONIC) - began) * 1000;
  const auto urls = service.urls();
  const auto admin_urls = service.admin_urls();
  JsonWriter json;
  json.object().member("ready", true).key("listen");
  if (urls.empty()) {
    json.value(nullptr);
  } else {
    json.value(urls.front());
  }
  json.member("admin", admin_urls.front()).member("startupMs", std::round(millis * 10) / 10);
  // Whoever waits for the line reads the first; where there are more it names them all.
  const auto name_all = [&](std::string_view name, const std::vector<std::string>& all) {
    if (all.size() < 2) return;
    json.key(name).array();
    for (const auto& url : all) json.value(url);
    json.end();
  };
  name_all("listenAll", urls);
  name_all("adminAll", admin_urls);
  json.end();
  std::printf("%s\n", json.text().c_str());
  std::fflush(stdout);
}

// Ends the process when a stop hangs: ending hard loses nothing that was promised, and nobody should wait for ever. Its
// thread is there from the start, because when a stop is asked for none may be to be had.
class LastResort {
 public:
  LastResort() {
    std::thread([stopping = stopping_] {
      stopping->acquire();
      std::this_thread::sleep_for(std::chrono::milliseconds(9500));
      log::warning("stopped-hard", {{"detail", "not everything ended in time; what was in hand is handed out again"}});
      ::_exit(done);
    }).detach();
  }
  void a_stop_begins() { stopping_->release(); }

 private:
  std::shared_ptr<std::binary_semaphore> stopping_ = std::make_shared<std::binary_semaphore>(0);
};

// SIGHUP asks for new certificates where there are any. Where there are none it ends what was started in a terminal,
// which has gone, and a daemon goes on.
bool stays_after_hangup(Service& service) {
  if (service.reload()) return true;
  const int terminal = ::open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (terminal >= 0) {
    ::close(terminal);
    return false;
  }
  log::info("nothing-to-reload", {{"detail", "SIGHUP loads certificates again; none are configured"}});
  return true;
}

}  // namespace

int serve(const LoadedConfig& config) {
  // When this process began: what came before was loading, on one thread, nearly all of it processor time.
  const double began = seconds_of(CLOCK_MONOTONIC) - seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  const sigset_t ending = block_signals();
  raise_open_files();
  log::set_level(config.values.telemetry.log_level);
  for (const auto& warning : config.warnings) log::warning("configuration", {{"warning", warning}});
  tell_when_connections_are_fewer(config.values);

  if (auto writer = letter_writer(config.values); !writer) {
    std::fprintf(stderr, "globogym: %s\n", writer.error().message.c_str());
    return usage;
  }
  LastResort last_resort;
  auto service = Service::start(config);
  if (!service) {
    std::fprintf(stderr, "globogym: %s\n", service.error().message.c_str());
    return cannot_open;
  }
  print_ready_line(**service, began);
  log::info("ready", {{"version", GLOBOGYM_VERSION}});

  int signal = 0;
  while (::sigwait(&ending, &signal) != 0 || (signal == SIGHUP && stays_after_hangup(**service))) continue;
  log::info("stopping", {{"signal", signal}});
  last_resort.a_stop_begins();
  (*service)->stop();
  service->reset();
  log::info("stopped");
  return done;
}

}  // namespace globogym::app::cli
