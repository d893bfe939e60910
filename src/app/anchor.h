// Where the end of the audit trail is kept besides its files: a document of the engine, among the settings.
#pragma once

#include "async/loop.h"
#include "audit/files.h"
#include "engine/engine.h"

namespace globogym::app {

class EngineAnchor final : public audit::Anchor {
 public:
  explicit EngineAnchor(engine::Engine& engine);
  ~EngineAnchor() override;

  // On a loop of its own, made at the start, because later there may be no file descriptor for one: from a thread on
  // which none turns, one at a time.
  Result<std::optional<audit::Bounds>> load() override;
  Result<void> keep(const audit::Bounds& bounds) override;

 private:
  engine::Engine& engine_;
  std::unique_ptr<async::AsioLoop> loop_;
};

// As it is stored; damaged: it is none.
Result<audit::Bounds> bounds_from_json(std::string_view json);
inline constexpr std::string_view anchor_document = "audit-trail";

// The key of the trail's macs, from the deployment's secret.
std::unique_ptr<Hmac> audit_key(const Hmac& deployment);

}  // namespace globogym::app
