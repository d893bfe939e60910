// How the ledger hands messages out, and takes them back from those who hold them for too long.
#include "base/assert.h"
#include "engine/kv/ledger.h"

namespace globogym::engine::kv {

Result<std::vector<Delivery>> Ledger::take(const Receive& receive) {
  std::vector<Delivery> deliveries;
  auto* queue = find_queue(receive.queue);
  if (!queue) return deliveries;
  const std::uint64_t token = next_token_++;
  LeaseBatch batch{.deadline = time_.steady() + receive.lease_for};
  while (deliveries.size() < receive.at_most) {
    auto next = queue->next(store_, time_.now());
    if (!next && deliveries.empty()) return std::unexpected(next.error());
    if (!next || !*next) break;  // what lies before damage is handed out first
    Held held = std::move(**next);
    if (held.counted_by != 0) no_longer_counted_by(held.counted_by);
    held.counted_by = token;
    auto& record = held.record;
    ++record.attempts;
    batch.record.entries.push_back({queue->number(), record.id, record.attempts});
    deliveries.push_back(
        {.lease = {receive.queue, record.id, token},
         .message = {.queue = receive.queue, .id = record.id, .body = record.body, .traceparent = record.traceparent},
         .attempt = record.attempts,
         .enqueued_at = time_.on_the_wall(record.enqueued_at),
         .age = time_.now() - record.enqueued_at,
         .history = on_the_wall(record.history),
         .version = record.version});
    queue->lease(std::move(held), token);
  }
  if (deliveries.empty()) return deliveries;
  batch.outstanding = batch.record.entries.size();
  store_.put(Space::meta, lease_key(token), encode(batch.record));
  expiries_.emplace(std::pair{batch.deadline, token}, std::monostate{});
  leases_.emplace(token, std::move(batch));
  attempts_staged_ = true;
  return deliveries;
}

Result<void> Ledger::count_attempts() {
  attempts_staged_ = false;
  return store_.write(false);
}

void Ledger::no_longer_counted_by(std::uint64_t token) {
  auto found = leases_.find(token);
  ASSERT(found != leases_.end() && found->second.outstanding > 0);
  if (--found->second.outstanding > 0) return;
  store_.erase(Space::meta, lease_key(token));
  expiries_.erase({found->second.deadline, token});
  leases_.erase(found);
}

bool Ledger::expire_leases() {
  bool some = false;
  while (!expiries_.empty() && expiries_.begin()->first.first <= time_.steady()) {
    const auto token = expiries_.begin()->first.second;
    expiries_.erase(expiries_.begin());
    // The lease record stays until the next hand-out of each message supersedes it: it holds the attempts.
    for (const auto& entry : leases_.at(token).record.entries) {
      auto& queue = *queues_[entry.queue];
      const auto* leased = queue.leased(entry.id);
      if (!leased || leased->token != token) continue;
      queue.come_back(queue.release(entry.id).held);
      some = true;
    }
  }
  return some;
}

std::optional<SteadyTime> Ledger::next_expiry() const {
  if (expiries_.empty()) return std::nullopt;
  return expiries_.begin()->first.first;
}

bool Ledger::maybe_ready(const Receive& receive) const {
  const auto* queue = find_queue(receive.queue);
  const auto* next = receive.goes_on_to.empty() ? nullptr : find_queue(receive.goes_on_to);
  return queue && queue->maybe_ready(time_.now()) && !(next && next->is_long());
}

std::optional<SteadyTime> Ledger::next_due(std::string_view name) const {
  auto* queue = find_queue(name);
  const auto due = queue ? queue->next_due() : std::nullopt;
  if (!due) return std::nullopt;
  return time_.on_the_steady_clock(*due);
}

}  // namespace globogym::engine::kv
