#include "functions/host.h"

#include <algorithm>

#include "functions/host_impl.h"
#include "telemetry/log.h"

namespace globogym::functions {

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
    dependency->breaker.emplace(
        options.breaker, random,
        [this, d = dependency.get()](Breaker::State now, std::string_view why) { breaker_changed(*d, now, why); });
  }
  s.dependency = dependency.get();
}

void Host::continues_in(const Host& next) {
  impl_->next_door = next.impl_.get();
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
  constexpr std::size_t probe_is_one_of = 16;
  while (!stopping.stop_requested()) {
    return_stale(s);
    while (begin_some(s) > 0) co_await async::yield_to_loop();
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
    const std::size_t at_most = wanted(s, now);
    if (at_most == 0) {
      SteadyTime until = now + look_again;
      if (s.dependency)
        if (const auto probe = s.dependency->breaker->next_probe(); probe && *probe > now)
          until = std::min(until, *probe);
      co_await s.wake.until(until);
      continue;
    }

    // A probe is chosen among some, the others go back: an open breaker is best tried by what has not failed yet.
    const bool probing = s.dependency && s.dependency->breaker->state() == Breaker::State::open;
    auto deliveries = co_await engine.receive({.queue = s.options.name,
                                               .lease_for = s.lease_for,
                                               .at_most = probing ? probe_is_one_of : at_most,
                                               .wait_for = options.receive_wait,
                                               .goes_on_to = next_queue(s, now)});
    if (!deliveries) {
      // Cancelled: the engine's receivers are closed for good, which is the beginning of a shut-down.
      if (deliveries.error().fault == Fault::cancelled) break;
      engine_failed(deliveries.error());
      continue;
    }
    if (probing) put_a_fresh_one_first(s, *deliveries);
    const SteadyTime leased = clock.steady();
    for (auto& delivery : *deliveries) s.ahead.push_back({std::move(delivery), leased});
  }
  for (auto& one : std::exchange(s.ahead, {})) work.start(return_unused(s, std::move(one.delivery), Duration{0}));
}

// Begins attempts at what has been leased, as many as may run; the number of messages that are leased ahead no more.
std::size_t Host::Impl::begin_some(Served& s) {
  constexpr std::size_t at_once = 16;  // then others on this loop have their turn
  // An attempt that ends without a pause calls this from within itself.
  if (std::exchange(s.beginning, true)) return 0;
  const SteadyTime now = clock.steady();
  // What is not allowed goes back.
  const bool closed = !s.dependency || s.dependency->breaker->state() == Breaker::State::closed;
  std::size_t begun = 0;
  for (; begun < at_once && !s.ahead.empty(); ++begun) {
    if (closed && !s.paused && s.running.size() >= s.limit(now)) {
      s.concurrency.wanted_more();
      break;
    }
    auto [delivery, leased] = std::move(s.ahead.front());
    s.ahead.pop_front();
    hand_out(s, std::move(delivery), leased);
  }
  s.beginning = false;
  return begun;
}

// What was to begin soon and did not.
void Host::Impl::return_stale(Served& s) {
  const SteadyTime now = clock.steady();
  while (!s.ahead.empty() && now - s.ahead.front().leased >= Served::kept_ahead) {
    work.start(return_unused(s, std::move(s.ahead.front().delivery), Duration{0}));
    s.ahead.pop_front();
  }
}

// How many more messages to lease.
std::size_t Host::Impl::wanted(Served& s, SteadyTime now) {
  constexpr std::size_t batch_at_most = 256;
  const std::size_t limit = s.limit(now);
  const std::size_t in_flight_at_most = limit + options.committing_at_most;
  const std::size_t ahead_at_most = s.ahead_at_most(now);
  if (s.running.size() >= limit) s.concurrency.wanted_more();
  const std::size_t in_flight = s.in_flight + s.ahead.size();
  const std::size_t at_hand = s.running.size() + s.ahead.size();
  // By portions: each is a commit of the engine.
  if (in_flight >= in_flight_at_most || at_hand >= limit + (ahead_at_most + 1) / 2) return 0;
  std::size_t wanted = std::min({limit + ahead_at_most - at_hand, in_flight_at_most - in_flight, batch_at_most});
  if (s.dependency) wanted = std::min(wanted, s.dependency->breaker->allowance(now));
  return wanted;
}

