// What becomes of an attempt that failed: the one place where retrying is decided.
//
// Facts in, verdict out; no clock, no state. The host turns the verdict into a settlement.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"

namespace globogym::functions {

// Why a message was parked: stable words that people and scripts filter by.
namespace parked {
inline constexpr std::string_view attempts_exhausted = "attempts-exhausted";
inline constexpr std::string_view refused = "refused";  // unless the function has a better word (FunctionOptions)
inline constexpr std::string_view invalid_message = "invalid-message";
inline constexpr std::string_view invalid_result = "invalid-result";
inline constexpr std::string_view damaged_record = "damaged-record";
inline constexpr std::string_view discarded = "discarded";  // parked for good: a person has dropped the dead letter
}  // namespace parked

// Exponential back-off with decorrelated jitter: each delay is drawn between `first_delay` and three times the one
// before, so that messages that failed together do not come back together.
// Source: M. Brooker, "Exponential Backoff And Jitter", 2015.
struct Backoff {
  Duration first_delay = std::chrono::seconds(1);
  Duration max_delay = std::chrono::minutes(5);

  // The delay after the `failures`-th failure (1 is the first): always within [first_delay, max_delay]. The chain is
  // drawn anew each time, which gives the same distribution as remembering it would.
  Duration delay(int failures, Random& random) const;
};

// More copies than these of what may have happened are not made: an unknown outcome is given up by count alone.
inline constexpr int unknown_outcomes_at_most = 8;
// Time gives a message up only when it has failed as often as this: a clock that was set forward is no reason.
inline constexpr int failures_before_giving_up = 8;

// An attempt that has run for longer says nothing yet of its dependency or its destination: it keeps no other waiting.
inline constexpr Duration unusually_long = std::chrono::seconds(30);

struct Failure {
  Fault fault = Fault::unavailable;
  int attempt = 1;
  int max_attempts = 1;
  bool overdue = false;             // it has failed for as long as it may
  int unknown_outcomes = 0;         // attempts of it that ended so, this one included, as far as is known
  bool has_dependency = false;      // the function needs something besides the engine
  bool dependency_healthy = false;  // it proved so while this attempt ran: the failure is this message's own
  bool probe = false;               // the attempt was a breaker's probe
  bool everybodys = false;          // it serves nobody: see Destinations
  bool deadline_passed = false;
  bool run_again_enough = false;  // it has been run again so often that one more time would not help
};

enum class Action { run_again, give_back, park, drop };

struct Verdict {
  Action action = Action::give_back;
  bool count_attempt = true;
  std::string_view reason;  // when parked
  bool operator==(const Verdict&) const = default;
};

Verdict judge(const Failure& failure);

}  // namespace globogym::functions
