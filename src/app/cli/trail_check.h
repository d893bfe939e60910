// The audit trail of a directory that is being verified.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/anchor.h"
#include "app/installation.h"
#include "audit/reader.h"
#include "domain/records.h"
#include "engine/rocksdb/verify.h"

namespace globogym::app::cli {

// Whether the audit trail is as it was written; what the engine knows about it is picked up while that is verified.
class TrailCheck {
 public:
  engine::rocksdb::Look look() {
    return [this](const engine::DocumentKey& key, std::string_view body) {
      if (key.container != domain::container::settings) return;
      if (key.id == pseudonym_document) key_ = deployment_key(body);
      if (key.id == anchor_document) bounds_ = bounds_from_json(body);
    };
  }

  void check(const std::string& directory, bool beside_a_server, std::vector<std::string>& problems) {
    if (bounds_ && !*bounds_) problems.push_back(bounds_->error().message);
    if (!key_ || (bounds_ && !*bounds_))
      return;  // without the key nothing of it can be checked; that is said elsewhere
    audit::Bounds bounds = bounds_ ? **bounds_ : audit::Bounds{.final = true};
    if (beside_a_server) bounds.final = false;
    const auto key = audit_key(*key_);
    const std::uint64_t before = bounds.before_first;
    audit::Reader reader(directory, *key, std::move(bounds), {});
    while (reader.next()) continue;
    lines_ = reader.place().number - before;
    if (!reader.trouble().empty()) problems.push_back("audit trail: " + reader.trouble());
  }

  std::uint64_t lines() const { return lines_; }

 private:
  std::unique_ptr<Hmac> key_;
  std::optional<Result<audit::Bounds>> bounds_;
  std::uint64_t lines_ = 0;
};

}  // namespace globogym::app::cli
