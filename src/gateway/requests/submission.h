// Reads what somebody posted: bytes in, an applicant out, or everything that is wrong with them at once.
//
// A body that is not JSON is told apart from JSON that is not a valid application: the first is answered 400, the
// second 422. JSON whose top level is not an object is the second kind: it was understood, and is of the wrong type.
// Problems of form (unknown, repeated, wrongly typed fields) and of content come in one list; a field with a problem of
// form is not reported again for its content.
#pragma once

#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/catalogue.h"
#include "domain/member.h"
#include "domain/validation.h"

namespace globogym::gateway {

struct NotJson {
  domain::Problem problem;  // pointer "", code "json.<reason>"
};

using Reading = std::variant<domain::Applicant, std::vector<domain::Problem>, NotJson>;

// A code that a problem of form has, whatever the field.
struct FormCode {
  std::string_view code;
  std::string_view pointer;  // where it points, as people read it
  std::string_view detail;
};
std::span<const FormCode> form_codes();

// Never an empty list of problems. At most 100 are listed; the last one then says how many there are.
Reading read_submission(std::string_view body, const domain::Catalogue& catalogue, WallTime now);

}  // namespace globogym::gateway
