// The Engine's verbs over a sequencer. An adapter adds the store, and decides where rounds run.
#pragma once

#include "engine/engine.h"
#include "engine/kv/sequencer.h"

namespace globogym::engine::kv {

class Engine : public engine::Engine {
 public:
  Task<Result<Committed>> commit(Commit commit) override;
  Task<Result<std::vector<Delivery>>> receive(Receive receive) override;
  Task<Result<std::optional<KeptMessage>>> find_message(std::string queue, std::string id) override;
  Task<Result<MessagePage>> messages(MessageQuery query) override;
  Task<Result<std::vector<QueueStats>>> queues() override;
  Task<Result<std::map<std::string, std::int64_t>>> tallies() override;

 protected:
  // Takes `request` into a coming round; its caller is resumed when it is finished. Any thread with a current loop.
  virtual void submit(Request& request) = 0;

  struct Submitted;
  template <class T>
  Task<Result<T>> ask(std::move_only_function<Result<T>(Ledger&)> question);
};

// Shared by adapters: a document or a page of them, straight from a store.
Result<std::optional<Document>> read_document(Store& store, const DocumentKey& key);
Result<ScanPage> read_page(Store& store, const Scan& scan);

}  // namespace globogym::engine::kv
