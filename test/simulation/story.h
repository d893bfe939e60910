// What happened in a world, in order. Its fingerprint is that of every event with its time, so two runs of one seed
// can be compared; the text is kept only when somebody wants to read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace globogym::simulation {

class Story {
 public:
  // `aloud`: each event is also printed at once, which an assertion that fails cannot undo.
  Story(const Clock& clock, bool kept, bool aloud)
      : clock_(clock), began_(clock.steady()), kept_(kept), aloud_(aloud) {}

  void tell(std::string event);
  // A promise was broken. Told like an event.
  void broken(std::string promise);

  std::uint64_t fingerprint() const { return fingerprint_; }
  std::size_t events() const { return events_; }
  const std::vector<std::string>& lines() const { return lines_; }
  const std::vector<std::string>& broken_promises() const { return broken_; }

 private:
  const Clock& clock_;
  const SteadyTime began_;
  const bool kept_, aloud_;
  std::uint64_t fingerprint_ = 0xcbf29ce484222325;  // FNV-1a
  std::size_t events_ = 0;
  std::vector<std::string> lines_;
  std::vector<std::string> broken_;
};

}  // namespace globogym::simulation
