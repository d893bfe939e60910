// Sessions of operators who signed in with a browser.
//
// A session is a random id of 256 bits, of which only a hash is kept, in memory: a restart ends them all. It ends when
// it is told to, after `idle` without anybody doing something, and after `life` whatever they do. Bounded: a key that
// opens too many loses the one it has used least recently, and so do all of them together.
// Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"

namespace globogym::console {

struct SessionBounds {
  Duration life = std::chrono::hours(12);
  Duration idle = std::chrono::minutes(30);
  std::size_t of_a_key = 16;
  std::size_t of_all = 1024;
};

struct Session {
  std::string key_id;
  WallTime ends{};  // at the latest
};

class Sessions {
 public:
  // Both must outlive it.
  Sessions(const Clock& clock, Random& random, SessionBounds bounds = {});

  // The new session's id.
  std::string open(std::string key_id);
  // The session of this id; nothing when it is unknown or over. `used` says that somebody is doing something: it begins
  // the idle time anew.
  std::optional<Session> find(std::string_view id, bool used);
  void end(std::string_view id);
  std::size_t count();

 private:
  struct Kept {
    std::string key_id;
    SteadyTime opened, used;
    WallTime ends;
  };
  using Table = std::map<Sha256, Kept>;

  bool is_over(const Kept& kept) const;
  void make_room(const std::string& key_id);

  const Clock& clock_;
  Random& random_;
  const SessionBounds bounds_;
  std::mutex mutex_;
  Table sessions_;  // by the hash of their ids: looking one up tells nothing about how near a guess came
};

}  // namespace globogym::console
