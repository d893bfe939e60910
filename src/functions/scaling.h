// How many attempts of one function run at a time.
//
// Grows while the queue has more than is running and the dependency answers about as fast as it ever did; shrinks when
// answers become slow, because then more at a time only means that each waits longer. A feedback loop over windows of
// answers, in the manner of TCP Vegas. Owned by one event loop; knows no clock.
#pragma once

#include <cstddef>

#include "base/clock.h"

namespace globogym::functions {

class Concurrency {
 public:
  // Starts at `few` and stays within [few, maximum].
  Concurrency(std::size_t few, std::size_t maximum);

  std::size_t limit() const { return limit_; }
  // What answers took on average of late; 0: not known yet.
  Duration latency() const { return latency_; }
  // There was more to do than the limit let run.
  void wanted_more() { wanted_more_ = true; }
  // The dependency answered, after `latency`.
  void answered(Duration latency);

 private:
  void end_window();

  const std::size_t maximum_;
  const std::size_t few_;
  std::size_t limit_;
  bool wanted_more_ = false;
  bool slow_start_ = true;  // doubles until answers become slower once
  std::size_t answers_ = 0;
  Duration waited_{};       // sum over the window
  Duration latency_{};      // mean of the window before
  Duration undisturbed_{};  // what an answer takes when few run; 0: not known yet
};

}  // namespace globogym::functions
