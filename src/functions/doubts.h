// Whether "not now" is about one message or about everybody.
//
// A dependency that answers, but puts off or loses every message, does its work for nobody: that is an outage, and no
// message's own failure. The evidence is what it does for others: a message's failure is its own when the dependency
// has served somebody since that message first failed, or when so few fail that nobody else could tell. Bounded: of too
// many messages the oldest are forgotten, and are then in doubt again. Lives in memory only. Owned by one event loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <unordered_set>

namespace globogym::functions {

class Doubts {
 public:
  // So many different messages with no success between them are everybody.
  static constexpr std::size_t everybody = 5;

  explicit Doubts(std::size_t at_most) : at_most_(at_most) {}

  struct Weighed {
    bool own = false;  // the failure is the message's own
    int failures = 0;  // of this message, this one included, since it was first in doubt
  };
  // `message` failed; the dependency has served `successes` messages so far.
  Weighed weigh(std::uint64_t message, std::uint64_t successes) {
    if (successes != successes_) {
      successes_ = successes;
      unserved_.clear();
    }
    if (unserved_.size() < everybody) unserved_.insert(message);
    const auto [found, is_new] = known_.try_emplace(message, Known{.successes = successes});
    Known& known = found->second;
    ++known.failures;
    const Weighed weighed{.own = successes > known.successes || unserved_.size() < everybody,
                          .failures = known.failures};
    if (is_new) order_.push_back(message);
    if (order_.size() > at_most_) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    return weighed;
  }
  // It has been done, or parked.
  void forget(std::uint64_t message) {
    if (!known_.empty()) known_.erase(message);
  }
  std::size_t size() const { return known_.size(); }

 private:
  struct Known {
    std::uint64_t successes = 0;  // when it first failed
    int failures = 0;
  };
  const std::size_t at_most_;
  std::unordered_map<std::uint64_t, Known> known_;
  std::deque<std::uint64_t> order_;  // may name what was forgotten since
  std::uint64_t successes_ = 0;
  std::unordered_set<std::uint64_t> unserved_;  // failed since the last success
};

}  // namespace globogym::functions
