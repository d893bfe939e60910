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

// What is the same for two texts that differ in case or composition only (Unicode full case folding, then NFC).
std::optional<std::string> case_folded(std::string_view text);

}  // namespace globogym::domain
