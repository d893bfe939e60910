// Where the engine's contract is tried out: each adapter in a world in which time can be moved and the process can die.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "async/loop.h"
#include "async/sim_loop.h"
#include "engine/engine.h"
#include "engine/memory/engine.h"
#include "engine/rocksdb/engine.h"

namespace globogym::engine {

class World {
 public:
  virtual ~World() = default;
  virtual Engine& engine() = 0;
  // Runs `job` on a loop of this world until it has returned.
  virtual void on_loop(std::function<async::Task<void>()> job) = 0;
  virtual void advance(Duration duration) = 0;
  // Somebody sets the wall clock, forwards or back.
  virtual void step_wall(Duration by) = 0;
  virtual WallTime now() = 0;
  // The process dies without a word and comes back.
  virtual void crash() = 0;
  // The process ends in order and comes back.
  virtual void restart() = 0;

  template <class T>
  T run(async::Task<T> task) {
    std::optional<T> out;
    std::optional<async::Task<T>> held(std::move(task));
    on_loop([&] { return store(std::move(*held), out); });
    return std::move(*out);
  }

 private:
  template <class T>
  static async::Task<void> store(async::Task<T> task, std::optional<T>& out) {
    out.emplace(co_await std::move(task));
  }
};

class MemoryWorld final : public World {
 public:
  MemoryWorld() { start(); }
  ~MemoryWorld() override { stop(); }
  Engine& engine() override { return *engine_; }
  void on_loop(std::function<async::Task<void>()> job) override { loop_.run(job()); }
  void advance(Duration duration) override { loop_.advance(duration); }
  void step_wall(Duration by) override { loop_.step_wall(by); }
  WallTime now() override { return loop_.clock().wall(); }
  void crash() override {
    stop();
    SeededRandom random(7);
    disk_.lose_power(random);
    start();
  }
  void restart() override {
    stop();
    start();
  }

 private:
  void start() {
    on_loop([this]() -> async::Task<void> { return make(*this); });
  }
  static async::Task<void> make(MemoryWorld& world) {
    world.engine_ = std::make_unique<memory::Engine>(world.disk_, memory::Options{.window_bytes = 4096});
    co_return;
  }
  void stop() {
    engine_->die();
    loop_.advance(std::chrono::milliseconds(10));
    engine_.reset();
  }

  async::SimLoop loop_;
  memory::Disk disk_;
  std::unique_ptr<memory::Engine> engine_;
};

// The machine's time, moved on by hand.
class ShiftedClock final : public Clock {
 public:
  WallTime wall() const override { return system_.wall() + shift_.load() + step_.load(); }
  SteadyTime steady() const override { return system_.steady() + shift_.load(); }
  void advance(Duration duration) { shift_.store(shift_.load() + duration); }
  void step_wall(Duration by) { step_.store(step_.load() + by); }

 private:
  SystemClock system_;
  std::atomic<Duration> shift_{}, step_{};
};

class RocksWorld final : public World {
 public:
  RocksWorld() {
    std::string name = (std::filesystem::temp_directory_path() / "globogym-engine-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    start();
  }
  ~RocksWorld() override {
    engine_.reset();
    std::filesystem::remove_all(directory_);
  }
  Engine& engine() override { return *engine_; }
  void on_loop(std::function<async::Task<void>()> job) override {
    async::AsioLoop loop;
    async::run_until_done(loop, job());
  }
  void advance(Duration duration) override { clock_.advance(duration); }
  void step_wall(Duration by) override { clock_.step_wall(by); }
  WallTime now() override { return clock_.wall(); }
  // What a killed process leaves: the files as they stand while it runs.
  void crash() override {
    const auto copy = directory_ + ".killed";
    std::filesystem::copy(directory_, copy, std::filesystem::copy_options::recursive);
    engine_.reset();
    std::filesystem::remove_all(directory_);
    std::filesystem::rename(copy, directory_);
    start();
  }
  void restart() override {
    engine_.reset();
    start();
  }

 private:
  void start() {
    auto opened =
        rocksdb::open({.directory = directory_ + "/engine", .disk_reserve = 0, .window_bytes = 4096}, clock_, metrics_);
    ASSERT_TRUE(opened) << opened.error().message;
    engine_ = std::move(*opened);
  }

  ShiftedClock clock_;
  telemetry::Metrics metrics_;
  std::string directory_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace globogym::engine
