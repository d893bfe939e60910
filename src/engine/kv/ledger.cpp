#include "engine/kv/ledger.h"

#include <algorithm>

#include "base/assert.h"
#include "base/text.h"
#include "telemetry/log.h"

namespace globogym::engine::kv {
namespace {

constexpr std::size_t max_history = 16;
constexpr std::size_t max_error = 500;

// A commit that asks for more is a slip, and adding it to the time must not overflow.
constexpr Duration longest_delay = std::chrono::years(10);

void remember(std::vector<MessageRecord::Attempt>& history, MessageRecord::Attempt attempt) {
  if (attempt.error.size() > max_error) attempt.error.resize(max_error);
  if (history.size() >= max_history) history.erase(history.begin());
  history.push_back(std::move(attempt));
}

}  // namespace

// ---- opening --------------------------------------------------------------------------------------------------------

Result<void> Ledger::load(WallTime wall, SteadyTime steady, const std::optional<Timeline>& before) {
  auto stored = store_.get(Space::meta, totals_key);
  if (!stored) return std::unexpected(stored.error());
  if (*stored) {
    auto totals = decode_totals(**stored);
    if (!totals) return damaged("record of totals");
    totals_ = std::move(*totals);
  }
  if (before) {
    time_ = *before;
    tell_time(wall, steady);
    if (totals_.time) time_.not_before(totals_.time->stood_at);
  } else if (totals_.time) {
    time_.resume(*totals_.time, wall, steady);
  } else {
    time_.begin(wall, steady);
  }
  ++totals_.epoch;
  versions_.begin(totals_.version);
  // No hand-out of an earlier life has a token of this one, even if counting that hand-out was lost.
  next_token_ = totals_.epoch << 40;
  for (std::size_t i = 0; i < totals_.queues.size(); ++i) {
    queues_.push_back(
        std::make_unique<Queue>(static_cast<QueueNumber>(i), totals_.queues[i].name, options_.window_bytes));
    paces_.emplace_back(time_.steady());
  }
  for (std::size_t i = 0; i < totals_.tallies.size(); ++i) tally_at_[totals_.tallies[i].first] = i;

  // Attempts that were running: the highest count of each message wins.
  std::map<std::pair<QueueNumber, std::string>, int> interrupted;
  auto cursor = store_.range(Space::meta, std::string(1, lease_prefix), std::string(1, lease_prefix + 1));
  while (cursor->next()) {
    auto record = decode_lease(cursor->value());
    if (!record) return damaged("lease");
    for (auto& entry : record->entries) {
      auto& attempts = interrupted[{entry.queue, std::move(entry.id)}];
      attempts = std::max(attempts, entry.attempt);
    }
    store_.erase(Space::meta, cursor->key());
  }
  if (auto error = cursor->error()) return std::unexpected(*error);
  // Without a note of it, the time is at least when the message that is due first was given its delay.
  for (const auto& queue : queues_) {
    if (totals_.time) break;
    auto first = first_delayed(*queue);
    if (!first) return std::unexpected(first.error());
    if (!*first) continue;
    const auto& history = (*first)->history;
    time_.not_before((*first)->enqueued_at);
    if (!history.empty()) time_.not_before(history.back().at);
  }
  for (const auto& [message, attempts] : interrupted) {
    const auto& [number, id] = message;
    if (number >= queues_.size()) return damaged("lease");
    auto place = place_of(*queues_[number], id);
    if (!place) return std::unexpected(place.error());
    if (!*place || (*place)->lane == Lane::dead) continue;  // settled since
    const auto key = message_key(number, **place, id);
    auto value = store_.get(Space::messages, key);
    if (!value) return std::unexpected(value.error());
    auto record = *value ? decode_message(**value) : std::nullopt;
    if (!record) return damaged("message");
    record->attempts = std::max(record->attempts, attempts);
    store_.erase_once(Space::messages, key);
    store_.put(Space::messages, key, encode(*record));
  }
  staged_ = true;
  if (auto written = write(); !written) return written;
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    auto oldest = oldest_on_disk(*queues_[i]);
    if (!oldest) return std::unexpected(oldest.error());
    queues_[i]->expect_on_disk({totals_.queues[i].ready, oldest->ready}, {totals_.queues[i].delayed, oldest->delayed});
  }
  return {};
}

