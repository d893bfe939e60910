// Whether "not now" is about one message or about everybody.
//
// A dependency that answers, but puts off or loses every message, does its work for nobody: that is an outage, and no
// message's own failure. The evidence is what it does for others. Many different messages that fail with no success
// between them are everybody, and none is to blame. To blame is who failed among few, between successes, and somebody
// has been served since whose attempt began later (those that were under way may have been lucky); and who has seen
// others served after each of several failures. A few that fail when there is nobody else to tell by are to blame, too.
// Bounded: of too many messages the oldest are forgotten, and have to be found out anew. Lives in memory only. Owned by
// one event loop.
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
  static constexpr int passed_over_often = 4;

  explicit Doubts(std::size_t at_most) : at_most_(at_most) {}

  struct Weighed {
    bool own = false;  // the failure is the message's own
    int failures = 0;  // of this message, this one included, since it was first in doubt
  };
  // How the dependency stands: see Breaker.
  struct Served {
    std::uint64_t successes = 0;
    std::uint64_t begun = 0;
    std::uint64_t newest_served = 0;
  };
  // `message` failed.
  Weighed weigh(std::uint64_t message, Served served) {
    if (served.successes != successes_) end_of_streak(served.successes);
    const auto [found, is_new] = known_.try_emplace(message);
    Known& known = found->second;
    ++known.failures;
    const bool others_since = known.failures > 1 && served.newest_served > known.begun;
    if (others_since) ++known.passed_over;
    const bool to_blame = (known.among_few && known.passed_over > 0) || known.passed_over >= passed_over_often;
    known.begun = served.begun;
    if (!to_blame && streak_.size() < everybody) streak_.insert(message);
    const Weighed weighed{.own = to_blame || streak_.size() < everybody, .failures = known.failures};
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
    bool among_few = false;   // failed in a streak that a success ended early
    int passed_over = 0;      // how often others were served between two failures
    std::uint64_t begun = 0;  // attempts, when it failed last
    int failures = 0;
  };

  void end_of_streak(std::uint64_t successes) {
    if (streak_.size() < everybody)
      for (const auto message : streak_)
        if (const auto found = known_.find(message); found != known_.end()) found->second.among_few = true;
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