// Where its messages go on to, while that keeps up with them. During an outage of what the next function needs they are
// worked off all the same, and so they are when that is slow: who has signed up is to be a member soon.
std::string Host::Impl::next_queue(const Served& s, SteadyTime now) const {
  const Served* next = find(s.options.goes_on_to);
  bool quick = next && next->is_quick(now);
  if (!next && next_door) {
    next = next_door->find(s.options.goes_on_to);
    quick = next && next->shown_quick && !next->paused;
  }
  return quick ? s.options.goes_on_to : std::string();
}

namespace {

// Only what has said why it failed has: an attempt that was lost, or that did not count, says nothing of its
// destination.
Destinations::Kind kind_of(const engine::Delivery& delivery) {
  return delivery.history.empty() ? Destinations::Kind::fresh : Destinations::Kind::tried;
}

}  // namespace

// Begins an attempt at a message just leased, unless things have changed while the lease was waited for.
void Host::Impl::hand_out(Served& s, engine::Delivery delivery, SteadyTime leased) {
  constexpr Duration until_it_has_ended = std::chrono::seconds(1);
  const SteadyTime now = clock.steady();
  if (s.at_work.contains(delivery.message.id)) {
    work.start(return_unused(s, std::move(delivery), until_it_has_ended));
    return;
  }
  const std::uint64_t destination = s.dependency ? s.function->destination(delivery.message) : 0;
  std::optional<Breaker::Ticket> ticket;
  // Whoever is leased beside a probe has had no turn, whatever its destination did: it goes back as it came.
  bool allowed =
      !s.paused && !stopping.stop_requested() && (!s.dependency || s.dependency->breaker->allowance(now) > 0);
  const bool asked_for = allowed && s.asked_for.take(delivery.message.id);
  if (allowed && destination != 0 && !asked_for) {
    if (const auto wait = destination_waits(s, delivery, destination, leased)) {
      work.start(return_unused(s, std::move(delivery), *wait));
      return;
    }
  }
  if (allowed && s.dependency) {
    ticket = s.dependency->breaker->begin(now);
    allowed = ticket.has_value();
  }
  if (!allowed) {
    work.start(return_unused(s, std::move(delivery), Duration{0}));
    return;
  }
  Held held{.lease = delivery.lease,
            .ends = leased + s.lease_for,
            .deadline = s.deadlines.join(now),
            .ticket = ticket,
            .destination = destination,
            .attempt = ticket ? ticket->number : 0,
            .kind = kind_of(delivery)};
  if (destination != 0) s.dependency->destinations.begin(destination, held.kind, held.attempt, now);
  work.start(attempt(s, std::move(delivery), std::move(held)));
}

// One that has not been tried, and whose destination has not failed.
void Host::Impl::put_a_fresh_one_first(const Served& s, std::vector<engine::Delivery>& deliveries) const {
  const auto fresh = std::ranges::find_if(deliveries, [&](const engine::Delivery& delivery) {
    const auto key = destination_key(s.function->destination(delivery.message), delivery.message.id);
    return delivery.attempt == 1 && !s.dependency->destinations.knows(key);
  });
  if (fresh != deliveries.end()) std::swap(deliveries.front(), *fresh);
}

// How long the message has to stay away because its destination is in trouble; nothing: it may be tried.
std::optional<Duration> Host::Impl::destination_waits(Served& s, const engine::Delivery& delivery,
                                                      std::uint64_t destination, SteadyTime leased) {
  const SteadyTime now = clock.steady();
  const auto until =
      s.dependency->destinations.waits(destination, kind_of(delivery), too_old(s, leased - delivery.age), now);
  if (!until) return std::nullopt;
  // They do not all come back at once, and not all in vain. In an outage a destination fails with everybody: that puts
  // nobody off.
  if (!s.dependency->destinations.is_put_off(destination)) return *until - now + options.retry.delay(2, random);
  // Whoever failed last comes after them: see away().
  const Duration spread = s.options.deferrals.value_or(options.retry).first_delay;
  return *until - now + Duration(static_cast<Duration::rep>(static_cast<double>(spread.count()) * random.unit()));
}

