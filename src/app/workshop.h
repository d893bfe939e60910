// The threads that work after the 202: the functions, their hosts and the mail system, each on one loop.
//
// With two threads the letters have one of their own, and whatever makes them the other: a desk each. What a desk makes
// is the next one's work and goes through the engine, so they share nothing but the word whether letters go out
// quickly.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "functions/host.h"

namespace globogym::app {

class Installation;

// How many threads `functions.threads` asks for on a machine of so many cores: 1 or 2.
unsigned workshop_threads(std::uint32_t configured, unsigned cores);

class Workshop {
 public:
  // `installation` outlives it. unavailable, invalid: the mail system or the letters cannot be had as configured.
  static Result<std::unique_ptr<Workshop>> open(const Config& config, Installation& installation);
  ~Workshop();

  // Leases no more, waits for what is in hand, and ends the threads: all of it there, so that a stop needs no thread of
  // its own, which might not be to be had.
  void begin_stop();
  void wait_until_stopped();

  // Thread-safe, like those of the hosts: false when no function has that queue.
  bool pause(std::string_view queue, bool pause);
  void ask_for(std::string_view queue, std::string message_id);
  functions::QueueState state(std::string_view queue) const;

 private:
  class Desk;
  Workshop();

  std::vector<std::unique_ptr<Desk>> desks_;
};

}  // namespace globogym::app
