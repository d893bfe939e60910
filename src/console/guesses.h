// Notices who guesses credentials: so many wrong ones from one address, then one every few seconds. It never keeps out
// who has the right ones: those are looked at whatever others behind the same address have sent.
//
// Bounded: when too many addresses guess at once, the one that failed longest ago is forgotten. The addresses of one
// IPv6 network (/64) count as one. That keys cannot be guessed comes from their 256 bits; this makes the attempts
// seen, and asks programs with an old key to wait.
// Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace globogym::console {

struct GuessBounds {
  unsigned at_once = 10;
  Duration every = std::chrono::seconds(6);
  std::size_t addresses = 1024;
};

class Guesses {
 public:
  explicit Guesses(const Clock& clock, GuessBounds bounds = {}) : clock_(clock), bounds_(bounds) {}

  // How long `address` has to wait before one more wrong one is no longer too many; nothing when it need not.
  std::optional<Duration> wait(std::string_view address);
  // Its credentials were wrong.
  void failed(std::string_view address);
  std::size_t addresses() const;

 private:
  const Clock& clock_;
  const GuessBounds bounds_;
  mutable std::mutex mutex_;
  // When all of an address's failures are paid off; never far ahead, as no more are taken then.
  std::unordered_map<std::string, SteadyTime> paid_;
};

}  // namespace globogym::console
