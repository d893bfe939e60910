#include "engine/kv/queue.h"

#include <algorithm>

#include "base/assert.h"

namespace globogym::engine::kv {
namespace {

// A message costs more memory than its texts: the containers' nodes and the allocator's rounding.
std::size_t cost(const Held& held) {
  const auto& record = held.record;
  std::size_t texts = record.id.capacity() + record.traceparent.capacity() + record.body.capacity();
  for (const auto& attempt : record.history) texts += sizeof attempt + attempt.error.capacity();
  return texts + sizeof(Held) + 32;
}

void remember_older(std::optional<Moment>& oldest, Moment moment) {
  if (!oldest || moment < *oldest) oldest = moment;
}

Result<Held> read(std::string_view key, std::string_view value, QueueNumber queue) {
  auto where = parse_message_key(key);
  auto record = decode_message(value);
  if (!where || where->queue != queue || !record || record->id != where->id) return damaged("message");
  return Held{.place = where->place, .record = std::move(*record)};
}

}  // namespace

void Queue::expect_on_disk(const OnDisk& ready, const OnDisk& delayed) {
  ready_on_disk_ = ready.count;
  ready_from_ = lane_begin(number_, Lane::ready);
  if (delayed.count > 0) delayed_beyond_ = DelayedKey{0, ""};
  oldest_ready_on_disk_ = ready.oldest;
  oldest_delayed_beyond_ = delayed.oldest;
}

std::optional<Held> Queue::withdraw(const Place& place, std::string_view id) {
  if (place.lane == Lane::ready) {
    const auto found = std::ranges::find_if(ready_, [&](const Held& held) { return held.id() == id; });
    if (found == ready_.end()) return std::nullopt;
    Held held = std::move(*found);
    ready_.erase(found);
    ready_bytes_ -= cost(held);
    return held;
  }
  auto node = delayed_.extract(DelayedKey{place.due, std::string(id)});
  if (node.empty()) return std::nullopt;
  delayed_bytes_ -= cost(node.mapped());
  return std::move(node.mapped());
}

void Queue::publish(Held held) {
  if (held.place.lane == Lane::ready) {
    const auto key = [&] { return message_key(number_, held.place, held.id()); };
    const bool room = ready_bytes_ + cost(held) <= window_bytes_ || ready_.empty();
    // Once some are on disk only, the others wait behind them, but for stragglers whose place has been read past: with
    // ids that begin with the time they are few, and reading round again for them would be dear.
    const bool passed = ready_on_disk_ > 0 && ready_bytes_ <= 2 * window_bytes_ && key() < ready_from_;
    if ((ready_on_disk_ > 0 && !passed) || (!room && !passed)) {
      if (ready_on_disk_++ == 0) ready_from_ = key();
      remember_older(oldest_ready_on_disk_, held.record.enqueued_at);
      return;
    }
    ready_bytes_ += cost(held);
    ready_.push_back(std::move(held));
    return;
  }
  DelayedKey key{held.place.due, held.id()};
  if (delayed_beyond_ && key >= *delayed_beyond_) {
    remember_older(oldest_delayed_beyond_, held.record.enqueued_at);
    return;
  }
  delayed_bytes_ += cost(held);
  delayed_.emplace(std::move(key), std::move(held));
  trim_delayed();
}

void Queue::trim_delayed() {
  while (delayed_bytes_ > window_bytes_ && delayed_.size() > 1) {
    auto last = std::prev(delayed_.end());
    if (last->second.counted_by != 0) break;  // its attempts are known here only
    delayed_beyond_ = last->first;
    remember_older(oldest_delayed_beyond_, last->second.record.enqueued_at);
    delayed_bytes_ -= cost(last->second);
    delayed_.erase(last);
  }
}

Result<std::optional<Held>> Queue::next(Store& store, Moment now) {
  if (delayed_.empty() && delayed_beyond_ && delayed_beyond_->first <= micros(now)) {
    auto refilled = refill_delayed(store);
    if (!refilled && delayed_.empty()) return std::unexpected(refilled.error());
  }
  if (!delayed_.empty() && delayed_.begin()->first.first <= micros(now)) {
    auto node = delayed_.extract(delayed_.begin());
    delayed_bytes_ -= cost(node.mapped());
    return std::optional(std::move(node.mapped()));
  }
  if (ready_.empty() && ready_on_disk_ > 0) {
    auto refilled = refill_ready(store);
    if (!refilled && ready_.empty()) return std::unexpected(refilled.error());
  }
  if (ready_.empty()) return std::nullopt;
  Held held = std::move(ready_.front());
  ready_.pop_front();
  ready_bytes_ -= cost(held);
  return std::optional(std::move(held));
}

void Queue::come_back(Held held) {
  if (held.place.lane == Lane::ready) {
    ready_bytes_ += cost(held);
    ready_.push_front(std::move(held));  // older than what still waits
  } else {
    DelayedKey key{held.place.due, held.id()};
    delayed_bytes_ += cost(held);
    const bool inserted = delayed_.emplace(std::move(key), std::move(held)).second;
    ASSERT(inserted);
  }
}

// Half a window at a time: a sequential read of a few megabytes, which does not pass over messages already handed out.
Result<void> Queue::refill_ready(Store& store) {
  const std::string began = ready_from_;
  for (bool round_again : {false, true}) {
    if (round_again) ready_from_ = lane_begin(number_, Lane::ready);
    auto cursor = store.range(Space::messages, ready_from_, round_again ? began : lane_end(number_, Lane::ready));
    while (cursor->next()) {
      if (is_stub(cursor->value())) continue;
      auto held = read(cursor->key(), cursor->value(), number_);
      if (!held) return std::unexpected(held.error());
      if (leased_.contains(held->id())) continue;
      if (ready_bytes_ + cost(*held) > window_bytes_ / 2 && !ready_.empty()) {
        ready_from_ = cursor->key();
        return {};
      }
      ready_bytes_ += cost(*held);
      ready_from_.assign(cursor->key()).push_back('\0');  // if this is the last that can be read, it is not read again
      ready_.push_back(std::move(*held));
      // With ids that begin with the time those that follow are younger.
      oldest_ready_on_disk_ = ready_.back().record.enqueued_at;
      if (--ready_on_disk_ == 0) {
        oldest_ready_on_disk_.reset();
        return {};
      }
    }
    if (auto error = cursor->error()) return std::unexpected(*error);
  }
  // Every key has been looked at: there are no more, whatever the count said.
  ready_on_disk_ = 0;
  oldest_ready_on_disk_.reset();
  return {};
}

Result<void> Queue::refill_delayed(Store& store) {
  auto cursor = store.range(Space::messages,
                            message_key(number_, {Lane::delayed, delayed_beyond_->first}, delayed_beyond_->second),
                            lane_end(number_, Lane::delayed));
  while (cursor->next()) {
    auto held = read(cursor->key(), cursor->value(), number_);
    if (!held) return std::unexpected(held.error());
    DelayedKey key{held->place.due, held->id()};
    // A message that was in memory once can lie beyond the window's end, when the window shrank while it was handed
    // out.
    if (leased_.contains(key.second) || delayed_.contains(key)) continue;
    if (delayed_bytes_ + cost(*held) > window_bytes_ / 2 && !delayed_.empty()) {
      delayed_beyond_ = std::move(key);
      return {};
    }
    delayed_bytes_ += cost(*held);
    delayed_.emplace(std::move(key), std::move(*held));
  }
  if (auto error = cursor->error()) return std::unexpected(*error);
  delayed_beyond_.reset();
  oldest_delayed_beyond_.reset();
  return {};
}

std::size_t Queue::leased_from(Lane lane) const {
  return static_cast<std::size_t>(std::count_if(leased_.begin(), leased_.end(),
                                                [&](const Leased& leased) { return leased.held.place.lane == lane; }));
}

std::optional<Moment> Queue::next_due() const {
  std::optional<std::int64_t> due;
  if (!delayed_.empty()) due = delayed_.begin()->first.first;
  if (delayed_.empty() && delayed_beyond_) due = delayed_beyond_->first;
  if (!due) return std::nullopt;
  return Moment(Duration(*due));
}

bool Queue::maybe_ready(Moment now) const {
  if (!ready_.empty() || ready_on_disk_ > 0) return true;
  auto due = next_due();
  return due && *due <= now;
}

std::size_t Queue::due_in_memory(Moment now) const {
  return static_cast<std::size_t>(
      std::distance(delayed_.begin(), delayed_.lower_bound(DelayedKey{micros(now) + 1, ""})));
}

std::optional<Moment> Queue::oldest() const {
  std::optional<Moment> oldest = oldest_ready_on_disk_;
  if (oldest_delayed_beyond_) remember_older(oldest, *oldest_delayed_beyond_);
  // Those that came back stand in front, whatever their age.
  for (const auto& held : ready_) remember_older(oldest, held.record.enqueued_at);
  for (const auto& [due, held] : delayed_) remember_older(oldest, held.record.enqueued_at);
  for (const auto& leased : leased_) remember_older(oldest, leased.held.record.enqueued_at);
  return oldest;
}

}  // namespace globogym::engine::kv
