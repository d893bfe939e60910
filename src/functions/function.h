// A function: turns one message into one commit.
//
// The host leases a message, invokes the function, and commits what it returns together with the settlement of the
// message: the documents it changed, the messages it caused and the end of its input land together or not at all. What
// a function does to the outside world (a mail) it does before it returns, under an id that is the same at every
// attempt.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "domain/enrollment.h"
#include "engine/engine.h"
#include "functions/retry.h"

namespace globogym::functions {

using async::Task;

// One attempt at one message.
struct Invocation {
  engine::Message message;
  int attempt = 1;  // this one
  int max_attempts = 1;
  WallTime enqueued_at{};                // by the wall clock when it was handed out, like the times in `history`
  SteadyTime kept_since{};               // the same in steady time: what tells its age, whatever clocks are set to
  std::uint64_t destination = 0;         // see Function::destination
  std::vector<engine::Attempt> history;  // attempts before this one
  engine::Version version = 0;           // see Delivery
  std::stop_token stop;                  // requested at the attempt's deadline and at shut-down
  // How often this attempt has been run again, because its commit met a conflict or the engine had trouble. The
  // documents may have moved since the last run.
  int rerun = 0;
  // A function that has done its outside effect notes it here, and does not do it again when only the commit has to be
  // made anew: it survives from run to run, and while the process lives also to the next attempt when the engine
  // failed.
  std::string remembered;
};

struct FunctionOptions {
  std::string name;  // also its queue's
  // The queue its messages go on to; empty: none. While what waits there is worked off quickly, no more is made of it
  // than memory holds.
  std::string goes_on_to = {};
  std::string dependency;  // what it needs besides the engine ("mail"); empty: nothing. One breaker a dependency
  int max_attempts = 8;
  Duration attempt_time = std::chrono::seconds(60);  // an attempt's deadline; the lease is longer
  std::size_t max_concurrency = 256;
  std::optional<Backoff> deferrals = {};  // the waits after deferred and unknown_outcome; nothing: the host's retry
  // A message whose attempts fail for longer than this is parked, whatever max_attempts says. 0: only the count ends
  // it.
  Duration give_up_after{};
  Duration notice_after = std::chrono::hours(4);  // the log tells of a message whose attempts fail for longer
  std::string refused_reason = "refused";         // why a message is parked that the dependency refused: a stable word
};

class Function {
 public:
  virtual ~Function() = default;
  virtual const FunctionOptions& options() const = 0;
  // Whom the message is for, as far as the dependency is concerned (the domain a letter goes to): a hash; 0: nobody in
  // particular. A destination in trouble of its own is told from a dependency that does not serve: see Destinations.
  virtual std::uint64_t destination(const engine::Message&) const { return 0; }
  // What to commit, or why not:
  //   refused, invalid     poison: park now, with the message as the reason
  //   damaged              a stored record does not check: park now
  //   deferred             retry with back-off; counts as an attempt, unless the dependency defers everybody
  //                        (Destinations)
  //   unavailable, timed_out   the dependency's fault: see Breaker; counts only when the dependency proves healthy
  //   unknown_outcome      the effect may have happened; retried once more like `deferred` (the function's id makes a
  //                        second effect recognisable)
  //   conflict             a document moved, or the engine failed after the effect was done: run again at once, does
  //                        not count; one that is still there after several runs does
  //   cancelled            given back as if it had never been handed out
  // `invocation` outlives the task.
  virtual Task<Result<engine::Commit>> run(Invocation& invocation) = 0;
  // What to change in the documents, in the same commit, when the message is parked …
  virtual Task<Result<engine::Commit>> on_parked(engine::Message message, int attempts, std::string reason,
                                                 std::string error) = 0;
  // … when a person brings it back (`by` goes into the enrollment's story; its attempts start anew) …
  virtual Task<Result<engine::Commit>> on_revived(engine::KeptMessage letter, domain::Intervention by) = 0;
  // … and when a person drops it. What only the dead letter knows is gone with it, unless it is written down here.
  virtual Task<Result<engine::Commit>> on_discarded(engine::KeptMessage letter, domain::Intervention by) = 0;
};

}  // namespace globogym::functions
