#include "gateway/answers/people.h"

#include <algorithm>
#include <utility>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "domain/ids.h"
#include "domain/records.h"

namespace globogym::gateway {
namespace {

using async::Task;

constexpr std::size_t page_size = 1000;
constexpr std::size_t most_counted = 100'000;
constexpr std::size_t indexed_at_once = 500;

engine::DocumentKey progress_key() {
  return {std::string(domain::container::settings), "settings", "people-index"};
}

struct Progress {
  std::string after;
  bool done = false;
  engine::Expect unchanged;
};

Task<Result<Progress>> progress_of(engine::Engine& engine) {
  auto document = co_await engine.get(progress_key());
  if (!document) co_return std::unexpected(document.error());
  if (!*document) co_return Progress{.after = {}, .done = false, .unchanged = engine::Expect::absent()};
  auto json = JsonDocument::parse((*document)->body);
  if (!json) co_return fail(Fault::damaged, "the note of which enrollments are indexed is not JSON");
  const auto done = json->root().find("done");
  co_return Progress{.after = json->root().text("after"),
                     .done = done && done->boolean().value_or(false),
                     .unchanged = engine::Expect::exactly((*document)->version)};
}

}  // namespace

engine::Put person_entry(std::string_view enrollment_id, std::string_view partition, engine::Expect expect) {
  std::string id;
  id.reserve(partition.size() + enrollment_id.size());
  id.append(partition).append(enrollment_id);
  // The same whoever writes it, and never anything else: what stands there already is as good.
  return {.key = {.container = std::string(domain::container::people),
                  .partition = std::string(partition),
                  .id = std::move(id)},
          .body = "{}",
          .expect = expect};
}

Task<Result<PersonsEnrollments>> enrollments_of(engine::Engine& engine, std::string partition, std::size_t at_most) {
  PersonsEnrollments found;
  engine::Scan scan{
      .container = std::string(domain::container::people), .after = {}, .limit = page_size, .prefix = partition};
  do {
    auto page = co_await engine.scan(scan);
    if (!page) co_return std::unexpected(page.error());
    for (const auto& entry : page->documents) found.ids.push_back(entry.key.id.substr(partition.size()));
    found.total += page->documents.size();
    if (found.ids.size() > at_most) found.ids.erase(found.ids.begin(), found.ids.end() - static_cast<long>(at_most));
    scan.after = std::move(page->cursor);
  } while (!scan.after.empty() && found.total < most_counted);
  std::ranges::reverse(found.ids);
  co_return std::move(found);
}

Task<Result<bool>> index_more(engine::Engine& engine) {
  auto progress = co_await progress_of(engine);
  if (!progress) co_return std::unexpected(progress.error());
  if (progress->done) co_return true;
  auto page = co_await engine.scan({.container = std::string(domain::container::enrollments),
                                    .after = std::move(progress->after),
                                    .limit = indexed_at_once,
                                    .prefix = {}});
  if (!page) co_return std::unexpected(page.error());
  engine::Commit commit;
  for (const auto& document : page->documents)
    if (const auto partition = domain::partition_of_enrollment(document.key.id))
      commit.documents.push_back(person_entry(document.key.id, *partition));
  const bool done = page->cursor.empty();
  JsonWriter json;
  json.object().member("after", page->cursor).member("done", done).end();
  commit.documents.push_back({.key = progress_key(), .body = json.take(), .expect = progress->unchanged});
  auto committed = co_await engine.commit(std::move(commit));
  // Somebody else has gone on meanwhile.
  if (!committed && committed.error().fault == Fault::conflict) co_return false;
  if (!committed) co_return std::unexpected(committed.error());
  co_return done;
}

bool is_note_of_indexing(const engine::DocumentKey& key) {
  return key == progress_key();
}

Task<Result<void>> index_all(engine::Engine& engine) {
  for (;;) {
    auto done = co_await index_more(engine);
    if (!done) co_return std::unexpected(done.error());
    if (*done) co_return Result<void>();
  }
}

}  // namespace globogym::gateway
