#include "app/usage_clock.h"

#include <map>
#include <stop_token>
#include <string>
#include <thread>

#include "async/loop.h"
#include "domain/records.h"

namespace globogym::app {
namespace {

std::int64_t total(const std::map<std::string, std::int64_t>& tallies, domain::Status status) {
  const auto found = tallies.find(std::string(domain::tally::of(status)));
  return found == tallies.end() ? 0 : found->second;
}

}  // namespace

struct UsageClock::Running {
  gateway::Analytics& analytics;
  gateway::ApiKeys& keys;
  engine::Engine& engine;
  const Duration every;
  async::AsioLoop loop;
  async::Scope scope;
  std::stop_source stop;
  std::thread thread;

  Running(gateway::Analytics& counted, gateway::ApiKeys& used, engine::Engine& told, Duration pace)
      : analytics(counted), keys(used), engine(told), every(pace) {}

  async::Task<void> turn() {
    for (bool on = true; on;) {
      auto tallies = co_await engine.tallies();
      // What cannot be read now is counted into the next window's slot.
      if (tallies)
        analytics.fold({.completed = total(*tallies, domain::Status::completed),
                        .rejected = total(*tallies, domain::Status::rejected)});
      // What cannot be written now is tried again, and written at the end.
      (void)co_await keys.write_down_use(false);
      on = co_await async::sleep_for(every, stop.get_token());
    }
    loop.stop();
  }
};

UsageClock::UsageClock(gateway::Analytics& analytics, gateway::ApiKeys& keys, engine::Engine& engine, Duration every)
    : running_(std::make_unique<Running>(analytics, keys, engine, every)) {
  running_->thread = std::thread([running = running_.get()] {
    running->loop.post([running] { running->scope.start(running->turn()); });
    running->loop.run();
  });
}

UsageClock::~UsageClock() {
  running_->loop.post([running = running_.get()] { running->stop.request_stop(); });
  running_->thread.join();
}

}  // namespace globogym::app
