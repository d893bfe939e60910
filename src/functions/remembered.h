// What attempts have done to the world whose commit did not land.
//
// When the disk refuses, the engine recovers by itself and hands every message out again: its next attempt must know
// what the one before has done, or it would do it twice. Bounded: the oldest is forgotten first. Lives in memory only;
// a process that dies forgets, and an effect is then recognisable by its id. Owned by one event loop.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>

namespace globogym::functions {

class Remembered {
 public:
  explicit Remembered(std::size_t at_most) : at_most_(at_most) {}

  void keep(const std::string& message, const std::string& effect) {
    if (!effects_.insert_or_assign(message, effect).second) return;
    order_.push_back(message);
    // `order_` may name what was forgotten since; it is bounded all the same.
    if (order_.size() <= at_most_) return;
    effects_.erase(order_.front());
    order_.pop_front();
  }
  // Empty when nothing is known.
  std::string recall(const std::string& message) const {
    if (effects_.empty()) return {};
    const auto found = effects_.find(message);
    return found == effects_.end() ? std::string() : found->second;
  }
  void forget(const std::string& message) {
    if (!effects_.empty()) effects_.erase(message);
  }
  std::size_t size() const { return effects_.size(); }

 private:
  const std::size_t at_most_;
  std::unordered_map<std::string, std::string> effects_;
  std::deque<std::string> order_;
};

}  // namespace globogym::functions
