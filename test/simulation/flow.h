// Good letters flow while bad ones wait.
//
// A letter is good when neither its recipient nor their mail domain gives any trouble. While nothing is wrong that
// concerns everybody, the mail system takes it within `bound`, whatever becomes of others; one whose own connection
// died may be tried again only after a back-off for each time.
#pragma once

#include <map>
#include <string>

#include "base/clock.h"
#include "simulation/story.h"

namespace globogym::simulation {

class Flow {
 public:
  Flow(Duration bound, const Clock& clock, Story& story) : bound_(bound), clock_(clock), story_(story) {}

  // The letter has been written, or brought back from the dead letters.
  void written(const std::string& message_id) { waiting_[message_id] = {clock_.steady(), 0}; }
  // Its connection died before the content was out.
  void lost_its_connection(const std::string& message_id);
  void taken(const std::string& message_id);
  // It is none of the good ones.
  void forget(const std::string& message_id) { waiting_.erase(message_id); }
  // Something that concerns everybody is wrong until then.
  void disturbed(SteadyTime until);

 private:
  struct Waiting {
    SteadyTime since{};
    int back_offs = 0;
  };

  const Duration bound_;
  const Clock& clock_;
  Story& story_;
  SteadyTime calm_since_{};
  std::map<std::string, Waiting> waiting_;
};

}  // namespace globogym::simulation
