#include "engine/kv/records.h"

#include <bit>
#include <cstring>

namespace globogym::engine::kv {
namespace {

static_assert(std::endian::native == std::endian::little, "values are written as they lie in memory");

constexpr char format = 1;
constexpr char message_format = 2;
constexpr char message_without_version = 1;  // what builds before 0.2.0 wrote
constexpr char stub_format = 0;

template <class T>
void append_big(std::string& out, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> shift);
}

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class Size>
void append_text(std::string& out, std::string_view text) {
  append(out, static_cast<Size>(text.size()));
  out += text;
}

// Takes pieces off the front; after the first piece that does not fit, everything is empty and ok() is false.
class Pieces {
 public:
  explicit Pieces(std::string_view rest) : rest_(rest) {}
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

  template <class T>
  T big() {
    T value{};
    for (char c : take(sizeof(T)))
      value = static_cast<T>((static_cast<std::uint64_t>(value) << 8) | static_cast<unsigned char>(c));
    return value;
  }
  template <class T>
  T number() {
    T value{};
    auto bytes = take(sizeof(T));
    if (ok_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  template <class Size>
  std::string_view text() {
    return take(number<Size>());
  }
  std::string_view rest() { return take(rest_.size()); }

 private:
  std::string_view take(std::size_t n) {
    if (!ok_ || rest_.size() < n) {
      ok_ = false;
      return {};
    }
    auto piece = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return piece;
  }
  std::string_view rest_;
  bool ok_ = true;
};

std::int64_t micros(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime wall(std::int64_t micros) {
  return WallTime(Duration(micros));
}
Moment moment(std::int64_t micros) {
  return Moment(Duration(micros));
}

bool is_message_format(char c) {
  return c == message_format || c == message_without_version;
}

std::optional<Lane> lane_of(char c) {
  if (c == 'm' || c == 'd' || c == 'x') return static_cast<Lane>(c);
  return std::nullopt;
}

}  // namespace

std::string lane_begin(QueueNumber queue, Lane lane) {
  std::string key(1, static_cast<char>(lane));
  append_big(key, queue);
  return key;
}

std::string lane_end(QueueNumber queue, Lane lane) {
  std::string key(1, static_cast<char>(lane));
  append_big(key, static_cast<QueueNumber>(queue + 1));
  return key;
}

std::string message_key(QueueNumber queue, const Place& place, std::string_view id) {
  auto key = lane_begin(queue, place.lane);
  if (place.lane == Lane::delayed) append_big(key, place.due);
  key += id;
  return key;
}

std::optional<MessageKey> parse_message_key(std::string_view key) {
  Pieces pieces(key);
  auto lane = lane_of(pieces.number<char>());
  if (!lane) return std::nullopt;
  MessageKey out{.place = {.lane = *lane}};
  out.queue = pieces.big<QueueNumber>();
  if (out.place.lane == Lane::delayed) out.place.due = pieces.big<std::int64_t>();
  out.id = pieces.rest();
  if (!pieces.ok() || out.id.empty()) return std::nullopt;
  return out;
}

std::string stub(const Place& place) {
  std::string value(1, stub_format);
  value += static_cast<char>(place.lane);
  append(value, place.due);
  return value;
}

bool is_stub(std::string_view value) {
  return !value.empty() && value[0] == stub_format;
}

std::optional<Place> parse_stub(std::string_view value) {
  Pieces pieces(value);
  if (pieces.number<char>() != stub_format) return std::nullopt;
  auto lane = lane_of(pieces.number<char>());
  Place place;
  place.due = pieces.number<std::int64_t>();
  if (!lane || *lane == Lane::ready || !pieces.done()) return std::nullopt;
  place.lane = *lane;
  return place;
}

std::string encode(const MessageRecord& record) {
  std::string out;
  out.reserve(64 + record.id.size() + record.traceparent.size() + record.body.size());
  encode_head(out, record);
  out += record.body;
  return out;
}

void encode_head(std::string& out, const MessageRecord& record) {
  out += message_format;
  append_text<std::uint8_t>(out, record.id);
  append(out, record.version);
  append(out, static_cast<std::int32_t>(record.attempts));
  append(out, micros(record.enqueued_at));
  append(out, static_cast<std::uint8_t>(record.history.size()));
  for (const auto& attempt : record.history) {
    append(out, static_cast<std::int32_t>(attempt.number));
    append(out, micros(attempt.at));
    append_text<std::uint16_t>(out, attempt.error);
  }
  append(out, micros(record.dead_at));
  append_text<std::uint16_t>(out, record.dead_reason);
  append_text<std::uint8_t>(out, record.traceparent);
  append(out, static_cast<std::uint32_t>(record.body.size()));
}

std::optional<MessageRecord> decode_message(std::string_view value) {
  Pieces pieces(value);
  const char form = pieces.number<char>();
  if (!is_message_format(form)) return std::nullopt;
  MessageRecord record;
  record.id = pieces.text<std::uint8_t>();
  if (form == message_format) record.version = pieces.number<Version>();
  record.attempts = pieces.number<std::int32_t>();
  record.enqueued_at = moment(pieces.number<std::int64_t>());
  const int count = pieces.number<std::uint8_t>();
  for (int i = 0; i < count && pieces.ok(); ++i) {
    MessageRecord::Attempt attempt;
    attempt.number = pieces.number<std::int32_t>();
    attempt.at = moment(pieces.number<std::int64_t>());
    attempt.error = pieces.text<std::uint16_t>();
    record.history.push_back(std::move(attempt));
  }
  record.dead_at = moment(pieces.number<std::int64_t>());
  record.dead_reason = pieces.text<std::uint16_t>();
  record.traceparent = pieces.text<std::uint8_t>();
  record.body = pieces.text<std::uint32_t>();
  if (!pieces.done()) return std::nullopt;
  return record;
}

std::string container_begin(std::string_view container) {
  std::string key(container);
  key += '\0';
  return key;
}

std::string container_end(std::string_view container) {
  std::string key(container);
  key += '\1';
  return key;
}

std::string document_key(const DocumentKey& key) {
  std::string out;
  out.reserve(key.container.size() + key.id.size() + key.partition.size() + 2);
  out += key.container;
  out += '\0';
  out += key.id;  // before the partition, so that ids that begin with the time keep a container in order of age
  out += '\0';
  out += key.partition;
  return out;
}

std::optional<DocumentKey> parse_document_key(std::string_view key) {
  const auto first = key.find('\0');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = key.find('\0', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  DocumentKey out{std::string(key.substr(0, first)), std::string(key.substr(second + 1)),
                  std::string(key.substr(first + 1, second - first - 1))};
  if (out.container.empty() || out.id.empty() || out.partition.empty()) return std::nullopt;
  return out;
}

std::string document_value(Version version, std::string_view body) {
  const auto head = document_head(version);
  return std::string(head.data(), head.size()).append(body);
}

std::array<char, sizeof(Version)> document_head(Version version) {
  return std::bit_cast<std::array<char, sizeof version>>(version);
}

std::optional<std::pair<Version, std::string_view>> parse_document_value(std::string_view value) {
  Pieces pieces(value);
  const auto version = pieces.number<Version>();
  auto body = pieces.rest();
  if (!pieces.ok() || version == 0) return std::nullopt;
  return std::pair{version, body};
}

std::string lease_key(std::uint64_t token) {
  std::string key(1, lease_prefix);
  append_big(key, token);
  return key;
}

std::string encode(const LeaseRecord& record) {
  std::string out(1, format);
  for (const auto& entry : record.entries) {
    append(out, entry.queue);
    append(out, static_cast<std::int32_t>(entry.attempt));
    append_text<std::uint8_t>(out, entry.id);
  }
  return out;
}

std::optional<LeaseRecord> decode_lease(std::string_view value) {
  Pieces pieces(value);
  if (pieces.number<char>() != format) return std::nullopt;
  LeaseRecord record;
  while (pieces.ok() && !pieces.done()) {
    LeaseRecord::Entry entry;
    entry.queue = pieces.number<QueueNumber>();
    entry.attempt = pieces.number<std::int32_t>();
    entry.id = pieces.text<std::uint8_t>();
    if (!pieces.ok()) return std::nullopt;
    record.entries.push_back(std::move(entry));
  }
  if (!pieces.ok()) return std::nullopt;
  return record;
}

std::string encode(const Totals& totals) {
  std::string out(1, format);
  append(out, totals.epoch);
  append(out, totals.version);
  append(out, static_cast<std::uint16_t>(totals.queues.size()));
  for (const auto& queue : totals.queues) {
    append_text<std::uint8_t>(out, queue.name);
    append(out, queue.ready);
    append(out, queue.delayed);
    append(out, queue.dead);
  }
  append(out, static_cast<std::uint16_t>(totals.tallies.size()));
  for (const auto& [name, value] : totals.tallies) {
    append_text<std::uint8_t>(out, name);
    append(out, value);
  }
  if (totals.time) {
    append(out, micros(totals.time->stood_at));
    append(out, micros(totals.time->shown));
  }
  return out;
}

std::optional<Totals> decode_totals(std::string_view value) {
  Pieces pieces(value);
  if (pieces.number<char>() != format) return std::nullopt;
  Totals totals;
  totals.epoch = pieces.number<std::uint64_t>();
  totals.version = pieces.number<Version>();
  const int queues = pieces.number<std::uint16_t>();
  for (int i = 0; i < queues && pieces.ok(); ++i) {
    Totals::Queue queue;
    queue.name = pieces.text<std::uint8_t>();
    queue.ready = pieces.number<std::uint64_t>();
    queue.delayed = pieces.number<std::uint64_t>();
    queue.dead = pieces.number<std::uint64_t>();
    totals.queues.push_back(std::move(queue));
  }
  const int tallies = pieces.number<std::uint16_t>();
  for (int i = 0; i < tallies && pieces.ok(); ++i) {
    auto name = pieces.text<std::uint8_t>();
    totals.tallies.emplace_back(name, pieces.number<std::int64_t>());
  }
  if (!pieces.done()) {
    auto& time = totals.time.emplace();
    time.stood_at = moment(pieces.number<std::int64_t>());
    time.shown = wall(pieces.number<std::int64_t>());
  }
  if (!pieces.done()) return std::nullopt;
  return totals;
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Fault::damaged,
              "a stored " + std::string(what) + " does not decode; stop the service and run: globogym verify");
}

}  // namespace globogym::engine::kv
