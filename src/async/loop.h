// An event loop: the one thread on which an object and its coroutines live.
//
// The real loop (AsioLoop) turns on an operating-system thread; the simulator's turns on a virtual clock. What is not
// marked thread-safe is called from the loop's own thread only.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "async/task.h"
#include "base/clock.h"

namespace globogym::async {

class Loop {
 public:
  using Job = std::move_only_function<void()>;
  using TimerId = std::uint64_t;

  virtual ~Loop() = default;
  // Runs `job` on the loop, after everything posted before it. Thread-safe.
  virtual void post(Job job) = 0;
  // Runs `job` once, not before `when`. Returns an id for cancel().
  virtual TimerId at(SteadyTime when, Job job) = 0;
  // Forgets a timer. False when it has already run or been cancelled.
  virtual bool cancel(TimerId timer) = 0;
  virtual const Clock& clock() const = 0;

  // The loop that is turning on this thread, or null.
  static Loop* current();

 protected:
  // Makes `loop` the current one for as long as this lives.
  class Turning {
   public:
    explicit Turning(Loop* loop);
    ~Turning();

   private:
    Loop* before_;
  };
};

// A loop on the calling thread, over the machine's clock.
class AsioLoop final : public Loop {
 public:
  AsioLoop();
  ~AsioLoop() override;
  // Turns until stop() has been called. Then destroys what is still posted, without running it.
  void run();
  // Thread-safe.
  void stop();

  void post(Job job) override;
  TimerId at(SteadyTime when, Job job) override;
  bool cancel(TimerId timer) override;
  const Clock& clock() const override { return clock_; }

  // For adapters that speak to sockets; defined by async/asio.h, the only door to Asio.
  struct Context;
  Context& context() { return *context_; }

 private:
  SystemClock clock_;
  std::unique_ptr<Context> context_;
};

// Suspends the caller for `duration`. False when `stop` was requested before that. Needs a current loop.
Task<bool> sleep_for(Duration duration, std::stop_token stop = {});

// Lets everything already posted run first.
Task<void> yield_to_loop();

// Tasks that run side by side on one loop and are joined together.
class Scope {
 public:
  Scope() = default;
  Scope(const Scope&) = delete;
  ~Scope() { ASSERT(running_ == 0); }
  // Starts `task` now, on the caller's stack, up to its first suspension.
  void start(Task<void> task);
  std::size_t running() const { return running_; }
  // Returns when every started task has ended. One joiner at a time.
  Task<void> join();

 private:
  struct Runner;
  static Runner run(Scope& scope, Task<void> task);
  void ended();

  std::size_t running_ = 0;
  std::coroutine_handle<> joiner_;
};

// Side by side, on one loop; what they returned, in their order.
template <class T>
Task<std::vector<T>> all(std::vector<Task<T>> tasks);
template <class A, class B>
Task<std::pair<A, B>> both(Task<A> one, Task<B> other);

// Lets coroutines of one loop wait until somebody says go. `notify_all` wakes those who wait now; it is not remembered.
class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  ~Signal() { ASSERT(waiting_.empty()); }
  void notify_all();
  auto wait() {
    struct Awaiter {
      Signal& signal;
      bool await_ready() { return false; }
      void await_suspend(std::coroutine_handle<> caller) { signal.waiting_.push_back(caller); }
      void await_resume() {}
    };
    return Awaiter{*this};
  }

 private:
  std::vector<std::coroutine_handle<>> waiting_;
};

// Runs `loop` on the calling thread until `task` has ended, and returns what it returned. For command-line tools and
// tests; the loop must not be turning yet.
template <class T>
T run_until_done(AsioLoop& loop, Task<T> task);

namespace detail {
void run_to_end(AsioLoop& loop, Task<void> task);
template <class T>
Task<void> keep(Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}
}  // namespace detail

template <class T>
Task<std::vector<T>> all(std::vector<Task<T>> tasks) {
  std::vector<std::optional<T>> returned(tasks.size());
  Scope scope;
  for (std::size_t i = 0; i < tasks.size(); ++i) scope.start(detail::keep(std::move(tasks[i]), returned[i]));
  co_await scope.join();
  std::vector<T> out;
  out.reserve(returned.size());
  for (auto& each : returned) out.push_back(std::move(*each));
  co_return std::move(out);
}

template <class A, class B>
Task<std::pair<A, B>> both(Task<A> one, Task<B> other) {
  std::optional<A> a;
  std::optional<B> b;
  Scope scope;
  scope.start(detail::keep(std::move(one), a));
  scope.start(detail::keep(std::move(other), b));
  co_await scope.join();
  co_return std::pair<A, B>(std::move(*a), std::move(*b));
}

template <class T>
T run_until_done(AsioLoop& loop, Task<T> task) {
  if constexpr (std::is_void_v<T>) {
    detail::run_to_end(loop, std::move(task));
  } else {
    std::optional<T> out;
    detail::run_to_end(loop, detail::keep(std::move(task), out));
    return std::move(*out);
  }
}

}  // namespace globogym::async
