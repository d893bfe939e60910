#include "domain/membership_number.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/assert.h"

namespace globogym::domain {
namespace {

constexpr std::string_view symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::string_view brand = "GG";
constexpr std::size_t payload = 12;
constexpr std::size_t from_pseudonym = 7;
constexpr std::size_t pseudonym_characters = 32;

// GF(32) modulo x⁵ + x² + 1, whose x (here α) generates all of it: αⁱ differs for each of the thirteen places.
constexpr unsigned times_alpha(unsigned value) {
  value <<= 1;
  return value & 32 ? value ^ 0b100101 : value;
}

// The symbol that makes the sum 0. Its own place is the last: place 0, which counts once.
unsigned check_of(const std::array<unsigned, payload>& values) {
  unsigned sum = 0;
  for (const unsigned value : values) sum = times_alpha(sum ^ value);
  return sum;
}

std::string written(const std::array<unsigned, payload>& values) {
  std::string out(brand);
  for (std::size_t i = 0; i < payload; ++i) {
    if (i % 4 == 0) out += '-';
    out += symbols[values[i]];
  }
  out += '-';
  out += symbols[check_of(values)];
  return out;
}

// 0 to 31; nullopt when it is no symbol.
std::optional<unsigned> value_of(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (c == 'O') c = '0';
  if (c == 'I' || c == 'L') c = '1';
  const auto found = symbols.find(c);
  if (found == std::string_view::npos) return std::nullopt;
  return static_cast<unsigned>(found);
}

// What people put between groups: a space, a dot, a hyphen, and the dashes (U+2010 to U+2015) that programs make of
// one.
std::size_t gap_at(std::string_view text) {
  if (text.front() == ' ' || text.front() == '.' || text.front() == '-') return 1;
  return text.starts_with("\xE2\x80") && text.size() > 2 && text[2] >= '\x90' && text[2] <= '\x95' ? 3 : 0;
}

struct Typed {
  std::string symbols;  // thirteen characters, whatever they are
  bool has_brand = false;
};

std::optional<Typed> parse_form(std::string_view text) {
  constexpr std::size_t longest = 64;  // bytes
  if (text.size() > longest) return std::nullopt;
  Typed typed;
  std::string& compact = typed.symbols;
  while (!text.empty()) {
    if (const std::size_t gap = gap_at(text)) {
      text.remove_prefix(gap);
      continue;
    }
    compact += text.front();
    text.remove_prefix(1);
  }
  if (compact.size() == brand.size() + payload + 1) {
    if ((compact[0] | 0x20) != 'g' || (compact[1] | 0x20) != 'g') return std::nullopt;
    compact.erase(0, brand.size());
    typed.has_brand = true;
  }
  if (compact.size() != payload + 1) return std::nullopt;
  return typed;
}

}  // namespace

std::string membership_number(std::string_view member_id) {
  ASSERT(member_id.size() >= pseudonym_characters);
  const bool has_own = member_id.size() >= pseudonym_characters + payload - from_pseudonym;
  std::array<unsigned, payload> values{};
  for (std::size_t i = 0; i < payload; ++i) {
    const std::size_t at = i < from_pseudonym || !has_own ? i : pseudonym_characters + i - from_pseudonym;
    const auto value = value_of(member_id[at]);
    ASSERT(value);
    values[i] = *value;
  }
  return written(values);
}

std::optional<std::string> parse_membership_number(std::string_view text) {
  const auto typed = parse_form(text);
  if (!typed) return std::nullopt;
  std::array<unsigned, payload> values{};
  for (std::size_t i = 0; i < payload; ++i) {
    const auto value = value_of(typed->symbols[i]);
    if (!value) return std::nullopt;
    values[i] = *value;
  }
  if (value_of(typed->symbols[payload]) != check_of(values)) return std::nullopt;
  return written(values);
}

bool looks_like_membership_number(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  const auto typed = parse_form(text);
  return typed && std::ranges::all_of(typed->symbols, [&](char c) { return is_digit(c) || is_letter(c); }) &&
         (typed->has_brand || std::ranges::any_of(typed->symbols, is_digit));
}

std::string member_id_prefix(std::string_view number) {
  std::string out;
  for (const char c : number.substr(brand.size()))
    if (c != '-' && out.size() < from_pseudonym) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace globogym::domain
