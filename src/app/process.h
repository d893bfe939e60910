// What this process is given by whoever starts it, made fit to run on before anything else happens.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace globogym::app {

// Opens /dev/null in the place of each closed one of the descriptors 0, 1 and 2. Otherwise the next file opened would
// take that place, and what is written to the log would go into it. A command's answer that nobody can read stays one:
// standard output then refuses to be written. False when it cannot be done.
bool fill_standard_descriptors();

// From now on a thread or memory that is not to be had ends the process with a sentence and exit code 3, whichever
// thread found out. That loses nothing: it is as after kill -9. Any other exception nobody caught is a bug and aborts.
void end_with_a_sentence_when_limits_are_met();

// How many of `wanted` connections the limit on open files leaves room for, so that the engine, mail and whoever
// operates find theirs: all but 1,024 of those allowed, and half of fewer than twice as many. At least 1.
std::uint32_t connections_that_fit(std::uint32_t wanted);

// Whether there is address space for an engine and its threads. Said beforehand, because where it ends amidst a start
// not everybody's code bears it. unavailable: a sentence.
Result<void> address_space_suffices();

}  // namespace globogym::app
