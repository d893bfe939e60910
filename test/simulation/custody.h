// Who holds which message, and what waits until when, as the engine has told it: so that the engine can be held to it.
//
// No lease ends early, nobody is handed what another holds, what waits is handed out neither before its time nor long
// after it. All of it in steady time, whatever the wall clock is set to. What the engine left open (a commit that
// failed with `unavailable`, a call that is under way, a process that died) is not judged until the next hand-out.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "simulation/story.h"

namespace globogym::simulation {

class Custody {
 public:
  Custody(const Clock& clock, Story& story) : clock_(clock), story_(story) {}

  // A commit is on its way to the engine, and back. `engine::Committed` or why not.
  struct Settling {
    engine::Lease lease;
    bool gives_back = false;
    Duration delay{};
  };
  void settling(const Settling& settling);
  void settled(const Settling& settling, const Result<void>& outcome);
  // A message is in the queue: new, or back from the dead letters.
  void sent(const std::string& queue, const std::string& id, Duration delay);
  // Whether it is there is not known.
  void in_doubt(const std::string& queue, const std::string& id);

  void handed_out(const engine::Delivery& delivery, Duration lease_for);
  // Somebody has waited for a message, in vain.
  void nothing_there(const std::string& queue);

  // The engine is read anew from its disk, by another process or by this one: no lease holds any more.
  void opened_anew();
  void clock_set() { ++clock_sets_; }
  // What the clock was set to last is known durably: a commit has noted it that began after `sets` times of setting it.
  int clock_sets() const { return clock_sets_; }
  void noted(int sets) { noted_sets_ = std::max(noted_sets_, sets); }
  // The engine may take the message for older than it is, or for younger: it was there when the engine was opened with
  // a clock of which its disk did not know that it was set.
  bool age_unknown(const std::string& id) const;
  // Nothing ran for a while, and now it does: who waited in vain may have been told so before what had become due
  // meanwhile was seen.
  void serves();
  // The process has stood still: who is handed something at this very moment may have been given the lease before it.
  void wakes();
  // A new process does, with what it has read only now if its disk did not serve before.
  void begins_to_serve();

 private:
  struct Entry {
    bool leased = false;
    bool in_doubt = false;
    int settling = 0;           // commits under way that end a lease of it
    std::uint64_t token = 0;    // while leased
    SteadyTime until{};         // the lease's end, or when it is due
    Duration delay{};           // while it waits: how long it was to wait
    bool clock_fooled = false;  // the engine was opened with a clock of which its disk did not know that it was set
  };
  using Key = std::pair<std::string, std::string>;  // queue and id
  void wait(Entry& entry, Duration delay);
  void doubt_delays();

  const Clock& clock_;
  Story& story_;
  std::map<Key, Entry> entries_;
  int clock_sets_ = 0;
  int noted_sets_ = 0;
  SteadyTime serving_since_{};
  SteadyTime woke_at_{};
  SteadyTime fooled_at_ = SteadyTime::min();
  std::map<std::string, SteadyTime> first_heard_of_;  // by a message's id
};

}  // namespace globogym::simulation
