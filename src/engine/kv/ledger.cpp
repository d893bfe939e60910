#include "engine/kv/ledger.h"

#include <algorithm>

#include "base/assert.h"
#include "base/text.h"
#include "telemetry/log.h"

namespace globogym::engine::kv {
namespace {

constexpr std::size_t max_body = std::size_t{1} << 20;
constexpr std::size_t max_history = 16;
constexpr std::size_t max_error = 500;
constexpr std::size_t max_queues = 1000;
constexpr std::size_t max_tallies = 1000;

// A commit that asks for more is a slip, and adding it to the time must not overflow.
constexpr Duration longest_delay = std::chrono::years(10);

std::int64_t micros(Moment moment) {
  return moment.time_since_epoch().count();
}

bool is_name(std::string_view text, bool dots) {
  if (text.empty() || text.size() > 64) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (dots && c == '.');
  });
}

bool is_key_part(std::string_view text) {
  return !text.empty() && text.size() <= 255 && text.find('\0') == std::string_view::npos;
}

bool is_key(const DocumentKey& key) {
  return is_key_part(key.container) && is_key_part(key.partition) && is_key_part(key.id);
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Fault::damaged,
              "a stored " + std::string(what) + " does not decode; stop the service and run: globogym verify");
}

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
    auto key = document_key(put.key);
    store_.put(Space::documents, key, document_value(version, put.body));
    auto& known = lately(key);
    known.key = key;
    known.version = version;
    staged_documents_.insert_or_assign(std::move(key), version);
  }
  for (auto& erase : commit.erased) {
    auto key = document_key(erase.key);
    store_.erase(Space::documents, key);
    if (auto& known = lately(key); known.key == key) known.key.clear();
    staged_documents_.insert_or_assign(std::move(key), 0);
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

Result<void> Ledger::check(const Commit& commit) {
  auto invalid = [](std::string message) { return fail(Fault::invalid, std::move(message)); };

  for (std::size_t i = 0; i < commit.settled.size(); ++i) {
    const auto& lease = commit.settled[i].lease;
    for (std::size_t j = 0; j < i; ++j)
      if (commit.settled[j].lease.message_id == lease.message_id && commit.settled[j].lease.queue == lease.queue)
        return invalid("a commit settles one lease twice");
    auto* queue = find_queue(lease.queue);
    const auto* leased = queue ? queue->leased(lease.message_id) : nullptr;
    if (!leased || leased->token != lease.token)
      return fail(Fault::lease_lost, "the lease on a message of queue " + lease.queue + " is over");
  }

  auto expectation = [&](const DocumentKey& key, const Expect& expect) -> Result<void> {
    if (!is_key(key)) return invalid("a document's key has an empty, over-long or NUL-holding part");
    if (expect.kind == Expect::Kind::anything) return {};
    auto version = version_of(document_key(key));
    if (!version) return std::unexpected(version.error());
    const Version stands = version->value_or(0);
    const Version wanted = expect.kind == Expect::Kind::absent ? 0 : expect.version;
    if (stands != wanted)
      return fail(Fault::conflict, "a document of container " + key.container +
                                       (wanted == 0 ? " exists already" : " has changed since it was read"));
    return {};
  };
  for (std::size_t i = 0; i < commit.documents.size(); ++i) {
    const auto& put = commit.documents[i];
    if (put.body.size() > max_body) return invalid("a document is larger than 1 MiB");
    for (std::size_t j = 0; j < i; ++j)
      if (commit.documents[j].key == put.key) return invalid("a commit puts one document twice");
    if (auto ok = expectation(put.key, put.expect); !ok) return ok;
  }
  for (const auto& erase : commit.erased) {
    for (const auto& put : commit.documents)
      if (put.key == erase.key) return invalid("a commit puts and erases one document");
    if (auto ok = expectation(erase.key, erase.expect); !ok) return ok;
  }

  revived_.clear();
  for (const auto& key : commit.revived) {
    auto letter = dead_letter(key);
    if (!letter) return std::unexpected(letter.error());
    revived_.push_back(std::move(*letter));
  }
  for (const auto& key : commit.discarded)
    if (auto letter = dead_letter(key); !letter) return std::unexpected(letter.error());
  for (std::size_t i = 0; i < commit.revived.size() + commit.discarded.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      auto at = [&](std::size_t n) -> const MessageName& {
        return n < commit.revived.size() ? commit.revived[n] : commit.discarded[n - commit.revived.size()];
      };
      if (at(i).queue == at(j).queue && at(i).message_id == at(j).message_id)
        return invalid("a commit names one dead letter twice");
    }

  if (commit.hastened.size() > 1 || (!commit.hastened.empty() && !commit.settled.empty()))
    return invalid("a commit hastens one message, and settles none then");
  for (const auto& name : commit.hastened) {
    auto missing = [&] { return fail(Fault::not_found, "no message of that id waits in queue " + name.queue); };
    auto* queue = find_queue(name.queue);
    if (!queue || name.message_id.empty() || name.message_id.size() > 255) return missing();
    auto place = place_of(*queue, name.message_id);
    if (!place) return std::unexpected(place.error());
    if (!*place || (*place)->lane == Lane::dead) return missing();
    // What apply() will read must be there.
    if (auto read = waiting_record(*queue, **place, name.message_id); !read) return std::unexpected(read.error());
  }

  duplicate_.assign(commit.messages.size(), false);
  for (std::size_t i = 0; i < commit.messages.size(); ++i) {
    const auto& message = commit.messages[i];
    if (!is_name(message.queue, false)) return invalid("a queue's name is 1 to 64 of a-z, 0-9 and -");
    if (message.id.empty() || message.id.size() > 255) return invalid("a message's id is 1 to 255 bytes");
    if (message.traceparent.size() > 128) return invalid("a trace context is at most 128 bytes");
    if (message.body.size() > max_body) return invalid("a message is larger than 1 MiB");
    if (message.replaces && !commit.settled.empty()) return invalid("a commit replaces messages or settles some");
    if (auto* queue = find_queue(message.queue)) {
      auto place = place_of(*queue, message.id);
      if (!place) return std::unexpected(place.error());
      if (message.replaces && queue->leased(message.id))
        return fail(Fault::conflict, "the message to be replaced in queue " + message.queue + " is being worked on");
      duplicate_[i] = place->has_value() && !message.replaces;
    } else if (queues_.size() >= max_queues) {
      return invalid("there are 1000 queues already");
    }
    for (std::size_t j = 0; j < i; ++j)
      if (commit.messages[j].id == message.id && commit.messages[j].queue == message.queue) duplicate_[i] = true;
  }
  for (const auto& t : commit.tallies) {
    if (!is_name(t.counter, true)) return invalid("a counter's name is 1 to 64 of a-z, 0-9, - and .");
    if (!tally_at_.contains(t.counter) && tally_at_.size() >= max_tallies)
      return invalid("there are 1000 counters already");
  }
  return {};
}

void Ledger::apply(const Settle& settle) {
  auto& queue = *find_queue(settle.lease.queue);
  auto [held, token] = queue.release(settle.lease.message_id);
  no_longer_counted_by(token);

  if (!std::holds_alternative<GiveBack>(settle.how)) paces_[queue.number()].going.count(time_.steady());
  if (std::holds_alternative<Complete>(settle.how)) {
    remove(queue, held.place, held.id());
    return;
  }

  auto record = decode_message(held.record);
  ASSERT(record);
  remove(queue, held.place, record->id);
  record->attempts = held.attempts;
  if (auto* back = std::get_if<GiveBack>(&settle.how)) {
    if (!back->error.empty()) remember(record->history, {held.attempts, time_.now(), back->error});
    if (!back->count_attempt) --record->attempts;
    // Ahead of what arrived later, when it is to be had at once.
    const auto due = back->delay <= Duration(0) ? micros(std::clamp(record->enqueued_at, Moment(), time_.now()))
                                                : due_after(back->delay);
    enqueue(queue, std::move(*record), Lane::delayed, due);
  } else {
    const auto& dead = std::get<DeadLetter>(settle.how);
    if (!dead.error.empty()) remember(record->history, {held.attempts, time_.now(), dead.error});
    record->dead_reason = dead.reason.substr(0, max_error);
    record->dead_at = time_.now();
    enqueue(queue, std::move(*record), Lane::dead, 0);
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
    attempts = held->attempts;
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
    if (of == &queue && held.place == place && held.id() == id) record = decode_message(held.record);
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
  auto value = encode(record);
  auto id_key = message_key(queue.number(), {Lane::ready, 0}, record.id);
  if (lane == Lane::ready) {
    store_.put(Space::messages, id_key, value);
  } else {
    auto key = message_key(queue.number(), place, record.id);
    store_.put(Space::messages, id_key, stub(place));
    store_.put(Space::messages, key, value);
    if (lane == Lane::dead) staged_messages_.insert_or_assign(std::move(key), value);
  }
  staged_places_.insert_or_assign(std::move(id_key), place);
  ++lane_total(queue, lane);
  if (lane == Lane::dead) return;
  unpublished_.emplace_back(&queue, Held{.place = place,
                                         .record = std::move(value),
                                         .attempts = record.attempts,
                                         .counted_by = 0,
                                         .enqueued_at = record.enqueued_at});
}

void Ledger::remove(Queue& queue, const Place& place, std::string_view id) {
  auto id_key = message_key(queue.number(), {Lane::ready, 0}, id);
  store_.erase_once(Space::messages, id_key);
  if (place.lane != Lane::ready) store_.erase_once(Space::messages, message_key(queue.number(), place, id));
  staged_places_.insert_or_assign(std::move(id_key), std::nullopt);
  auto& total = lane_total(queue, place.lane);
  ASSERT(total > 0);
  --total;
}

Result<void> Ledger::write() {
  totals_.time = time_.note();
  store_.put(Space::meta, totals_key, encode(totals_));
  auto written = store_.write(true);
  staged_documents_.clear();
  staged_places_.clear();
  staged_messages_.clear();
  staged_ = false;
  if (!written) return written;
  for (auto& [queue, held] : unpublished_) queue->publish(std::move(held));
  unpublished_.clear();
  return {};
}

// ---- leases ---------------------------------------------------------------------------------------------------------

Result<std::vector<Delivery>> Ledger::take(const Receive& receive) {
  std::vector<Delivery> deliveries;
  auto* queue = find_queue(receive.queue);
  if (!queue) return deliveries;
  const std::uint64_t token = next_token_++;
  LeaseRecord counted;
  LeaseBatch batch{.deadline = time_.steady() + receive.lease_for};
  while (deliveries.size() < receive.at_most) {
    auto next = queue->next(store_, time_.now());
    if (!next && deliveries.empty()) return std::unexpected(next.error());
    if (!next || !*next) break;  // what lies before damage is handed out first
    Held held = std::move(**next);
    auto record = decode_message(held.record);
    if (!record) return damaged("message");
    if (held.counted_by != 0) no_longer_counted_by(held.counted_by);
    ++held.attempts;
    held.counted_by = token;
    counted.entries.push_back({queue->number(), record->id, held.attempts});
    batch.messages.emplace_back(queue->number(), record->id);

    Delivery delivery;
    delivery.lease = {receive.queue, record->id, token};
    delivery.message.queue = receive.queue;
    delivery.message.id = std::move(record->id);
    delivery.message.body = std::move(record->body);
    delivery.message.traceparent = std::move(record->traceparent);
    delivery.attempt = held.attempts;
    delivery.enqueued_at = time_.on_the_wall(record->enqueued_at);
    delivery.age = time_.now() - record->enqueued_at;
    delivery.history = on_the_wall(std::move(record->history));
    delivery.version = record->version;
    deliveries.push_back(std::move(delivery));
    queue->lease(std::move(held), token);
  }
  if (deliveries.empty()) return deliveries;
  batch.outstanding = batch.messages.size();
  expiries_.emplace(std::pair{batch.deadline, token}, std::monostate{});
  leases_.emplace(token, std::move(batch));
  store_.put(Space::meta, lease_key(token), encode(counted));
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
    for (const auto& [number, id] : leases_.at(token).messages) {
      const auto* leased = queues_[number]->leased(id);
      if (!leased || leased->token != token) continue;
      queues_[number]->come_back(std::move(queues_[number]->release(id).held));
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

Ledger::Lately& Ledger::lately(std::string_view key) {
  return lately_[std::hash<std::string_view>{}(key) % lately_.size()];
}

Result<std::optional<Version>> Ledger::version_of(const std::string& key) {
  if (auto staged = staged_documents_.find(key); staged != staged_documents_.end())
    return staged->second == 0 ? std::optional<Version>() : staged->second;
  if (const auto& known = lately(key); known.key == key) return known.version;
  auto value = store_.get(Space::documents, key);
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::nullopt;
  auto document = parse_document_value(**value);
  if (!document) return damaged("document");
  return document->first;
}

Result<std::optional<Place>> Ledger::place_of(const Queue& queue, std::string_view id) {
  auto key = message_key(queue.number(), {Lane::ready, 0}, id);
  if (auto staged = staged_places_.find(key); staged != staged_places_.end()) return staged->second;
  auto value = store_.get(Space::messages, key);
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::nullopt;
  if (!is_stub(**value)) return Place{};
  auto place = parse_stub(**value);
  if (!place) return damaged("message");
  return place;
}

Result<Ledger::Reference> Ledger::dead_letter(const MessageName& key) {
  auto missing = [&] { return fail(Fault::not_found, "no dead letter of that id in queue " + key.queue); };
  auto* queue = find_queue(key.queue);
  if (!queue || key.message_id.empty() || key.message_id.size() > 255) return missing();
  auto place = place_of(*queue, key.message_id);
  if (!place) return std::unexpected(place.error());
  if (!*place || (*place)->lane != Lane::dead) return missing();
  const auto at = message_key(queue->number(), **place, key.message_id);
  std::optional<MessageRecord> record;
  if (auto staged = staged_messages_.find(at); staged != staged_messages_.end()) {
    record = decode_message(staged->second);
  } else {
    auto value = store_.get(Space::messages, at);
    if (!value) return std::unexpected(value.error());
    if (*value) record = decode_message(**value);
  }
  if (!record) return damaged("dead letter");
  return Reference{queue, std::move(*record)};
}

}  // namespace globogym::engine::kv
