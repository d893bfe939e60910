#include "functions/retry.h"

#include <algorithm>

#include "base/assert.h"

namespace globogym::functions {

Duration Backoff::delay(int failures, Random& random) const {
  ASSERT(first_delay > Duration{0} && max_delay >= first_delay);
  Duration delay = first_delay;
  // Three times the largest is the largest: past some forty steps more of them change nothing.
  for (int step = 1; step < std::min(failures, 40); ++step) {
    const double span = static_cast<double>((delay * 3 - first_delay).count());
    delay = first_delay + Duration(static_cast<Duration::rep>(span * random.unit()));
    delay = std::min(delay, max_delay);
  }
  return delay;
}

namespace {

Verdict counted(const Failure& failure) {
  if (failure.attempt >= failure.max_attempts || failure.overdue)
    return {Action::park, true, parked::attempts_exhausted};
  return {Action::give_back, true, {}};
}

constexpr Verdict uncounted{Action::give_back, false, {}};

}  // namespace

Verdict judge(const Failure& failure) {
  switch (failure.fault) {
    case Fault::refused:
      return {Action::park, true, parked::refused};
    case Fault::invalid:
      return {Action::park, true, parked::invalid_message};
    case Fault::damaged:
      return {Action::park, true, parked::damaged_record};
    case Fault::conflict:
      if (failure.run_again_enough) return counted(failure);
      return {Action::run_again, false, {}};
    case Fault::lease_lost:
      return {Action::drop, false, {}};
    case Fault::full:
      return uncounted;
    case Fault::deferred:
      return failure.everybodys ? uncounted : counted(failure);
    case Fault::not_found:
      return counted(failure);
    case Fault::unknown_outcome:
      // A dependency that dies after every letter would otherwise, probe by probe, park what it never answered.
      if (failure.probe || failure.everybodys) return uncounted;
      if (failure.unknown_outcomes >= unknown_outcomes_at_most) return {Action::park, true, parked::attempts_exhausted};
      return counted(failure);
    case Fault::cancelled:
      if (!failure.deadline_passed) return uncounted;
      [[fallthrough]];
    case Fault::timed_out:
      if (!failure.has_dependency) return counted(failure);
      [[fallthrough]];
    case Fault::unavailable:
      return failure.dependency_healthy && !failure.probe ? counted(failure) : uncounted;
  }
  return uncounted;
}

}  // namespace globogym::functions
