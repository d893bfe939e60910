// Who a request is, in logs and traces: X-Request-Id, and W3C Trace Context (traceparent, version 00).
#pragma once

#include "base/random.h"
#include "http/http.h"

namespace globogym::http {

class Identity {
 public:
  explicit Identity(std::uint64_t seed) : random_(seed) {}
  // Fills in `request_id` and `traceparent`: the caller's where well-formed, else new ones. The span is always ours.
  // The ids are unique, not secret.
  void give(Request& request);

 private:
  SeededRandom random_;
};

}  // namespace globogym::http
