// What a letter says to one person, and when it was written: all of it that is kept until the letter is out.
//
// Everything else a letter is made of is the same in all letters of a day: see mail/layout.h.
#pragma once

#include <string>

#include "base/personal.h"

namespace globogym::domain {

// As a reader of the letter reads it; where something is empty the letter does without.
struct LetterValues {
  std::string locale;  // of the words
  Personal<std::string> first_name;
  std::string number;        // GG-4K7Q-9M2X-7HTC-V
  std::string club;          // its name, as `plan` is
  std::string club_address;  // this and the next may have several lines
  std::string club_hours;
  std::string plan;
  std::string plan_price;
  std::string plan_term;
  std::string first_day;  // 1 December 2026
  bool operator==(const LetterValues&) const = default;
};

}  // namespace globogym::domain
