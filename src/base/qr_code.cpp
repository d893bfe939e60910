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

// (x-α⁰)(x-α¹)…(x-α⁹) without its leading 1, highest power first.
constexpr auto generator = [] {
  std::array<std::uint8_t, check_codewords + 1> poly{1};
  for (unsigned root = 0; root < check_codewords; ++root)
    for (unsigned i = root + 1; i > 0; --i)
      poly[i] = static_cast<std::uint8_t>(poly[i] ^ field.times(poly[i - 1], field.power[root]));
  std::array<std::uint8_t, check_codewords> out{};
  for (unsigned i = 0; i < check_codewords; ++i) out[i] = poly[i + 1];
  return out;
}();

// ---- Codewords (sections 7.4 and 7.5)

std::optional<Codewords> codewords(std::string_view text) {
  if (text.size() > longest_text) return std::nullopt;
  Codewords out{};
  unsigned used = 0;  // bits
  const auto put = [&](unsigned value, unsigned bits) {
    for (unsigned i = bits; i-- > 0; ++used)
      out[used / 8] = static_cast<std::uint8_t>(out[used / 8] | (value >> i & 1) << (7 - used % 8));
  };
  put(0b0010, 4);  // alphanumeric
  put(static_cast<unsigned>(text.size()), 9);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto first = alphabet.find(text[i]);
    if (first == std::string_view::npos) return std::nullopt;
    if (i + 1 == text.size()) {
      put(static_cast<unsigned>(first), 6);
      break;
    }
    const auto second = alphabet.find(text[i + 1]);
    if (second == std::string_view::npos) return std::nullopt;
    put(static_cast<unsigned>(first * alphabet.size() + second), 11);
  }
  // The terminator is zeros; what is left is filled with these two in turn.
  used = std::min(used + 4, data_codewords * 8);
  unsigned filler = 0xec;
  for (unsigned i = (used + 7) / 8; i < data_codewords; ++i, filler ^= 0xec ^ 0x11)
    out[i] = static_cast<std::uint8_t>(filler);

  for (unsigned i = 0; i < data_codewords; ++i) {
    auto* rest = &out[data_codewords];
    const auto factor = static_cast<std::uint8_t>(out[i] ^ rest[0]);
    for (unsigned j = 0; j < check_codewords; ++j)
      rest[j] =
          static_cast<std::uint8_t>((j + 1 < check_codewords ? rest[j + 1] : 0) ^ field.times(factor, generator[j]));
  }
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
          out[count++] = {static_cast<std::uint8_t>(column), static_cast<std::uint8_t>(y)};
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

// A mask together with the format that names it (section 7.9): level M is 00, then three bits of the mask, ten of a BCH
// code, and all of it turned over by a constant.
struct Mask {
  Rows flips{}, format{};
};
constexpr auto masks = [] {
  std::array<Mask, 8> out{};
  for (unsigned number = 0; number < 8; ++number) {
    Mask& mask = out[number];
    for (unsigned y = 0; y < size; ++y)
      for (unsigned x = 0; x < size; ++x)
        if (masked(number, x, y) && !(frame.taken[y] & bit(x))) mask.flips[y] |= bit(x);
    unsigned rest = number << 10;
    for (unsigned i = 14; i >= 10; --i)
      if (rest >> i & 1) rest ^= 0x537u << (i - 10);
    const unsigned format = (number << 10 | rest) ^ 0x5412;
    const auto set = [&](unsigned x, unsigned y, unsigned which) {
      if (format >> which & 1) mask.format[y] |= bit(x);
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

// ---- How hard a code is to read (section 7.8.3.1), all modules of a row at once

Rows turned(const Rows& rows) {
  Rows out{};
  for (unsigned y = 0; y < size; ++y)
    for (unsigned x = 0; x < size; ++x)
      if (rows[y] & bit(x)) out[x] |= bit(y);
  return out;
}

// Runs of five and more of one colour, and what looks like a finder with four light modules beside it.
unsigned penalty_along(const Rows& rows) {
  unsigned penalty = 0;
  for (const std::uint32_t row : rows) {
    const std::uint32_t same = ~(row ^ row >> 1) & (whole_row >> 1);
    const std::uint32_t five = same & same >> 1 & same >> 2 & same >> 3;
    penalty += static_cast<unsigned>(std::popcount(five) + 2 * std::popcount(five & ~(five << 1)));
    // Beyond the edge all is light. 1011101 from bit 4 on, with four zeros below or above.
    const std::uint64_t wide = static_cast<std::uint64_t>(row) << 4;
    const std::uint64_t finder = wide & ~(wide >> 1) & wide >> 2 & wide >> 3 & wide >> 4 & ~(wide >> 5) & wide >> 6;
    const std::uint64_t light = ~wide & ~(wide >> 1) & ~(wide >> 2) & ~(wide >> 3);
    penalty += 40 * static_cast<unsigned>(std::popcount(finder & (light << 4)) + std::popcount(finder & light >> 7));
  }
  return penalty;
}

unsigned penalty(const Rows& rows) {
  unsigned penalty = penalty_along(rows) + penalty_along(turned(rows));
  int dark = 0;
  for (unsigned y = 0; y < size; ++y) {
    dark += std::popcount(rows[y]);
    if (y == 0) continue;
    const std::uint32_t same_above = ~(rows[y] ^ rows[y - 1]);
    const std::uint32_t same = ~(rows[y] ^ rows[y] >> 1) & same_above & same_above >> 1 & (whole_row >> 1);
    penalty += 3 * static_cast<unsigned>(std::popcount(same));
  }
  const int total = size * size;
  const int off = std::abs(dark * 20 - total * 10);
  return penalty + 10 * static_cast<unsigned>(off / total);
}

}  // namespace

std::optional<QrCode> qr_code(std::string_view text) {
  const auto words = codewords(text);
  if (!words) return std::nullopt;
  Rows data = frame.dark;
  for (unsigned i = 0; i < places.size(); ++i)
    if ((*words)[i / 8] >> (7 - i % 8) & 1) data[places[i].y] |= bit(places[i].x);

  QrCode best;
  unsigned least = ~0u;
  for (const Mask& mask : masks) {
    Rows rows;
    for (unsigned y = 0; y < size; ++y) rows[y] = (data[y] ^ mask.flips[y]) | mask.format[y];
    const unsigned found = penalty(rows);
    if (found >= least) continue;
    least = found;
    best.rows = rows;
  }
  return best;
}

}  // namespace globogym
