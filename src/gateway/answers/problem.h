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
  std::string_view advice;   // for the API's description: what to do about it
};

namespace problem {
inline constexpr ProblemType malformed_json{
    400, "malformed-json", "The body is not JSON",
    "The body is not well-formed JSON, not UTF-8, or nested more than 31 levels deep.",
    "Correct the body; `errors` says what kind of fault it is."};
inline constexpr ProblemType idempotency_key_invalid{
    400, "idempotency-key-invalid", "The Idempotency-Key cannot be used",
    "The Idempotency-Key header is not 1 to 255 visible ASCII characters, nor a string in quotation marks of as many, "
    "or was sent more than once.",
    "Send one key of 1 to 255 visible ASCII characters; a random UUID is a good one. A publishable key cannot sign up "
    "without."};
inline constexpr ProblemType bad_request{400, "bad-request", "The request cannot be understood",
                                         "A parameter of the request is not of the form it must have.",
                                         "Correct the parameter that the detail names."};
inline constexpr ProblemType unauthorized{
    401, "unauthorized", "No valid credentials", "The request carries no credentials, or none that are valid now.",
    "Send a key that is neither revoked nor expired, or a fresh token; `WWW-Authenticate` says what is taken."};
inline constexpr ProblemType scope_missing{403, "scope-missing", "The credentials do not allow this",
                                           "The credentials are valid but lack the scope this needs.",
                                           "Use credentials with the scope that the detail names."};
inline constexpr ProblemType origin_not_allowed{
    403, "origin-not-allowed", "This page may not use the key",
    "The publishable key is bound to origins, and the request's Origin is not one of them.",
    "Ask for the page's origin to be added to the key or to the service's allowed origins."};
inline constexpr ProblemType proof_missing{
    403, "proof-missing", "The sign-up carries no proof",
    "A sign-up with a publishable key needs the header Sign-Up-Proof, and this one has none that can be read.",
    "Ask /v1/sign-up for a challenge, solve it, and send the proof with the same Idempotency-Key."};
inline constexpr ProblemType proof_wrong{
    403, "proof-wrong", "The proof is not right",
    "The token is not one of ours, the nonce does not solve it for this Idempotency-Key, or a field that people do not "
    "see was filled in.",
    "Ask /v1/sign-up for a new challenge, solve it, and send again with the same Idempotency-Key."};
inline constexpr ProblemType proof_expired{
    403, "proof-expired", "The proof came too late", "The token of the challenge is no longer valid.",
    "Ask /v1/sign-up for a new challenge, solve it, and send again with the same Idempotency-Key."};
inline constexpr ProblemType proof_early{
    403, "proof-early", "The proof came too early",
    "The token of the challenge cannot be used yet; Retry-After says from when on it can.",
    "Wait as long as Retry-After says, then send the same request again."};
inline constexpr ProblemType not_found{404, "not-found", "There is nothing here",
                                       "Nothing is here, or nothing these credentials may know of.",
                                       "Check the path and the id."};
inline constexpr ProblemType method_not_allowed{
    405, "method-not-allowed", "This method is not possible here",
    "The path exists but not for this method; the Allow header lists those that do.",
    "Use a method that the Allow header lists."};
inline constexpr ProblemType conflict{409, "conflict", "Something else was changed first",
                                      "What was to be changed is no longer as it was expected to be.",
                                      "Look at it again, and decide anew."};
inline constexpr ProblemType too_large{413, "payload-too-large", "Payload too large",
                                       "The body is larger than is accepted here.",
                                       "An application is at most 16 KiB."};
inline constexpr ProblemType unsupported_media_type{
    415, "unsupported-media-type", "The body must be application/json",
    "The Content-Type is missing or not application/json in UTF-8, or the body is compressed.",
    "Send `Content-Type: application/json`."};
inline constexpr ProblemType invalid_fields{
    422, "invalid-fields", "Some fields are not valid",
    "At least one field is missing, unknown, repeated, of the wrong type or not valid; `errors` lists every one.",
    "Correct every field that `errors` lists and send the application again, with a new Idempotency-Key or the same: "
    "nothing was stored."};
inline constexpr ProblemType idempotency_key_reused{
    422, "idempotency-key-reused", "The Idempotency-Key was used for another body",
    "A request with this Idempotency-Key and another body was accepted before.",
    "Use a new key for a new application. To repeat an application send its body byte for byte."};
inline constexpr ProblemType rate_limited{429, "rate-limited", "Too many requests",
                                          "A limit on requests is reached; Retry-After says when to come back.",
                                          "Wait as long as Retry-After says, then send the same request again."};
inline constexpr ProblemType quota_exceeded{
    429, "quota-exceeded", "The month's quota is used up",
    "The key has used up its requests of this month; Retry-After says when the next one begins.",
    "Wait for the next month, or ask for a larger quota."};
inline constexpr ProblemType internal{
    500, "internal", "Something is wrong on our side",
    "The request could not be answered because of a fault of the service.",
    "Send the request again once; if it happens again, report it with the X-Request-Id."};
inline constexpr ProblemType cannot_keep_promise{
    503, "cannot-keep-promise", "The request cannot be kept safely now",
    "The service cannot store or read what it must; nothing was promised. Retry-After says when to come back.",
    "Wait as long as Retry-After says, then send the same request with the same Idempotency-Key."};
inline constexpr ProblemType too_many_streams{
    503, "too-many-streams", "Too many event streams are open",
    "As many event streams are open as the service allows. Ask for the enrollment from time to time instead.",
    "Ask for the enrollment itself every few seconds."};
inline constexpr ProblemType not_ready{503, "not-ready", "Not ready",
                                       "The service cannot take sign-ups now; `errors` lists why.",
                                       "Wait; look at what `errors` names if you run the service."};
}  // namespace problem

const std::vector<ProblemType>& all_problems();

// "https://globogym.example/problems/<slug>"
std::string type_uri(const ProblemType& type);

// Extra headers that several answers share.
inline constexpr std::string_view retry_later = "Retry-After: 5\r\n";
// Answers about a person are nobody's to keep on the way.
inline constexpr std::string_view private_answer = "Cache-Control: no-store\r\n";

// What the engine could not do, told to the caller and the log: later it may be possible (503), or it is our fault
// (500).
http::Response unavailable(const Error& error, std::string_view detail);

// The whole answer. `extra_headers` as in http::Response.
http::Response refusal(const ProblemType& type, std::string_view detail,
                       const std::vector<domain::Problem>& errors = {}, std::string extra_headers = {});

}  // namespace globogym::gateway
