// The ledger's own time: what says when a delayed message is due, and how old a message is.
//
// Wall clocks are set, forwards and back; what waits must not notice. While a store is open this time goes on with the
// steady clock, also when the same process opens the store again. Every commit notes where it stands and what the wall
// clock shows; another process goes on from there by as much as the wall clock shows to have passed, and never back. So
// a message never waits longer than the delay it was given, whatever the clocks do. It begins as wall time, and differs
// from it only by the steps that the wall clock has made since; times that people see are told on the wall clock as it
// stands now. (docs/decisions/0034-time-that-waits.md)
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace globogym::engine::kv {

struct LedgerTime {};
using Moment = std::chrono::time_point<LedgerTime, Duration>;

// As it is stored.
inline std::int64_t micros(Moment moment) {
  return moment.time_since_epoch().count();
}

class Timeline {
 public:
  // Where a store's time stood, and what the wall clock showed then.
  struct Note {
    Moment stood_at{};
    WallTime shown{};
    bool operator==(const Note&) const = default;
  };

  // A store that has no time of its own yet.
  void begin(WallTime wall, SteadyTime steady) { stand(Moment(wall.time_since_epoch()), wall, steady); }
  void resume(const Note& note, WallTime wall, SteadyTime steady) {
    stand(note.stood_at + std::max(wall - note.shown, Duration(0)), wall, steady);
  }
  // It is later than the clocks said: something stored proves it.
  void not_before(Moment moment) {
    if (moment > now_) stand(moment, wall_, steady_);
  }

  // What the clocks show. By how far the wall clock has stepped since it was last looked at; 0 when it has gone on.
  Duration look(WallTime wall, SteadyTime steady) {
    steady_ = std::max(steady_, steady);
    wall_ = wall;
    now_ = Moment(steady_.time_since_epoch() + ahead_of_steady_);
    const Duration step = wall - on_the_wall(now_);
    // The two clocks are read one after the other, and a thread may be held up in between.
    if (std::chrono::abs(step) < smallest_step) return Duration(0);
    wall_ahead_ += step;
    return step;
  }

  Moment now() const { return now_; }
  WallTime wall() const { return wall_; }
  SteadyTime steady() const { return steady_; }
  Note note() const { return {now_, wall_}; }

  WallTime on_the_wall(Moment moment) const { return WallTime(moment.time_since_epoch() + wall_ahead_); }
  SteadyTime on_the_steady_clock(Moment moment) const {
    return SteadyTime(moment.time_since_epoch() - ahead_of_steady_);
  }

 private:
  static constexpr Duration smallest_step = std::chrono::seconds(1);

  void stand(Moment now, WallTime wall, SteadyTime steady) {
    now_ = now;
    wall_ = wall;
    steady_ = steady;
    ahead_of_steady_ = now.time_since_epoch() - steady.time_since_epoch();
    wall_ahead_ = wall.time_since_epoch() - now.time_since_epoch();
  }

  Moment now_{};
  WallTime wall_{};
  SteadyTime steady_{};
  Duration ahead_of_steady_{};
  Duration wall_ahead_{};  // of this time
};

}  // namespace globogym::engine::kv
