// What the host is made of, for its own two source files: host.cpp (leasing, time, what people see) and attempts.cpp
// (one attempt from its lease to its settlement). Nobody else includes this.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "async/loop.h"
#include "functions/deadlines.h"
#include "functions/destinations.h"
#include "functions/host.h"
#include "functions/remembered.h"
#include "functions/scaling.h"
#include "functions/sparingly.h"
#include "functions/wake.h"

namespace globogym::functions {

// How an attempt ended, as a metric's label.
enum class Outcome { completed, retried, given_back, parked, lease_lost, unsettled, rerun };
inline constexpr std::array<std::string_view, 7> outcome_names = {"completed",  "retried",   "given-back", "parked",
                                                                  "lease-lost", "unsettled", "rerun"};

// A dependency's breaker, and who is to be woken when it changes.
struct Dependency {
  std::string name;
  std::optional<Breaker> breaker;
  std::string last_error;  // what it last failed with, for the log
  Destinations destinations{100'000};
  telemetry::Gauge* state = nullptr;
};

// How a queue fares, told by the host's loop and looked at from others.
class Fortune {
 public:
  struct Told {
    std::string last_error;
    std::optional<WallTime> last_error_at;
    std::optional<WallTime> failing_since;  // the first failure since something was done
    std::optional<WallTime> paused_since;
  };

  void failed(std::string error, WallTime now) {
    const std::lock_guard lock(mutex_);
    told_.last_error = std::move(error);
    told_.last_error_at = now;
    if (!told_.failing_since) told_.failing_since = now;
    failing_ = true;
  }
  // Only the host's loop calls this and failed().
  void served() {
    if (!std::exchange(failing_, false)) return;
    const std::lock_guard lock(mutex_);
    told_.failing_since.reset();
  }
  void paused(bool pause, WallTime now) {
    const std::lock_guard lock(mutex_);
    if (!pause)
      told_.paused_since.reset();
    else if (!told_.paused_since)
      told_.paused_since = now;
  }
  Told told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  mutable std::mutex mutex_;
  Told told_;
  bool failing_ = false;
};

// Messages that a person has asked for. Bounded: of too many the newest are not remembered.
class AskedFor {
 public:
  void add(std::string id) {
    const std::lock_guard lock(mutex_);
    if (ids_.size() < at_most) ids_.insert(std::move(id));
    any_ = !ids_.empty();
  }
  // True once for each.
  bool take(const std::string& id) {
    if (!any_) return false;
    const std::lock_guard lock(mutex_);
    const bool was = ids_.erase(id) > 0;
    any_ = !ids_.empty();
    return was;
  }

 private:
  static constexpr std::size_t at_most = 1000;
  std::mutex mutex_;
  std::unordered_set<std::string> ids_;
  std::atomic<bool> any_ = false;
};

// One function and everything the host knows about serving its queue.
struct Served {
  Served(std::unique_ptr<Function> f, const HostOptions& host)
      : function(std::move(f)),
        options(function->options()),
        lease_for(kept_ahead + options.attempt_time + options.attempt_time / 16 + host.lease_margin),
        // With no dependency there is nothing to find out: more at a time is better up to the maximum.
        concurrency(options.dependency.empty() ? options.max_concurrency : host.first_concurrency,
                    options.max_concurrency),
        deadlines(options.attempt_time) {}

  // So long a message may be leased ahead of its attempt.
  static constexpr Duration kept_ahead = std::chrono::seconds(2);

