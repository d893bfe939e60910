// What the ledger answers when it is asked what it holds.
#include <algorithm>

#include "base/text.h"
#include "engine/kv/ledger.h"

namespace globogym::engine::kv {
namespace {

constexpr std::size_t max_page = 1000;
// So many keys are looked at for a page. Whoever asks is in everybody's way, and what is delayed or dead leaves a stub
// among the others.
constexpr std::size_t looked_at_most = 5000;

std::vector<Lane> lanes(MessageQuery::Which which) {
  if (which == MessageQuery::Which::dead) return {Lane::dead};
  return {Lane::delayed, Lane::ready};  // as their keys are
}

}  // namespace

Result<std::optional<KeptMessage>> Ledger::find_message(std::string_view name, std::string_view id) {
  auto* queue = find_queue(name);
  if (!queue || id.empty() || id.size() > 255) return std::nullopt;
  auto place = place_of(*queue, id);
  if (!place) return std::unexpected(place.error());
  if (!*place) return std::nullopt;
  auto value = store_.get(Space::messages, message_key(queue->number(), **place, id));
  if (!value) return std::unexpected(value.error());
  auto record = *value ? decode_message(**value) : std::nullopt;
  if (!record) return damaged("message");
  return kept(*queue, std::move(*record), **place);
}

Result<MessagePage> Ledger::messages(const MessageQuery& query) {
  MessagePage page;
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, max_page);
  const auto wanted = lanes(query.which);
  // The cursor is the last key looked at for the page before, in base32 so that it travels in URLs.
  std::optional<MessageKey> begun;
  std::string after;
  if (!query.after.empty()) {
    if (auto bytes = parse_base32(query.after)) after.assign(bytes->begin(), bytes->end());
    begun = parse_message_key(after);
    if (!begun || std::ranges::find(wanted, begun->place.lane) == wanted.end())
      return fail(Fault::invalid, "`after` is not a cursor of this list");
  }
  std::size_t looked_at = 0;
  std::string last;
  for (const auto& queue : queues_) {
    if (!query.queue.empty() && queue->name() != query.queue) continue;
    if (begun && queue->number() < begun->queue) continue;
    for (const Lane lane : wanted) {
      std::string from = lane_begin(queue->number(), lane);
      const auto end = lane_end(queue->number(), lane);
      if (begun && queue->number() == begun->queue) {
        if (end <= after) continue;
        from = std::max(from, after + '\0');
      }
      if (lane_total(*queue, lane) == 0) continue;
      auto cursor = store_.range(Space::messages, from, end);
      while (cursor->next()) {
        if (page.messages.size() == limit || looked_at == looked_at_most) {
          page.cursor = base32({reinterpret_cast<const unsigned char*>(last.data()), last.size()});
          return page;
        }
        ++looked_at;
        last = cursor->key();
        if (is_stub(cursor->value())) continue;
        auto key = parse_message_key(last);
        auto record = decode_message(cursor->value());
        if (!key || !record) return damaged("message");
        page.messages.push_back(kept(*queue, std::move(*record), key->place));
      }
      if (auto error = cursor->error()) return std::unexpected(*error);
    }
  }
  return page;
}

std::vector<Attempt> Ledger::on_the_wall(std::vector<MessageRecord::Attempt> history) const {
  std::vector<Attempt> out;
  out.reserve(history.size());
  for (auto& attempt : history)
    out.push_back({attempt.number, time_.on_the_wall(attempt.at), std::move(attempt.error)});
  return out;
}

KeptMessage Ledger::kept(const Queue& queue, MessageRecord record, const Place& place) const {
  KeptMessage out;
  out.message.queue = queue.name();
  out.message.id = std::move(record.id);
  out.message.body = std::move(record.body);
  out.message.traceparent = std::move(record.traceparent);
  out.attempts = record.attempts;
  out.enqueued_at = time_.on_the_wall(record.enqueued_at);
  out.history = on_the_wall(std::move(record.history));
  if (place.lane == Lane::dead) {
    out.state = MessageState::dead_lettered;
    out.dead_reason = std::move(record.dead_reason);
    out.dead_at = time_.on_the_wall(record.dead_at);
  } else if (const auto* leased = queue.leased(out.message.id)) {
    out.state = MessageState::leased;
    out.attempts = leased->held.record.attempts;
  } else if (place.lane == Lane::delayed && place.due > micros(time_.now())) {
    out.state = MessageState::delayed;
    out.due = time_.on_the_wall(Moment(Duration(place.due)));
  }
  return out;
}

std::vector<QueueStats> Ledger::queues() const {
  std::vector<QueueStats> all;
  for (const auto& queue : queues_) {
    const auto& totals = totals_.queues[queue->number()];
    const auto due = queue->due_in_memory(time_.now());
    QueueStats stats{.name = queue->name()};
    stats.leased = queue->leased_count();
    stats.ready = totals.ready - queue->leased_from(Lane::ready) + due;
    stats.delayed = totals.delayed - queue->leased_from(Lane::delayed) - due;
    stats.dead_lettered = totals.dead;
    if (auto oldest = queue->oldest()) stats.oldest = time_.on_the_wall(*oldest);
    if (auto next = queue->next_due(); next && stats.delayed > 0 && micros(*next) > 0)
      stats.next_due = time_.on_the_wall(*next);
    stats.coming = paces_[queue->number()].coming.per_second(time_.steady());
    stats.going = paces_[queue->number()].going.per_second(time_.steady());
    all.push_back(std::move(stats));
  }
  return all;
}

std::uint64_t Ledger::backlog() const {
  std::uint64_t messages = 0;
  for (const auto& queue : totals_.queues) messages += queue.ready + queue.delayed;
  return messages;
}

std::map<std::string, std::int64_t> Ledger::tallies() const {
  return {totals_.tallies.begin(), totals_.tallies.end()};
}

}  // namespace globogym::engine::kv