void Ledger::tell_time(WallTime wall, SteadyTime steady) {
  const auto step = time_.look(wall, steady);
  if (step == Duration(0)) return;
  staged_ = true;  // a store that is opened again must not take the step for time that has passed
  log::warning("wall-clock-stepped", {{"seconds", std::chrono::duration<double>(step).count()},
                                      {"effect", "none on what waits: delays and leases go on as they were"}});
}

// Ids that begin with the time make the first of them the oldest. Dead letters may stand before it: many are passed
// over. What is delayed behind even more of them is looked for where it is kept, among those that are due first.
Result<Ledger::Oldest> Ledger::oldest_on_disk(const Queue& queue) {
  constexpr int passed_at_most = 20'000;
  const auto number = queue.number();
  const auto& totals = totals_.queues[number];
  Oldest oldest;
  const auto done = [&] { return (totals.ready == 0 || oldest.ready) && (totals.delayed == 0 || oldest.delayed); };
  if (done()) return oldest;
  auto cursor = store_.range(Space::messages, lane_begin(number, Lane::ready), lane_end(number, Lane::ready));
  for (int passed = 0; passed < passed_at_most && !done() && cursor->next(); ++passed) {
    std::optional<std::string> value(cursor->value());
    auto& of_lane = is_stub(*value) ? oldest.delayed : oldest.ready;
    if (of_lane) continue;
    if (is_stub(*value)) {
      auto place = parse_stub(*value);
      auto key = parse_message_key(cursor->key());
      if (!place || !key) return damaged("message");
      if (place->lane == Lane::dead) continue;
      auto stored = store_.get(Space::messages, message_key(number, *place, key->id));
      if (!stored) return std::unexpected(stored.error());
      value = std::move(*stored);
    }
    auto record = value ? decode_message(*value) : std::nullopt;
    if (!record) return damaged("message");
    of_lane = record->enqueued_at;
  }
  if (auto error = cursor->error()) return std::unexpected(*error);
  if (totals.delayed == 0 || oldest.delayed) return oldest;
  cursor = store_.range(Space::messages, lane_begin(number, Lane::delayed), lane_end(number, Lane::delayed));
  for (int passed = 0; passed < passed_at_most && cursor->next(); ++passed) {
    auto record = decode_message(cursor->value());
    if (!record) return damaged("message");
    oldest.delayed = std::min(oldest.delayed.value_or(record->enqueued_at), record->enqueued_at);
  }
  if (auto error = cursor->error()) return std::unexpected(*error);
  return oldest;
}

Result<std::optional<MessageRecord>> Ledger::first_delayed(const Queue& queue) {
  auto cursor =
      store_.range(Space::messages, lane_begin(queue.number(), Lane::delayed), lane_end(queue.number(), Lane::delayed));
  if (cursor->next()) {
    auto record = decode_message(cursor->value());
    if (!record) return damaged("message");
    return record;
  }
  if (auto error = cursor->error()) return std::unexpected(*error);
  return std::nullopt;
}

// ---- commits --------------------------------------------------------------------------------------------------------

Result<Committed> Ledger::stage(Commit& commit) {
  if (auto checked = check(commit); !checked) return std::unexpected(checked.error());

  const Version version = ++totals_.version;
  for (auto& put : commit.documents) {
    const auto key = document_key(put.key);
    const auto head = document_head(version);
    store_.put(Space::documents, key, {head.data(), head.size()}, put.body);
    const bool first = put.expect.kind == Expect::Kind::absent || put.expect.kind == Expect::Kind::fresh;
    versions_.put(key, version, first);
  }
  for (auto& erase : commit.erased) {
    const auto key = document_key(erase.key);
    store_.erase(Space::documents, key);
    versions_.erase(key);
  }
  for (const auto& settle : commit.settled) apply(settle);
  for (auto& [queue, record] : revived_) {
    remove(*queue, {Lane::dead, 0}, record.id);
    record.version = 0;
    record.attempts = 0;
    record.dead_reason.clear();
    record.dead_at = {};
    paces_[queue->number()].coming.count(time_.steady());
    enqueue(*queue, std::move(record), Lane::ready, 0);
  }
  for (const auto& dead : commit.discarded) remove(*find_queue(dead.queue), {Lane::dead, 0}, dead.message_id);
  for (const auto& hastened : commit.hastened) apply(hastened);
  for (std::size_t i = 0; i < commit.messages.size(); ++i)
    if (!duplicate_[i]) apply(commit.messages[i]);
  for (const auto& t : commit.tallies) tally(t.counter, t.delta);
  staged_ = true;
  return Committed{version};
}