  std::unique_ptr<Function> function;
  const FunctionOptions& options;
  const Duration lease_for;
  Dependency* dependency = nullptr;
  Concurrency concurrency;
  Deadlines deadlines;
  Wake wake;
  Remembered loose{10'000};
  // Leased ahead: an attempt that ends makes room for the first of them at once.
  struct Ahead {
    engine::Delivery delivery;
    SteadyTime leased{};
  };
  std::deque<Ahead> ahead;
  bool beginning = false;  // some of them
  // The messages in attempts of ours. An engine that recovers hands them out again while they are still being worked
  // on.
  std::unordered_set<std::string_view> at_work;
  std::list<SteadyTime> running;  // since when each is in Function::run, oldest first
  SteadyTime last_ended{};        // one of them
  std::size_t in_flight = 0;      // those, and those whose commit is under way

  // What other threads see.
  Fortune fortune;
  AskedFor asked_for;
  std::atomic<bool> paused = false;
  std::atomic<bool> shown_quick = false;
  std::atomic<std::size_t> shown_in_flight = 0;
  std::atomic<std::size_t> shown_limit = 0;
  std::atomic<Breaker::State> shown_breaker = Breaker::State::closed;
  std::atomic<WallTime::rep> shown_next_probe = 0;  // 0: none

  std::array<telemetry::Counter*, outcome_names.size()> outcomes{};
  telemetry::Counter* retries = nullptr;
  telemetry::Histogram* duration = nullptr;
  telemetry::Gauge* in_flight_gauge = nullptr;
  telemetry::Gauge* limit_gauge = nullptr;

  // How many may run at a time. The limit is for those that take as long as usual: an answer that does not come says
  // nothing of how many are good for the dependency, and must not keep all others waiting for it.
  std::size_t limit(SteadyTime now) const {
    const auto usual = std::ranges::find_if(running, [&](SteadyTime since) { return now - since < unusually_long; });
    const auto stuck = static_cast<std::size_t>(std::distance(running.begin(), usual));
    return std::min(options.max_concurrency, concurrency.limit() + stuck);
  }

  // How many to lease ahead: what is begun within a tenth of a second at the rate at which attempts end now. Of what
  // takes longer, and of a dependency in trouble, nothing: a lease is not for waiting.
  std::size_t ahead_at_most(SteadyTime now) const {
    constexpr Duration soon = std::chrono::milliseconds(100);
    constexpr std::size_t most = 256;
    if (!dependency || dependency->breaker->state() != Breaker::State::closed) return 0;
    if (concurrency.latency() == Duration{0}) return 0;
    const Duration each = std::max(concurrency.latency(), now - last_ended);
    return static_cast<std::size_t>(
        std::min<std::uint64_t>(limit(now) * static_cast<std::uint64_t>(soon / each), most));
  }

  // Its queue gets shorter, by some hundred messages a second or more.
  bool is_quick(SteadyTime now) const {
    constexpr std::size_t within_a_tenth_of_a_second = 50;
    return !paused && ahead_at_most(now) >= within_a_tenth_of_a_second;
  }

  void count(Outcome outcome) { outcomes[static_cast<std::size_t>(outcome)]->add(); }
};

// What is held while a message is leased.
struct Held {
  engine::Lease lease;
  SteadyTime ends{};  // when the lease does
  Deadlines::Place deadline;
  std::optional<Breaker::Ticket> ticket;
  std::uint64_t destination = 0;
  std::uint64_t attempt = 0;  // the ticket's number
  Destinations::Kind kind = Destinations::Kind::fresh;
  SteadyTime destination_waits{};  // until then, when this attempt has put it off
  int failures = 0;                // attempts before this one that reported why they failed
  int put_off = 0;                 // how often the dependency put its destination off; see Destinations
  int unknown_outcomes = 0;        // of this message, as far as is known
};

// What Destinations knows a message by.
inline std::uint64_t destination_key(std::uint64_t destination, const std::string& message) {
  return destination != 0 ? destination : std::hash<std::string>()(message);
}

struct Host::Impl {
  engine::Engine& engine;
  const Clock& clock;
  Random& random;
  telemetry::Metrics& metrics;
  const HostOptions options;
  std::map<std::string, std::unique_ptr<Dependency>, std::less<>> dependencies;
  std::vector<std::unique_ptr<Served>> served;
  const Impl* next_door = nullptr;  // see continues_in()

  async::Scope work;    // feeds and attempts
  async::Scope timers;  // the sweep, and the end of the grace
  std::stop_source stopping;
  std::stop_source joined;
  bool grace_over = false;
  // The disk refused a commit or a lease: nothing new is leased before this.
  SteadyTime engine_back{};
  int engine_failures = 0;
  Sparingly delays_told{20, std::chrono::minutes(10)};
  Sparingly destinations_told{20, std::chrono::minutes(10)};
  Sparingly outages_told{20, std::chrono::minutes(10)};
  SparinglyEach failures_told{10'000, std::chrono::minutes(1)};
  Sparingly all_failures_told{30, std::chrono::minutes(1)};

  void add(std::unique_ptr<Function> function);
  Task<void> feed(Served& s);
  std::size_t begin_some(Served& s);
  // An attempt has run, and what it says of the dependency is known.
  void make_room(Served& s) {
    begin_some(s);
    if (wanted(s, clock.steady()) > 0) s.wake.notify();
  }
  void hand_out(Served& s, engine::Delivery delivery, SteadyTime leased);
  void return_stale(Served& s);
  void put_a_fresh_one_first(const Served& s, std::vector<engine::Delivery>& deliveries) const;
  Task<void> attempt(Served& s, engine::Delivery delivery, Held held);
  Task<Outcome> carry_out(Served& s, Invocation& invocation, Held& held);
  Task<Outcome> after_failure(Served& s, Invocation& invocation, Held& held, Error error);
  Task<Outcome> park(Served& s, const Invocation& invocation, const Held& held, std::string reason, std::string error);
  Task<Outcome> settle(Served& s, const Held& held, engine::GiveBack how);
  Task<void> return_unused(Served& s, engine::Delivery delivery, Duration away);
  Task<bool> wait_for_engine(const Held& held, int failures);
  Task<void> sweep();
  Task<void> end_grace();

  std::size_t wanted(Served& s, SteadyTime now);
  std::string next_queue(const Served& s, SteadyTime now) const;
  Verdict blame(Served& s, const Invocation& invocation, Held& held, const Error& error);
  struct How {
    Fault fault = Fault::unavailable;
    bool probe = false;
  };
  Duration away(Served& s, const Held& held, const Verdict& verdict, How ended);
  bool too_old(const Served& s, SteadyTime kept_since) const;
  std::optional<Duration> destination_waits(Served& s, const engine::Delivery& delivery, std::uint64_t destination,
                                            SteadyTime leased);
  void put_destination_off(Served& s, Held& held, const Error& error, Duration wait, std::optional<Duration> fresh_wait,
                           int failures);
  static constexpr int many_in_a_row = 10;
  void tell_few_are_tried(const Dependency& dependency, const Error& error);
  void tell_nobody_is_served(const Dependency& dependency, const Error& error);
  void tell_failure(const Served& s, const Held& held, int attempt, const Error& error, Duration stays_away);
  void notice_delay(const Served& s, const Invocation& invocation, const Error& error);
  void remember(Served& s, const Invocation& invocation, const Held& held, Outcome outcome);
  void engine_failed(const Error& error);
  void engine_worked() { engine_failures = 0; }
  void breaker_changed(Dependency& dependency, Breaker::State now, std::string_view why);
  void publish(Served& s, SteadyTime now);
  Served* find(std::string_view queue) const;
};

}  // namespace globogym::functions
