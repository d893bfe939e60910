#include "simulation/custody.h"

#include <algorithm>

namespace globogym::simulation {
namespace {

using namespace std::chrono_literals;

// Between the engine's own reading of the clock and ours lies one round of the committer.
constexpr Duration a_round = 1s;
// A queue that somebody waits at hands out what is due within this.
constexpr Duration at_once = 10s;

}  // namespace

void Custody::settling(const Settling& settling) {
  if (const auto found = entries_.find({settling.lease.queue, settling.lease.message_id}); found != entries_.end())
    ++found->second.settling;
}

void Custody::settled(const Settling& settling, const Result<void>& outcome) {
  const auto found = entries_.find({settling.lease.queue, settling.lease.message_id});
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.settling = std::max(0, entry.settling - 1);
  if (!entry.leased || entry.token != settling.lease.token) return;  // handed out again meanwhile
  if (outcome) {
    if (settling.gives_back) {
      wait(entry, settling.delay);
    } else {
      entries_.erase(found);
    }
  } else if (outcome.error().fault == Fault::lease_lost) {
    if (!entry.in_doubt && entry.settling == 0 && clock_.steady() + a_round < entry.until)
      story_.broken("a lease ended early: " + settling.lease.queue + ", " + settling.lease.message_id);
    entry.in_doubt = true;
  } else if (outcome.error().fault != Fault::conflict && outcome.error().fault != Fault::invalid) {
    entry.in_doubt = true;
  }
}

void Custody::sent(const std::string& queue, const std::string& id, Duration delay) {
  first_heard_of_.try_emplace(id, clock_.steady());
  const auto [found, is_new] = entries_.try_emplace({queue, id});
  if (is_new) wait(found->second, delay);  // otherwise it has been handed out before we were told
}

void Custody::in_doubt(const std::string& queue, const std::string& id) {
  first_heard_of_.try_emplace(id, clock_.steady());
  entries_[{queue, id}].in_doubt = true;
}

void Custody::handed_out(const engine::Delivery& delivery, Duration lease_for) {
  Entry& entry = entries_[{delivery.message.queue, delivery.message.id}];
  const SteadyTime now = clock_.steady();
  const std::string which = delivery.message.queue + ", " + delivery.message.id;
  if (!entry.in_doubt && entry.settling == 0 && now + a_round < entry.until) {
    if (entry.leased)
      story_.broken("a message was handed out that another holds: " + which);
    else if (!entry.clock_fooled)
      story_.broken("a message was handed out before its time: " + which);
  }
  entry = Entry{.leased = true,
                .in_doubt = now == woke_at_,
                .settling = entry.settling,
                .token = delivery.lease.token,
                .until = now + lease_for};
}

void Custody::nothing_there(const std::string& queue) {
  const SteadyTime now = clock_.steady();
  if (now < serving_since_ + at_once) return;
  for (auto at = entries_.lower_bound({queue, ""}); at != entries_.end() && at->first.first == queue; ++at) {
    Entry& entry = at->second;
    if (entry.in_doubt || entry.settling > 0 || entry.until + at_once >= now) continue;
    story_.broken("a message is due and nobody is given it: " + queue + ", " + at->first.second);
    entry.in_doubt = true;
  }
}

void Custody::opened_anew() {
  for (auto& [key, entry] : entries_) {
    if (entry.settling > 0) entry.in_doubt = true;
    if (entry.leased) entry = Entry{.in_doubt = entry.in_doubt, .until = clock_.steady()};
    entry.settling = 0;
  }
  serves();
}

void Custody::wakes() {
  woke_at_ = clock_.steady();
  serves();
}

void Custody::begins_to_serve() {
  if (noted_sets_ != clock_sets_) doubt_delays();
  serves();
}

void Custody::serves() {
  serving_since_ = clock_.steady();
}

bool Custody::age_unknown(const std::string& id) const {
  const auto found = first_heard_of_.find(id);
  return found == first_heard_of_.end() || found->second <= fooled_at_;
}

// How long nobody was there cannot be told from a clock that was set: at most a message waits from now as long as it
// was told to.
void Custody::doubt_delays() {
  fooled_at_ = clock_.steady();
  for (auto& [key, entry] : entries_) {
    if (entry.leased) continue;
    entry.clock_fooled = true;
    entry.until = std::max(entry.until, clock_.steady() + entry.delay);
  }
}

void Custody::wait(Entry& entry, Duration delay) {
  entry = Entry{.settling = entry.settling, .until = clock_.steady() + delay, .delay = delay};
}

}  // namespace globogym::simulation
