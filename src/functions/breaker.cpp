#include "functions/breaker.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "functions/retry.h"

namespace globogym::functions {
namespace {

constexpr Duration bucket_width = std::chrono::seconds(5);

}  // namespace

Breaker::Breaker(BreakerOptions options, Random& random, Listener on_change)
    : options_(options), random_(random), on_change_(std::move(on_change)), pause_(options.open_for) {
  ASSERT(options_.failures_to_open > 0 && options_.ramp_to > 0);
  ASSERT(options_.open_for > Duration{0} && options_.max_open_for >= options_.open_for);
}

std::size_t Breaker::allowance(SteadyTime now) {
  close_when_quiet(now);
  switch (state_) {
    case State::closed:
      return std::numeric_limits<std::size_t>::max();
    case State::open:
      return may_probe(now) ? 1 : 0;
    case State::half_open: {
      const auto usual = std::distance(running_.upper_bound(now - unusually_long), running_.end());
      return ramp_ - std::min(ramp_, static_cast<std::size_t>(usual));
    }
  }
  return 0;
}

// One at a time; beside those that take unusually long another one, ever later the more there are.
bool Breaker::may_probe(SteadyTime now) const {
  return now >= next_probe_ && (probing_ == 0 || now >= newest_probe_ + probing_ * unusually_long);
}

std::optional<Breaker::Ticket> Breaker::begin(SteadyTime now) {
  if (allowance(now) == 0) return std::nullopt;
  running_.insert(now);
  const bool probe = state_ == State::open;
  if (probe) {
    ++probing_;
    newest_probe_ = now;
  }
  return Ticket{.began = now, .successes = successes_, .number = ++begun_, .probe = probe};
}

void Breaker::succeeded(Ticket ticket, SteadyTime now) {
  end(ticket);
  ++successes_;
  newest_served_ = std::max(newest_served_, ticket.number);
  streak_.clear();
  sample(false, now);
  served_ = true;
  if (!good_since_) good_since_ = now;
  if (state_ == State::open) {
    // An attempt from before the breaker opened says that it is worth asking again, and no more than that.
    if (ticket.probe)
      half_open(true, now);
    else
      next_probe_ = std::min(next_probe_, now);
  } else {
    progress(false, now);
  }
}

void Breaker::answered(Ticket ticket, SteadyTime now) {
  end(ticket);
  sample(false, now);
  if (ticket.probe && state_ == State::open)
    half_open(false, now);
  else
    progress(false, now);
}

bool Breaker::failed(Ticket ticket, std::uint64_t message, SteadyTime now) {
  end(ticket);
  const bool healthy = state_ == State::closed && successes_ > ticket.successes && streak_.empty();
  sample(true, now);
  if (std::ranges::find(streak_, message) == streak_.end() &&
      streak_.size() < static_cast<std::size_t>(options_.failures_to_open))
    streak_.push_back(message);

  const auto in_a_row = static_cast<std::size_t>(options_.failures_to_open);
  switch (state_) {
    case State::closed:
      if (streak_.size() >= in_a_row)
        open(now, false, "so many different messages failed in a row");
      else if (ratio_is_high())
        open(now, false, "nearly everything failed for ten seconds");
      break;
    case State::open:
      if (ticket.probe) open(now, true, "the probe failed");
      break;
    case State::half_open:
      served_ = false;
      // At the ramp's foot one may be poison, which must not keep everybody else waiting; two with no success between
      // them are not. The more may run, the more may fail by chance.
      if (streak_.size() >= std::min(in_a_row, ramp_ + 1) || ratio_is_high())
        open(now, true, "it failed again while the load returned");
      else
        progress(true, now);
      break;
  }
  return healthy;
}

void Breaker::abandoned(Ticket ticket, SteadyTime) {
  end(ticket);
}

std::optional<SteadyTime> Breaker::next_probe() const {
  if (state_ != State::open || probing_ > 0) return std::nullopt;
  return next_probe_;
}

void Breaker::end(Ticket ticket) {
  const auto running = running_.find(ticket.began);
  ASSERT(running != running_.end());
  running_.erase(running);
  if (ticket.probe) {
    ASSERT(probing_ > 0);
    --probing_;
  }
}

void Breaker::sample(bool failure, SteadyTime now) {
  if (now - buckets_[0].since >= bucket_width) {
    buckets_[1] = now - buckets_[0].since < 2 * bucket_width ? buckets_[0] : Bucket{};
    buckets_[0] = Bucket{.since = now};
  }
  ++buckets_[0].samples;
  if (failure) ++buckets_[0].failures;
}

bool Breaker::ratio_is_high() const {
  const int samples = buckets_[0].samples + buckets_[1].samples;
  const int failures = buckets_[0].failures + buckets_[1].failures;
  return samples >= options_.samples_for_ratio && failures >= options_.ratio_to_open * samples;
}

void Breaker::open(SteadyTime now, bool longer, std::string_view why) {
  if (longer) {
    const double factor = 1.5 + random_.unit();  // twice, on average
    pause_ = Duration(static_cast<Duration::rep>(static_cast<double>(pause_.count()) * factor));
    pause_ = std::min(pause_, options_.max_open_for);
  } else {
    pause_ = options_.open_for;
  }
  // Up to a fifth early or late, so that several services do not probe in step.
  next_probe_ =
      now + Duration(static_cast<Duration::rep>(static_cast<double>(pause_.count()) * (0.8 + 0.4 * random_.unit())));
  become(State::open, why);
}

void Breaker::half_open(bool served, SteadyTime now) {
  served_ = served;
  ramp_ = 1;
  round_ = round_left_ = 1;
  round_failed_ = 0;
  good_since_ = served ? std::optional(now) : std::nullopt;
  streak_.clear();
  buckets_ = {};
  become(State::half_open, served ? "a probe was served" : "a probe was answered");
}

void Breaker::close(std::string_view why) {
  pause_ = options_.open_for;
  buckets_ = {};
  become(State::closed, why);
}

// An attempt has ended while half open. Some always fail, with a connection that dies or a letter that is poison: what
// counts is the round's share of them.
void Breaker::progress(bool failure, SteadyTime now) {
  if (state_ != State::half_open) return;
  if (failure) ++round_failed_;
  if (--round_left_ > 0) return;
  if (round_failed_ * 4 <= round_) {
    ramp_ *= 2;
    if (ramp_ >= options_.ramp_to) return close("the load is back");
  } else {
    good_since_.reset();
    if (round_failed_ * 2 > round_) ramp_ = std::max<std::size_t>(1, ramp_ / 2);
  }
  round_ = round_left_ = ramp_ == 1 ? 1 : ramp_ + static_cast<std::size_t>(random_.below(ramp_ / 2 + 1));
  round_failed_ = 0;
  close_when_quiet(now);
}

void Breaker::close_when_quiet(SteadyTime now) {
  if (state_ == State::half_open && served_ && good_since_ && now - *good_since_ >= options_.ramp_at_most)
    close("it has served for a while");
}

void Breaker::become(State state, std::string_view why) {
  if (state_ == state) return;
  state_ = state;
  if (on_change_) on_change_(state, why);
}

std::string_view name(Breaker::State state) {
  switch (state) {
    case Breaker::State::closed:
      return "closed";
    case Breaker::State::open:
      return "open";
    case Breaker::State::half_open:
      return "half-open";
  }
  return "?";
}

}  // namespace globogym::functions
