// What is known of attempts that ended with a question: the engine refused their settlement, or their effect is
// unknown.
//
// When the disk fails, the engine recovers by itself and hands every message out again, with the attempt counted. The
// next attempt must know what the one before has done to the world, or it would do it twice; and that it was lost
// through no fault of the message's. Bounded: the oldest is forgotten first. Lives in memory only; a process that dies
// forgets, and an effect is then recognisable by its id. Owned by one event loop.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>

namespace globogym::functions {

class Remembered {
 public:
  struct Loose {
    std::string effect;     // what was done to the world; empty: nothing
    int lost_attempts = 0;  // counted, and ended by the engine's trouble
    int unknown_outcomes = 0;
  };

  explicit Remembered(std::size_t at_most) : at_most_(at_most) {}

  // Remembers the message from now on. The reference is good until the next keep().
  Loose& keep(const std::string& message) {
    const auto [found, is_new] = loose_.try_emplace(message);
    if (is_new) order_.push_back(message);
    // `order_` may name what was forgotten since; it is bounded all the same.
    if (order_.size() > at_most_) {
      if (order_.front() != message) loose_.erase(order_.front());
      order_.pop_front();
    }
    return found->second;
  }
  Loose recall(const std::string& message) const {
    if (loose_.empty()) return {};
    const auto found = loose_.find(message);
    return found == loose_.end() ? Loose{} : found->second;
  }
  void forget(const std::string& message) {
    if (!loose_.empty()) loose_.erase(message);
  }
  std::size_t size() const { return loose_.size(); }

 private:
  const std::size_t at_most_;
  std::unordered_map<std::string, Loose> loose_;
  std::deque<std::string> order_;
};

}  // namespace globogym::functions
