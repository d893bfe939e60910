#include "app/workshop.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <future>
#include <thread>
#include <utility>

#include "app/installation.h"
#include "app/work.h"
#include "async/loop.h"

namespace globogym::app {

unsigned workshop_threads(std::uint32_t configured, unsigned cores) {
  // On two cores a second thread only takes turns with the first.
  if (configured == 0) return cores > 2 ? 2 : 1;
  return configured;
}

class Workshop::Desk {
 public:
  Desk(const Config& config, Installation& installation)
      : host_(installation.engine(), installation.clock(), installation.random(), installation.metrics(),
              {.retry = {.first_delay = config.retry.first_delay, .max_delay = config.retry.max_delay},
               .grace = config.service.shutdown_time * 3 / 4}) {}
  Desk(const Desk&) = delete;
  ~Desk() {
    if (!thread_.joinable()) return;
    begin_stop();
    wait_until_stopped();
  }

  functions::Host& host() { return host_; }
  void owns(std::unique_ptr<mail::Mailer> mailer) { mailer_ = std::move(mailer); }

  void start() {
    std::promise<void> started;
    auto running = started.get_future();
    thread_ = std::thread([this, &started] {
      // Taking sign-ups goes first: this thread works with what is left. Per thread on Linux.
      ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 10);
      loop_.post([this, &started] {
        host_.start();
        started.set_value();
      });
      loop_.run();
    });
    running.wait();
  }

  void begin_stop() {
    if (std::exchange(stopping_, true)) return;
    loop_.post([this] { scope_.start(wind_down()); });
  }
  void wait_until_stopped() { thread_.join(); }

 private:
  async::Task<void> wind_down() {
    if (mailer_) mailer_->leave_soon();
    co_await host_.stop();
    if (mailer_) co_await mailer_->close();
    loop_.stop();
  }

  async::AsioLoop loop_;
  std::unique_ptr<mail::Mailer> mailer_;
  functions::Host host_;
  async::Scope scope_;
  std::thread thread_;
  bool stopping_ = false;
};

Workshop::Workshop() = default;
Workshop::~Workshop() {
  for (auto& desk : desks_) desk->begin_stop();
  desks_.clear();
}

Result<std::unique_ptr<Workshop>> Workshop::open(const Config& config, Installation& installation) {
  std::unique_ptr<Workshop> workshop(new Workshop());
  auto& desks = workshop->desks_;
  const unsigned threads = workshop_threads(config.functions.threads, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < threads; ++i) desks.push_back(std::make_unique<Desk>(config, installation));
  auto mailer = open_mailer(config, installation.metrics());
  if (!mailer) return std::unexpected(mailer.error());
  auto functions = working_functions(config, installation, **mailer);
  if (!functions) return std::unexpected(functions.error());
  Desk& letters = *desks.back();
  letters.owns(std::move(*mailer));
  for (auto& function : *functions) {
    const bool sends = !function->options().dependency.empty();
    (sends ? letters : *desks.front()).host().add(std::move(function));
  }
  if (desks.size() > 1) desks.front()->host().continues_in(letters.host());
  for (auto& desk : desks) desk->start();
  return workshop;
}

void Workshop::begin_stop() {
  for (auto& desk : desks_) desk->begin_stop();
}

void Workshop::wait_until_stopped() {
  for (auto& desk : desks_) desk->wait_until_stopped();
}

bool Workshop::pause(std::string_view queue, bool pause) {
  for (auto& desk : desks_)
    if (pause ? desk->host().pause(queue) : desk->host().resume(queue)) return true;
  return false;
}

void Workshop::ask_for(std::string_view queue, std::string message_id) {
  for (auto& desk : desks_) desk->host().ask_for(queue, message_id);
}

functions::QueueState Workshop::state(std::string_view queue) const {
  for (const auto& desk : desks_)
    for (auto& known : desk->host().queues())
      if (known.queue == queue) return std::move(known);
  return {};
}

}  // namespace globogym::app
