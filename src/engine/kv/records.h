// How the ledger's keys and values are laid out in bytes. Specified in docs/data-model.md; big-endian in keys (so that
// order is numeric order), little-endian in values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/kv/timeline.h"

namespace globogym::engine::kv {

// Where a message stands. A ready message is one record under its id, so that accepting and finishing one costs the
// store a single key each. Of a delayed or dead one only a stub stands there, which says where the record is; delayed
// messages are in order of when they become due.
enum class Lane : char { ready = 'm', delayed = 'd', dead = 'x' };

struct Place {
  Lane lane = Lane::ready;
  std::int64_t due = 0;  // microseconds of the ledger's time; delayed only
  bool operator==(const Place&) const = default;
};

// A message as it is kept. Its times are the ledger's, so that they stay in order whatever the wall clock is set to.
struct MessageRecord {
  struct Attempt {
    int number = 0;
    Moment at{};
    std::string error;
  };
  Version version = 0;  // of the commit that put it into its queue; 0: not known
  int attempts = 0;     // hand-outs counted so far
  Moment enqueued_at{};
  std::vector<Attempt> history;
  std::string dead_reason;
  Moment dead_at{};
  std::string id, traceparent, body;
};

using QueueNumber = std::uint16_t;

std::string message_key(QueueNumber queue, const Place& place, std::string_view id);
// The start of a lane, and the first key after it.
std::string lane_begin(QueueNumber queue, Lane lane);
std::string lane_end(QueueNumber queue, Lane lane);
struct MessageKey {
  QueueNumber queue = 0;
  Place place;
  std::string_view id;
};
std::optional<MessageKey> parse_message_key(std::string_view key);

// What stands under the id of a message that is not ready.
std::string stub(const Place& place);
bool is_stub(std::string_view value);
std::optional<Place> parse_stub(std::string_view value);

std::string encode(const MessageRecord& record);
// encode() without the body, which ends it: appended to `out`.
void encode_head(std::string& out, const MessageRecord& record);
std::optional<MessageRecord> decode_message(std::string_view value);

std::string document_key(const DocumentKey& key);
std::optional<DocumentKey> parse_document_key(std::string_view key);
// All keys of a container: [begin, end).
std::string container_begin(std::string_view container);
std::string container_end(std::string_view container);
std::string document_value(Version version, std::string_view body);
// document_value() without the body, which ends it.
std::array<char, sizeof(Version)> document_head(Version version);
// The version and the body.
std::optional<std::pair<Version, std::string_view>> parse_document_value(std::string_view value);

// One hand-out: which messages, and which attempt of each it was. Kept until all of them are settled, so that a crash
// in the middle of an attempt still counts it.
struct LeaseRecord {
  struct Entry {
    QueueNumber queue = 0;
    std::string id;
    int attempt = 0;
  };
  std::vector<Entry> entries;
};
std::string lease_key(std::uint64_t token);
inline constexpr char lease_prefix = 'l';
std::string encode(const LeaseRecord& record);
std::optional<LeaseRecord> decode_lease(std::string_view value);

// Everything that is counted, in one record that every batch rewrites.
struct Totals {
  struct Queue {
    std::string name;
    std::uint64_t ready = 0, delayed = 0, dead = 0;  // records in the lane, leased ones included
  };
  std::uint64_t epoch = 0;  // how often this store has been opened
  Version version = 0;
  std::optional<Timeline::Note> time;  // as of this commit; none in what a release before 0.2.0 wrote
  std::vector<Queue> queues;           // a queue's number is its position
  std::vector<std::pair<std::string, std::int64_t>> tallies;
};
inline constexpr std::string_view totals_key = "totals";
std::string encode(const Totals& totals);
std::optional<Totals> decode_totals(std::string_view value);

// What is said of a stored `what` that does not decode.
std::unexpected<Error> damaged(std::string_view what);

}  // namespace globogym::engine::kv
