// A moment as it is written on the command line: so long ago, the beginning of a day in UTC, or a time.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace globogym::app::cli {

// "24h" and "7d" count back from `now`, and never behind 1970.
//   invalid  a sentence that names `option` and the forms there are
Result<WallTime> moment(std::string_view option, const std::string& text, WallTime now);

}  // namespace globogym::app::cli
