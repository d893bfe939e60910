// Names of people, in any script.
//
// A name has 1–100 code points after trimming and composing (NFC), and at least one letter. Besides letters it may have
// combining marks, digits (Jennifer 8. Lee), spaces, and the apostrophes, hyphens, dots, middle dots and commas of the
// world's scripts; joiners (ZWJ, ZWNJ) inside. It has nothing that controls or hides text: no control characters, no
// direction overrides, no invisible fillers; marks stand on a letter or number, at most four accents on one.
//
// A name reaches the subject and the text of a letter to whoever's address was given. So it has nothing that a mail
// program makes a link of: behind a dot stand no number and no two letters ("evil.co", "v1.2"; "J.R.R." and "Dr. Anna"
// are fine), and no seven digits stand without a letter between them. The rule is about dots and not about which
// domains there are, because there are new ones every year, and a space makes every real name pass.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace globogym::domain {

inline constexpr std::size_t max_name_length = 100;

enum class NameFlaw { empty, too_long, control_character, invalid_character, no_letter, marks, link };

// The name as we keep it, or the first thing that is wrong with it.
std::expected<std::string, NameFlaw> person_name(std::string_view written);

// What person_name() takes, length aside, as a regular expression (ECMA-262 with the u or the v flag), made from the
// same tables. White space around the name belongs to it.
std::string person_name_pattern();

// As much of it as every kind of regular expression can say, with and without a flag for Unicode: which ASCII
// characters there may be, and that one is a letter or beyond ASCII.
std::string portable_name_pattern();

}  // namespace globogym::domain
