// The few questions we ask of text in any script. Everything here takes UTF-8 that has been checked (is_utf8).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace globogym::domain {

constexpr bool is_ascii(std::string_view text) {
  unsigned char all = 0;
  for (char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

// Without the white space (Unicode property White_Space) around it.
std::string_view trimmed(std::string_view text);

// Takes the first code point off `text`, which must not be empty.
char32_t next_code_point(std::string_view& text);

// Normalisation form C. nullopt only when memory ran out or `text` is no UTF-8.
std::optional<std::string> nfc(std::string_view text);

// Each letter as its one lower-case letter, composed (NFC): what mail systems take for the same. No letter becomes two:
// "ß" stays, and so does "İ", which is an i in Turkish only. "ς" is "σ": after lower case, words end in either.
std::optional<std::string> lower_cased(std::string_view text);

// Unicode full case folding, then NFC: more than mail systems do ("ß" becomes "ss").
std::optional<std::string> case_folded(std::string_view text);

}  // namespace globogym::domain
