#include "console/called.h"

#include "domain/membership_number.h"
#include "domain/unicode_text.h"

namespace globogym::console {

std::string as_id(std::string typed) {
  return domain::lower_cased(typed).value_or(typed);
}

std::string nothing_called(std::string_view what, std::string_view typed) {
  if (typed.contains('@'))
    return "this is an e-mail address and no id: `globogym find`, with the address on standard input, tells the id";
  const bool enrollment = what == "enrollment";
  if (enrollment && domain::parse_membership_number(typed))
    return "this is a membership number and no enrollment's id: `globogym find` tells the id";
  if (domain::looks_like_membership_number(typed)) return std::string(number_has_a_slip);
  return "no " + std::string(what) + " has this id";
}

}  // namespace globogym::console
