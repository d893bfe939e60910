// A circuit breaker: tells a dependency's outage from a message's own trouble.
//
// One for each dependency, shared by every function that needs it. While it is open nothing is attempted but one probe
// at a time; when a probe is answered the load comes back in a ramp. An attempt that takes unusually long keeps no
// other waiting: it says nothing yet. Poison is what fails while the dependency is healthy: only such a failure is the
// message's own. A state machine: it is told what happened and when, owns no timer, and draws its jitter from the
// Random given to it. Owned by one event loop.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"

namespace globogym::functions {

struct BreakerOptions {
  int failures_to_open = 5;                     // in a row, of different messages, with no success between them
  double ratio_to_open = 0.75;                  // of the attempts of the last ten seconds or so …
  int samples_for_ratio = 20;                   // … when there were as many as these
  Duration open_for = std::chrono::seconds(1);  // before the first probe; doubled, with jitter, by each that fails
  Duration max_open_for = std::chrono::seconds(30);
  std::size_t ramp_to = 256;                         // at this concurrency the ramp is over
  Duration ramp_at_most = std::chrono::seconds(10);  // while it serves: with little to do a ramp never fills
};

class Breaker {
 public:
  enum class State { closed, open, half_open };
  // `why`: a few words for the log.
  using Listener = std::move_only_function<void(State now, std::string_view why)>;

  Breaker(BreakerOptions options, Random& random, Listener on_change = {});
  Breaker(const Breaker&) = delete;

  // One attempt's permission. Handed back exactly once, by one of the four verbs below.
  struct Ticket {
    SteadyTime began{};
    std::uint64_t successes = 0;  // of the dependency, when the attempt began
    std::uint64_t number = 0;     // of the attempt: 1 is the first
    bool probe = false;
  };

  // How many more attempts may begin now.
  std::size_t allowance(SteadyTime now);
  // Begins an attempt; nullopt when none is allowed.
  std::optional<Ticket> begin(SteadyTime now);

  // The dependency did its work.
  void succeeded(Ticket ticket, SteadyTime now);
  // The dependency is up and said no, or not now: fit for traffic, but no proof that it does its work.
  void answered(Ticket ticket, SteadyTime now);
  // The dependency did not serve. `message` tells messages apart. True when it is healthy all the same: it has served
  // others since this attempt began, nothing else has failed since, and it is not just coming back.
  bool failed(Ticket ticket, std::uint64_t message, SteadyTime now);
  // The attempt ended without asking the dependency, or was cancelled.
  void abandoned(Ticket ticket, SteadyTime now);

  State state() const { return state_; }
  // How many attempts have succeeded so far.
  std::uint64_t successes() const { return successes_; }
  // The number of the attempt begun last, and of the one begun last among those that have succeeded. 0: none.
  std::uint64_t begun() const { return begun_; }
  std::uint64_t newest_served() const { return newest_served_; }
  // When the next probe may go out. Only while open and with no probe on its way.
  std::optional<SteadyTime> next_probe() const;
  // How long after a failed probe its message should stay away, so that the next probe is another one.
  Duration stay_away() const { return pause_ * 2; }

 private:
  struct Bucket {
    SteadyTime since{};
    int samples = 0;
    int failures = 0;
  };

  bool may_probe(SteadyTime now) const;
  void end(Ticket ticket);
  void sample(bool failure, SteadyTime now);
  bool ratio_is_high() const;
  void open(SteadyTime now, bool longer, std::string_view why);
  void half_open(bool served, SteadyTime now);
  void close(std::string_view why);
  void progress(bool failure, SteadyTime now);
  void close_when_quiet(SteadyTime now);
  void become(State state, std::string_view why);

  const BreakerOptions options_;
  Random& random_;
  Listener on_change_;
  State state_ = State::closed;

  std::multiset<SteadyTime> running_;  // when they began
  std::uint64_t successes_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t newest_served_ = 0;
  std::vector<std::uint64_t>
      streak_;                     // messages that failed since the last success, each once; at most failures_to_open
  std::array<Bucket, 2> buckets_;  // this five seconds and the five before

  // While open.
  Duration pause_;  // before the next probe
  SteadyTime next_probe_{};
  SteadyTime newest_probe_{};
  int probing_ = 0;  // probes on their way

  // While half open. A round is as many attempts as may run at a time, or up to half as many more.
  std::size_t ramp_ = 1;        // attempts at a time
  std::size_t round_left_ = 1;  // attempts that have yet to end until the round is over
  std::size_t round_ = 1;       // attempts of this round, and how many of them have failed
  std::size_t round_failed_ = 0;
  std::optional<SteadyTime> good_since_;  // something has succeeded, and no round was a bad one
  bool served_ = false;                   // something has succeeded since the last failure
};

std::string_view name(Breaker::State state);  // "closed", "open", "half-open"

}  // namespace globogym::functions
