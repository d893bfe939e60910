// Lets a few through in a while and counts the others: for log lines of which there could be as many as messages.
// Owned by one event loop.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/clock.h"

namespace globogym::functions {

class Sparingly {
 public:
  Sparingly(int at_most, Duration in) : at_most_(at_most), in_(in) {}

  // How many were held back since the last one that was let through; nothing when this one is, too.
  std::optional<std::uint64_t> pass(SteadyTime now) {
    if (now - since_ >= in_) {
      since_ = now;
      passed_ = 0;
    }
    if (passed_ >= at_most_) {
      ++held_back_;
      return std::nullopt;
    }
    ++passed_;
    return std::exchange(held_back_, 0);
  }

 private:
  const int at_most_;
  const Duration in_;
  SteadyTime since_{};
  int passed_ = 0;
  std::uint64_t held_back_ = 0;
};

}  // namespace globogym::functions
