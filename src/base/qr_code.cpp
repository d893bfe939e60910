#include "base/qr_code.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace globogym {
namespace {

constexpr unsigned size = QrCode::size;
constexpr std::uint32_t whole_row = (1u << size) - 1;
constexpr std::size_t longest_text = 20;
constexpr unsigned data_codewords = 16, check_codewords = 10;
using Rows = std::array<std::uint32_t, size>;
using Codewords = std::array<std::uint8_t, data_codewords + check_codewords>;

constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

constexpr std::uint32_t bit(unsigned x) {
  return 1u << (size - 1 - x);
}

// ---- GF(256) with the polynomial of section 7.5.2, x⁸+x⁴+x³+x²+1

struct Field {
  std::array<std::uint8_t, 512> power{};
  std::array<std::uint8_t, 256> log{};
  constexpr Field() {
    unsigned value = 1;
    for (unsigned i = 0; i < 255; ++i) {
      power[i] = power[i + 255] = static_cast<std::uint8_t>(value);
      log[value] = static_cast<std::uint8_t>(i);
      value <<= 1;
      if (value & 0x100) value ^= 0x11d;
    }
  }
  constexpr std::uint8_t times(std::uint8_t a, std::uint8_t b) const {
    return a == 0 || b == 0 ? 0 : power[log[a] + log[b]];
  }
};
constexpr Field field;

// Ten bytes of check codewords: the first two, and the other eight, each with the first in the highest place.
struct Check {
  std::uint16_t first = 0;
  std::uint64_t others = 0;
};

// (x-α⁰)(x-α¹)…(x-α⁹) without its leading 1, highest power first, times every byte.
constexpr auto multiples = [] {
  std::array<std::uint8_t, check_codewords + 1> poly{1};
  for (unsigned root = 0; root < check_codewords; ++root)
    for (unsigned i = root + 1; i > 0; --i)
      poly[i] = static_cast<std::uint8_t>(poly[i] ^ field.times(poly[i - 1], field.power[root]));
  std::array<Check, 256> out{};
  for (unsigned factor = 0; factor < 256; ++factor) {
    const auto byte = [&](unsigned i) -> std::uint64_t {
      return field.times(static_cast<std::uint8_t>(factor), poly[i + 1]);
    };
    out[factor].first = static_cast<std::uint16_t>(byte(0) << 8 | byte(1));
    for (unsigned i = 2; i < check_codewords; ++i) out[factor].others = out[factor].others << 8 | byte(i);
  }
  return out;
}();

// ---- Codewords (sections 7.4 and 7.5)

constexpr std::uint8_t no_symbol = 255;
constexpr auto symbols = [] {
  std::array<std::uint8_t, 256> out{};
  out.fill(no_symbol);
  for (unsigned i = 0; i < alphabet.size(); ++i)
    out[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return out;
}();

std::optional<Codewords> codewords(std::string_view text) {
  if (text.size() > longest_text) return std::nullopt;
  Codewords out{};
  unsigned written = 0, held_bits = 0;
  std::uint32_t held = 0;
  const auto put = [&](unsigned value, unsigned bits) {
    held = held << bits | value;
    for (held_bits += bits; held_bits >= 8; held_bits -= 8)
      out[written++] = static_cast<std::uint8_t>(held >> (held_bits - 8));
  };
  put(0b0010, 4);  // alphanumeric
  put(static_cast<unsigned>(text.size()), 9);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const unsigned first = symbols[static_cast<unsigned char>(text[i])];
    if (first == no_symbol) return std::nullopt;
    if (i + 1 == text.size()) {
      put(first, 6);
      break;
    }
    const unsigned second = symbols[static_cast<unsigned char>(text[i + 1])];
    if (second == no_symbol) return std::nullopt;
    put(first * static_cast<unsigned>(alphabet.size()) + second, 11);
  }
  // The terminator is zeros; what is left is filled with these two in turn. At most 123 bits stand before it.
  put(0, 4);
  if (held_bits > 0) put(0, 8 - held_bits);
  for (unsigned filler = 0xec; written < data_codewords; filler ^= 0xec ^ 0x11)
    out[written++] = static_cast<std::uint8_t>(filler);

  Check rest;
  for (unsigned i = 0; i < data_codewords; ++i) {
    const Check& add = multiples[static_cast<std::uint8_t>(out[i] ^ rest.first >> 8)];
    rest.first = static_cast<std::uint16_t>((rest.first << 8 | rest.others >> 56) ^ add.first);
    rest.others = rest.others << 8 ^ add.others;
  }
  out[data_codewords] = static_cast<std::uint8_t>(rest.first >> 8);
  out[data_codewords + 1] = static_cast<std::uint8_t>(rest.first);
  for (unsigned i = 2; i < check_codewords; ++i)
    out[data_codewords + i] = static_cast<std::uint8_t>(rest.others >> 8 * (check_codewords - 1 - i));
  return out;
}

// ---- What is the same in every code: finders, timing, the dark module; and where no data may stand

struct Frame {
  Rows dark{}, taken{};
  constexpr Frame() {
    const auto finder = [&](unsigned left, unsigned top) {
      for (unsigned y = 0; y < 7; ++y)
        for (unsigned x = 0; x < 7; ++x) {
          const bool ring = x == 0 || x == 6 || y == 0 || y == 6;
          const bool middle = x >= 2 && x <= 4 && y >= 2 && y <= 4;
          if (ring || middle) dark[top + y] |= bit(left + x);
        }
    };
    finder(0, 0);
    finder(size - 7, 0);
    finder(0, size - 7);
    for (unsigned i = 8; i < size - 8; i += 2) {
      dark[6] |= bit(i);
      dark[i] |= bit(6);
    }
    dark[size - 8] |= bit(8);
    // Finders with their light border and the format beside it.
    for (unsigned y = 0; y < 9; ++y)
      for (unsigned x = 0; x < 9; ++x) taken[y] |= bit(x);
    for (unsigned i = 0; i < 8; ++i)
      for (unsigned j = 0; j < 9; ++j) {
        taken[j] |= bit(size - 1 - i);
        taken[size - 1 - i] |= bit(j);
      }
    taken[6] = whole_row;
    for (auto& row : taken) row |= bit(6);
  }
};
constexpr Frame frame;

// Where the bits of the codewords go, in order (section 7.7.3): two columns at a time from the right, up and down by
// turns, around what is taken and around the vertical timing.
struct Place {
  std::uint8_t x, y;
  // The same in rows and in columns of which three are in a word.
  std::uint8_t row_word, row_bit, column_word, column_bit;
};
constexpr auto places = [] {
  std::array<Place, 8 * (data_codewords + check_codewords)> out{};
  unsigned count = 0;
  bool up = true;
  for (int right = size - 1; right > 0; right -= 2, up = !up) {
    if (right == 6) right = 5;
    for (unsigned i = 0; i < size; ++i)
      for (int x = right; x > right - 2; --x) {
        const unsigned y = up ? size - 1 - i : i;
        const auto column = static_cast<unsigned>(x);
        if (!(frame.taken[y] & bit(column)))
          out[count++] = {
              static_cast<std::uint8_t>(column),     static_cast<std::uint8_t>(y),
              static_cast<std::uint8_t>(y / 3),      static_cast<std::uint8_t>(size * (y % 3) + size - 1 - column),
              static_cast<std::uint8_t>(column / 3), static_cast<std::uint8_t>(size * (column % 3) + size - 1 - y)};
      }
  }
  return out;
}();
static_assert(places.back().x == 0 && places.back().y == 12);  // all of them were filled

constexpr bool masked(unsigned mask, unsigned x, unsigned y) {
  switch (mask) {
    case 0:
      return (x + y) % 2 == 0;
    case 1:
      return y % 2 == 0;
    case 2:
      return x % 3 == 0;
    case 3:
      return (x + y) % 3 == 0;
    case 4:
      return (y / 2 + x / 3) % 2 == 0;
    case 5:
      return x * y % 2 + x * y % 3 == 0;
    case 6:
      return (x * y % 2 + x * y % 3) % 2 == 0;
    default:
      return ((x + y) % 2 + x * y % 3) % 2 == 0;
  }
}

// Columns as rows.
constexpr Rows turned(const Rows& rows) {
  Rows out{};
  for (unsigned y = 0; y < size; ++y)
    for (unsigned x = 0; x < size; ++x)
      if (rows[y] & bit(x)) out[x] |= bit(y);
  return out;
}

// A mask together with the format that names it (section 7.9): level M is 00, then three bits of the mask, ten of a BCH
// code, and all of it turned over by a constant. Where the format stands no data does, so both are flipped alike.
constexpr auto masks = [] {
  std::array<Rows, 8> out{};
  for (unsigned number = 0; number < 8; ++number) {
    Rows& mask = out[number];
    for (unsigned y = 0; y < size; ++y)
      for (unsigned x = 0; x < size; ++x)
        if (masked(number, x, y) && !(frame.taken[y] & bit(x))) mask[y] |= bit(x);
    unsigned rest = number << 10;
    for (unsigned i = 14; i >= 10; --i)
      if (rest >> i & 1) rest ^= 0x537u << (i - 10);
    const unsigned format = (number << 10 | rest) ^ 0x5412;
    const auto set = [&](unsigned x, unsigned y, unsigned which) {
      if (format >> which & 1) mask[y] |= bit(x);
    };
    for (unsigned i = 0; i < 6; ++i) set(8, i, i);
    set(8, 7, 6);
    set(8, 8, 7);
    set(7, 8, 8);
    for (unsigned i = 9; i < 15; ++i) set(14 - i, 8, i);
    for (unsigned i = 0; i < 8; ++i) set(size - 1 - i, 8, i);
    for (unsigned i = 8; i < 15; ++i) set(8, size - 15 + i, i);
  }
  return out;
}();

// ---- How hard a code is to read (section 7.8.3.1), all modules of three rows at once

// Three rows in a word, the uppermost in the lowest lane.
constexpr unsigned lane = size;
using Packed = std::array<std::uint64_t, size / 3>;
static_assert(size % 3 == 0 && 3 * lane <= 64);

constexpr std::uint64_t in_every_lane(std::uint32_t bits) {
  return bits | static_cast<std::uint64_t>(bits) << lane | static_cast<std::uint64_t>(bits) << 2 * lane;
}
// All but the `bits` highest places of a lane; the `bits` lowest.
constexpr std::uint64_t all_but_highest(unsigned bits) {
  return in_every_lane(whole_row >> bits);
}
constexpr std::uint64_t lowest(unsigned bits) {
  return in_every_lane((1u << bits) - 1);
}

constexpr Packed packed(const Rows& rows) {
  Packed out{};
  for (unsigned y = 0; y < size; ++y) out[y / 3] |= static_cast<std::uint64_t>(rows[y]) << lane * (y % 3);
  return out;
}

struct PackedMask {
  Packed rows{}, columns{};
};
constexpr auto packed_masks = [] {
  std::array<PackedMask, masks.size()> out{};
  for (unsigned i = 0; i < masks.size(); ++i) out[i] = {packed(masks[i]), packed(turned(masks[i]))};
  return out;
}();
constexpr Packed frame_rows = packed(frame.dark), frame_columns = packed(turned(frame.dark));

// Runs of five and more of one colour, and what looks like a finder with four light modules beside it.
[[gnu::always_inline]] inline unsigned penalty_along(std::uint64_t rows) {
  const std::uint64_t same = ~(rows ^ rows >> 1) & all_but_highest(1);
  const std::uint64_t five = same & same >> 1 & same >> 2 & same >> 3;
  auto penalty = static_cast<unsigned>(std::popcount(five) + 2 * std::popcount(five & ~(five << 1)));
  // 1011101, with four light ones below or above; beyond the edge all is light.
  const std::uint64_t finder =
      rows & ~(rows >> 1) & rows >> 2 & rows >> 3 & rows >> 4 & ~(rows >> 5) & rows >> 6 & all_but_highest(6);
  if (finder == 0) return penalty;
  const std::uint64_t light = ~rows;
  const std::uint64_t below =
      (light << 1 | lowest(1)) & (light << 2 | lowest(2)) & (light << 3 | lowest(3)) & (light << 4 | lowest(4));
  const std::uint64_t above = (light >> 7 | ~all_but_highest(7)) & (light >> 8 | ~all_but_highest(8)) &
                              (light >> 9 | ~all_but_highest(9)) & (light >> 10 | ~all_but_highest(10));
  return penalty + 40 * static_cast<unsigned>(std::popcount(finder & below) + std::popcount(finder & above));
}

// Of a code and of the same one turned. What reaches `enough` is not counted to its end.
[[gnu::always_inline]] inline unsigned penalty(const Packed& rows, const Packed& columns, unsigned enough) {
  unsigned penalty = 0;
  int dark = 0;
  for (unsigned i = 0; i < rows.size(); ++i) {
    dark += std::popcount(rows[i]);
    const bool last = i + 1 == rows.size();
    const std::uint64_t next_row = rows[i] >> lane | (last ? 0 : rows[i + 1] << 2 * lane);
    const std::uint64_t beside = rows[i] ^ rows[i] >> 1, under = rows[i] ^ next_row;
    const std::uint64_t counted = last ? all_but_highest(1) & ((1ull << 2 * lane) - 1) : all_but_highest(1);
    penalty += 3 * static_cast<unsigned>(std::popcount(~(beside | under | under >> 1) & counted));
  }
  const int total = size * size;
  const int off = std::abs(dark * 20 - total * 10);
  penalty += 10 * static_cast<unsigned>(off / total);
  for (const Packed* along : {&rows, &columns})
    for (const std::uint64_t three : *along) {
      if (penalty >= enough) return penalty;
      penalty += penalty_along(three);
    }
  return penalty;
}

// The rows of the one of eight that is easiest to read.
[[gnu::always_inline]] inline Packed easiest(const Packed& rows, const Packed& columns) {
  Packed best{};
  unsigned least = ~0u;
  for (const PackedMask& mask : packed_masks) {
    Packed masked_rows, masked_columns;
    for (unsigned i = 0; i < rows.size(); ++i) {
      masked_rows[i] = rows[i] ^ mask.rows[i];
      masked_columns[i] = columns[i] ^ mask.columns[i];
    }
    const unsigned found = penalty(masked_rows, masked_columns, least);
    if (found >= least) continue;
    least = found;
    best = masked_rows;
  }
  return best;
}

// Half of the time would go into counting bits, for which nearly every x86 has an instruction that the first had not.
#ifdef __x86_64__
[[gnu::target("popcnt")]] Packed easiest_by_instruction(const Packed& rows, const Packed& columns) {
  return easiest(rows, columns);
}
#endif

Packed easiest_one(const Packed& rows, const Packed& columns) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("popcnt")) return easiest_by_instruction(rows, columns);
#endif
  return easiest(rows, columns);
}

}  // namespace

std::optional<QrCode> qr_code(std::string_view text) {
  const auto words = codewords(text);
  if (!words) return std::nullopt;
  Packed rows = frame_rows, columns = frame_columns;
  for (unsigned i = 0; i < places.size(); ++i) {
    const Place& at = places[i];
    const std::uint64_t set = (*words)[i / 8] >> (7 - i % 8) & 1;
    rows[at.row_word] |= set << at.row_bit;
    columns[at.column_word] |= set << at.column_bit;
  }

  const Packed best = easiest_one(rows, columns);
  QrCode code;
  for (unsigned y = 0; y < size; ++y)
    code.rows[y] = static_cast<std::uint32_t>(best[y / 3] >> lane * (y % 3)) & whole_row;
  return code;
}

}  // namespace globogym
