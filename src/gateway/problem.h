// Every way in which a request can be refused, as RFC 9457 problem documents.
//
//   {"type":"https://globogym.example/problems/not-found","title":…,"status":404,"detail":…,"errors":[…]}
//
// A type is stable once shipped: programs decide by it. The detail is for people; it repeats nothing they sent.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "domain/validation.h"
#include "http/http.h"

namespace globogym::gateway {

struct ProblemType {
  unsigned status;
  std::string_view slug;
  std::string_view title;
  std::string_view meaning;  // for the API's description: when it is sent
};

namespace problem {
inline constexpr ProblemType malformed_json{
    400, "malformed-json", "The body is not JSON",
    "The body is not well-formed JSON, not UTF-8, or nested more than 31 levels deep."};
inline constexpr ProblemType idempotency_key_invalid{
    400, "idempotency-key-invalid", "The Idempotency-Key cannot be used",
    "The Idempotency-Key header is not 1 to 255 visible ASCII characters, or was sent more than once."};
inline constexpr ProblemType bad_request{400, "bad-request", "The request cannot be understood",
                                         "A parameter of the request is not of the form it must have."};
inline constexpr ProblemType unauthorized{401, "unauthorized", "No valid credentials",
                                          "The request carries no credentials, or none that are valid now."};
inline constexpr ProblemType scope_missing{403, "scope-missing", "The credentials do not allow this",
                                           "The credentials are valid but lack the scope this needs."};
inline constexpr ProblemType not_found{404, "not-found", "There is nothing here",
                                       "Nothing is here, or nothing these credentials may know of."};
inline constexpr ProblemType method_not_allowed{
    405, "method-not-allowed", "This method is not possible here",
    "The path exists but not for this method; the Allow header lists those that do."};
inline constexpr ProblemType conflict{409, "conflict", "Something else was changed first",
                                      "What was to be changed is no longer as it was expected to be."};
inline constexpr ProblemType too_large{413, "payload-too-large", "The body is too large",
                                       "The body is larger than is accepted here."};
inline constexpr ProblemType unsupported_media_type{415, "unsupported-media-type", "The body must be application/json",
                                                    "The Content-Type is missing or not application/json in UTF-8."};
inline constexpr ProblemType invalid_fields{
    422, "invalid-fields", "Some fields are not valid",
    "At least one field is missing, unknown, repeated, of the wrong type or not valid; `errors` lists every one."};
inline constexpr ProblemType idempotency_key_reused{
    422, "idempotency-key-reused", "The Idempotency-Key was used for another body",
    "A request with this Idempotency-Key and another body was accepted before."};
inline constexpr ProblemType rate_limited{429, "rate-limited", "Too many requests",
                                          "The key's rate is used up; Retry-After says when to come back."};
inline constexpr ProblemType internal{500, "internal", "Something is wrong on our side",
                                      "The request could not be answered because of a fault of the service."};
inline constexpr ProblemType cannot_keep_promise{
    503, "cannot-keep-promise", "The request cannot be kept safely now",
    "The service cannot store or read what it must; nothing was promised. Retry-After says when to come back."};
inline constexpr ProblemType not_ready{503, "not-ready", "Not ready",
                                       "The service cannot take sign-ups now; `errors` lists why."};
}  // namespace problem

const std::vector<ProblemType>& all_problems();

// "https://globogym.example/problems/<slug>"
std::string type_uri(const ProblemType& type);

// The whole answer. `extra_headers` as in http::Response.
http::Response refusal(const ProblemType& type, std::string_view detail,
                       const std::vector<domain::Problem>& errors = {}, std::string extra_headers = {});

}  // namespace globogym::gateway
