// How many requests a key may make in a calendar month (UTC); survives restarts and crashes.
//
// A block of the quota is written to the engine before any request of it passes: a crash wastes what was left of it (at
// most 1.25 % of the quota, and 1,250), and never allows more than the quota. So one request in many waits for the
// disk, and usually none does: the next block is fetched while the last quarter of this one is used.
// One record a key and month, in the container `quotas`. Of each key the twelve months written last are kept, whatever
// the clock says about their age: a clock that was set forward and back has forgotten nothing.
// Thread-safe; calls that wait are made on an event loop.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "async/loop.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"
#include "engine/engine.h"
#include "gateway/limits/limits.h"

namespace globogym::gateway {

using async::Task;

class Quotas {
 public:
  Quotas(engine::Engine& engine, const Clock& clock) : engine_(engine), clock_(clock) {}
  Quotas(const Quotas&) = delete;
  Quotas& operator=(const Quotas&) = delete;

  // Reads what was used, and removes what is too much. Before anything else.
  Task<Result<void>> load();

  // Counts one request of this key, or says that the quota is used up.
  //   unavailable  the engine cannot keep count now: nothing was counted
  Task<Result<QuotaStanding>> take(std::string key, std::int64_t quota);
  // The same without waiting. Nothing when it must be waited for: ask take().
  std::optional<QuotaStanding> try_take(std::string_view key, std::int64_t quota);

  // What the key has used this month; after a crash, at most a block more than it did.
  std::int64_t used(std::string_view key) const;

  // Writes down exactly what was used, so that an orderly stop wastes nothing. Nobody may take() any more.
  Task<Result<void>> close();

 private:
  using Month = std::int64_t;  // 12 × year + month − 1
  struct Waiter {
    async::Loop* loop;
    std::coroutine_handle<> handle;
    std::optional<Error>* error;
  };
  struct Account {
    Month month = -1;  // none yet
    std::int64_t used = 0;
    std::int64_t reserved = 0;  // as it is written; `used` never passes it
    engine::Version version = 0;
    bool reserving = false;   // somebody is writing; the others wait or use what is left
    std::vector<Month> kept;  // the months with a record, the one written last at the end
    std::vector<Waiter> waiting;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  struct Turn;

  static Month month_of(WallTime now);
  static std::string month_text(Month month);
  static engine::DocumentKey document_key(std::string_view key, Month month);
  static QuotaStanding standing(bool passed, std::int64_t quota, std::int64_t used, WallTime now);
  std::optional<QuotaStanding> take_from(Account& account, std::int64_t quota, WallTime now) const;
  Task<Result<void>> reserve(std::string key, std::int64_t quota, Month month);
  static std::vector<Month> put_last(std::vector<Month> kept, Month month);
  void finish(Account& account, const Result<void>& reserved);

  engine::Engine& engine_;
  const Clock& clock_;
  mutable std::mutex mutex_;  // guards accounts_ and what is in them; never held across a suspension
  std::unordered_map<std::string, Account, Hash, std::equal_to<>> accounts_;  // one a key; never shrinks
};

}  // namespace globogym::gateway
