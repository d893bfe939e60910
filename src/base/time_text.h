// RFC 3339 UTC, the only way this product writes a time: 2026-11-22T13:30:05.123Z (milliseconds, always 24 characters).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace globogym {

std::string rfc3339(WallTime time);
void append_rfc3339(std::string& out, WallTime time);

// Reads what rfc3339 writes, with or without a fraction of 1–6 digits. Nothing else.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace globogym
