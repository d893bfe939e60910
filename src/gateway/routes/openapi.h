// The API's description (OpenAPI 3.1), made from what runs: the route table, the problem table, the field rules and the
// catalogue. What it says about a field is what the validator checks.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "domain/catalogue.h"
#include "domain/member.h"

namespace globogym::gateway {

// `today` dates the example's start date, which must lie ahead. `issuer` is the one whose bearer tokens are taken;
// empty: none are.
std::string openapi_json(const domain::Catalogue& catalogue, domain::Date today, std::string_view issuer = {});

// The document as it is served: written once a day, so that its examples stay good however long the service runs.
// Thread-safe.
class Description {
 public:
  // `catalogue` must outlive this.
  explicit Description(const domain::Catalogue& catalogue, std::string issuer = {})
      : catalogue_(catalogue), issuer_(std::move(issuer)) {}

  struct Text {
    std::string json, gzip;
    std::string tag, gzip_tag;  // entity tags, without quotes
  };
  std::shared_ptr<const Text> on(domain::Date today) const;

 private:
  const domain::Catalogue& catalogue_;
  const std::string issuer_;
  mutable std::mutex lock_;
  mutable domain::Date written_{};
  mutable std::shared_ptr<const Text> text_;
};

}  // namespace globogym::gateway
