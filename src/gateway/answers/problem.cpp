#include "gateway/answers/problem.h"

#include "base/json_writer.h"
#include "telemetry/log.h"

namespace globogym::gateway {
namespace {

constexpr std::string_view base_uri = "https://globogym.example/problems/";

}  // namespace

const std::vector<ProblemType>& all_problems() {
  static const std::vector<ProblemType> all = {problem::malformed_json,
                                               problem::idempotency_key_invalid,
                                               problem::bad_request,
                                               problem::unauthorized,
                                               problem::scope_missing,
                                               problem::origin_not_allowed,
                                               problem::proof_missing,
                                               problem::proof_wrong,
                                               problem::proof_expired,
                                               problem::proof_early,
                                               problem::not_found,
                                               problem::method_not_allowed,
                                               problem::conflict,
                                               problem::too_large,
                                               problem::unsupported_media_type,
                                               problem::invalid_fields,
                                               problem::idempotency_key_reused,
                                               problem::rate_limited,
                                               problem::quota_exceeded,
                                               problem::internal,
                                               problem::cannot_keep_promise,
                                               problem::too_many_streams,
                                               problem::not_ready};
  return all;
}

std::string type_uri(const ProblemType& type) {
  return std::string(base_uri).append(type.slug);
}

http::Response unavailable(const Error& error, std::string_view detail) {
  if (error.fault == Fault::damaged || error.fault == Fault::invalid) {
    log::error("gateway-request-failed", {{"fault", name(error.fault)}, {"error", error.message}});
    return refusal(problem::internal, detail);
  }
  log::warning("gateway-engine-unavailable", {{"fault", name(error.fault)}, {"error", error.message}});
  return refusal(problem::cannot_keep_promise, detail, {}, std::string(retry_later));
}

http::Response refusal(const ProblemType& type, std::string_view detail, const std::vector<domain::Problem>& errors,
                       std::string extra_headers) {
  JsonWriter json;
  json.object().member("type", type_uri(type)).member("title", type.title).member("status", type.status);
  json.member("detail", detail);
  if (!errors.empty()) {
    json.key("errors").array();
    for (const auto& error : errors)
      json.object().member("pointer", error.pointer).member("code", error.code).member("detail", error.detail).end();
    json.end();
  }
  json.end();
  return {.status = type.status,
          .content_type = "application/problem+json",
          .body = json.take(),
          .extra_headers = std::move(extra_headers),
          .refusal = type.slug};
}

}  // namespace globogym::gateway
