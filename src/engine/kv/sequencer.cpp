#include "engine/kv/sequencer.h"

#include <algorithm>

namespace globogym::engine::kv {

void Sequencer::fail_with(Error why) {
  time_ = time();
  ledger_.reset();
  why_ = std::move(why);
}

Result<void> Sequencer::round(const std::vector<Request*>& arrived, std::vector<Request*>& finished,
                              std::size_t hand_out_at_most) {
  std::vector<CommitRequest*> staged;
  std::vector<Question*> questions;
  if (ledger_) {
    ledger_->tell_time(clock_.wall(), clock_.steady());
    ledger_->expire_leases();
  }

  for (auto* request : arrived) {
    switch (request->kind) {
      case Request::Kind::commit: {
        auto* commit = static_cast<CommitRequest*>(request);
        if (ledger_) {
          commit->answer = ledger_->stage(commit->commit);
        } else {
          commit->answer = std::unexpected(why_);
        }
        if (commit->answer) {
          staged.push_back(commit);
        } else {
          finished.push_back(commit);
        }
        break;
      }
      case Request::Kind::receive: {
        auto* receive = static_cast<ReceiveRequest*>(request);
        receive->until = clock_.steady() + receive->receive.wait_for;
        receivers_.push_back(receive);
        break;
      }
      case Request::Kind::question:
        questions.push_back(static_cast<Question*>(request));
        break;
    }
  }

  Result<void> outcome;
  if (ledger_ && ledger_->staged()) {
    outcome = ledger_->write();
    for (auto* commit : staged) {
      if (!outcome) commit->answer = std::unexpected(outcome.error());
      finished.push_back(commit);
    }
  }
  if (!outcome) fail_with(outcome.error());
  if (outcome) {
    outcome = hand_out(finished, hand_out_at_most);
    if (!outcome) fail_with(outcome.error());
  }
  for (auto* question : questions) {
    if (ledger_) {
      question->ask(ledger_.get());
    } else {
      question->ask(std::unexpected(why_));
    }
    finished.push_back(question);
  }
  return outcome;
}

Result<void> Sequencer::hand_out(std::vector<Request*>& finished, std::size_t at_most) {
  const auto steady = clock_.steady();
  if (ledger_) ledger_->tell_time(clock_.wall(), steady);
  std::vector<ReceiveRequest*> waiting, served;
  Result<void> outcome;
  for (auto* receiver : receivers_) {
    if (closed_) {
      receiver->answer = fail(Fault::cancelled, "the engine is closing");
      finished.push_back(receiver);
      continue;
    }
    if (outcome && ledger_ && at_most > 0 && ledger_->maybe_ready(receiver->receive)) {
      receiver->receive.at_most = std::min(receiver->receive.at_most, at_most);
      receiver->answer = ledger_->take(receiver->receive);
      if (!receiver->answer) {
        // A queue that cannot be read stands; the others go on, and so does accepting.
        if (receiver->answer.error().fault != Fault::damaged) outcome = std::unexpected(receiver->answer.error());
        finished.push_back(receiver);
        continue;
      }
      if (!receiver->answer->empty()) {
        served.push_back(receiver);
        continue;
      }
    }
    if (steady >= receiver->until) {
      receiver->answer = std::vector<Delivery>();
      finished.push_back(receiver);
    } else {
      waiting.push_back(receiver);
    }
  }
  receivers_ = std::move(waiting);
  if (outcome && ledger_ && ledger_->attempts_staged()) outcome = ledger_->count_attempts();
  for (auto* receiver : served) {
    // What has not been counted is not handed out; it is found again when the store has been opened anew.
    if (!outcome) receiver->answer = std::unexpected(outcome.error());
    finished.push_back(receiver);
  }
  return outcome;
}

std::optional<SteadyTime> Sequencer::next_round() const {
  std::optional<SteadyTime> next;
  auto consider = [&](SteadyTime time) {
    if (!next || time < *next) next = time;
  };
  const auto steady = clock_.steady();
  if (ledger_) {
    if (auto expiry = ledger_->next_expiry()) consider(*expiry);
  }
  for (const auto* receiver : receivers_) {
    consider(closed_ ? steady : receiver->until);
    if (!ledger_) continue;
    if (auto due = ledger_->next_due(receiver->receive.queue)) consider(std::max(*due, steady));
  }
  return next;
}

void resume_callers(const std::vector<Request*>& finished) {
  // A handful of loops, so a search beats a map.
  std::vector<std::pair<async::Loop*, std::vector<std::coroutine_handle<>>>> by_loop;
  for (const auto* request : finished) {
    auto found = std::find_if(by_loop.begin(), by_loop.end(), [&](const auto& e) { return e.first == request->loop; });
    if (found == by_loop.end()) {
      by_loop.emplace_back(request->loop, std::vector<std::coroutine_handle<>>());
      found = std::prev(by_loop.end());
    }
    found->second.push_back(request->caller);
  }
  for (auto& entry : by_loop)
    entry.first->post([callers = std::move(entry.second)] {
      for (auto caller : callers) caller.resume();
    });
}

}  // namespace globogym::engine::kv
