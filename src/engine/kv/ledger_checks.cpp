// What must be true for the ledger to take a commit.
#include <algorithm>

#include "engine/kv/ledger.h"

namespace globogym::engine::kv {
namespace {

constexpr std::size_t max_body = std::size_t{1} << 20;
constexpr std::size_t max_queues = 1000;
constexpr std::size_t max_tallies = 1000;

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

std::unexpected<Error> invalid(std::string message) {
  return fail(Fault::invalid, std::move(message));
}

}  // namespace

Result<void> Ledger::check(const Commit& commit) {
  if (auto ok = check_settled(commit); !ok) return ok;
  if (auto ok = check_documents(commit); !ok) return ok;
  if (auto ok = check_dead_letters(commit); !ok) return ok;
  if (auto ok = check_hastened(commit); !ok) return ok;
  if (auto ok = check_messages(commit); !ok) return ok;
  return check_tallies(commit);
}

Result<void> Ledger::check_settled(const Commit& commit) {
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
  return {};
}

// ---- documents ------------------------------------------------------------------------------------------------------

Result<void> Ledger::check_documents(const Commit& commit) {
  for (std::size_t i = 0; i < commit.documents.size(); ++i) {
    const auto& put = commit.documents[i];
    if (put.body.size() > max_body) return invalid("a document is larger than 1 MiB");
    for (std::size_t j = 0; j < i; ++j)
      if (commit.documents[j].key == put.key) return invalid("a commit puts one document twice");
    if (auto ok = check_expected(put.key, put.expect); !ok) return ok;
  }
  for (const auto& erase : commit.erased) {
    for (const auto& put : commit.documents)
      if (put.key == erase.key) return invalid("a commit puts and erases one document");
    if (auto ok = check_expected(erase.key, erase.expect); !ok) return ok;
  }
  return {};
}

Result<void> Ledger::check_expected(const DocumentKey& key, const Expect& expect) {
  if (!is_key(key)) return invalid("a document's key has an empty, over-long or NUL-holding part");
  if (expect.kind == Expect::Kind::anything || expect.kind == Expect::Kind::fresh) return {};
  const auto stands = version_of(document_key(key), expect.version);
  if (!stands) return std::unexpected(stands.error());
  const Version wanted = expect.kind == Expect::Kind::absent ? 0 : expect.version;
  if (*stands == wanted) return {};
  return fail(Fault::conflict, "a document of container " + key.container +
                                   (wanted == 0 ? " exists already" : " has changed since it was read"));
}

// 0: it is absent. `expected`: a version that it had once, or 0.
Result<Version> Ledger::version_of(std::string_view key, Version expected) {
  if (const auto known = versions_.find(key)) return *known;
  if (expected != 0 && versions_.has_stood_since(key, expected)) return expected;
  auto value = store_.get(Space::documents, key);
  if (!value) return std::unexpected(value.error());
  if (!*value) return 0;
  auto document = parse_document_value(**value);
  if (!document) return damaged("document");
  return document->first;
}

// ---- messages -------------------------------------------------------------------------------------------------------

Result<void> Ledger::check_messages(const Commit& commit) {
  duplicate_.assign(commit.messages.size(), false);
  for (std::size_t i = 0; i < commit.messages.size(); ++i) {
    const auto& message = commit.messages[i];
    if (message.id.empty() || message.id.size() > 255) return invalid("a message's id is 1 to 255 bytes");
    if (message.traceparent.size() > 128) return invalid("a trace context is at most 128 bytes");
    if (message.body.size() > max_body) return invalid("a message is larger than 1 MiB");
    if (message.replaces && !commit.settled.empty()) return invalid("a commit replaces messages or settles some");
    if (const auto* queue = find_queue(message.queue); !queue) {
      if (!is_name(message.queue, false)) return invalid("a queue's name is 1 to 64 of a-z, 0-9 and -");
      if (queues_.size() >= max_queues) return invalid("there are 1000 queues already");
    } else if (message.replaces || !message.fresh) {
      auto place = place_of(*queue, message.id);
      if (!place) return std::unexpected(place.error());
      if (message.replaces && queue->leased(message.id))
        return fail(Fault::conflict, "the message to be replaced in queue " + message.queue + " is being worked on");
      duplicate_[i] = place->has_value() && !message.replaces;
    }
    for (std::size_t j = 0; j < i; ++j)
      if (commit.messages[j].id == message.id && commit.messages[j].queue == message.queue) duplicate_[i] = true;
  }
  return {};
}

Result<void> Ledger::check_hastened(const Commit& commit) {
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
  return {};
}

Result<void> Ledger::check_dead_letters(const Commit& commit) {
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
  return {};
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
  if (auto staged = staged_dead_.find(at); staged != staged_dead_.end()) {
    record = staged->second;
  } else {
    auto value = store_.get(Space::messages, at);
    if (!value) return std::unexpected(value.error());
    if (*value) record = decode_message(**value);
  }
  if (!record) return damaged("dead letter");
  return Reference{queue, std::move(*record)};
}

Result<std::optional<Place>> Ledger::place_of(const Queue& queue, std::string_view id) {
  if (const auto* staged = staged_places_.find(queue.number(), id)) return *staged;
  auto value = store_.get(Space::messages, message_key(queue.number(), {Lane::ready, 0}, id));
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::nullopt;
  if (!is_stub(**value)) return Place{};
  auto place = parse_stub(**value);
  if (!place) return damaged("message");
  return place;
}

// ---- tallies --------------------------------------------------------------------------------------------------------

Result<void> Ledger::check_tallies(const Commit& commit) {
  for (const auto& t : commit.tallies) {
    if (tally_at_.contains(t.counter)) continue;
    if (!is_name(t.counter, true)) return invalid("a counter's name is 1 to 64 of a-z, 0-9, - and .");
    if (tally_at_.size() >= max_tallies) return invalid("there are 1000 counters already");
  }
  return {};
}

}  // namespace globogym::engine::kv
