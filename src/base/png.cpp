#include "base/png.h"

#include <zlib.h>

#include <array>
#include <string_view>

#include "base/assert.h"

namespace globogym {
namespace {

constexpr unsigned scale = 8;  // a square is a byte of eight pixels wide, and eight rows high

struct Code {
  std::uint64_t code = 0;  // ready to be put from the lowest bit on
  unsigned bits = 0;
};
constexpr std::uint16_t reversed(unsigned code, unsigned bits) {
  unsigned out = 0;
  for (unsigned i = 0; i < bits; ++i) out |= (code >> i & 1) << (bits - 1 - i);
  return static_cast<std::uint16_t>(out);
}
// The literals of six squares, the leftmost first: 00 is dark, ff is light (RFC 1951, section 3.2.6).
constexpr Code dark_square{reversed(0x30, 8), 8}, light_square{reversed(0x190 + 255 - 144, 9), 9};
constexpr auto six_squares = [] {
  std::array<Code, 64> all{};
  for (unsigned squares = 0; squares < 64; ++squares)
    for (unsigned i = 0; i < 6; ++i) {
      const Code& square = (squares >> (5 - i) & 1) != 0 ? dark_square : light_square;
      all[squares].code |= square.code << all[squares].bits;
      all[squares].bits += square.bits;
    }
  return all;
}();

// "Again, `length` bytes of what stands `distance` before"; both in the ranges that are needed here.
constexpr unsigned longest_repetition = 257;
Code repetition(unsigned length, unsigned distance) {
  ASSERT(length >= 131 && length <= longest_repetition && distance >= 5 && distance <= 48);
  Code out;
  const auto add = [&](unsigned value, unsigned bits) {
    out.code |= static_cast<std::uint64_t>(value) << out.bits;
    out.bits += bits;
  };
  // Lengths 131–257: codes 281–284 of 32 each.
  const unsigned code = (length - 131) / 32;
  add(reversed(0xc0u + 281 - 280 + code, 8), 8);
  add((length - 131) % 32, 5);
  // Distances: two codes for each power of two.
  unsigned bits = 1;
  while (distance > (4u << bits)) ++bits;
  const unsigned base = (2u << bits) + 1, half = 1u << bits;
  add(reversed(2 + 2 * bits + (distance - base) / half, 5), 5);
  add((distance - base) % half, bits);
  return out;
}

// Deflate (RFC 1951) with the fixed codes: one block. `out` has room for all of it and eight bytes more.
class Deflate {
 public:
  explicit Deflate(char* out) : out_(out) { put({0b011, 3}); }  // the last block; fixed codes

  // From the lowest bit on; at most 56 bits.
  void put(Code code) {
    held_ |= code.code << used_;
    used_ += code.bits;
    for (unsigned i = 0; i < 8; ++i) out_[i] = static_cast<char>(held_ >> 8 * i);
    out_ += used_ / 8;
    held_ = used_ / 8 == 8 ? 0 : held_ >> used_ / 8 * 8;
    used_ %= 8;
  }

  // A row of pixels: the filter, which is none, and the squares.
  void row(std::uint32_t dark, unsigned size) {
    put(dark_square);
    if (const unsigned first = size % 6) {
      Code code = six_squares[dark >> (size - first) & ((1u << first) - 1)];
      // Those that stand before them are light.
      code.code >>= (6 - first) * light_square.bits;
      code.bits -= (6 - first) * light_square.bits;
      put(code);
    }
    for (unsigned left = size - size % 6; left > 0; left -= 6) put(six_squares[dark >> (left - 6) & 63]);
  }

  // The end behind the last byte.
  char* end() {
    put({0, 7});
    return out_ + (used_ > 0 ? 1 : 0);
  }

