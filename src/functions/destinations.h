// What a dependency does for its destinations: whether "not now" is about one of them or about everybody, and who
// waits.
//
// A mail server that serves everybody but one domain is not out of order, and one that answers and serves nobody is.
// The evidence is what it does for others. Many different destinations that fail with no success between them are
// everybody, and none is to blame. To blame is who failed among few, between successes, and others have been served
// since whose attempt began later (those that were under way may have been lucky); and who has seen others served after
// each of several failures. A few that fail when there is nobody else to tell by are to blame, too. A destination that
// fails again and again is tried by one message at a time; one that does so while others are served is tried now and
// then, and whatever is for it waits: what has been tried by the failures of what has been tried, and what is fresh by
// those of what is fresh, because a first "later" is what greylists say and one full mailbox is not its neighbours'
// fault. A message that has no destination is one of its own: its key is then the
// message's. Bounded: of too many destinations the oldest are forgotten, and have to be found out anew. Lives in memory
// only. Owned by one event loop.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"
#include "functions/retry.h"

namespace globogym::functions {

class Destinations {
 public:
  // So many different ones with no success between them are everybody.
  static constexpr std::size_t everybody = 10;
  static constexpr int passed_over_often = 4;
  // So many failures in a row of one destination, and one message at a time tries it.
  static constexpr int one_at_a_time = 8;
  // So many messages for it that had waited were put off again while others were served, and it has to wait; as many
  // fresh ones as well, and they wait, too.
  static constexpr int in_vain_often = 2;

  explicit Destinations(std::size_t at_most) : at_most_(at_most) {}

  // How the dependency stands: see Breaker.
  struct Served {
    std::uint64_t successes = 0;
    std::uint64_t begun = 0;
    std::uint64_t newest_served = 0;
  };
  // Whether a message has failed before.
  enum class Kind { fresh, tried };

  struct Weighed {
    bool own = false;               // the failure is the destination's own
    bool nobody_is_served = false;  // they are everybody from this failure on
    int failures = 0;               // of this destination since it was served last, this one included
    int own_failures = 0;           // those that were answered, and its own
    int in_a_row = 0;               // answered ones of all destinations since anything was served, this one included
    // How often others were served between two of them:
    int unanswered = 0;     // … and the second was not answered
    int in_vain = 0;        // … and it was, and the message had been tried before
    int fresh_in_vain = 0;  // … and the message had not
  };
  // A message for `key` failed. `answered`: with "not now", or it may have been.
  Weighed weigh(std::uint64_t key, Kind kind, bool answered, Served served) {
    if (served.successes != successes_) end_of_streak(served.successes);
    if (answered) ++in_a_row_;
    const auto [found, is_new] = known_.try_emplace(key);
    Known& known = found->second;
    ++known.failures;
    if (known.failures > 1 && served.newest_served > known.begun) {
      ++known.passed_over;
      ++(answered ? known.turn(kind).in_vain : known.unanswered);
    }
    const bool to_blame = (known.among_few && known.passed_over > 0) || known.passed_over >= passed_over_often;
    known.begun = served.begun;
    const bool joins = !to_blame && streak_.size() < everybody && streak_.insert(key).second;
    const bool own = to_blame || streak_.size() < everybody;
    if (own && answered) ++known.own_failures;
    const Weighed weighed{.own = own,
                          .nobody_is_served = joins && streak_.size() == everybody,
                          .failures = known.failures,
                          .own_failures = known.own_failures,
                          .in_a_row = in_a_row_,
                          .unanswered = known.unanswered,
                          .in_vain = known.turn(Kind::tried).in_vain,
                          .fresh_in_vain = known.turn(Kind::fresh).in_vain};
    if (is_new) order_.push_back(key);
    if (order_.size() > at_most_) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    return weighed;
  }

  // What is of this kind and for `key` waits until then. True when what has been tried did not have to wait before.
  bool put_off(std::uint64_t key, Kind kind, SteadyTime until) {
    const auto found = known_.find(key);
    if (found == known_.end()) return false;
    Known& known = found->second;
    const bool first = !known.is_put_off();
    known.turn(kind).next = until;
    return first && known.is_put_off();
  }
  // Until when a message for `key` has to wait; nothing: it may be tried now. One that is `overdue` waits for no more
  // than its turn.
  std::optional<SteadyTime> waits(std::uint64_t key, Kind kind, bool overdue, SteadyTime now) const {
    const auto found = known_.find(key);
    if (found == known_.end()) return std::nullopt;
    const Turn& turn = found->second.turn(kind);
    if (turn.trying != 0 && now - turn.since < unusually_long) return std::max(now, turn.next);
    if (!overdue && now < turn.next) return turn.next;
    return std::nullopt;
  }
  // It was, since it was served last.
  bool is_put_off(std::uint64_t key) const {
    const auto found = known_.find(key);
    return found != known_.end() && found->second.is_put_off();
  }
  // An attempt at `key` begins, and ends. `attempt` is not 0, and no other's.
  void begin(std::uint64_t key, Kind kind, std::uint64_t attempt, SteadyTime now) {
    const auto found = known_.find(key);
    if (found == known_.end()) return;
    Known& known = found->second;
    if (known.failures < one_at_a_time && !known.is_put_off()) return;
    known.turn(kind).trying = attempt;
    known.turn(kind).since = now;
  }
  void end(std::uint64_t key, std::uint64_t attempt) {
    const auto found = known_.find(key);
    if (found == known_.end()) return;
    for (Turn& turn : found->second.turns)
      if (turn.trying == attempt) turn.trying = 0;
  }

  // It has been served; or the message that is its own destination is over.
  void forget(std::uint64_t key) {
    if (!known_.empty()) known_.erase(key);
  }
  // It has failed since it was served last.
  bool knows(std::uint64_t key) const { return known_.contains(key); }
  std::size_t size() const { return known_.size(); }

 private:
  struct Turn {
    std::uint64_t trying = 0;  // the one attempt that may try it
    SteadyTime since{};        // … which began then
    SteadyTime next{};
    int in_vain = 0;
  };
  struct Known {
    bool among_few = false;  // failed in a streak that a success ended early
    int failures = 0;
    int own_failures = 0;
    int passed_over = 0;
    int unanswered = 0;
    std::uint64_t begun = 0;  // attempts, when it failed last
    std::array<Turn, 2> turns{};

    Turn& turn(Kind kind) { return turns[static_cast<std::size_t>(kind)]; }
    const Turn& turn(Kind kind) const { return turns[static_cast<std::size_t>(kind)]; }
    bool is_put_off() const { return turn(Kind::tried).next != SteadyTime{}; }
  };

  void end_of_streak(std::uint64_t successes) {
    if (streak_.size() < everybody)
      for (const auto key : streak_)
        if (const auto found = known_.find(key); found != known_.end()) found->second.among_few = true;
    streak_.clear();
    in_a_row_ = 0;
    successes_ = successes;
  }

  const std::size_t at_most_;
  std::unordered_map<std::uint64_t, Known> known_;
  std::deque<std::uint64_t> order_;  // may name what was forgotten since
  std::uint64_t successes_ = 0;
  int in_a_row_ = 0;
  std::unordered_set<std::uint64_t> streak_;  // failed since the last success, and not known to be to blame
};

}  // namespace globogym::functions
