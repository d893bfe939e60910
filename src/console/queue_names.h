// Whether there is a queue of the name that somebody wrote.
//
// A mistyped one holds nothing, and "nothing waits" is what everybody hopes to read.
#pragma once

#include <string>

#include "base/result.h"
#include "console/parts.h"

namespace globogym::console {

// An empty name, which means every queue, is none too many.
//   invalid   there is no such queue; which there are, and which may have been meant
Task<Result<void>> find_queue(const Parts& parts, std::string name);

}  // namespace globogym::console