void Ledger::apply(const Settle& settle) {
  auto& queue = *find_queue(settle.lease.queue);
  auto [held, token] = queue.release(settle.lease.message_id);
  no_longer_counted_by(token);

  remove(queue, held.place, held.id());

  if (!std::holds_alternative<GiveBack>(settle.how)) paces_[queue.number()].going.count(time_.steady());
  if (std::holds_alternative<Complete>(settle.how)) return;
  auto& record = held.record;
  if (auto* back = std::get_if<GiveBack>(&settle.how)) {
    if (!back->error.empty()) remember(record.history, {record.attempts, time_.now(), back->error});
    if (!back->count_attempt) --record.attempts;
    // Ahead of what arrived later, when it is to be had at once.
    const auto due = back->delay <= Duration(0) ? micros(std::clamp(record.enqueued_at, Moment(), time_.now()))
                                                : due_after(back->delay);
    enqueue(queue, std::move(record), Lane::delayed, due);
  } else {
    const auto& dead = std::get<DeadLetter>(settle.how);
    if (!dead.error.empty()) remember(record.history, {record.attempts, time_.now(), dead.error});
    record.dead_reason = dead.reason.substr(0, max_error);
    record.dead_at = time_.now();
    enqueue(queue, std::move(record), Lane::dead, 0);
  }
}

void Ledger::apply(Message& message) {
  if (message.replaces) drop_kept(queue(message.queue), message.id);
  MessageRecord record;
  record.version = totals_.version;
  record.enqueued_at = time_.now();
  record.id = std::move(message.id);
  record.traceparent = std::move(message.traceparent);
  record.body = std::move(message.body);
  // It may stay in memory for long, and memory for the text's growth with it.
  if (record.body.capacity() > record.body.size() + record.body.size() / 4) record.body.shrink_to_fit();
  // What replaces another is due now at the earliest, and not ready: that one's key may be counted among the ready ones
  // that memory does not hold.
  const bool later = message.delay > Duration(0) || message.replaces;
  Queue& to = queue(message.queue);
  paces_[to.number()].coming.count(time_.steady());
  enqueue(to, std::move(record), later ? Lane::delayed : Lane::ready, later ? due_after(message.delay) : 0);
}

void Ledger::apply(const MessageName& hastened) {
  auto& queue = *find_queue(hastened.queue);
  const Place place = **place_of(queue, hastened.message_id);
  if (place.lane != Lane::delayed || place.due <= micros(time_.now()) || queue.leased(hastened.message_id)) return;
  auto record = waiting_record(queue, place, hastened.message_id);
  ASSERT(record);
  // Its hand-outs may be known to a lease's record only.
  if (const auto attempts = drop(queue, place, hastened.message_id)) record->attempts = *attempts;
  const auto due = micros(std::clamp(record->enqueued_at, Moment(), time_.now()));
  enqueue(queue, std::move(*record), Lane::delayed, due);
}

// Takes a message that nobody holds out of memory and of the store; how often it was handed out, if memory knew.
std::optional<int> Ledger::drop(Queue& queue, const Place& place, std::string_view id) {
  std::optional<int> attempts;
  if (auto held = queue.withdraw(place, id)) {
    attempts = held->record.attempts;
    if (held->counted_by != 0) no_longer_counted_by(held->counted_by);
  }
  std::erase_if(unpublished_, [&](const auto& each) {
    return each.first == &queue && each.second.place == place && each.second.id() == id;
  });
  remove(queue, place, id);
  return attempts;
}

