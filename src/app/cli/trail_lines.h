// The lines of the audit trail as `globogym audit` shows them: those that were asked for, in their order.
//
// A change has two lines, and its beginning is told only when its end is not there. So what follows a beginning waits
// until its end has come. At most `most_held` lines wait, however long the trail is: then the beginning is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace globogym::app::cli {

// What is asked for; empty: everything.
struct WantedLines {
  std::optional<WallTime> since, until;
  std::string who;    // a key's id, "uid:1000", a door
  std::string event;  // also when it was refused
};

class TrailLines {
 public:
  static constexpr std::size_t most_held = 10'000;

  // With `as_they_are` every line is shown as it stands in the trail, beginnings too.
  TrailLines(WantedLines wanted, bool as_they_are, std::function<void(std::string_view)> show)
      : wanted_(std::move(wanted)), as_they_are_(as_they_are), show_(std::move(show)) {}

  void take(const std::string& text);
  // Nothing follows: what waits is shown.
  void end();
  std::size_t shown() const { return shown_; }

 private:
  struct Held {
    std::string text;
    std::int64_t begins = 0;  // the number of a line whose end has not come; 0: it only waits
  };

  void hold(std::string text, std::int64_t begins);
  void ended(std::int64_t begun);
  void show_first();
  void show_what_waits_for_nothing();

  const WantedLines wanted_;
  const bool as_they_are_;
  const std::function<void(std::string_view)> show_;
  std::map<std::uint64_t, Held> held_;           // in the order of the trail
  std::map<std::int64_t, std::uint64_t> begun_;  // which of them begins what
  std::uint64_t taken_ = 0;
  std::size_t shown_ = 0;
};

}  // namespace globogym::app::cli
