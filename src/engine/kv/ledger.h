// The ledger: what documents, messages, leases and totals mean, over a key-value store.
//
// It checks a commit against everything that is known, stages it into the store's batch, and after the batch has been
// written lets its messages be seen. Several commits share one batch (group commit). It owns no thread and looks at no
// clock: the sequencer calls it from one thread and tells it the time. After a failed write it must be thrown away and
// loaded anew from the store.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/keyed_hash.h"
#include "engine/engine.h"
#include "engine/kv/pace.h"
#include "engine/kv/queue.h"
#include "engine/kv/records.h"
#include "engine/kv/staged_places.h"
#include "engine/kv/store.h"
#include "engine/kv/timeline.h"
#include "engine/kv/versions.h"

namespace globogym::engine::kv {

struct LedgerOptions {
  std::size_t window_bytes = 8u << 20;  // messages of one queue kept in memory, ready and delayed each
  KeyedHash hash{0, 0};                 // of documents; where strangers choose ids, its key is a secret
};

class Ledger {
 public:
  Ledger(Store& store, const LedgerOptions& options) : store_(store), options_(options), versions_(options.hash) {}
  Ledger(const Ledger&) = delete;

  // Reads the totals, and turns leases that a crash left behind into messages whose attempt has been counted. `before`:
  // the time of the ledger that this process had of the store until now, if it had one; it has not stopped since.
  Result<void> load(WallTime wall, SteadyTime steady, const std::optional<Timeline>& before = {});

  const Timeline& time() const { return time_; }
  // What time it is, for all that is asked until the next call.
  void tell_time(WallTime wall, SteadyTime steady);

  // Checks `commit` and adds it to the batch; nothing is added when it is refused.
  Result<Committed> stage(Commit& commit);
  // Something waits to be written: commits, or the word that the clock was set.
  bool staged() const { return staged_; }
  // Writes the batch durably and lets its messages be seen.
  Result<void> write();

  // Hands out up to `at_most` messages. Their attempts are counted in the batch: call count_attempts() before they
  // leave.
  Result<std::vector<Delivery>> take(const Receive& receive);
  bool attempts_staged() const { return attempts_staged_; }
  // Writes the counted attempts. They survive this process; a loss of power may forget them.
  Result<void> count_attempts();

  // Gives back what was leased for too long. True when there was some.
  bool expire_leases();
  std::optional<SteadyTime> next_expiry() const;

  // Something may be there to be handed out, now.
  bool maybe_ready(const Receive& receive) const;
  std::optional<SteadyTime> next_due(std::string_view queue) const;

  Result<std::optional<KeptMessage>> find_message(std::string_view queue, std::string_view id);
  Result<MessagePage> messages(const MessageQuery& query);
  std::vector<QueueStats> queues() const;
  // Messages of all queues that are not settled: ready, delayed and leased, not the dead letters.
  std::uint64_t backlog() const;
  std::map<std::string, std::int64_t> tallies() const;

 private:
  struct LeaseBatch {
    std::size_t outstanding = 0;
    SteadyTime deadline;
    LeaseRecord record;
  };
  struct Reference {
    Queue* queue = nullptr;
    MessageRecord record;
  };

  Queue* find_queue(std::string_view name) const;
  Queue& queue(std::string_view name);
  Result<std::optional<Place>> place_of(const Queue& queue, std::string_view id);
  Result<Version> version_of(std::string_view key, Version expected);
  Result<Reference> dead_letter(const MessageName& key);
  Result<MessageRecord> waiting_record(const Queue& queue, const Place& place, std::string_view id);
  struct Oldest {
    std::optional<Moment> ready, delayed;
  };
  Result<Oldest> oldest_on_disk(const Queue& queue);
  Result<std::optional<MessageRecord>> first_delayed(const Queue& queue);
  std::vector<Attempt> on_the_wall(std::vector<MessageRecord::Attempt> history) const;
  KeptMessage kept(const Queue& queue, MessageRecord record, const Place& place) const;
  // When a message with this delay is due.
  std::int64_t due_after(Duration delay) const;

  Result<void> check(const Commit& commit);
  Result<void> check_settled(const Commit& commit);
  Result<void> check_documents(const Commit& commit);
  Result<void> check_dead_letters(const Commit& commit);
  Result<void> check_hastened(const Commit& commit);
  Result<void> check_messages(const Commit& commit);
  Result<void> check_tallies(const Commit& commit);
  Result<void> check_expected(const DocumentKey& key, const Expect& expect);
  void apply(const Settle& settle);
  void apply(Message& message);
  void apply(const MessageName& hastened);
  std::optional<int> drop(Queue& queue, const Place& place, std::string_view id);
  void drop_kept(Queue& queue, std::string_view id);
  void enqueue(Queue& queue, MessageRecord record, Lane lane, std::int64_t due);
  void remove(Queue& queue, const Place& place, std::string_view id);
  void no_longer_counted_by(std::uint64_t token);
  std::uint64_t& lane_total(const Queue& queue, Lane lane);
  void tally(const std::string& counter, std::int64_t delta);

  Store& store_;
  LedgerOptions options_;
  Timeline time_;
  Totals totals_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::unordered_map<std::string, std::size_t> tally_at_;
  // By queue, since the store was opened.
  struct Paces {
    explicit Paces(SteadyTime begin) : coming(begin), going(begin) {}
    Pace coming, going;
  };
  std::vector<Paces> paces_;

  std::uint64_t next_token_ = 0;
  std::unordered_map<std::uint64_t, LeaseBatch> leases_;
  std::map<std::pair<SteadyTime, std::uint64_t>, std::monostate> expiries_;

  // What the batch will change, so that its later commits see its earlier ones.
  bool staged_ = false;
  bool attempts_staged_ = false;
  Versions versions_;
  StagedPlaces staged_places_;
  std::unordered_map<std::string, MessageRecord> staged_dead_;  // by message key
  std::vector<std::pair<Queue*, Held>> unpublished_;
  std::string head_;  // of the record that is being added; kept for its memory
  // Of the commit that has been checked: which messages are kept already, and the dead letters it revives.
  std::vector<bool> duplicate_;
  std::vector<Reference> revived_;
};

}  // namespace globogym::engine::kv
