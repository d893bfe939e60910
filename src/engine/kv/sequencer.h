// The sequencer: puts everybody's requests into one order, a round at a time.
//
// A round stages all commits that have arrived, writes them with one sync, hands out messages to those who wait for
// some, and answers questions. Whoever owns it decides on which thread and when a round happens. Requests live in their
// callers' coroutine frames until they are finished.
#pragma once

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "async/loop.h"
#include "engine/engine.h"
#include "engine/kv/ledger.h"

namespace globogym::engine::kv {

struct Request {
  enum class Kind { commit, receive, question };
  explicit Request(Kind k) : kind(k) {}
  Kind kind;
  async::Loop* loop = nullptr;  // where the caller is resumed
  std::coroutine_handle<> caller;
};

struct CommitRequest : Request {
  explicit CommitRequest(Commit c) : Request(Kind::commit), commit(std::move(c)) {}
  Commit commit;
  Result<Committed> answer;
};

struct ReceiveRequest : Request {
  explicit ReceiveRequest(Receive r) : Request(Kind::receive), receive(std::move(r)) {}
  Receive receive;
  SteadyTime until{};
  Result<std::vector<Delivery>> answer;
};

struct Question : Request {
  explicit Question(std::move_only_function<void(Result<Ledger*>)> a) : Request(Kind::question), ask(std::move(a)) {}
  std::move_only_function<void(Result<Ledger*>)> ask;
};

class Sequencer {
 public:
  explicit Sequencer(const Clock& clock) : clock_(clock) {}

  // Goes on with `ledger`, or without one (`why` it is missing): commits are then refused, receivers wait.
  void use(std::unique_ptr<Ledger> ledger) { ledger_ = std::move(ledger); }
  void fail_with(Error why);
  bool working() const { return ledger_ != nullptr; }
  // The time of the ledger there is or was: nothing before the first.
  std::optional<Timeline> time() const { return ledger_ ? ledger_->time() : time_; }
  // Null while there is none.
  const Ledger* ledger() const { return ledger_.get(); }

  // One round. What is finished is appended to `finished`. Each receiver gets `hand_out_at_most` messages at the most;
  // with 0 it goes on waiting. An error means the store has failed in this round: the ledger is gone, the round's
  // commits have been answered `unavailable`.
  Result<void> round(const std::vector<Request*>& arrived, std::vector<Request*>& finished,
                     std::size_t hand_out_at_most = SIZE_MAX);

  // Ends all receivers, now and later.
  void close_receivers() { closed_ = true; }

  // When a round is due even if nothing arrives.
  std::optional<SteadyTime> next_round() const;

 private:
  Result<void> hand_out(std::vector<Request*>& finished, std::size_t at_most);

  const Clock& clock_;
  std::unique_ptr<Ledger> ledger_;
  std::optional<Timeline> time_;  // of the one that is gone
  Error why_{Fault::unavailable, "the engine is not open"};
  std::vector<ReceiveRequest*> receivers_;
  bool closed_ = false;
};

// Resumes the callers of finished requests, each on its loop, one post a loop.
void resume_callers(const std::vector<Request*>& finished);

}  // namespace globogym::engine::kv
