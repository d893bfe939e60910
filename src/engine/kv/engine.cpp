#include "engine/kv/engine.h"

#include <algorithm>

#include "base/text.h"

namespace globogym::engine::kv {

struct Engine::Submitted {
  Engine& engine;
  Request& request;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    request.loop = async::Loop::current();
    ASSERT(request.loop != nullptr);
    request.caller = caller;
    engine.submit(request);
  }
  void await_resume() {}
};

Task<Result<Committed>> Engine::commit(Commit commit) {
  CommitRequest request(std::move(commit));
  co_await Submitted{*this, request};
  co_return std::move(request.answer);
}

Task<Result<std::vector<Delivery>>> Engine::receive(Receive receive) {
  ReceiveRequest request(std::move(receive));
  co_await Submitted{*this, request};
  co_return std::move(request.answer);
}

template <class T>
Task<Result<T>> Engine::ask(std::move_only_function<Result<T>(Ledger&)> question) {
  Result<T> answer;
  Question request([&](Result<Ledger*> ledger) {
    if (ledger) {
      answer = question(**ledger);
    } else {
      answer = std::unexpected(ledger.error());
    }
  });
  co_await Submitted{*this, request};
  co_return std::move(answer);
}

Task<Result<std::optional<KeptMessage>>> Engine::find_message(std::string queue, std::string id) {
  return ask<std::optional<KeptMessage>>(
      [queue = std::move(queue), id = std::move(id)](Ledger& ledger) { return ledger.find_message(queue, id); });
}

Task<Result<MessagePage>> Engine::messages(MessageQuery query) {
  return ask<MessagePage>([query = std::move(query)](Ledger& ledger) { return ledger.messages(query); });
}

Task<Result<std::vector<QueueStats>>> Engine::queues() {
  return ask<std::vector<QueueStats>>([](Ledger& ledger) { return Result<std::vector<QueueStats>>(ledger.queues()); });
}

Task<Result<std::map<std::string, std::int64_t>>> Engine::tallies() {
  return ask<std::map<std::string, std::int64_t>>(
      [](Ledger& ledger) { return Result<std::map<std::string, std::int64_t>>(ledger.tallies()); });
}

Result<std::optional<Document>> read_document(Store& store, const DocumentKey& key) {
  auto value = store.get(Space::documents, document_key(key));
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::nullopt;
  auto parsed = parse_document_value(**value);
  if (!parsed) return damaged("document");
  return Document{key, std::string(parsed->second), parsed->first};
}

Result<ScanPage> read_page(Store& store, const Scan& scan) {
  ScanPage page;
  const std::size_t limit = std::clamp<std::size_t>(scan.limit, 1, 1000);
  const std::string begin = container_begin(scan.container) + scan.prefix;
  std::string from = begin;
  if (!scan.after.empty()) {
    // The cursor is the last key taken, in base32 so that it travels in URLs.
    auto bytes = parse_base32(scan.after);
    if (!bytes) return fail(Fault::invalid, "`after` is not a cursor of this list");
    std::string last(bytes->begin(), bytes->end());
    if (!last.starts_with(begin)) return fail(Fault::invalid, "`after` is not a cursor of this list");
    from = last + '\0';
  }
  auto cursor = store.range(Space::documents, from, container_end(scan.container));
  std::string last;
  while (cursor->next() && cursor->key().starts_with(begin)) {
    if (page.documents.size() == limit) {
      page.cursor = base32({reinterpret_cast<const unsigned char*>(last.data()), last.size()});
      return page;
    }
    auto key = parse_document_key(cursor->key());
    auto parsed = parse_document_value(cursor->value());
    if (!key || !parsed) return damaged("document");
    page.documents.push_back({std::move(*key), std::string(parsed->second), parsed->first});
    last = cursor->key();
  }
  if (auto error = cursor->error()) return std::unexpected(*error);
  return page;
}

}  // namespace globogym::engine::kv
