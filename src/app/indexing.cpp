#include "app/indexing.h"

#include <stop_token>
#include <thread>

#include "async/loop.h"
#include "gateway/answers/people.h"
#include "telemetry/log.h"

namespace globogym::app {
namespace {

using namespace std::chrono_literals;

// Between two steps of a few hundred entries: sign-ups go first.
constexpr Duration pause = 20ms;
constexpr Duration pause_after_failure = 5s;

}  // namespace

struct Indexing::Running {
  engine::Engine& engine;
  async::AsioLoop loop;
  async::Scope scope;
  std::stop_source stop;
  std::thread thread;

  explicit Running(engine::Engine& indexed) : engine(indexed) {}

  async::Task<void> index() {
    bool failed = false;
    while (!stop.stop_requested()) {
      auto done = co_await gateway::index_more(engine);
      if (done && *done) {
        log::info("enrollments-indexed", {{"meaning", "people are found with all their enrollments"}});
        break;
      }
      if (!done && !std::exchange(failed, true))
        log::warning("enrollments-not-indexed", {{"error", done.error().message}, {"meaning", "it is tried again"}});
      const bool on = co_await async::sleep_for(done ? pause : pause_after_failure, stop.get_token());
      if (!on) break;
    }
    loop.stop();
  }
};

Indexing::Indexing() = default;

std::unique_ptr<Indexing> Indexing::begin(engine::Engine& engine) {
  {
    async::AsioLoop loop;
    const auto done = async::run_until_done(loop, gateway::index_more(engine));
    if (done && *done) return nullptr;
  }
  std::unique_ptr<Indexing> indexing(new Indexing);
  indexing->running_ = std::make_unique<Running>(engine);
  indexing->running_->thread = std::thread([running = indexing->running_.get()] {
    running->loop.post([running] { running->scope.start(running->index()); });
    running->loop.run();
  });
  return indexing;
}

Indexing::~Indexing() {
  running_->loop.post([running = running_.get()] { running->stop.request_stop(); });
  running_->thread.join();
}

}  // namespace globogym::app
