#include "base/png.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

namespace globogym {
namespace {

std::uint32_t number_at(const std::string& png, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(png[at + i]);
  return value;
}

// What a reader of PNG sees: the unpacked pixels of its one IDAT chunk; every checksum is looked at.
std::string pixels(const std::string& png) {
  EXPECT_EQ(png.substr(0, 8), std::string("\x89PNG\r\n\x1a\n", 8));
  std::string packed;
  for (std::size_t at = 8; at < png.size();) {
    const std::size_t size = number_at(png, at);
    const std::string typed = png.substr(at + 4, 4 + size);
    EXPECT_EQ(number_at(png, at + 8 + size),
              ::crc32(0, reinterpret_cast<const unsigned char*>(typed.data()), static_cast<unsigned>(typed.size())));
    if (typed.starts_with("IDAT")) packed = typed.substr(4);
    at += 12 + size;
  }
  std::string out(1 << 16, '\0');
  uLongf size = out.size();
  EXPECT_EQ(::uncompress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                         packed.size()),
            Z_OK);
  out.resize(size);
  return out;
}

TEST(Png, is_read_back_square_by_square_whatever_its_size) {
  for (unsigned size = 20; size <= 32; ++size) {
    // With two rows alike at the top, and the rest of all kinds.
    const auto dark = [&](unsigned x, unsigned y) { return y < 2 ? x == 3 : (x * 7 + y * 13 + x * y) % 3 == 0; };
    std::vector<std::uint32_t> squares(size);
    for (unsigned y = 0; y < size; ++y)
      for (unsigned x = 0; x < size; ++x) squares[y] |= static_cast<std::uint32_t>(dark(x, y)) << (size - 1 - x);

    const std::string png = png_of_squares(squares);

    EXPECT_EQ(number_at(png, 16), size * 8);
    EXPECT_EQ(number_at(png, 20), size * 8);
    const std::string rows = pixels(png);
    ASSERT_EQ(rows.size(), (1 + size) * 8 * size);
    for (unsigned y = 0; y < size * 8; ++y) {
      EXPECT_EQ(rows[y * (1 + size)], '\0');
      for (unsigned x = 0; x < size; ++x)
        EXPECT_EQ(rows[y * (1 + size) + 1 + x], dark(x, y / 8) ? '\0' : '\xff') << x << ' ' << y;
    }
    EXPECT_LT(png.size(), size * (size * 5 / 4 + 6) + 100);
  }
}

TEST(Png, rows_that_are_alike_are_told_once) {
  const std::vector<std::uint32_t> light(29), dark(29, ~0u);

  for (const auto& all : {light, dark}) {
    const std::string png = png_of_squares(all);
    const std::string rows = pixels(png);
    ASSERT_EQ(rows.size(), 30u * 8 * 29);
    for (std::size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i], i % 30 == 0 || all == dark ? '\0' : '\xff') << i;
    EXPECT_LT(png.size(), 200u);
  }
}

}  // namespace
}  // namespace globogym
