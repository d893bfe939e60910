#include "functions/enrollment/layouts.h"

#include <algorithm>
#include <utility>

#include "domain/records.h"

namespace globogym::functions::enrollment {
namespace {

constexpr std::size_t most_known = 4;  // each has some 200 KB

}  // namespace

engine::DocumentKey layout_key(const std::string& id) {
  return {std::string(domain::container::letters), id, id};
}

Task<Result<void>> store_layout(engine::Engine& engine, const mail::KeptLayout& layout) {
  auto found = co_await engine.get(layout_key(layout.id));
  if (!found) co_return std::unexpected(std::move(found.error()));
  if (*found && (*found)->body == layout.json) co_return Result<void>();
  engine::Commit commit;
  commit.documents.push_back({layout_key(layout.id), layout.json, engine::Expect::anything()});
  auto committed = co_await engine.commit(std::move(commit));
  if (!committed) co_return std::unexpected(std::move(committed.error()));
  co_return Result<void>();
}

Task<Result<void>> StoredLayout::store() {
  while (storing_) co_await ended_.wait();
  if (stored_) co_return Result<void>();
  storing_ = true;
  auto done = co_await store_layout(engine_, layout_);
  storing_ = false;
  stored_ = done.has_value();
  ended_.notify_all();
  co_return done;
}

Task<Result<std::shared_ptr<const mail::Composer>>> Composers::find(std::string layout_id) {
  if (auto composer = known(layout_id)) co_return composer;
  auto found = co_await engine_.get(layout_key(layout_id));
  if (!found) co_return std::unexpected(std::move(found.error()));
  if (auto composer = known(layout_id)) co_return composer;  // somebody was quicker
  if (!*found)
    co_return fail(Fault::damaged, "the layout " + layout_id +
                                       " that a letter has is not in the store; bring its document (container letters) "
                                       "back from a backup, or send the letter anew");
  auto composer = mail::Composer::make({.id = layout_id, .json = std::move((*found)->body)});
  if (!composer) co_return std::unexpected(std::move(composer.error()));
  if (known_.size() == most_known) known_.pop_back();
  known_.insert(known_.begin(), {std::move(layout_id), *composer});
  co_return std::move(*composer);
}

std::shared_ptr<const mail::Composer> Composers::known(const std::string& id) {
  const auto found = std::ranges::find(known_, id, &Known::id);
  if (found == known_.end()) return nullptr;
  std::rotate(known_.begin(), found, found + 1);
  return known_.front().composer;
}

}  // namespace globogym::functions::enrollment