 private:
  char* out_;
  std::uint64_t held_ = 0;
  unsigned used_ = 0;
};

void append_number(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

// What is appended until its end is in it.
class Chunk {
 public:
  Chunk(std::string& out, std::string_view type) : out_(out) {
    append_number(out_, 0);
    begin_ = out_.size();
    out_ += type;
  }
  void end() {
    const auto size = static_cast<std::uint32_t>(out_.size() - begin_);
    for (unsigned i = 0; i < 4; ++i) out_[begin_ - 4 + i] = static_cast<char>((size - 4) >> (24 - 8 * i) & 0xff);
    const auto* bytes = reinterpret_cast<const unsigned char*>(out_.data()) + begin_;
    append_number(out_, static_cast<std::uint32_t>(::crc32(0, bytes, size)));
  }

 private:
  std::string& out_;
  std::size_t begin_ = 0;
};

// Of the light squares among eight: how many they are, and the sum of their places, the rightmost being 1.
struct Sums {
  std::uint16_t count = 0, places = 0;
};
constexpr auto sums_of_eight = [] {
  std::array<Sums, 256> all{};
  for (unsigned squares = 0; squares < 256; ++squares)
    for (unsigned i = 0; i < 8; ++i)
      if (squares >> i & 1) {
        ++all[squares].count;
        all[squares].places = static_cast<std::uint16_t>(all[squares].places + i + 1);
      }
  return all;
}();

// Adler-32 (RFC 1950) of rows of pixels, each of them eight times. A row's bytes are 0 or 255, so its sums are counted.
class Checksum {
 public:
  explicit Checksum(unsigned size) : bytes_(size + 1) {}
  void add(std::uint32_t light) {
    unsigned count = 0, places = 0;  // a byte counts as often as there are bytes from it to the row's end
    for (unsigned i = 0; i < 32; i += 8) {
      const Sums& eight = sums_of_eight[light >> i & 255];
      count += eight.count;
      places += eight.places + i * eight.count;
    }
    // The row i of eight finds the sum that the ones before it left behind.
    second_ =
        (second_ + scale * (bytes_ * first_ + 255 * places) + bytes_ * 255 * count * (scale * (scale - 1) / 2)) % prime;
    first_ = (first_ + scale * 255 * count) % prime;
  }
  std::uint32_t value() const { return second_ << 16 | first_; }

 private:
  static constexpr std::uint32_t prime = 65521;
  const unsigned bytes_;
  std::uint32_t first_ = 1, second_ = 0;
};

}  // namespace

std::string png_of_squares(std::span<const std::uint32_t> rows) {
  const auto size = static_cast<unsigned>(rows.size());
  ASSERT(size >= 20 && size <= 32);
  const std::uint32_t whole = ~0u >> (32 - size);
  const unsigned row_bytes = 1 + size;
  // Of a row at most 8 + 32 × 9 bits, and a repetition.
  std::array<char, 2 + 32 * 42 + 16> packed;
  packed[0] = '\x78';
  packed[1] = '\x01';
  Deflate deflate(packed.data() + 2);
  Checksum checksum(size);
  // All eight rows of a square are as the last ones were, or the seven behind the first of them.
  const bool eight_fit = row_bytes * scale <= longest_repetition;
  const Code seven = repetition(row_bytes * (scale - 1), row_bytes);
  const Code eight = eight_fit ? repetition(row_bytes * scale, row_bytes) : Code{};
  for (unsigned y = 0; y < size; ++y) {
    const std::uint32_t dark = rows[y] & whole;
    checksum.add(~dark & whole);
    if (eight_fit && y > 0 && dark == (rows[y - 1] & whole)) {
      deflate.put(eight);
      continue;
    }
    deflate.row(dark, size);
    deflate.put(seven);
  }
  const std::string_view all(packed.data(), deflate.end());

  std::string out("\x89PNG\r\n\x1a\n", 8);
  out.reserve(all.size() + 80);
  Chunk header(out, "IHDR");
  append_number(out, size * scale);
  append_number(out, size * scale);
  out.append("\x01\x00\x00\x00\x00", 5);  // one bit of grey a pixel
  header.end();
  Chunk data(out, "IDAT");
  out += all;
  append_number(out, checksum.value());
  data.end();
  Chunk(out, "IEND").end();
  return out;
}

}  // namespace globogym
