#include "base/png.h"

#include <zlib.h>

#include <array>

#include "base/assert.h"

namespace globogym {
namespace {

constexpr unsigned scale = 8;  // a square is a byte of eight pixels wide, and eight rows high

struct Literal {
  std::uint16_t code = 0;  // ready to be put from the lowest bit on
  std::uint8_t bits = 0;
};
constexpr std::uint16_t reversed(unsigned code, unsigned bits) {
  unsigned out = 0;
  for (unsigned i = 0; i < bits; ++i) out |= (code >> i & 1) << (bits - 1 - i);
  return static_cast<std::uint16_t>(out);
}
constexpr auto literals = [] {
  std::array<Literal, 256> all{};
  for (unsigned byte = 0; byte < 256; ++byte)
    all[byte] = byte < 144 ? Literal{reversed(0x30 + byte, 8), 8} : Literal{reversed(0x190 + byte - 144, 9), 9};
  return all;
}();

// Deflate (RFC 1951) with the fixed codes: a block of literals and of repetitions of what came just before.
class Deflate {
 public:
  explicit Deflate(std::string& out) : out_(out) { put(0b011, 3); }  // the last block; fixed codes

  void literal(std::uint8_t byte) { put(literals[byte].code, literals[byte].bits); }

  // Again, `length` times, the byte that stands `distance` before; both in the ranges that are needed here.
  void repeat(unsigned length, unsigned distance) {
    ASSERT(length >= 131 && length <= 257 && distance >= 5 && distance <= 48);
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
    if (used_ > 0) out_ += static_cast<char>(held_);
  }

 private:
  // From the lowest bit on.
  void put(unsigned value, unsigned bits) {
    held_ |= static_cast<std::uint64_t>(value) << used_;
    for (used_ += bits; used_ >= 8; used_ -= 8, held_ >>= 8) out_ += static_cast<char>(held_ & 0xff);
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

const unsigned char* bytes(const std::string& text, std::size_t from) {
  return reinterpret_cast<const unsigned char*>(text.data()) + from;
}

void append_chunk(std::string& out, const char* type, const std::string& data) {
  append_number(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = out.size();
  out.append(type).append(data);
  append_number(out,
                static_cast<std::uint32_t>(::crc32(0, bytes(out, begin), static_cast<unsigned>(out.size() - begin))));
}

}  // namespace

std::string png_of_squares(unsigned size, const std::function<bool(unsigned x, unsigned y)>& dark) {
  ASSERT(size >= 20 && size <= 32);
  const unsigned row_bytes = 1 + size;  // the first names the filter: none
  std::string pixels, packed = "\x78\x01";
  pixels.reserve(static_cast<std::size_t>(row_bytes) * scale * size);
  packed.reserve(1024);
  Deflate deflate(packed);
  for (unsigned y = 0; y < size; ++y) {
    std::string row(1, '\0');
    for (unsigned x = 0; x < size; ++x) row += dark(x, y) ? '\0' : '\xff';
    for (unsigned i = 0; i < scale; ++i) pixels += row;
    for (char c : row) deflate.literal(static_cast<std::uint8_t>(c));
    deflate.repeat(row_bytes * (scale - 1), row_bytes);
  }
  deflate.end();
  append_number(packed,
                static_cast<std::uint32_t>(::adler32(1, bytes(pixels, 0), static_cast<unsigned>(pixels.size()))));

  std::string out("\x89PNG\r\n\x1a\n", 8), header;
  append_number(header, size * scale);
  append_number(header, size * scale);
  header.append("\x01\x00\x00\x00\x00", 5);  // one bit of grey a pixel
  append_chunk(out, "IHDR", header);
  append_chunk(out, "IDAT", packed);
  append_chunk(out, "IEND", {});
  return out;
}

}  // namespace globogym