Task<void> Host::Impl::return_unused(Served& s, engine::Delivery delivery, Duration away) {
  const Held held{.lease = delivery.lease, .ends = clock.steady() + s.lease_for, .deadline = {}, .ticket = {}};
  ++s.in_flight;
  const Outcome outcome = co_await settle(s, held, {.delay = away, .error = {}, .count_attempt = false});
  if (outcome != Outcome::given_back) ++s.loose.keep(delivery.message.id).lost_attempts;
  s.count(outcome);
  --s.in_flight;
}

// ---- time -----------------------------------------------------------------------------------------------------------

Task<void> Host::Impl::sweep() {
  Duration period = std::chrono::milliseconds(500);
  for (const auto& s : served)
    period = std::clamp<Duration>(s->options.attempt_time / 8, std::chrono::milliseconds(10), period);
  constexpr Duration a_busy_loop = std::chrono::seconds(1);
  for (;;) {
    const SteadyTime due = clock.steady() + period;
    const bool slept = co_await async::sleep_for(period, joined.get_token());
    if (!slept) break;
    const SteadyTime now = clock.steady();
    for (auto& s : served) {
      if (now - due > a_busy_loop) s->deadlines.stood_still(due, now - due);
      s->deadlines.sweep(now);
      publish(*s, now);
    }
  }
}

Task<void> Host::Impl::end_grace() {
  const bool over = co_await async::sleep_for(options.grace, joined.get_token());
  if (!over) co_return;
  grace_over = true;
  for (auto& s : served) s->deadlines.stop_all();
}

// ---- looked at ------------------------------------------------------------------------------------------------------

void Host::Impl::breaker_changed(Dependency& dependency, Breaker::State now, std::string_view why) {
  switch (now) {
    case Breaker::State::open:
      log::warning("breaker-opened", {{"dependency", dependency.name},
                                      {"why", why},
                                      {"error", dependency.last_error},
                                      {"meaning", "it does not serve; its queues wait, no attempts are counted"}});
      break;
    case Breaker::State::half_open:
      log::info("breaker-half-open",
                {{"dependency", dependency.name}, {"why", why}, {"meaning", "it answers; load returns in a ramp"}});
      break;
    case Breaker::State::closed:
      log::info("breaker-closed", {{"dependency", dependency.name}, {"why", why}, {"meaning", "it serves as usual"}});
      break;
  }
  constexpr std::array<double, 3> values = {0, 2, 1};
  dependency.state->set(values[static_cast<std::size_t>(now)]);
  for (auto& s : served)
    if (s->dependency == &dependency) s->wake.notify();
}

void Host::Impl::publish(Served& s, SteadyTime now) {
  s.shown_in_flight = s.in_flight + s.ahead.size();
  s.shown_limit = s.concurrency.limit();
  s.shown_quick = s.is_quick(now);
  s.in_flight_gauge->set(static_cast<double>(s.in_flight + s.ahead.size()));
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
    auto told = s->fortune.told();
    state.last_error = std::move(told.last_error);
    state.last_error_at = told.last_error_at;
    state.blocked_since = s->paused ? told.paused_since : told.failing_since;
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
  s->fortune.paused(true, impl_->clock.wall());
  s->paused = true;
  return true;
}

bool Host::resume(std::string_view queue) {
  Served* s = impl_->find(queue);
  if (!s) return false;
  s->paused = false;
  s->fortune.paused(false, impl_->clock.wall());
  return true;
}

bool Host::ask_for(std::string_view queue, std::string message_id) {
  Served* s = impl_->find(queue);
  if (!s) return false;
  s->asked_for.add(std::move(message_id));
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
