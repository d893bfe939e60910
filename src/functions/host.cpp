#include "functions/host.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <map>

#include "async/loop.h"
#include "functions/deadlines.h"
#include "functions/remembered.h"
#include "functions/scaling.h"
#include "functions/wake.h"
#include "telemetry/log.h"

namespace globogym::functions {
namespace {

// How an attempt ended, as a metric's label.
enum class Outcome { completed, retried, given_back, parked, lease_lost, unsettled, rerun };
constexpr std::array<std::string_view, 7> outcome_names = {"completed",  "retried",   "given-back", "parked",
                                                           "lease-lost", "unsettled", "rerun"};

// A dependency's breaker, and who is to be woken when it changes.
struct Dependency {
  std::string name;
  std::optional<Breaker> breaker;
  telemetry::Gauge* state = nullptr;
};

// One function and everything the host knows about serving its queue.
struct Served {
  Served(std::unique_ptr<Function> f, const HostOptions& host)
      : function(std::move(f)),
        options(function->options()),
        lease_for(options.attempt_time + options.attempt_time / 16 + host.lease_margin),
        // With no dependency there is nothing to find out: more at a time is better up to the maximum.
        concurrency(options.dependency.empty() ? options.max_concurrency : host.first_concurrency,
                    options.max_concurrency),
        deadlines(options.attempt_time) {}

  std::unique_ptr<Function> function;
  const FunctionOptions& options;
  const Duration lease_for;
  Dependency* dependency = nullptr;
  Concurrency concurrency;
  Deadlines deadlines;
  Wake wake;
  Remembered done_before{10'000};
  std::size_t running = 0;    // in Function::run
  std::size_t in_flight = 0;  // those, and those whose commit is under way

  // What other threads see.
  std::atomic<bool> paused = false;
  std::atomic<std::size_t> shown_in_flight = 0;
  std::atomic<std::size_t> shown_limit = 0;
  std::atomic<Breaker::State> shown_breaker = Breaker::State::closed;
  std::atomic<WallTime::rep> shown_next_probe = 0;  // 0: none

  std::array<telemetry::Counter*, outcome_names.size()> outcomes{};
  telemetry::Counter* retries = nullptr;
  telemetry::Histogram* duration = nullptr;
  telemetry::Gauge* in_flight_gauge = nullptr;
  telemetry::Gauge* limit_gauge = nullptr;

  void count(Outcome outcome) { outcomes[static_cast<std::size_t>(outcome)]->add(); }
};

// What is held while a message is leased.
struct Held {
  engine::Lease lease;
  SteadyTime ends{};  // when the lease does
  Deadlines::Place deadline;
  std::optional<Breaker::Ticket> ticket;
};

// An error as it is kept with a message: whole UTF-8 characters, at most 500 bytes.
std::string kept(std::string text) {
  constexpr std::size_t longest = 500;
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text;
}

}  // namespace

struct Host::Impl {
  engine::Engine& engine;
  const Clock& clock;
  Random& random;
  telemetry::Metrics& metrics;
  const HostOptions options;
  std::map<std::string, std::unique_ptr<Dependency>, std::less<>> dependencies;
  std::vector<std::unique_ptr<Served>> served;

  async::Scope work;    // feeds and attempts
  async::Scope timers;  // the sweep, and the end of the grace
  std::stop_source stopping;
  std::stop_source joined;
  bool grace_over = false;
  // The disk refused a commit or a lease: nothing new is leased before this.
  SteadyTime engine_back{};
  int engine_failures = 0;

  void add(std::unique_ptr<Function> function);
  Task<void> feed(Served& s);
  void hand_out(Served& s, engine::Delivery delivery);
  Task<void> attempt(Served& s, engine::Delivery delivery, Held held);
  Task<Outcome> carry_out(Served& s, Invocation& invocation, Held& held);
  Task<Outcome> after_failure(Served& s, Invocation& invocation, Held& held, Error error);
  Task<Outcome> park(Served& s, const Invocation& invocation, const Held& held, std::string reason, std::string error);
  Task<Outcome> settle(Served& s, const Held& held, engine::GiveBack how);
  Task<void> return_unused(Served& s, engine::Delivery delivery);
  Task<bool> wait_for_engine(const Held& held, int failures);
  Task<void> sweep();
  Task<void> end_grace();

