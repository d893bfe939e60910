#include "app/cli/moment.h"

#include <algorithm>

#include "app/quantity.h"
#include "base/time_text.h"

namespace globogym::app::cli {

Result<WallTime> moment(std::string_view option, const std::string& text, WallTime now) {
  // A time before the year 0 cannot be written.
  if (const auto ago = parse_duration(text)) return std::max(now - *ago, WallTime());
  if (const auto day = parse_rfc3339(text + "T00:00:00Z")) return *day;
  if (const auto time = parse_rfc3339(text)) return *time;
  return fail(Fault::invalid, std::string(option) + " must be 24h, 7d, 2026-11-27 or 2026-11-27T08:00:00Z (UTC)");
}

}  // namespace globogym::app::cli
