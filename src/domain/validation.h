// Decides whether an application can be accepted, and says everything that is wrong with it at once.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/catalogue.h"
#include "domain/member.h"

namespace globogym::domain {

// One thing that is wrong. `pointer` is an RFC 6901 JSON pointer; `code` is stable: "required", "type", "unknown"
// or "<field>.<reason>". `detail` is for people and repeats nothing they wrote.
struct Problem {
  std::string pointer;
  std::string code;
  std::string detail;
  bool operator==(const Problem&) const = default;
};

// An application as written: each field present or not, of the right JSON type, nothing else checked. UTF-8.
struct Submission {
  std::optional<std::string> first_name, last_name, email, phone, date_of_birth, home_club_id, plan, start_date, locale,
      terms_version, referral_code;
  std::optional<bool> marketing_consent;
};

// The applicant, or every problem. What day it is `now` is the club's matter; UTC's while no club is known.
std::variant<Applicant, std::vector<Problem>> validate(const Submission& submission, const Catalogue& catalogue,
                                                       WallTime now);

// One way in which what a field holds can be wrong. The validator reports nothing that is not in the field's table.
struct Flaw {
  std::string_view field;
  std::string_view reason;  // the code is "<field>.<reason>"
  std::string_view detail;  // what the applicant is told, unless it depends on something
};

// The table the validator, the JSON reader and the OpenAPI document share. `min_length`, `max_length` and `pattern` are
// what the validator checks: a value they refuse is refused. Lengths are counted when white space around has been taken
// off and the text is composed (NFC). What they cannot say stands in `description`.
struct FieldRule {
  std::string_view name;  // as in JSON: "firstName"
  bool required = false;
  bool boolean = false;        // otherwise a string
  std::size_t min_length = 0;  // Unicode code points; 0: no limit of its own
  std::size_t max_length = 0;  // Unicode code points after trimming; 0: no limit of its own
  // ECMA-262 with the u flag; empty: none. Names and addresses may have white space around.
  std::string pattern = {};
  // The same, or as much of it as regular expressions of every kind can say; it refuses nothing good.
  std::string portable_pattern = {};
  std::string_view description;
  std::string_view example;
  std::optional<std::string> Submission::* text = nullptr;  // null for booleans
  std::vector<Flaw> flaws = {};                             // besides "required" and "type"
};
const std::vector<FieldRule>& field_rules();

}  // namespace globogym::domain
