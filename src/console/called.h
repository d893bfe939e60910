// What people write in place of an id, and what they are told when nothing has it.
//
// Ids and numbers come by telephone, in capitals, with a slip, or as the address that somebody does know. Whatever was
// typed may be personal and is never repeated.
#pragma once

#include <string>
#include <string_view>

namespace globogym::console {

inline constexpr std::string_view number_has_a_slip =
    "this looks like a membership number, but a character of it is wrong or two are exchanged: have it read out again";

// An id as ids are kept: in small letters.
std::string as_id(std::string typed);

// That no `what`, "member" or "enrollment", has it as its id, in a sentence that says what to do.
std::string nothing_called(std::string_view what, std::string_view typed);

}  // namespace globogym::console