  std::size_t slots(Served& s, SteadyTime now);
  Verdict blame(Served& s, const Invocation& invocation, Held& held, const Error& error);
  Duration away(Served& s, const Invocation& invocation, const Verdict& verdict, bool probe);
  void engine_failed(const Error& error);
  void engine_worked() { engine_failures = 0; }
  void breaker_changed(Dependency& dependency, Breaker::State now);
  void publish(Served& s, SteadyTime now);
  Served* find(std::string_view queue) const;
};

Host::Host(engine::Engine& engine, const Clock& clock, Random& random, telemetry::Metrics& metrics, HostOptions options)
    : impl_(new Impl{engine, clock, random, metrics, options}) {}
Host::~Host() = default;

void Host::add(std::unique_ptr<Function> function) {
  impl_->add(std::move(function));
}

void Host::Impl::add(std::unique_ptr<Function> function) {
  ASSERT(work.running() == 0 && find(function->options().name) == nullptr);
  auto& s = *served.emplace_back(std::make_unique<Served>(std::move(function), options));
  const telemetry::Labels labels = {{"function", s.options.name}};
  for (std::size_t i = 0; i < outcome_names.size(); ++i)
    s.outcomes[i] = &metrics.counter("globogym_function_invocations_total", "Attempts by how they ended",
                                     {{"function", s.options.name}, {"outcome", std::string(outcome_names[i])}});
  s.retries = &metrics.counter("globogym_function_retries_total", "Attempts that were not a message's first", labels);
  s.duration = &metrics.histogram("globogym_function_duration_seconds", "How long a function ran, without its commit",
                                  telemetry::latency_bounds_seconds(), labels);
  s.in_flight_gauge = &metrics.gauge("globogym_function_in_flight", "Messages leased and not settled", labels);
  s.limit_gauge = &metrics.gauge("globogym_function_concurrency_limit", "Attempts that may run at a time", labels);
  if (s.options.dependency.empty()) return;

  auto& dependency = dependencies[s.options.dependency];
  if (!dependency) {
    dependency = std::make_unique<Dependency>();
    dependency->name = s.options.dependency;
    dependency->state = &metrics.gauge("globogym_function_breaker_state", "0 closed, 1 half open, 2 open",
                                       {{"dependency", s.options.dependency}});
    dependency->breaker.emplace(options.breaker, random,
                                [this, d = dependency.get()](Breaker::State now) { breaker_changed(*d, now); });
  }
  s.dependency = dependency.get();
}

void Host::start() {
  ASSERT(async::Loop::current() != nullptr && !impl_->stopping.stop_requested());
  for (auto& s : impl_->served) impl_->work.start(impl_->feed(*s));
  impl_->timers.start(impl_->sweep());
}

Task<void> Host::stop() {
  impl_->stopping.request_stop();
  for (auto& s : impl_->served) s->wake.notify();
  impl_->timers.start(impl_->end_grace());
  co_await impl_->work.join();
  impl_->joined.request_stop();
  co_await impl_->timers.join();
  for (auto& s : impl_->served) impl_->publish(*s, impl_->clock.steady());
}

// ---- leasing --------------------------------------------------------------------------------------------------------

Task<void> Host::Impl::feed(Served& s) {
  constexpr Duration look_again = std::chrono::seconds(1);
  constexpr Duration look_again_paused = std::chrono::milliseconds(250);
  constexpr std::size_t started_at_once = 16;  // then others on this loop have their turn
  while (!stopping.stop_requested()) {
    const SteadyTime now = clock.steady();
    publish(s, now);
    if (s.paused) {
      co_await s.wake.until(now + look_again_paused);
      continue;
    }
    if (now < engine_back) {
      co_await s.wake.until(engine_back);
      continue;
    }
    const std::size_t at_most = slots(s, now);
    if (at_most == 0) {
      SteadyTime until = now + look_again;
      if (s.dependency)
        if (const auto probe = s.dependency->breaker->next_probe(); probe && *probe > now)
          until = std::min(until, *probe);
      co_await s.wake.until(until);
      continue;
    }

    auto deliveries = co_await engine.receive(
        {.queue = s.options.name, .lease_for = s.lease_for, .at_most = at_most, .wait_for = options.receive_wait});
    if (!deliveries) {
      // Cancelled: the engine's receivers are closed for good, which is the beginning of a shut-down.
      if (deliveries.error().fault == Fault::cancelled) break;
      engine_failed(deliveries.error());
      continue;
    }
    std::size_t started = 0;
    for (auto& delivery : *deliveries) {
      hand_out(s, std::move(delivery));
      if (++started % started_at_once == 0) co_await async::yield_to_loop();
    }
  }
}

std::size_t Host::Impl::slots(Served& s, SteadyTime now) {
  constexpr std::size_t batch_at_most = 256;
  const std::size_t limit = s.concurrency.limit();
  const std::size_t in_flight_at_most = limit + options.committing_at_most;
  if (s.running >= limit) s.concurrency.wanted_more();
  if (s.running >= limit || s.in_flight >= in_flight_at_most) return 0;
  std::size_t free = std::min({limit - s.running, in_flight_at_most - s.in_flight, batch_at_most});
  if (s.dependency) free = std::min(free, s.dependency->breaker->allowance(now));
  return free;
}

// Begins an attempt at a message just leased, unless things have changed while the lease was waited for.
void Host::Impl::hand_out(Served& s, engine::Delivery delivery) {
  const SteadyTime now = clock.steady();
  std::optional<Breaker::Ticket> ticket;
  bool allowed = !s.paused && !stopping.stop_requested();
  if (allowed && s.dependency) {
    ticket = s.dependency->breaker->begin(now);
    allowed = ticket.has_value();
  }
  if (!allowed) {
    work.start(return_unused(s, std::move(delivery)));
    return;
  }
  Held held{.lease = delivery.lease, .ends = now + s.lease_for, .deadline = s.deadlines.join(now), .ticket = ticket};
  work.start(attempt(s, std::move(delivery), std::move(held)));
}

Task<void> Host::Impl::return_unused(Served& s, engine::Delivery delivery) {
  const Held held{.lease = delivery.lease, .ends = clock.steady() + s.lease_for, .deadline = {}, .ticket = {}};
  ++s.in_flight;
  // Nobody tried it, so there is nothing to wait for.
  const Outcome outcome = co_await settle(s, held, {.visible_at = clock.wall(), .error = {}, .count_attempt = false});
  s.count(outcome);
  --s.in_flight;
}

// ---- one attempt ----------------------------------------------------------------------------------------------------

Task<void> Host::Impl::attempt(Served& s, engine::Delivery delivery, Held held) {
  ++s.in_flight;
  if (delivery.attempt > 1) s.retries->add();
  std::string effect = s.done_before.recall(delivery.message.id);
  Invocation invocation{.message = std::move(delivery.message),
                        .attempt = delivery.attempt,
                        .max_attempts = s.options.max_attempts,
                        .enqueued_at = delivery.enqueued_at,
                        .history = std::move(delivery.history),
                        .stop = held.deadline->stop.get_token(),
                        .remembered = std::move(effect)};
  // Its dependency is not going to be asked, so this attempt proves nothing about it.
  if (held.ticket && !invocation.remembered.empty())
    s.dependency->breaker->abandoned(*std::exchange(held.ticket, std::nullopt), clock.steady());
  Outcome outcome;
  if (invocation.attempt > invocation.max_attempts) {
    // Its last attempt was counted and never reported: it ended with the process, or with the lease.
    outcome = co_await park(s, invocation, held, std::string(parked::attempts_exhausted),
                            "the last attempt did not report how it ended");
  } else {
    outcome = co_await carry_out(s, invocation, held);
  }
  if (held.ticket) s.dependency->breaker->abandoned(*held.ticket, clock.steady());
  s.count(outcome);
  s.deadlines.leave(held.deadline);
  --s.in_flight;
  s.wake.notify();
}

Task<Outcome> Host::Impl::carry_out(Served& s, Invocation& invocation, Held& held) {
  constexpr Duration first_pause = std::chrono::milliseconds(10);
  int engine_trouble = 0;
  for (;;) {
    const SteadyTime began = clock.steady();
    ++s.running;
    Result<engine::Commit> result = co_await s.function->run(invocation);
    --s.running;
    if (s.running + 1 >= s.concurrency.limit()) s.wake.notify();
    const SteadyTime now = clock.steady();
    s.duration->observe(std::chrono::duration<double>(now - began).count());

    Error error;
    if (result) {
      s.concurrency.answered(now - began);
      if (held.ticket) s.dependency->breaker->succeeded(*std::exchange(held.ticket, std::nullopt), now);
      result->settled.push_back({held.lease, engine::Complete{}});
      auto committed = co_await engine.commit(std::move(*result));
      if (committed) {
        engine_worked();
        s.done_before.forget(invocation.message.id);
        co_return Outcome::completed;
      }
      error = std::move(committed.error());
      switch (error.fault) {
        case Fault::conflict:
          break;
        case Fault::lease_lost:
          co_return Outcome::lease_lost;
        case Fault::invalid: {
          auto parking = park(s, invocation, held, std::string(parked::invalid_result), std::move(error.message));
          co_return co_await std::move(parking);
        }
        default: {
          // Whether the commit survives is not known. If it did, the lease is over and the next run's commit is
          // refused.
          engine_failed(error);
          if (!invocation.remembered.empty()) s.done_before.keep(invocation.message.id, invocation.remembered);
          const bool waited = co_await wait_for_engine(held, ++engine_trouble);
          if (!waited) co_return Outcome::unsettled;
        }
      }
    } else {
      error = std::move(result.error());
    }

    const bool failed = !result && error.fault != Fault::conflict;
    // What has been done to the world is not done again: such an attempt goes on until its commit lands.
    const bool enough = invocation.rerun >= options.reruns_after_conflict && invocation.remembered.empty();
    if (failed || enough || clock.steady() >= held.ends) {
      if (!invocation.remembered.empty()) s.done_before.keep(invocation.message.id, invocation.remembered);
      auto ending = after_failure(s, invocation, held, std::move(error));
      co_return co_await std::move(ending);
    }
    s.count(Outcome::rerun);
    ++invocation.rerun;
    if (invocation.rerun > 2) {
      const Duration pause = first_pause * (1 << std::min(invocation.rerun - 2, 6));
      co_await async::sleep_for(pause, stopping.get_token());
    }
  }
}

Task<Outcome> Host::Impl::after_failure(Served& s, Invocation& invocation, Held& held, Error error) {
  const bool probe = held.ticket && held.ticket->probe;
  const Verdict verdict = blame(s, invocation, held, error);
  switch (verdict.action) {
    case Action::drop:
      co_return Outcome::lease_lost;
    case Action::park: {
      const bool refused = verdict.reason == parked::refused;
      auto parking = park(s, invocation, held, refused ? s.options.refused_reason : std::string(verdict.reason),
                          std::move(error.message));
      co_return co_await std::move(parking);
    }
    case Action::give_back:
    case Action::run_again:
      break;
  }
  // An attempt that does not count leaves no trace: a long outage would push what matters out of the history.
  auto settling = settle(s, held,
                         {.visible_at = clock.wall() + away(s, invocation, verdict, probe),
                          .error = verdict.count_attempt ? kept(std::move(error.message)) : std::string(),
                          .count_attempt = verdict.count_attempt});
  const Outcome outcome = co_await std::move(settling);
  co_return outcome == Outcome::given_back&& verdict.count_attempt ? Outcome::retried : outcome;
}

// Tells the breaker how the attempt ended, and judges it.
Verdict Host::Impl::blame(Served& s, const Invocation& invocation, Held& held, const Error& error) {
  const SteadyTime now = clock.steady();
  Failure failure{.fault = error.fault,
                  .attempt = invocation.attempt,
                  .max_attempts = invocation.max_attempts,
                  .has_dependency = s.dependency != nullptr,
                  .probe = held.ticket && held.ticket->probe,
                  .deadline_passed = held.deadline->passed && !grace_over};
  if (const auto ticket = std::exchange(held.ticket, std::nullopt)) {
    Breaker& breaker = *s.dependency->breaker;
    switch (error.fault) {
      case Fault::refused:
      case Fault::deferred:
        breaker.answered(*ticket, now);
        break;
      case Fault::cancelled:
        if (!failure.deadline_passed) {
          breaker.abandoned(*ticket, now);
          break;
        }
        [[fallthrough]];
      case Fault::unavailable:
      case Fault::timed_out:
      case Fault::unknown_outcome:
        failure.dependency_healthy = breaker.failed(*ticket, std::hash<std::string>()(invocation.message.id), now);
        break;
      default:
        breaker.abandoned(*ticket, now);
    }
  }
  return judge(failure);
}

// How long a message given back is not handed out.
Duration Host::Impl::away(Served& s, const Invocation& invocation, const Verdict& verdict, bool probe) {
  if (stopping.stop_requested() && !verdict.count_attempt) return Duration{0};
  if (verdict.count_attempt) return options.retry.delay(invocation.attempt, random);
  if (probe) return s.dependency->breaker->stay_away();
  // The failures of a dependency say nothing about how often this message failed: one step of the back-off.
  return options.retry.delay(2, random);
}

// ---- settling -------------------------------------------------------------------------------------------------------

Task<Outcome> Host::Impl::settle(Served& s, const Held& held, engine::GiveBack how) {
  for (int failures = 0;;) {
    engine::Commit commit;
    commit.settled.push_back({held.lease, how});
    auto committed = co_await engine.commit(std::move(commit));
    if (committed) {
      engine_worked();
      co_return Outcome::given_back;
    }
    if (committed.error().fault == Fault::lease_lost) co_return Outcome::lease_lost;
    if (committed.error().fault == Fault::cancelled) co_return Outcome::unsettled;
    engine_failed(committed.error());
    const bool waited = co_await wait_for_engine(held, ++failures);
    if (!waited) {
      log::warning(
          "message-not-given-back",
          {{"queue", s.options.name}, {"why", "the engine refused; it is handed out again when its lease ends"}});
      co_return Outcome::unsettled;
    }
  }
}

Task<Outcome> Host::Impl::park(Served& s, const Invocation& invocation, const Held& held, std::string reason,
                               std::string error) {
  constexpr int tries_with_documents = 16;
  error = kept(std::move(error));
  bool bare = false;
  for (int tries = 1, failures = 0;; ++tries) {
    engine::Commit commit;
    if (!bare) {
      auto changes = co_await s.function->on_parked(invocation.message, invocation.attempt, reason, error);
      if (changes) {
        commit = std::move(*changes);
      } else if (changes.error().fault == Fault::unavailable) {
        engine_failed(changes.error());
        const bool waited = co_await wait_for_engine(held, ++failures);
        if (!waited) co_return Outcome::unsettled;
        continue;
      } else {
        bare = true;
        log::error("parked-without-documents",
                   {{"queue", s.options.name}, {"messageId", invocation.message.id}, {"why", changes.error().message}});
      }
    }
    commit.settled.push_back({held.lease, engine::DeadLetter{.reason = reason, .error = error}});
    auto committed = co_await engine.commit(std::move(commit));
    if (committed) {
      engine_worked();
      log::warning("message-parked", {{"queue", s.options.name},
                                      {"messageId", invocation.message.id},
                                      {"attempts", invocation.attempt},
                                      {"reason", reason}});
      co_return Outcome::parked;
    }
    switch (committed.error().fault) {
      case Fault::lease_lost:
        co_return Outcome::lease_lost;
      case Fault::conflict:
        // Nothing may keep poison in the queue, not even documents that never hold still.
        if (tries >= tries_with_documents) bare = true;
        break;
      case Fault::invalid:
        if (bare) co_return Outcome::unsettled;
        bare = true;
        break;
      default: {
        engine_failed(committed.error());
        const bool waited = co_await wait_for_engine(held, ++failures);
        if (!waited) co_return Outcome::unsettled;
      }
    }
  }
}

// Waits before the engine is asked again. False when the lease would be over by then, or the host is stopping.
Task<bool> Host::Impl::wait_for_engine(const Held& held, int failures) {
  constexpr Duration first = std::chrono::milliseconds(100);
  constexpr Duration longest = std::chrono::seconds(5);
  const Duration pause = std::min(longest, first * (1 << std::min(failures - 1, 10)));
  if (clock.steady() + pause >= held.ends) co_return false;
  const bool waited = co_await async::sleep_for(pause, stopping.get_token());
  co_return waited;
}

void Host::Impl::engine_failed(const Error& error) {
  constexpr Duration first = std::chrono::milliseconds(50);
  constexpr Duration longest = std::chrono::seconds(5);
  const SteadyTime now = clock.steady();
  if (now < engine_back) return;  // one failure of many at once
  const int doublings = std::min(engine_failures++, 10);
  engine_back = now + std::min(longest, first * (1 << doublings));
  log::warning("engine-not-serving-functions", {{"fault", globogym::name(error.fault)}, {"why", error.message}});
}

// ---- time -----------------------------------------------------------------------------------------------------------

Task<void> Host::Impl::sweep() {
  Duration period = std::chrono::milliseconds(500);
  for (const auto& s : served)
    period = std::clamp<Duration>(s->options.attempt_time / 8, std::chrono::milliseconds(10), period);
  for (;;) {
    const bool slept = co_await async::sleep_for(period, joined.get_token());
    if (!slept) break;
    for (auto& s : served) s->deadlines.sweep(clock.steady());
  }
}

Task<void> Host::Impl::end_grace() {
  const bool over = co_await async::sleep_for(options.grace, joined.get_token());
  if (!over) co_return;
  grace_over = true;
  for (auto& s : served) s->deadlines.stop_all();
}

// ---- looked at ------------------------------------------------------------------------------------------------------

void Host::Impl::breaker_changed(Dependency& dependency, Breaker::State now) {
  switch (now) {
    case Breaker::State::open:
      log::warning("breaker-opened", {{"dependency", dependency.name},
                                      {"meaning", "it does not serve; its queues wait, no attempts are counted"}});
      break;
    case Breaker::State::half_open:
      log::info("breaker-half-open",
                {{"dependency", dependency.name}, {"meaning", "it answers; load returns in a ramp"}});
      break;
    case Breaker::State::closed:
      log::info("breaker-closed", {{"dependency", dependency.name}, {"meaning", "it serves as usual"}});
      break;
  }
  constexpr std::array<double, 3> values = {0, 2, 1};
  dependency.state->set(values[static_cast<std::size_t>(now)]);
  for (auto& s : served)
    if (s->dependency == &dependency) s->wake.notify();
}

void Host::Impl::publish(Served& s, SteadyTime now) {
  s.shown_in_flight = s.in_flight;
  s.shown_limit = s.concurrency.limit();
  s.in_flight_gauge->set(static_cast<double>(s.in_flight));
  s.limit_gauge->set(static_cast<double>(s.concurrency.limit()));
  if (!s.dependency) return;
  const Breaker& breaker = *s.dependency->breaker;
  const auto probe = breaker.next_probe();
  s.shown_next_probe = probe ? (clock.wall() + (*probe - now)).time_since_epoch().count() : 0;
  s.shown_breaker = breaker.state();
}

namespace {

QueueState::State state_of(const Served& s) {
  if (s.paused) return QueueState::State::paused;
  return s.shown_breaker == Breaker::State::open ? QueueState::State::circuit_open : QueueState::State::running;
}

}  // namespace

std::vector<QueueState> Host::queues() const {
  std::vector<QueueState> out;
  for (const auto& s : impl_->served) {
    QueueState state{.queue = s->options.name,
                     .state = state_of(*s),
                     .in_flight = s->shown_in_flight,
                     .concurrency_limit = s->shown_limit,
                     .dependency = s->options.dependency,
                     .breaker = s->shown_breaker,
                     .next_probe = {}};
    if (const auto probe = s->shown_next_probe.load()) state.next_probe = WallTime(Duration(probe));
    out.push_back(std::move(state));
  }
  return out;
}

Served* Host::Impl::find(std::string_view queue) const {
  for (const auto& s : served)
    if (s->options.name == queue) return s.get();
  return nullptr;
}

bool Host::pause(std::string_view queue) {
  Served* s = impl_->find(queue);
  if (!s) return false;
  s->paused = true;
  return true;
}

bool Host::resume(std::string_view queue) {
  Served* s = impl_->find(queue);
  if (!s) return false;
  s->paused = false;
  return true;
}

std::string_view Host::queue_state(std::string_view queue) const {
  const Served* s = impl_->find(queue);
  return functions::name(s ? state_of(*s) : QueueState::State::paused);
}

std::vector<Function*> Host::functions() const {
  std::vector<Function*> out;
  for (const auto& s : impl_->served) out.push_back(s->function.get());
  return out;
}

std::string_view name(QueueState::State state) {
  switch (state) {
    case QueueState::State::running:
      return "running";
    case QueueState::State::paused:
      return "paused";
    case QueueState::State::circuit_open:
      return "circuit-open";
  }
  return "?";
}

}  // namespace globogym::functions
