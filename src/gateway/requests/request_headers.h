// What the gateway needs of a request's headers, picked in one pass. Views into the request, which must outlive it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/http.h"

namespace globogym::gateway {

struct RequestHeaders {
  using Value = std::optional<std::string_view>;  // the first, when a header was sent more than once

  explicit RequestHeaders(const http::Request& request);

  Value api_key, subscription_key, authorization, content_type, content_encoding, idempotency_header, origin, host,
      proof;
  std::optional<std::string> idempotency_key;  // that idempotency_header names; nothing when it is malformed
  bool repeated_idempotency_key = false;
  bool repeated_authorization = false;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace globogym::gateway
