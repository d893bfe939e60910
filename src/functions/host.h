// The host: leases messages, invokes functions, commits what they return.
//
// Every message it leases ends in one commit of the engine: done, given back, or parked with a reason; whatever the
// host cannot settle (a crash, a disk that refuses) is handed out again when its lease ends. How many attempts run at a
// time follows the backlog, the dependency's latency (Concurrency) and its health (Breaker). What a failure means is
// decided by retry.h. It does not promise order. Owned by one event loop, on which start() was called; what is marked
// thread-safe may be called from anywhere.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "engine/engine.h"
#include "functions/breaker.h"
#include "functions/function.h"
#include "functions/retry.h"
#include "telemetry/metrics.h"

namespace globogym::functions {

struct HostOptions {
  Backoff retry;
  BreakerOptions breaker;
  Duration lease_margin = std::chrono::seconds(30);  // how much longer a lease lasts than an attempt may
  Duration receive_wait = std::chrono::seconds(2);   // a long poll; also how late a resumed queue may be
  Duration grace = std::chrono::seconds(5);          // how long stop() lets attempts finish before it asks them to end
  int reruns_after_conflict = 8;                     // then the message is given back
  std::size_t first_concurrency = 8;                 // of a function with a dependency, before anything is known of it
  std::size_t committing_at_most = 1024;             // attempts of a function that have run and wait for their commit
};

// How one queue is served, for people.
struct QueueState {
  enum class State { running, paused, circuit_open };
  std::string queue;
  State state = State::running;
  std::size_t in_flight = 0;          // leased and not settled
  std::size_t concurrency_limit = 0;  // attempts that may run at a time now
  std::string dependency;             // empty: none, and the breaker is always closed
  Breaker::State breaker = Breaker::State::closed;
  std::optional<WallTime> next_probe;
  // What an attempt last failed with since the process started, in words that hold nothing personal.
  std::string last_error;  // empty: none has
  std::optional<WallTime> last_error_at;
  // Since when nothing of it has been done: its first failure since something was, or when it was paused.
  std::optional<WallTime> blocked_since;
};
std::string_view name(QueueState::State state);  // "running", "paused", "circuit-open"

class Host {
 public:
  // All of these outlive the host. `clock` must be the loop's.
  Host(engine::Engine& engine, const Clock& clock, Random& random, telemetry::Metrics& metrics,
       HostOptions options = {});
  ~Host();  // not between start() and the end of stop()
  Host(const Host&) = delete;

  // Before start(). One function a queue.
  void add(std::unique_ptr<Function> function);
  // Before start(): the queues that messages of these functions go on to are served by `next`, which outlives this
  // host, on another loop.
  void continues_in(const Host& next);
  // Needs a current loop.
  void start();
  // Leases no more, lets attempts finish for `grace`, then asks them to end, gives back what did not finish, and
  // returns when everything has ended. Long polls end with engine.close_receivers() or within `receive_wait`.
  Task<void> stop();

  // Thread-safe once started. Some loop turns old at most.
  std::vector<QueueState> queues() const;
  // Thread-safe. A paused queue is not leased from; attempts under way finish. False when no function has that queue.
  // Not remembered over a restart.
  bool pause(std::string_view queue);
  bool resume(std::string_view queue);
  // A person wants this message tried: when it is handed out next, its destination's trouble does not keep it.
  // Thread-safe. False when no function has that queue.
  bool ask_for(std::string_view queue, std::string message_id);
  // "running", "paused" or "circuit-open"; a queue without a function is paused for good. Thread-safe.
  std::string_view queue_state(std::string_view queue) const;
  // Every function added. Thread-safe once started.
  std::vector<Function*> functions() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace globogym::functions
