#include "base/png.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
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
// The literals of three squares, the leftmost first: 00 is dark, ff is light (RFC 1951, section 3.2.6).
constexpr auto three_squares = [] {
  std::array<Code, 8> all{};
  for (unsigned squares = 0; squares < 8; ++squares)
    for (unsigned i = 0; i < 3; ++i) {
      const bool dark = (squares >> (2 - i) & 1) != 0;
      Code& whole = all[squares];
      whole.code |= static_cast<std::uint64_t>(dark ? reversed(0x30, 8) : reversed(0x190 + 255 - 144, 9)) << whole.bits;
      whole.bits += dark ? 8 : 9;
    }
  return all;
}();

// Deflate (RFC 1951) with the fixed codes: a block of literals and of repetitions of what came just before.
class Deflate {
 public:
  static constexpr unsigned longest_repetition = 257;
  explicit Deflate(std::string& out) : out_(out) { put(0b011, 3); }  // the last block; fixed codes

  // A row of pixels: the filter, which is none, and the squares.
  void row(std::uint32_t dark, unsigned size) {
    put(reversed(0x30, 8), 8);
    unsigned left = size;
    for (; left % 3 != 0; --left) put_one((dark >> (left - 1) & 1) != 0);
    for (; left > 0; left -= 3) {
      const Code& three = three_squares[dark >> (left - 3) & 7];
      put(three.code, three.bits);
    }
  }

  // Again, `length` times, the byte that stands `distance` before; both in the ranges that are needed here.
  void repeat(unsigned length, unsigned distance) {
    ASSERT(length >= 131 && length <= longest_repetition && distance >= 5 && distance <= 48);
    // Lengths 131–257: codes 281–284 of 32 each.
    const unsigned code = (length - 131) / 32;
    put_code(0xc0u + 281 - 280 + code, 8);
    put((length - 131) % 32, 5);
    // Distances: two codes for each power of two.
    unsigned bits = 1;
    while (distance > (4u << bits)) ++bits;
    const unsigned base = (2u << bits) + 1, half = 1u << bits;
    put_code(2 + 2 * bits + (distance - base) / half, 5);
    put((distance - base) % half, bits);
  }

  void end() {
    put_code(0, 7);
    for (; used_ > 0; used_ -= std::min(used_, 8u), held_ >>= 8) out_ += static_cast<char>(held_ & 0xff);
  }

 private:
  void put_one(bool dark) {
    const Code& three = three_squares[dark ? 7 : 0];
    put(three.code & ((1u << three.bits / 3) - 1), three.bits / 3);
  }
  // From the lowest bit on; at most 32 of them.
  void put(std::uint64_t value, unsigned bits) {
    held_ |= value << used_;
    used_ += bits;
    if (used_ < 32) return;
    std::array<char, 4> four;
    for (unsigned i = 0; i < 4; ++i) four[i] = static_cast<char>(held_ >> 8 * i & 0xff);
    out_.append(four.data(), 4);
    held_ >>= 32;
    used_ -= 32;
  }
  // Codes go from the highest.
  void put_code(unsigned code, unsigned bits) { put(reversed(code, bits), bits); }

  std::string& out_;
  std::uint64_t held_ = 0;
  unsigned used_ = 0;
};

void append_number(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

void append_chunk(std::string& out, std::string_view type, std::string_view data) {
  append_number(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = out.size();
  out.append(type).append(data);
  append_number(out, static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const unsigned char*>(out.data()) + begin,
                                                        static_cast<unsigned>(out.size() - begin))));
}

// Adler-32 (RFC 1950) of rows of pixels, each of them eight times. A row's bytes are 0 or 255, so its sums are counted.
class Checksum {
 public:
  explicit Checksum(unsigned size) : bytes_(size + 1) {
    // A byte counts as often as there are bytes from it to the row's end: bit 0 of a row is its last byte.
    for (unsigned at = 0; at < size; ++at)
      for (unsigned digit = 0; digit < weights_.size(); ++digit)
        if ((at + 1) >> digit & 1) weights_[digit] |= 1u << at;
  }
  void add(std::uint32_t light) {
    const unsigned sum = 255 * static_cast<unsigned>(std::popcount(light));
    unsigned weighted = 0;
    for (unsigned digit = 0; digit < weights_.size(); ++digit)
      weighted += static_cast<unsigned>(std::popcount(light & weights_[digit])) << digit;
    // The row i of eight finds the sum that the ones before it left behind.
    second_ = (second_ + scale * (bytes_ * first_ + 255 * weighted) + bytes_ * sum * (scale * (scale - 1) / 2)) % prime;
    first_ = (first_ + scale * sum) % prime;
  }
  std::uint32_t value() const { return second_ << 16 | first_; }

 private:
  static constexpr std::uint32_t prime = 65521;
  const unsigned bytes_;
  std::array<std::uint32_t, 6> weights_{};
  std::uint32_t first_ = 1, second_ = 0;
};

}  // namespace

std::string png_of_squares(std::span<const std::uint32_t> rows) {
  const auto size = static_cast<unsigned>(rows.size());
  ASSERT(size >= 20 && size <= 32);
  const std::uint32_t whole = ~0u >> (32 - size);
  const unsigned row_bytes = 1 + size;
  std::string packed = "\x78\x01";
  packed.reserve(1536);
  Deflate deflate(packed);
  Checksum checksum(size);
  for (unsigned y = 0; y < size; ++y) {
    const std::uint32_t dark = rows[y] & whole;
    checksum.add(~dark & whole);
    // All eight rows of a square are as the last ones were, or the seven behind the first of them.
    if (y > 0 && dark == (rows[y - 1] & whole) && row_bytes * scale <= Deflate::longest_repetition) {
      deflate.repeat(row_bytes * scale, row_bytes);
      continue;
    }
    deflate.row(dark, size);
    deflate.repeat(row_bytes * (scale - 1), row_bytes);
  }
  deflate.end();
  append_number(packed, checksum.value());

  std::string out("\x89PNG\r\n\x1a\n", 8), header;
  out.reserve(packed.size() + 80);
  append_number(header, size * scale);
  append_number(header, size * scale);
  header.append("\x01\x00\x00\x00\x00", 5);  // one bit of grey a pixel
  append_chunk(out, "IHDR", header);
  append_chunk(out, "IDAT", packed);
  append_chunk(out, "IEND", {});
  return out;
}

}  // namespace globogym
