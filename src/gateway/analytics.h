// Who uses the API, how, and how it goes: counts, sizes and durations per operation and per caller.
//
// Covers the life of this process and, out of the same counts, the last minute, quarter of an hour and day. It knows
// operations, ids of API keys, outcomes and reasons of refusal; nothing that was sent, no address and nobody's name.
// Bounded: 256 callers by id, whoever comes later is counted together as "other". Nothing is written to disk: a restart
// begins anew (what became of enrollments is told by the engine's tallies, which do survive).
// record() touches only its own thread's counters, so event loops never wait for one another; readers add them up.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace globogym::gateway {

// How far a sign-up came in the request; what is further includes what is before. `repeated` is one that was accepted
// before and has got the same answer again: it was received, and promises nothing new.
enum class Stage : std::uint8_t { none, received, valid, accepted, repeated };

// A request that has been answered. The views are of literals.
struct Visit {
  std::string_view operation;  // as in the table of routes; empty: no route has this path
  std::string caller;          // an API key's id; `token_callers` for every token's holder; empty: nobody
  unsigned status = 0;
  std::string_view refusal;  // the problem's slug; empty: not refused
  Stage stage = Stage::none;
  std::uint64_t bytes_in = 0, bytes_out = 0;  // of the bodies
  Duration duration{};
};

// Tokens are people's as much as programs', so their holders are counted together.
inline constexpr std::string_view token_callers = "token";

// Over which time a report tells.
enum class Window { life, minute, quarter, day };

std::string_view name(Window window);  // "life", "1m", "15m", "24h"

// What was counted of one operation, one caller, or all of them.
struct Traffic {
  std::string name;                                                 // operation or caller; "none": no route, or nobody
  std::uint64_t requests = 0;                                       // all of them
  std::array<std::uint64_t, 6> by_class{};                          // [2]: 2xx …; [0]: any other status
  std::vector<std::pair<std::string_view, std::uint64_t>> refused;  // by slug, only those there were
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::uint64_t received = 0, valid = 0, accepted = 0, repeated = 0;
  Duration total_duration{};
  std::vector<std::uint64_t> durations;  // telemetry::duration_buckets of them
};

// What became of enrollments; grows only. From the engine's tallies.
struct Ended {
  std::int64_t completed = 0, rejected = 0;
};

struct Report {
  WallTime from{}, until{};
  Traffic all;
  std::vector<Traffic> operations;  // those that were used, in the order of the table; "none" last
  std::vector<Traffic> callers;     // those that came, by first coming; "none" and "other" last
  Ended ended;                      // within the window, up to the last fold()
  std::optional<Ended> folded;      // what that was told; nothing: it was never called
};

class Analytics {
 public:
  static constexpr std::size_t most_callers = 256;

  // The names of routes() and all_problems(). What is named otherwise is counted as "none".
  explicit Analytics(const Clock& clock);
  ~Analytics();
  Analytics(const Analytics&) = delete;
  Analytics& operator=(const Analytics&) = delete;

  // Thread-safe, wait-free once a thread has seen the operation and the caller; see docs/benchmarks.md for its cost.
  void record(const Visit& visit);

  // Moves the windows on: to be called every few seconds, else they grow coarse. `ended` counts since the first start.
  // Thread-safe.
  void fold(Ended ended);

  // Thread-safe. Requests that are being recorded at the moment may be counted in part.
  Report report(Window window) const;

 private:
  struct State;
  const Clock& clock_;
  const std::unique_ptr<State> state_;
};

}  // namespace globogym::gateway
