// Assertions that stay on in release builds.
//
// A broken assumption is a bug, and going on would risk a promise. Crashing does not: what was accepted is on disk,
// what was leased is handed out again, and the attempt was counted before it ran.
#pragma once

namespace globogym {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace globogym

#define ASSERT(expression) \
  (__builtin_expect(!!(expression), 1) ? void(0) : ::globogym::assertion_failed(#expression, __FILE__, __LINE__))
