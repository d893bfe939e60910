#include "app/anchor.h"

#include "async/loop.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "domain/records.h"

namespace globogym::app {
namespace {

engine::DocumentKey where() {
  return {std::string(domain::container::settings), "settings", std::string(anchor_document)};
}

std::string to_json(const audit::Bounds& bounds) {
  JsonWriter json;
  json.object()
      .member("number", bounds.last.number)
      .member("mac", bounds.last.mac)
      .member("file", bounds.last.file)
      .member("end", bounds.last.end)
      .member("closed", bounds.final)
      .member("beforeFirst", bounds.before_first)
      .member("macBeforeFirst", bounds.mac_before_first)
      .end();
  return json.take();
}

}  // namespace

Result<audit::Bounds> bounds_from_json(std::string_view text) {
  const auto json = JsonDocument::parse(text);
  audit::Bounds bounds;
  if (json) {
    const auto root = json->root();
    bounds.last = {.file = root.text("file"),
                   .end = static_cast<std::uint64_t>(root.integer("end", -1)),
                   .number = static_cast<std::uint64_t>(root.integer("number", -1)),
                   .mac = root.text("mac")};
    const auto closed = root.find("closed");
    bounds.final = closed && closed->boolean().value_or(false);
    bounds.before_first = static_cast<std::uint64_t>(root.integer("beforeFirst", -1));
    bounds.mac_before_first = root.text("macBeforeFirst");
  }
  const bool whole = bounds.last.mac.size() == audit::no_mac.size() &&
                     bounds.mac_before_first.size() == audit::no_mac.size() &&
                     (bounds.last.file.empty() || audit::is_file_name(bounds.last.file)) &&
                     bounds.last.number < UINT64_MAX / 2 && bounds.before_first <= bounds.last.number;
  if (!json || !whole) return fail(Fault::damaged, "the end of the audit trail is damaged; run `globogym verify`");
  return bounds;
}

EngineAnchor::EngineAnchor(engine::Engine& engine) : engine_(engine), loop_(std::make_unique<async::AsioLoop>()) {}

EngineAnchor::~EngineAnchor() = default;

Result<std::optional<audit::Bounds>> EngineAnchor::load() {
  auto found = async::run_until_done(*loop_, engine_.get(where()));
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::optional<audit::Bounds>();
  auto bounds = bounds_from_json((*found)->body);
  if (!bounds) return std::unexpected(bounds.error());
  return std::optional(std::move(*bounds));
}

Result<void> EngineAnchor::keep(const audit::Bounds& bounds) {
  engine::Commit commit;
  commit.documents.push_back({where(), to_json(bounds), engine::Expect::anything()});
  auto committed = async::run_until_done(*loop_, engine_.commit(std::move(commit)));
  if (!committed) return std::unexpected(committed.error());
  return {};
}

std::unique_ptr<Hmac> audit_key(const Hmac& deployment) {
  const Sha256 key = deployment("the audit trail of this deployment, version 1");
  return std::make_unique<Hmac>(std::string_view(reinterpret_cast<const char*>(key.data()), key.size()));
}

}  // namespace globogym::app
