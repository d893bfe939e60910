#include <algorithm>
#include <functional>

#include "functions/host_impl.h"
#include "telemetry/log.h"

namespace globogym::functions {
namespace {

// An error as it is kept with a message: whole UTF-8 characters, at most 500 bytes.
std::string kept(std::string text) {
  constexpr std::size_t longest = 500;
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text;
}

// How many of the attempts before this one ended and said why. The others died with their process, or were counted by
// an engine that then could not hand the message out: they are no failures, and weigh less.
int reported_failures(const Invocation& invocation) {
  constexpr std::size_t history_at_most = 16;  // engine.h: there may have been more
  if (invocation.history.size() >= history_at_most) return invocation.attempt - 1;
  return std::min(invocation.attempt - 1, static_cast<int>(invocation.history.size()));
}

}  // namespace

// ---- one attempt ----------------------------------------------------------------------------------------------------

Task<void> Host::Impl::attempt(Served& s, engine::Delivery delivery, Held held) {
  ++s.in_flight;
  if (delivery.attempt > 1) s.retries->add();
  auto loose = s.loose.recall(delivery.message.id);
  Invocation invocation{.message = std::move(delivery.message),
                        .attempt = delivery.attempt,
                        .max_attempts = s.options.max_attempts,
                        .enqueued_at = delivery.enqueued_at,
                        .kept_since = held.ends - s.lease_for - delivery.age,
                        .destination = held.destination,
                        .history = std::move(delivery.history),
                        .version = delivery.version,
                        .stop = held.deadline->stop.get_token(),
                        .remembered = std::move(loose.effect)};
  s.at_work.insert(invocation.message.id);
  // Its dependency is not going to be asked, so this attempt proves nothing about it.
  if (held.ticket && !invocation.remembered.empty())
    s.dependency->breaker->abandoned(*std::exchange(held.ticket, std::nullopt), clock.steady());
  held.failures = reported_failures(invocation);
  held.unknown_outcomes = loose.unknown_outcomes;
  Outcome outcome;
  if (invocation.attempt - 1 - held.failures - loose.lost_attempts >= invocation.max_attempts) {
    // As many attempts as it has were counted and never reported: they ended with the process, or with the lease.
    outcome = co_await park(s, invocation, held, std::string(parked::attempts_exhausted),
                            "its attempts did not report how they ended");
  } else {
    outcome = co_await carry_out(s, invocation, held);
  }
  if (held.ticket) s.dependency->breaker->abandoned(*held.ticket, clock.steady());
  if (held.destination != 0) s.dependency->destinations.end(held.destination, held.attempt);
  remember(s, invocation, held, outcome);
  s.at_work.erase(invocation.message.id);
  s.count(outcome);
  s.deadlines.leave(held.deadline);
  --s.in_flight;
  s.wake.notify();
}

// What the message's next attempt must know of this one.
void Host::Impl::remember(Served& s, const Invocation& invocation, const Held& held, Outcome outcome) {
  switch (outcome) {
    case Outcome::completed:
    case Outcome::parked:
      s.loose.forget(invocation.message.id);
      if (s.dependency && held.destination == 0)
        s.dependency->destinations.forget(destination_key(0, invocation.message.id));
      break;
    case Outcome::lease_lost:
    case Outcome::unsettled:
      // A lease that was lost before its time was lost by the engine, when it recovered from its trouble.
      if (outcome == Outcome::unsettled || clock.steady() < held.ends)
        ++s.loose.keep(invocation.message.id).lost_attempts;
      [[fallthrough]];
    default:
      if (!invocation.remembered.empty()) s.loose.keep(invocation.message.id).effect = invocation.remembered;
      if (held.unknown_outcomes > 0) s.loose.keep(invocation.message.id).unknown_outcomes = held.unknown_outcomes;
  }
}

Task<Outcome> Host::Impl::carry_out(Served& s, Invocation& invocation, Held& held) {
  constexpr Duration first_pause = std::chrono::milliseconds(10);
  int engine_trouble = 0;
  for (;;) {
    const SteadyTime began = clock.steady();
    const auto place = s.running.insert(s.running.end(), began);
    Result<engine::Commit> result = co_await s.function->run(invocation);
    s.running.erase(place);
    const SteadyTime now = clock.steady();
    s.last_ended = now;
    s.duration->observe(std::chrono::duration<double>(now - began).count());

    Error error;
    if (result) {
      s.concurrency.answered(now - began);
      s.fortune.served();
      if (held.ticket) {
        s.dependency->breaker->succeeded(*std::exchange(held.ticket, std::nullopt), now);
        if (held.destination != 0) s.dependency->destinations.forget(held.destination);
      }
      make_room(s);
      result->settled.push_back({held.lease, engine::Complete{}});
      auto committed = co_await engine.commit(std::move(*result));
      if (committed) {
        engine_worked();
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
      auto ending = after_failure(s, invocation, held, std::move(error));
      co_return co_await std::move(ending);
    }
    s.count(Outcome::rerun);
    ++invocation.rerun;
    if (invocation.rerun > 2) {
      // Slept to its end also while the host stops: an engine that does not serve would be asked without a break. Once
      // the grace is over the next life of the process has to find out.
      if (grace_over) co_return Outcome::unsettled;
      const Duration pause = first_pause * (1 << std::min(invocation.rerun - 2, 6));
      co_await async::sleep_for(pause);
    }
  }
}

Task<Outcome> Host::Impl::after_failure(Served& s, Invocation& invocation, Held& held, Error error) {
  const bool probe = held.ticket && held.ticket->probe;
  const Verdict verdict = blame(s, invocation, held, error);
  make_room(s);
  switch (verdict.action) {
    case Action::drop:
      co_return Outcome::lease_lost;
    case Action::park: {
      const bool refused = verdict.reason == parked::refused;
      // Whoever says no to one serves the queue.
      if (refused) s.fortune.served();
      auto parking = park(s, invocation, held, refused ? s.options.refused_reason : std::string(verdict.reason),
                          std::move(error.message));
      co_return co_await std::move(parking);
    }
    case Action::give_back:
    case Action::run_again:
      break;
  }
  if (verdict.count_attempt) notice_delay(s, invocation, error);
  const Duration stays_away = away(s, held, verdict, {.fault = error.fault, .probe = probe});
  if (error.fault != Fault::cancelled || held.deadline->passed) {
    s.fortune.failed(kept(error.message), clock.wall());
    tell_failure(s, held, invocation.attempt, error, stays_away);
  }
  // An attempt that does not count leaves no trace: a long outage would push what matters out of the history.
  auto settling = settle(s, held,
                         {.delay = stays_away,
                          .error = verdict.count_attempt ? kept(std::move(error.message)) : std::string(),
                          .count_attempt = verdict.count_attempt});
  const Outcome outcome = co_await std::move(settling);
  co_return outcome == Outcome::given_back&& verdict.count_attempt ? Outcome::retried : outcome;
}

// Tells the breaker how the attempt ended, and judges it.
Verdict Host::Impl::blame(Served& s, const Invocation& invocation, Held& held, const Error& error) {
  const SteadyTime now = clock.steady();
  if (error.fault == Fault::unknown_outcome) ++held.unknown_outcomes;
  Failure failure{.fault = error.fault,
                  .attempt = held.failures + 1,
                  .max_attempts = invocation.max_attempts,
                  .overdue = too_old(s, invocation.kept_since) && held.failures + 1 >= failures_before_giving_up,
                  .unknown_outcomes = held.unknown_outcomes,
                  .has_dependency = s.dependency != nullptr,
                  .probe = held.ticket && held.ticket->probe,
                  .deadline_passed = held.deadline->passed && !grace_over,
                  .run_again_enough = true};
  if (const auto ticket = std::exchange(held.ticket, std::nullopt)) {
    Breaker& breaker = *s.dependency->breaker;
    Destinations& destinations = s.dependency->destinations;
    const auto message = std::hash<std::string>()(invocation.message.id);
    const auto weigh = [&](bool answered) {
      return destinations.weigh(
          destination_key(held.destination, invocation.message.id), held.kind, answered,
          {.successes = breaker.successes(), .begun = breaker.begun(), .newest_served = breaker.newest_served()});
    };
    if (error.fault == Fault::deferred || error.fault == Fault::unknown_outcome) {
      const auto weighed = weigh(true);
      failure.everybodys = !weighed.own;
      held.put_off = weighed.failures;
      if (weighed.nobody_is_served) tell_nobody_is_served(*s.dependency, error);
      if (weighed.own && weighed.in_a_row == many_in_a_row) tell_few_are_tried(*s.dependency, error);
      if (weighed.own && weighed.in_vain >= Destinations::in_vain_often) {
        const Backoff& deferrals = s.options.deferrals.value_or(options.retry);
        const bool fresh_too =
            held.kind == Destinations::Kind::fresh && weighed.fresh_in_vain >= Destinations::in_vain_often;
        put_destination_off(
            s, held, error, deferrals.delay(weighed.in_vain, random),
            fresh_too ? std::optional(options.retry.delay(weighed.fresh_in_vain, random)) : std::nullopt,
            weighed.failures);
      }
      failure.overdue =
          too_old(s, invocation.kept_since) &&
          std::max(held.failures + 1, held.destination != 0 ? weighed.own_failures : 0) >= failures_before_giving_up;
    }
    switch (error.fault) {
      case Fault::refused:
        // It has had its answer: whoever else is for there may, too.
        if (held.destination != 0) destinations.forget(held.destination);
        breaker.answered(*ticket, now);
        break;
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
      case Fault::timed_out: {
        const auto weighed = weigh(false);
        // Not a probe: the next one has to wait, whosever the failure was.
        if (weighed.unanswered >= Destinations::passed_over_often && !ticket->probe) {
          // Others have been served again and again meanwhile: whatever the dependency lacks, it lacks for these.
          breaker.abandoned(*ticket, now);
          failure.dependency_healthy = true;
          // No box of it is to blame for a connection that ends: whatever is for it waits.
          const Duration wait = options.retry.delay(weighed.unanswered - Destinations::passed_over_often + 2, random);
          put_destination_off(s, held, error, wait, wait, weighed.failures);
          break;
        }
      }
        [[fallthrough]];
      case Fault::unknown_outcome:
        s.dependency->last_error = kept(error.message);
        failure.dependency_healthy = breaker.failed(*ticket, message, now);
        break;
      default:
        breaker.abandoned(*ticket, now);
    }
  }
  return judge(failure);
}

// How long a message given back is not handed out.
Duration Host::Impl::away(Served& s, const Held& held, const Verdict& verdict, How ended) {
  if (stopping.stop_requested() && !verdict.count_attempt) return Duration{0};
  const bool put_off = ended.fault == Fault::deferred || ended.fault == Fault::unknown_outcome;
  const Backoff& waits = put_off ? s.options.deferrals.value_or(options.retry) : options.retry;
  // Whoever tried its destination in vain lets those that wait for it have the next turn: see destination_waits().
  const Duration turn = held.destination_waits == SteadyTime{}
                            ? Duration{0}
                            : held.destination_waits - clock.steady() + waits.first_delay;
  if (verdict.count_attempt) return std::max(waits.delay(held.failures + 1, random), turn);
  if (ended.probe) return std::max(s.dependency->breaker->stay_away(), put_off ? waits.delay(1, random) : Duration{0});
  // The failures of a dependency say nothing about how often this message failed: one step of the back-off.
  // Being put off does.
  return std::max(waits.delay(std::max(2, held.put_off), random), turn);
}

bool Host::Impl::too_old(const Served& s, SteadyTime kept_since) const {
  return s.options.give_up_after > Duration{0} && clock.steady() - kept_since >= s.options.give_up_after;
}

// What has been tried waits for `wait`, and what is fresh for `fresh_wait`.
void Host::Impl::put_destination_off(Served& s, Held& held, const Error& error, Duration wait,
                                     std::optional<Duration> fresh_wait, int failures) {
  if (held.destination == 0) return;
  const SteadyTime now = clock.steady();
  Destinations& destinations = s.dependency->destinations;
  held.destination_waits = now + wait;
  const bool first = destinations.put_off(held.destination, Destinations::Kind::tried, held.destination_waits);
  if (fresh_wait) destinations.put_off(held.destination, Destinations::Kind::fresh, now + *fresh_wait);
  if (!first) return;
  const auto held_back = destinations_told.pass(clock.steady());
  if (!held_back) return;
  log::warning("destination-put-off",
               {{"dependency", s.dependency->name},
                {"destination", held.destination},
                {"failures", failures},
                {"messageId", held.lease.message_id},
                {"error", kept(error.message)},
                {"othersNotTold", *held_back},
                {"meaning", "others are served; what is for this destination waits and is tried now and then"}});
}

void Host::Impl::tell_few_are_tried(const Dependency& dependency, const Error& error) {
  const auto held_back = outages_told.pass(clock.steady());
  if (!held_back) return;
  log::warning("put-off-again-and-again",
               {{"dependency", dependency.name},
                {"failures", many_in_a_row},
                {"error", kept(error.message)},
                {"othersNotTold", *held_back},
                {"meaning",
                 "it answers and has served nobody since the first of these; they are for few destinations, so it "
                 "may be theirs or ours to mend, and attempts are counted"}});
}

void Host::Impl::tell_nobody_is_served(const Dependency& dependency, const Error& error) {
  const auto held_back = outages_told.pass(clock.steady());
  if (!held_back) return;
  log::warning("nobody-is-served",
               {{"dependency", dependency.name},
                {"error", kept(error.message)},
                {"othersNotTold", *held_back},
                {"meaning", "it answers and puts everybody off; no attempts are counted until it serves somebody"}});
}

// What does not answer fails for everybody, and is one thing to tell of; what says "later" says it to a destination.
void Host::Impl::tell_failure(const Served& s, const Held& held, int attempt, const Error& error, Duration stays_away) {
  const bool one_for_all = error.fault != Fault::deferred && error.fault != Fault::unknown_outcome;
  const std::uint64_t key =
      std::hash<std::string>()(s.options.name) ^ (one_for_all ? 0 : destination_key(held.destination, "")) << 1;
  const SteadyTime now = clock.steady();
  const auto held_back = failures_told.pass(key, now);
  if (!held_back) return;
  const auto others = all_failures_told.pass(now);
  if (!others) return;
  log::warning("attempt-put-off",
               {{"queue", s.options.name},
                {"messageId", held.lease.message_id},
                {"destination", held.destination},
                {"attempt", attempt},
                {"why", globogym::name(error.fault)},
                {"error", kept(error.message)},
                {"againInSeconds", std::chrono::duration_cast<std::chrono::seconds>(stays_away).count()},
                {"alikeNotTold", *held_back},
                {"othersNotTold", *others}});
}

// Once for each message: at its first failure after so long a time.
void Host::Impl::notice_delay(const Served& s, const Invocation& invocation, const Error& error) {
  const Duration age = clock.steady() - invocation.kept_since;
  const WallTime before = invocation.history.empty() ? invocation.enqueued_at : invocation.history.back().at;
  if (age < s.options.notice_after || before - invocation.enqueued_at >= s.options.notice_after) return;
  const auto held_back = delays_told.pass(clock.steady());
  if (!held_back) return;
  log::warning("message-delayed", {{"queue", s.options.name},
                                   {"messageId", invocation.message.id},
                                   {"attempts", invocation.attempt},
                                   {"hours", std::chrono::duration_cast<std::chrono::hours>(age).count()},
                                   {"error", kept(error.message)},
                                   {"othersNotTold", *held_back}});
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

}  // namespace globogym::functions
