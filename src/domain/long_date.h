// A day as people write it: 1 December 2026, 1. Dezember 2026, 1er décembre 2026.
#pragma once

#include <string>
#include <string_view>

#include "domain/date.h"

namespace globogym::domain {

// In the language of a locale there are letters for (en-GB for any other); empty when there is no such day.
std::string long_date(Date date, std::string_view locale);

}  // namespace globogym::domain
