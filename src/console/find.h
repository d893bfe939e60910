// Who somebody is: everything about one person, found by their address, number or id.
//
// An address is turned into the pseudonym it has here and looked up by that, so nothing is searched through and no
// list of addresses is kept. Everything about a person stands in one partition; whose address was corrected has
// enrollments in the one of the old address too.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "console/parts.h"

namespace globogym::console {

struct Found {
  // {"member":{…}|null,"enrollments":[…],"enrollmentsTotal":n,"waiting":[…],"deadLetters":[…]}: the member as stored,
  // with their number; the newest hundred enrollments, each with its steps and its `timeline`; and what the queues hold
  // about these.
  std::string json;
  // For the record of who looked at what: ids, never what was asked for.
  std::string member_id;
  std::vector<std::string> enrollment_ids;
};

// `query`: an e-mail address, a membership number, a member's id or an enrollment's; spaces around it are no part of
// it. Nobody found is an answer, too.
//   invalid   it is none of the four
//   conflict  two members have the number
Task<Result<Found>> find_person(const Parts& parts, std::string query);

// Reads {"query":"…"}. invalid: what is wrong with it; never repeats it.
Result<std::string> parse_find(std::string_view body);

}  // namespace globogym::console
