#include "domain/person_name.h"

#include <unictype.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/text.h"
#include "domain/unicode_text.h"

namespace globogym::domain {
namespace {

using std::unexpected;

// 100 code points that each composed from several are still shorter; longer text is not worth normalising.
constexpr std::size_t max_written_bytes = 4096;

constexpr int most_accents = 4;  // on one letter; Burmese and Tibetan names have so many
constexpr int most_numbers = 6;  // in a row; more are a telephone number

// `mark`: a combining one that takes room of its own. `accent`: one that does not.
enum class Kind : unsigned char { letter, number, mark, accent, joiner, dot, companion, control, other };

constexpr Kind ascii_kind(unsigned char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return Kind::letter;
  if (c >= '0' && c <= '9') return Kind::number;
  if (c == '.') return Kind::dot;
  if (c == ' ' || c == '\'' || c == '-' || c == ',' || c == '`') return Kind::companion;
  if (c < 0x20 || c == 0x7f) return Kind::control;
  return Kind::other;
}

constexpr auto ascii_kinds = [] {
  std::array<Kind, 128> kinds{};
  for (unsigned c = 0; c < kinds.size(); ++c) kinds[c] = ascii_kind(static_cast<unsigned char>(c));
  return kinds;
}();

constexpr char32_t full_width_dot = 0xFF0E;  // a dot to whoever looks for domains (UTS 46)

// Punctuation that belongs into names, sorted.
constexpr std::array<char32_t, 28> name_punctuation = {
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
    0x2013,  // en dash, typed for a hyphen
    0x2018,  // left single quotation mark (Hawaiian typed as such)
    0x2019,  // right single quotation mark: the typographic apostrophe
    0x2027,  // hyphenation point
    0x2212,  // minus sign: what Shift JIS' full-width hyphen becomes on some systems
    0x30A0,  // Katakana double hyphen
    0x30FB,  // Katakana middle dot
    0xFF07,  // full-width apostrophe
    0xFF0C,  // full-width comma
    0xFF0D,  // full-width hyphen
    full_width_dot,
    0xFF1D,  // full-width equals sign: the double hyphen of Japanese keyboards
    0xFF65,  // half-width Katakana middle dot
    0xFF70,  // half-width prolonged sound mark
};
static_assert(std::ranges::is_sorted(name_punctuation));

// Letters that nobody can see: Hangul fillers.
constexpr std::array<char32_t, 4> invisible_letters = {0x115F, 0x1160, 0x3164, 0xFFA0};

// Not in the table, but composed (NFC) to what is: the Greek acute, grave and middle dot.
constexpr std::array<char32_t, 3> composed_to_punctuation = {0x0387, 0x1FEF, 0x1FFD};

constexpr bool is_joiner(char32_t c) {
  return c == 0x200C || c == 0x200D;
}

Kind kind(char32_t c) {
  if (c < 0x80) return ascii_kinds[c];
  const auto is = [c](std::uint32_t categories) { return uc_is_general_category_withtable(c, categories); };
  if (is(UC_CATEGORY_MASK_L))
    return uc_is_property_default_ignorable_code_point(c) ? Kind::other : Kind::letter;  // Hangul fillers look empty
  if (is(UC_CATEGORY_MASK_Mn | UC_CATEGORY_MASK_Me)) return Kind::accent;
  if (is(UC_CATEGORY_MASK_Mc)) return Kind::mark;
  if (is(UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Nl)) return Kind::number;
  if (is(UC_CATEGORY_MASK_Zs)) return Kind::companion;
  if (is_joiner(c)) return Kind::joiner;
  if (is(UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp)) return Kind::control;
  if (c == full_width_dot) return Kind::dot;
  return std::ranges::binary_search(name_punctuation, c) ? Kind::companion : Kind::other;
}

// What a composed name is made of, character by character. Joiners are looked through: nobody sees them.
class Reading {
 public:
  constexpr void add(Kind found) {
    ++length_;
    seen_ |= 1u << static_cast<unsigned>(found);
    if (found == Kind::joiner) return;
    const bool mark = found == Kind::mark || found == Kind::accent;
    const bool word = found == Kind::letter || found == Kind::number;
    accents_ = found == Kind::accent ? accents_ + 1 : 0;
    if ((mark && !based_) || accents_ > most_accents) marks_ = true;
    based_ = mark || word;

    numbers_ = found == Kind::number ? numbers_ + 1 : found == Kind::letter ? 0 : numbers_;
    if (numbers_ > most_numbers) link_ = true;
    if (word && (after_ == After::letter || (after_ == After::dot && found == Kind::number))) link_ = true;
    if (found == Kind::dot)
      after_ = After::dot;
    else if (!mark)
      after_ = after_ == After::dot && word ? After::letter : After::neither;
  }

