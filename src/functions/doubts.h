// Whether "not now" is about one message or about everybody.
//
// A dependency that answers, but puts off or loses every message, does its work for nobody: that is an outage, and no
// message's own failure. The evidence is what it does for others. Many different messages that fail with no success
// between them are everybody, and none is to blame. A few that fail between two successes are to blame for it, then and
// later: theirs is the trouble. And a few that fail when there is nobody else to tell by are, too. Bounded: of too many
// messages the oldest are forgotten, and have to be found out anew. Lives in memory only. Owned by one event loop.
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
  static constexpr std::size_t everybody = 10;

  explicit Doubts(std::size_t at_most) : at_most_(at_most) {}

  struct Weighed {
    bool own = false;  // the failure is the message's own
    int failures = 0;  // of this message, this one included, since it was first in doubt
  };
  // `message` failed; the dependency has served `successes` messages so far.
  Weighed weigh(std::uint64_t message, std::uint64_t successes) {
    if (successes != successes_) end_of_streak(successes);
    const auto [found, is_new] = known_.try_emplace(message);
    Known& known = found->second;
    ++known.failures;
    if (!known.to_blame && streak_.size() < everybody) streak_.insert(message);
    const Weighed weighed{.own = known.to_blame || streak_.size() < everybody, .failures = known.failures};
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
    bool to_blame = false;
    int failures = 0;
  };

  void end_of_streak(std::uint64_t successes) {
    if (streak_.size() < everybody)
      for (const auto message : streak_)
        if (const auto found = known_.find(message); found != known_.end()) found->second.to_blame = true;
    streak_.clear();
    successes_ = successes;
  }

  const std::size_t at_most_;
  std::unordered_map<std::uint64_t, Known> known_;
  std::deque<std::uint64_t> order_;  // may name what was forgotten since
  std::uint64_t successes_ = 0;
  std::unordered_set<std::uint64_t> streak_;  // failed since the last success, and not known to be to blame
};

}  // namespace globogym::functions
