#include "functions/function.h"

#include <utility>

namespace globogym::functions {

Task<Result<engine::Committed>> revive(engine::Engine& engine, Function& function, engine::DeadLetterKey key) {
  constexpr int tries = 5;
  for (int attempt = 1;; ++attempt) {
    auto found = co_await engine.find_message(key.queue, key.message_id);
    if (!found) co_return std::unexpected(std::move(found.error()));
    if (!*found || (*found)->state != engine::MessageState::dead_lettered)
      co_return fail(Fault::not_found, "there is no dead letter with this id in this queue");
    engine::Message message = std::move((*found)->message);
    auto commit = co_await function.on_revived(std::move(message));
    if (!commit) co_return std::unexpected(std::move(commit.error()));
    commit->revived.push_back(key);
    auto committed = co_await engine.commit(std::move(*commit));
    const bool again = !committed && committed.error().fault == Fault::conflict && attempt < tries;
    if (!again) co_return committed;
  }
}

}  // namespace globogym::functions
