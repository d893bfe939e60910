#include "domain/person_name.h"

#include <unictype.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "domain/unicode_text.h"

namespace globogym::domain {
namespace {

using std::unexpected;

// 100 code points that each composed from several are still shorter; longer text is not worth normalising.
constexpr std::size_t max_written_bytes = 4096;

enum class Kind : unsigned char { letter, companion, control, other };

constexpr Kind ascii_kind(unsigned char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return Kind::letter;
  if ((c >= '0' && c <= '9') || c == ' ' || c == '\'' || c == '-' || c == '.' || c == ',' || c == '`')
    return Kind::companion;
  if (c < 0x20 || c == 0x7f) return Kind::control;
  return Kind::other;
}

constexpr auto ascii_kinds = [] {
  std::array<Kind, 128> kinds{};
  for (unsigned c = 0; c < kinds.size(); ++c) kinds[c] = ascii_kind(static_cast<unsigned char>(c));
  return kinds;
}();

// Punctuation that belongs into names, sorted.
constexpr std::array<char32_t, 24> name_punctuation = {
    0x00B4,  // acute accent, typed for an apostrophe
    0x00B7,  // middle dot (Catalan)
    0x055A,  // Armenian apostrophe
    0x058A,  // Armenian hyphen
    0x05BE,  // Hebrew maqaf
    0x05F3,  // Hebrew geresh
    0x05F4,  // Hebrew gershayim
    0x060C,  // Arabic comma
    0x0F0B,  // Tibetan tsheg, between syllables
    0x0F0C,  // the same, not breaking
    0x1361,  // Ethiopic word space
    0x1806,  // Mongolian hyphen
    0x2010,  // hyphen
    0x2011,  // hyphen, not breaking
    0x2018,  // left single quotation mark (Hawaiian typed as such)
    0x2019,  // right single quotation mark: the typographic apostrophe
    0x2027,  // hyphenation point
    0x30A0,  // Katakana double hyphen
    0x30FB,  // Katakana middle dot
    0xFF07,  // full-width apostrophe
    0xFF0D,  // full-width hyphen
    0xFF0E,  // full-width full stop
    0xFF65,  // half-width Katakana middle dot
    0xFF70,  // half-width prolonged sound mark
};
static_assert(std::ranges::is_sorted(name_punctuation));

// Letters that nobody can see: Hangul fillers.
constexpr std::array<char32_t, 4> invisible_letters = {0x115F, 0x1160, 0x3164, 0xFFA0};

// Not in the table, but composed (NFC) to what is: the Greek acute, grave and middle dot.
constexpr std::array<char32_t, 3> composed_to_punctuation = {0x0387, 0x1FEF, 0x1FFD};

Kind kind(char32_t c) {
  if (c < 0x80) return ascii_kinds[c];
  if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L))
    return uc_is_property_default_ignorable_code_point(c) ? Kind::other : Kind::letter;  // Hangul fillers look empty
  if (uc_is_general_category_withtable(
          c, UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Nl | UC_CATEGORY_MASK_Zs))
    return Kind::companion;
  if (uc_is_general_category_withtable(
          c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp))
    return Kind::control;
  return std::ranges::binary_search(name_punctuation, c) ? Kind::companion : Kind::other;
}

constexpr bool is_joiner(char32_t c) {
  return c == 0x200C || c == 0x200D;
}

std::expected<std::string, NameFlaw> ascii_name(std::string_view written) {
  const std::string_view name = trimmed(written);
  if (name.empty()) return unexpected(NameFlaw::empty);
  unsigned seen = 0;
  for (char c : name) seen |= 1u << static_cast<unsigned>(ascii_kinds[static_cast<unsigned char>(c)]);
  auto has = [seen](Kind kind) { return (seen >> static_cast<unsigned>(kind) & 1) != 0; };
  if (has(Kind::control)) return unexpected(NameFlaw::control_character);
  if (name.size() > max_name_length) return unexpected(NameFlaw::too_long);
  if (has(Kind::other)) return unexpected(NameFlaw::invalid_character);
  if (!has(Kind::letter)) return unexpected(NameFlaw::no_letter);
  return std::string(name);
}

// "\\u00B4": how a regular expression with the u flag spells a character below U+10000.
void append_escaped(std::string& out, char32_t c) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[c >> shift & 15];
}

}  // namespace

std::expected<std::string, NameFlaw> person_name(std::string_view written) {
  if (is_ascii(written)) [[likely]]
    return ascii_name(written);

  if (!is_utf8(written)) return unexpected(NameFlaw::invalid_character);
  const std::string_view name = trimmed(written);
  if (name.empty()) return unexpected(NameFlaw::empty);
  if (name.size() > max_written_bytes) return unexpected(NameFlaw::too_long);
  auto composed = nfc(name);
  if (!composed) return unexpected(NameFlaw::invalid_character);

  std::size_t length = 0;
  bool letter = false, control = false, other = false;
  for (std::string_view rest = *composed; !rest.empty(); ++length) {
    const char32_t c = next_code_point(rest);
    if (is_joiner(c)) {
      if (length == 0 || rest.empty()) control = true;
      continue;
    }
    const Kind found = kind(c);
    letter |= found == Kind::letter;
    control |= found == Kind::control;
    other |= found == Kind::other;
  }
  if (control) return unexpected(NameFlaw::control_character);
  if (length > max_name_length) return unexpected(NameFlaw::too_long);
  if (other) return unexpected(NameFlaw::invalid_character);
  if (!letter) return unexpected(NameFlaw::no_letter);
  return std::move(*composed);
}

std::string person_name_pattern() {
  std::string companions = "\\p{M}\\p{Nd}\\p{Nl}\\p{Zs}";
  for (char c = ' '; c < 0x7f; ++c) {
    if (ascii_kind(static_cast<unsigned char>(c)) != Kind::companion || c == ' ' || (c >= '0' && c <= '9')) continue;
    if (c == '-') companions += '\\';
    companions += c;
  }
  for (char32_t c : name_punctuation) append_escaped(companions, c);
  for (char32_t c : composed_to_punctuation) append_escaped(companions, c);
  std::string unseen;
  for (char32_t c : invisible_letters) append_escaped(unseen, c);

  const std::string joiners = "\\u200C\\u200D", space = "\\p{White_Space}*", any = "[\\s\\S]*";
  std::string pattern = "^(?!" + any + "[" + unseen + "])";  // nothing that looks empty,
  pattern += "(?=" + any + "\\p{L})";                        // one letter at least,
  pattern += "(?!" + space + "[" + joiners + "])(?!" + any + "[" + joiners + "]" + space + "$)";  // joiners inside
  pattern += space + "[\\p{L}" + companions + joiners + "]+" + space + "$";
  return pattern;
}

std::string portable_name_pattern() {
  const auto all_but = [](auto belongs) {
    std::string excluded;
    for (unsigned c = 0; c < 0x80; ++c) {
      if (belongs(static_cast<unsigned char>(c))) continue;
      const unsigned first = c;
      while (c + 1 < 0x80 && !belongs(static_cast<unsigned char>(c + 1))) ++c;
      append_escaped(excluded, first);
      if (c > first) append_escaped(excluded += '-', c);
    }
    return "[^" + excluded + "]";
  };
  const std::string character =
      all_but([](unsigned char c) { return ascii_kind(c) == Kind::letter || ascii_kind(c) == Kind::companion; });
  const std::string letter = all_but([](unsigned char c) { return ascii_kind(c) == Kind::letter; });
  const std::string space = "[\\t-\\r ]*";
  return "^" + space + character + "*" + letter + character + "*" + space + "$";
}

}  // namespace globogym::domain
