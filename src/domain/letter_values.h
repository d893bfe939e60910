// A letter as it is kept until it is out: what it says to one person, when it was written, and which layout it has.
//
// The layout is everything else a letter is made of, the same in all letters of a day (mail/layout.h).
#pragma once

#include <string>

#include "base/clock.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/personal.h"

namespace globogym::domain {

// As its reader reads it; where something is empty the letter does without.
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

struct KeptLetter {
  std::string layout;  // its id
  WallTime date{};     // in the letter's head; to the millisecond
  LetterValues says;
  bool operator==(const KeptLetter&) const = default;
};

// As one JSON object. Every text must be UTF-8.
void write(JsonWriter& json, const KeptLetter& letter);
// The first field that does not fit is noted in `wrong`, unless one is there already.
KeptLetter read_kept_letter(const JsonValue& json, const char*& wrong);

}  // namespace globogym::domain
