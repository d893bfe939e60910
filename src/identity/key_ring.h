// The issuer's keys, kept fresh.
//
// They are fetched when it starts, every refresh interval from then on, and when a token was signed with a key nobody
// knows: that at most once a pause, and all who wait share the one fetch. A fetch that fails changes nothing: the last
// good keys stay. Everything is fetched on one loop; asking is thread-safe.
#pragma once

#include <coroutine>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "async/loop.h"
#include "fetch/client.h"
#include "identity/keys.h"
#include "identity/tokens.h"

namespace globogym::identity {

class KeyRing {
 public:
  // `clock` and `random` may be used from any thread. All must outlive the ring.
  KeyRing(Options options, async::Loop& loop, fetch::Client& client, const Clock& clock, Random& random,
          telemetry::Metrics& metrics);
  ~KeyRing();

  // Keeps the keys fresh until close(). Runs on the ring's loop.
  Task<void> keep_fresh();
  // Called on the ring's loop after keys have been withdrawn.
  void on_withdrawal(std::move_only_function<void()> then) { on_withdrawal_ = std::move(then); }

  struct Held {
    std::shared_ptr<const KeySet> keys;  // null: none were ever had
    std::uint64_t attempts = 0;          // fetches that have ended, well or not
    bool stale = false;                  // the latest of them failed
  };
  Held held() const;

  // Waits until a fetch has ended after the first `attempts`, and causes one when that is allowed now. False, without
  // waiting, when none will be made. Called from any loop and resumed on it.
  Task<bool> fetched_again(std::uint64_t attempts);

  State state() const;
  // Ends all waits with false, now and later, and keep_fresh(). Thread-safe.
  void close();

 private:
  struct Waiter {
    async::Loop* loop;
    std::coroutine_handle<> caller;
  };
  struct Waiting;

  Task<Result<std::shared_ptr<const KeySet>>> fetch(bool everything);
  Task<void> attempt();
  void report(const Result<std::shared_ptr<const KeySet>>& fetched, bool had_keys);
  Task<void> keep_age_shown();
  void show_age();
  Duration pause_before_next();

  const Options options_;
  async::Loop& loop_;
  fetch::Client& client_;
  const Clock& clock_;
  Random& random_;
  telemetry::Metrics& metrics_;
  std::move_only_function<void()> on_withdrawal_;

  // On the loop only.
  std::string jwks_url_;
  std::stop_source nap_;
  std::stop_source ended_;
  unsigned failures_ = 0;  // in a row

  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<const KeySet> keys_;
  std::optional<SteadyTime> fetched_;
  std::string last_error_;
  std::uint64_t attempts_ = 0;
  bool fetching_ = false;
  bool asked_ = false;  // a token causes the next fetch
  std::optional<SteadyTime> last_asked_;
  bool closed_ = false;
  std::vector<Waiter> waiters_;
};

// Asks the issuer for its keys once: discovery, unless `jwks_url` is known, which it then is.
//   unavailable  not reachable, or not usable; the message says what and why
Task<Result<std::shared_ptr<const KeySet>>> fetch_keys(const Options& options, std::string& jwks_url,
                                                       fetch::Client& client, std::shared_ptr<const KeySet> before);

}  // namespace globogym::identity
