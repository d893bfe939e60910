#include "async/loop.h"

#include <map>
#include <system_error>

#include "async/asio.h"

namespace globogym::async {
namespace {

thread_local Loop* current_loop = nullptr;

}  // namespace

Loop* Loop::current() {
  return current_loop;
}

Loop::Turning::Turning(Loop* loop) : before_(std::exchange(current_loop, loop)) {}
Loop::Turning::~Turning() {
  current_loop = before_;
}

namespace asio = boost::asio;

// All timers share one Asio timer: the earliest. A sorted map of ours behind it makes arming one cost no allocation in
// Asio and lets an id be two words.
struct AsioTimers {
  using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                                           asio::io_context::executor_type>;
  explicit AsioTimers(asio::io_context& io) : timer(io) {}

  void arm() {
    if (due.empty()) return;
    const SteadyTime first = due.begin()->first.first;
    if (armed && armed_for <= first) return;
    armed = true;
    armed_for = first;
    timer.expires_at(first);
    timer.async_wait([this](const boost::system::error_code& error) {
      if (error) return;  // re-armed for something earlier
      armed = false;
      fire();
    });
  }

  void fire() {
    const auto now = std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
    while (!due.empty() && due.begin()->first.first <= now) {
      auto node = due.extract(due.begin());
      when.erase(node.key().second);
      node.mapped()();
    }
    arm();
  }

  Timer timer;
  bool armed = false;
  SteadyTime armed_for;
  std::map<std::pair<SteadyTime, Loop::TimerId>, Loop::Job> due;
  std::map<Loop::TimerId, SteadyTime> when;
  Loop::TimerId next = 1;
};

struct ContextWithTimers : AsioLoop::Context {
  AsioTimers timers{io};
};

// What is lacking is said in the standard's words, which those understand who know nothing of Asio.
AsioLoop::AsioLoop() try : context_(std::make_unique<ContextWithTimers>()) {
} catch (const boost::system::system_error& lacking) {
  throw std::system_error(lacking.code());
}
AsioLoop::~AsioLoop() {
  // unique_ptr deletes through the base, which is not virtual: give it the right type back.
  delete static_cast<ContextWithTimers*>(context_.release());
}

void AsioLoop::run() {
  Turning turning(this);
  {
    auto guard = asio::make_work_guard(context_->io);
    context_->io.run();
  }
  // After the guard is gone: giving up the last work stops the context too.
  context_->io.restart();
}

void AsioLoop::stop() {
  context_->io.stop();
}

void AsioLoop::post(Job job) {
  asio::post(context_->io, std::move(job));
}

Loop::TimerId AsioLoop::at(SteadyTime when, Job job) {
  auto& timers = static_cast<ContextWithTimers&>(*context_).timers;
  const TimerId id = timers.next++;
  timers.due.emplace(std::pair{when, id}, std::move(job));
  timers.when.emplace(id, when);
  timers.arm();
  return id;
}

bool AsioLoop::cancel(TimerId timer) {
  auto& timers = static_cast<ContextWithTimers&>(*context_).timers;
  auto found = timers.when.find(timer);
  if (found == timers.when.end()) return false;
  timers.due.erase({found->second, timer});
  timers.when.erase(found);
  return true;
}

Task<bool> sleep_for(Duration duration, std::stop_token stop) {
  struct Awaiter {
    Duration duration;
    std::stop_token stop;
    Loop& loop;
    std::coroutine_handle<> caller;
    Loop::TimerId timer = 0;
    bool finished = false;
    std::optional<std::stop_callback<std::move_only_function<void()>>> on_stop;

    bool await_ready() { return stop.stop_requested(); }
    void await_suspend(std::coroutine_handle<> handle) {
      caller = handle;
      timer = loop.at(loop.clock().steady() + duration, [this] {
        finished = true;
        caller.resume();
      });
      // A stop is asked for on the loop's own thread; the resume is posted, so that it never runs inside the asker.
      if (stop.stop_possible())
        on_stop.emplace(stop, [this] {
          if (loop.cancel(timer)) loop.post([handle = caller] { handle.resume(); });
        });
    }
    bool await_resume() { return finished; }
  };
  ASSERT(Loop::current() != nullptr);
  Awaiter awaiter{.duration = duration, .stop = std::move(stop), .loop = *Loop::current(), .caller = {}, .on_stop = {}};
  const bool slept = co_await awaiter;
  co_return slept;
}

Task<void> yield_to_loop() {
  struct Awaiter {
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
      Loop::current()->post([caller] { caller.resume(); });
    }
    void await_resume() {}
  };
  co_await Awaiter{};
}

// The coroutine that owns a started task: it starts at once and destroys itself at its end.
struct Scope::Runner {
  struct promise_type {
    Runner get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };
};

Scope::Runner Scope::run(Scope& scope, Task<void> task) {
  {
    Task<void> owned = std::move(task);
    co_await std::move(owned);
  }
  scope.ended();
}

void Scope::start(Task<void> task) {
  ++running_;
  run(*this, std::move(task));
}

void Scope::ended() {
  --running_;
  if (running_ == 0 && joiner_) {
    // Posted: the scope's owner may be destroyed by the joiner while this frame still unwinds.
    Loop::current()->post([joiner = std::exchange(joiner_, nullptr)] { joiner.resume(); });
  }
}

Task<void> Scope::join() {
  struct Awaiter {
    Scope& scope;
    bool await_ready() { return scope.running_ == 0; }
    void await_suspend(std::coroutine_handle<> caller) {
      ASSERT(!scope.joiner_);
      scope.joiner_ = caller;
    }
    void await_resume() {}
  };
  co_await Awaiter{*this};
}

void Signal::notify_all() {
  auto waiting = std::exchange(waiting_, {});
  for (auto handle : waiting) Loop::current()->post([handle] { handle.resume(); });
}

namespace detail {
namespace {

Task<void> then_stop(AsioLoop& loop, Task<void> task) {
  co_await std::move(task);
  loop.stop();
}

}  // namespace

void run_to_end(AsioLoop& loop, Task<void> task) {
  Scope scope;
  loop.post([&] { scope.start(then_stop(loop, std::move(task))); });
  loop.run();
  ASSERT(scope.running() == 0);
}

}  // namespace detail

}  // namespace globogym::async
