// Lets one coroutine wait until it is woken or a time has come. A wake-up with nobody waiting is remembered, once.
// Owned by one event loop.
#pragma once

#include <coroutine>
#include <utility>

#include "async/loop.h"
#include "base/assert.h"

namespace globogym::functions {

class Wake {
 public:
  Wake() = default;
  Wake(const Wake&) = delete;
  ~Wake() { ASSERT(!waiting_); }

  void notify() {
    if (!waiting_) {
      noted_ = true;
      return;
    }
    async::Loop& loop = *async::Loop::current();
    loop.cancel(timer_);
    // Posted: everything that happens in this turn of the loop is one wake-up.
    loop.post([handle = std::exchange(waiting_, nullptr)] { handle.resume(); });
  }

  // Co_await it. One waiter at a time.
  auto until(SteadyTime when) {
    struct Awaiter {
      Wake& wake;
      SteadyTime when;
      bool await_ready() { return std::exchange(wake.noted_, false); }
      void await_suspend(std::coroutine_handle<> caller) {
        ASSERT(!wake.waiting_);
        wake.waiting_ = caller;
        wake.timer_ = async::Loop::current()->at(when, [w = &wake] { std::exchange(w->waiting_, nullptr).resume(); });
      }
      void await_resume() {}
    };
    return Awaiter{*this, when};
  }

 private:
  std::coroutine_handle<> waiting_;
  async::Loop::TimerId timer_ = 0;
  bool noted_ = false;
};

}  // namespace globogym::functions