  constexpr bool has(Kind kind) const { return (seen_ >> static_cast<unsigned>(kind) & 1) != 0; }

  // The first thing that is wrong; `joined_outside`: a joiner stands first or last.
  constexpr std::optional<NameFlaw> flaw(bool joined_outside = false) const {
    if (has(Kind::control) || joined_outside) return NameFlaw::control_character;
    if (length_ > max_name_length) return NameFlaw::too_long;
    if (has(Kind::other)) return NameFlaw::invalid_character;
    if (!has(Kind::letter)) return NameFlaw::no_letter;
    if (marks_) return NameFlaw::marks;
    if (link_) return NameFlaw::link;
    return std::nullopt;
  }

 private:
  enum class After : unsigned char { neither, dot, letter };  // `letter`: the first one behind a dot

  std::size_t length_ = 0;
  unsigned seen_ = 0;
  int accents_ = 0, numbers_ = 0;
  bool based_ = false, marks_ = false, link_ = false;
  After after_ = After::neither;
};

std::expected<std::string, NameFlaw> ascii_name(std::string_view written) {
  const std::string_view name = trimmed(written);
  if (name.empty()) return unexpected(NameFlaw::empty);
  Reading reading;
  for (char c : name) reading.add(ascii_kinds[static_cast<unsigned char>(c)]);
  if (const auto flaw = reading.flaw()) return unexpected(*flaw);
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

  Reading reading;
  bool joined_outside = false;
  for (std::string_view rest = *composed; !rest.empty();) {
    const bool first = rest.size() == composed->size();
    const Kind found = kind(next_code_point(rest));
    joined_outside |= found == Kind::joiner && (first || rest.empty());
    reading.add(found);
  }
  if (const auto flaw = reading.flaw(joined_outside)) return unexpected(*flaw);
  return std::move(*composed);
}

std::string person_name_pattern() {
  std::string companions = "\\p{M}\\p{Nd}\\p{Nl}\\p{Zs}";
  for (char c = ' '; c < 0x7f; ++c) {
    const Kind found = ascii_kind(static_cast<unsigned char>(c));
    if ((found != Kind::companion && found != Kind::dot) || c == ' ') continue;
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
  // Marks stand on something. Composing takes three of an accent's stack at most, so what can be said here is more than
  // the rule's four.
  pattern += "(?!(?:" + any + "[^\\p{L}\\p{M}\\p{Nd}\\p{Nl}" + joiners + "])?[" + joiners + "]*\\p{M})";
  pattern += "(?!" + any + "(?:[\\p{Mn}\\p{Me}][" + joiners + "]*){8})";
  // No link: not two letters behind a dot (of which a syllable of Hangul may be made), no number there, no telephone's.
  const std::string number = "[\\p{Nd}\\p{Nl}]", word = "[\\p{L}\\p{Nd}\\p{Nl}]";
  pattern += "(?!" + any + "[.\\uFF0E][" + joiners + "]*(?:" + number + "|\\p{L}[\\p{M}" + joiners +
             "]*(?![\\u1160-\\u11FF])" + word + "))";
  pattern += "(?!" + any + "(?:" + number + "[^\\p{L}\\p{Nd}\\p{Nl}]*){7})";
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
      all_but([](unsigned char c) { return ascii_kind(c) != Kind::control && ascii_kind(c) != Kind::other; });
  const std::string letter = all_but([](unsigned char c) { return ascii_kind(c) == Kind::letter; });
  const std::string space = "[\\t-\\r ]*";
  return "^" + space + character + "*" + letter + character + "*" + space + "$";
}

}  // namespace globogym::domain
