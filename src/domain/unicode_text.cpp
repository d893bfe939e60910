#include "domain/unicode_text.h"

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "base/assert.h"

namespace globogym::domain {
namespace {

const std::uint8_t* bytes(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return uc_is_property_white_space(c);
}

struct Free {
  void operator()(std::uint8_t* memory) const { std::free(memory); }
};

// libunistring answers with malloc'ed bytes, and may answer null for an empty text.
std::optional<std::string> owned(std::uint8_t* result, std::size_t length) {
  std::unique_ptr<std::uint8_t, Free> memory(result);
  if (length == 0) return std::string();
  if (!result) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(result), length);
}

}  // namespace

char32_t next_code_point(std::string_view& text) {
  ASSERT(!text.empty());
  ucs4_t c;
  const int length = u8_mbtouc(&c, bytes(text), text.size());
  text.remove_prefix(static_cast<std::size_t>(length));
  return c;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty()) {
    auto rest = text;
    if (!is_white_space(next_code_point(rest))) break;
    text = rest;
  }
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xc0) == 0x80) --start;
    auto last = text.substr(start);
    if (!is_white_space(next_code_point(last))) break;
    text = text.substr(0, start);
  }
  return text;
}

std::optional<std::string> nfc(std::string_view text) {
  std::size_t length = 0;
  auto* result = u8_normalize(UNINORM_NFC, bytes(text), text.size(), nullptr, &length);
  if (!result && !text.empty()) return std::nullopt;
  return owned(result, length);
}

std::optional<std::string> lower_cased(std::string_view text) {
  const auto composed = nfc(text);
  if (!composed) return std::nullopt;
  std::string lower;
  for (std::string_view rest = *composed; !rest.empty();) {
    const char32_t c = next_code_point(rest);
    std::uint8_t encoded[4];
    const int length = u8_uctomb(encoded, c == U'ς' ? U'σ' : c == U'İ' ? c : uc_tolower(c), sizeof encoded);
    if (length < 0) return std::nullopt;
    lower.append(reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(length));
  }
  return nfc(lower);
}

std::optional<std::string> case_folded(std::string_view text) {
  std::size_t length = 0;
  auto* result = u8_casefold(bytes(text), text.size(), nullptr, UNINORM_NFC, nullptr, &length);
  if (!result && !text.empty()) return std::nullopt;
  return owned(result, length);
}

}  // namespace globogym::domain
