#include "gateway/requests/request_headers.h"

#include <algorithm>

#include "gateway/requests/idempotency_key.h"

namespace globogym::gateway {

RequestHeaders::RequestHeaders(const http::Request& request) {
  for (const auto& [name, value] : request.headers) {
    Value* slot = nullptr;
    const auto take = [&](std::string_view wanted, Value& into) {
      if (equal_ignoring_case(name, wanted)) slot = &into;
    };
    switch (name.size()) {
      case 4:
        take("Host", host);
        break;
      case 6:
        take("Origin", origin);
        break;
      case 9:
        take("X-API-Key", api_key);
        break;
      case 12:
        take("Content-Type", content_type);
        break;
      case 13:
        take("Authorization", authorization);
        if (!slot) take("Sign-Up-Proof", proof);
        break;
      case 15:
        take("Idempotency-Key", idempotency_header);
        break;
      case 16:
        take("Content-Encoding", content_encoding);
        break;
      case 25:
        take("Ocp-Apim-Subscription-Key", subscription_key);
        break;
      default:
        break;
    }
    if (!slot) continue;
    if (!*slot)
      *slot = value;
    else if (slot == &idempotency_header)
      repeated_idempotency_key = true;
    else if (slot == &authorization)
      repeated_authorization = true;
  }
  if (idempotency_header) idempotency_key = read_idempotency_key(*idempotency_header);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace globogym::gateway
