// Lets a few through in a while and counts the others: for log lines of which there could be as many as messages.
// Owned by one event loop.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
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

// The same for each of many: the first of each passes, and then one in a while. Of too many, those that came first are
// forgotten.
class SparinglyEach {
 public:
  SparinglyEach(std::size_t at_most, Duration in) : at_most_(at_most), in_(in) {}

  // How many of this `key` were held back since the last one that was let through; nothing when this one is, too.
  std::optional<std::uint64_t> pass(std::uint64_t key, SteadyTime now) {
    const auto [found, is_new] = told_.try_emplace(key, 1, in_);
    const auto passed = found->second.pass(now);
    if (is_new) order_.push_back(key);
    if (order_.size() > at_most_) {
      told_.erase(order_.front());
      order_.pop_front();
    }
    return passed;
  }
  std::size_t size() const { return told_.size(); }

 private:
  const std::size_t at_most_;
  const Duration in_;
  std::unordered_map<std::uint64_t, Sparingly> told_;
  std::deque<std::uint64_t> order_;
};

}  // namespace globogym::functions
