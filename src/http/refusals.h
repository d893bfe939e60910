// The refusals of the HTTP layer, each a problem document with a stable type.
#pragma once

#include "http/parser.h"

namespace globogym::http::refusals {

inline constexpr std::string_view bad = "Bad request";

inline constexpr Refusal bare_line_feed{400, "malformed-request", bad, "A line ends without a carriage return."};
inline constexpr Refusal control_character{400, "malformed-request", bad,
                                           "The request head holds a control character."};
inline constexpr Refusal folded{400, "malformed-request", bad,
                                "A header line begins with white space (obsolete folding)."};
inline constexpr Refusal request_line{400, "malformed-request", bad,
                                      "The request line is not: method, one space, target, one space, HTTP/1.1."};
inline constexpr Refusal header_line{400, "malformed-request", bad, "A header line is malformed."};
inline constexpr Refusal target{400, "malformed-request", bad,
                                "The request target is neither a path, nor an http or https URL with a host, nor \"*\" "
                                "with OPTIONS."};
inline constexpr Refusal host{400, "malformed-request", bad, "Exactly one well-formed Host header is required."};
inline constexpr Refusal content_length{400, "malformed-request", bad,
                                        "Content-Length must be sent once and be a plain decimal number."};
inline constexpr Refusal two_lengths{400, "malformed-request", bad,
                                     "Transfer-Encoding cannot be combined with Content-Length, be repeated, or be "
                                     "used with HTTP/1.0."};
inline constexpr Refusal transfer_coding{501, "transfer-coding-not-supported", "Transfer coding not supported",
                                         "The only transfer coding understood is a single \"chunked\"."};
inline constexpr Refusal chunk{400, "malformed-request", bad,
                               "The chunked body is malformed, or a chunk has an extension."};
inline constexpr Refusal trailer{400, "malformed-request", bad,
                                 "Content-Length, Transfer-Encoding and Host cannot come as trailers."};
inline constexpr Refusal expectation{417, "expectation-failed", "Expectation failed",
                                     "The only expectation understood is 100-continue."};
inline constexpr Refusal version{505, "http-version-not-supported", "HTTP version not supported",
                                 "This service speaks HTTP/1.1 and HTTP/1.0."};
inline constexpr Refusal long_target{414, "uri-too-long", "URI too long", "The request line is too long."};
inline constexpr Refusal long_head{431, "headers-too-large", "Request header fields too large",
                                   "The request's headers are too long or too many."};
inline constexpr Refusal long_body{413, "payload-too-large", "Payload too large",
                                   "The request body is longer than this service takes."};
inline constexpr Refusal not_tls{400, "tls-required", "TLS required",
                                 "This port speaks HTTPS; the request came in plain HTTP and was not read."};
inline constexpr Refusal too_slow{408, "request-timeout", "Request timeout",
                                  "The request did not arrive within the time allowed."};
inline constexpr Refusal too_many_of_address{
    503, "too-many-connections-of-address", "Too many connections",
    "Your address holds as many connections as one address may. Use those, or end some."};
inline constexpr Refusal too_many{503, "too-many-connections", "Too many connections",
                                  "The service holds as many connections as it may. Try again shortly."};

}  // namespace globogym::http::refusals