void Ledger::drop_kept(Queue& queue, std::string_view id) {
  const auto place = place_of(queue, id);
  ASSERT(place);  // check() has read it
  if (*place) drop(queue, **place, id);
}

// The record of a message that is not dead, in this batch or in the store.
Result<MessageRecord> Ledger::waiting_record(const Queue& queue, const Place& place, std::string_view id) {
  std::optional<MessageRecord> record;
  for (const auto& [of, held] : unpublished_)
    if (of == &queue && held.place == place && held.id() == id) record = held.record;
  if (!record) {
    auto value = store_.get(Space::messages, message_key(queue.number(), place, id));
    if (!value) return std::unexpected(value.error());
    if (*value) record = decode_message(**value);
  }
  if (!record) return damaged("message");
  return std::move(*record);
}

std::int64_t Ledger::due_after(Duration delay) const {
  return micros(time_.now() + std::min(delay, longest_delay));
}

// A message has one key, or two when it is not ready. A key is put again only after it has been erased, in the same
// batch at the earliest: that is what lets the store forget both at once.
void Ledger::enqueue(Queue& queue, MessageRecord record, Lane lane, std::int64_t due) {
  const Place place{lane, lane == Lane::delayed ? due : 0};
  head_.clear();
  encode_head(head_, record);
  auto key = message_key(queue.number(), {Lane::ready, 0}, record.id);
  if (lane != Lane::ready) {
    store_.put(Space::messages, key, stub(place));
    key = message_key(queue.number(), place, record.id);
  }
  store_.put(Space::messages, key, head_, record.body);
  staged_places_.add(queue.number(), record.id, place);
  ++lane_total(queue, lane);
  if (lane == Lane::dead) {
    staged_dead_.insert_or_assign(std::move(key), std::move(record));
  } else {
    unpublished_.emplace_back(&queue, Held{.place = place, .record = std::move(record)});
  }
}

void Ledger::remove(Queue& queue, const Place& place, std::string_view id) {
  store_.erase_once(Space::messages, message_key(queue.number(), {Lane::ready, 0}, id));
  if (place.lane != Lane::ready) store_.erase_once(Space::messages, message_key(queue.number(), place, id));
  staged_places_.add(queue.number(), id, std::nullopt);
  auto& total = lane_total(queue, place.lane);
  ASSERT(total > 0);
  --total;
}

Result<void> Ledger::write() {
  totals_.time = time_.note();
  store_.put(Space::meta, totals_key, encode(totals_));
  auto written = store_.write(true);
  staged_places_.clear();
  staged_dead_.clear();
  staged_ = false;
  if (!written) return written;
  versions_.written();
  for (auto& [queue, held] : unpublished_) queue->publish(std::move(held));
  unpublished_.clear();
  return {};
}

// ---- look-ups -------------------------------------------------------------------------------------------------------

Queue* Ledger::find_queue(std::string_view name) const {
  for (const auto& queue : queues_)
    if (queue->name() == name) return queue.get();
  return nullptr;
}

Queue& Ledger::queue(std::string_view name) {
  if (auto* found = find_queue(name)) return *found;
  totals_.queues.push_back({.name = std::string(name)});
  queues_.push_back(
      std::make_unique<Queue>(static_cast<QueueNumber>(queues_.size()), std::string(name), options_.window_bytes));
  paces_.emplace_back(time_.steady());
  return *queues_.back();
}

std::uint64_t& Ledger::lane_total(const Queue& queue, Lane lane) {
  auto& totals = totals_.queues[queue.number()];
  switch (lane) {
    case Lane::ready:
      return totals.ready;
    case Lane::delayed:
      return totals.delayed;
    case Lane::dead:
      return totals.dead;
  }
  return totals.ready;
}

void Ledger::tally(const std::string& counter, std::int64_t delta) {
  auto [at, fresh] = tally_at_.try_emplace(counter, totals_.tallies.size());
  if (fresh) totals_.tallies.emplace_back(counter, 0);
  totals_.tallies[at->second].second += delta;
}

}  // namespace globogym::engine::kv
