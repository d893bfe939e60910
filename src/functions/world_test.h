// A small world for tests of functions: the memory engine, a host and a scripted function on a virtual clock.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/sim_loop.h"
#include "engine/memory/engine.h"
#include "functions/host.h"

namespace globogym::functions {

// Does as its script says, takes its time, and remembers what it was asked.
class Scripted final : public Function {
 public:
  using Script = std::function<Result<void>(const Invocation&)>;
  explicit Scripted(FunctionOptions options) : options_(std::move(options)) {}

  const FunctionOptions& options() const override { return options_; }
  std::uint64_t destination(const engine::Message& message) const override { return destination_of(message); }

  Task<Result<engine::Commit>> run(Invocation& invocation) override {
    ++running;
    most_running = std::max(most_running, running);
    starts.push_back({async::Loop::current()->clock().steady(), invocation.message.id, invocation.attempt});
    bool slept = true;
    if (takes > Duration{0}) slept = co_await async::sleep_for(takes, invocation.stop);
    --running;
    if (!slept) co_return fail(Fault::cancelled, "asked to stop");
    auto outcome = script(invocation);
    if (!outcome) co_return std::unexpected(outcome.error());
    engine::Commit commit;
    commit.documents.push_back(
        {{"done", "p", options_.name + "-" + invocation.message.id}, "{}", engine::Expect::absent()});
    commit.tallies.push_back({"done", 1});
    if (!options_.goes_on_to.empty())
      commit.messages.push_back({options_.goes_on_to, invocation.message.id, std::string(1000, 'x')});
    if (before_commit) before_commit(invocation);
    co_return commit;
  }

  Task<Result<engine::Commit>> on_parked(engine::Message message, int attempts, std::string reason,
                                         std::string) override {
    engine::Commit commit;
    commit.documents.push_back({{"parked", "p", message.id}, std::to_string(attempts) + " " + reason, {}});
    co_return commit;
  }
  Task<Result<engine::Commit>> on_revived(engine::KeptMessage, domain::Intervention) override {
    co_return engine::Commit{};
  }
  Task<Result<engine::Commit>> on_discarded(engine::KeptMessage, domain::Intervention) override {
    co_return engine::Commit{};
  }

  struct Start {
    SteadyTime at;
    std::string id;
    int attempt;
  };
  Script script = [](const Invocation&) { return Result<void>(); };
  std::function<void(const Invocation&)> before_commit;
  std::function<std::uint64_t(const engine::Message&)> destination_of = [](const engine::Message&) { return 0; };
  Duration takes = std::chrono::milliseconds(5);
  std::vector<Start> starts;
  std::size_t running = 0;
  std::size_t most_running = 0;

 private:
  FunctionOptions options_;
};

inline Result<void> fails_with(Fault fault) {
  return fail(fault, "as the script says");
}

class World {
 public:
  explicit World(std::uint64_t seed = 7, HostOptions host_options = {}) : options(host_options), random(seed) {
    on_loop([&] {
      engine.emplace(disk);
      host.emplace(*engine, loop.clock(), random, metrics, options);
    });
  }
  ~World() {
    if (host) stop_host();
  }

  // `work` runs on the loop, now.
  void on_loop(std::move_only_function<void()> work) {
    loop.post(std::move(work));
    loop.settle();
  }

  Scripted& add(FunctionOptions function_options) {
    auto function = std::make_unique<Scripted>(std::move(function_options));
    auto& reference = *function;
    host->add(std::move(function));
    return reference;
  }
  void start() {
    on_loop([&] { host->start(); });
    started_ = true;
  }
  void stop_host() {
    if (started_) loop.run(host->stop());
    started_ = false;
    host.reset();
  }
  // The process dies and a new one opens the same disk; the caller adds its functions anew.
  void crash() {
    on_loop([&] { engine->die(); });
    stop_host();
    loop.run_until_idle(std::chrono::minutes(1));
    engine.reset();
    on_loop([&] {
      engine.emplace(disk);
      host.emplace(*engine, loop.clock(), random, metrics, options);
    });
  }

  void put(std::string queue, std::string id, std::string body = "{}") {
    engine::Commit commit;
    commit.messages.push_back({.queue = std::move(queue), .id = std::move(id), .body = std::move(body)});
    ASSERT_TRUE(this->commit(std::move(commit)).has_value());
  }
  void put_many(const std::string& queue, int from, int to) {
    engine::Commit commit;
    for (int i = from; i < to; ++i)
      commit.messages.push_back({.queue = queue, .id = "m" + std::to_string(i), .body = "{}"});
    ASSERT_TRUE(this->commit(std::move(commit)).has_value());
  }
  Result<engine::Committed> commit(engine::Commit commit) { return loop.run(engine->commit(std::move(commit))); }

  std::int64_t tally(const std::string& counter) {
    auto tallies = loop.run(engine->tallies());
    return tallies ? (*tallies)[counter] : -1;
  }
  engine::QueueStats queue(const std::string& name) {
    auto queues = loop.run(engine->queues());
    for (; !queues; queues = loop.run(engine->queues())) loop.advance(std::chrono::milliseconds(100));
    for (auto& stats : *queues)
      if (stats.name == name) return stats;
    return {};
  }
  std::optional<engine::KeptMessage> message(const std::string& queue, const std::string& id) {
    auto found = loop.run(engine->find_message(queue, id));
    return found ? *found : std::nullopt;
  }
  std::optional<std::string> document(std::string container, std::string partition, std::string id) {
    auto found = loop.run(engine->get({std::move(container), std::move(partition), std::move(id)}));
    if (!found || !*found) return std::nullopt;
    return (*found)->body;
  }
  // Waits until `queue` holds nothing but dead letters.
  bool drain(const std::string& name, Duration at_most = std::chrono::hours(2)) {
    const auto end = loop.clock().steady() + at_most;
    while (loop.clock().steady() < end) {
      const auto stats = queue(name);
      if (stats.ready + stats.leased + stats.delayed == 0) return true;
      loop.advance(std::chrono::milliseconds(100));
    }
    return false;
  }

  HostOptions options;
  async::SimLoop loop;
  SeededRandom random;
  telemetry::Metrics metrics;
  engine::memory::Disk disk;
  std::optional<engine::memory::Engine> engine;
  std::optional<Host> host;

 private:
  bool started_ = false;
};

}  // namespace globogym::functions
