#include "base/qr_code.h"

#include <gtest/gtest.h>

#include <string>

namespace globogym {
namespace {

std::string drawn(const QrCode& code) {
  std::string out;
  for (unsigned y = 0; y < QrCode::size; ++y, out += '\n')
    for (unsigned x = 0; x < QrCode::size; ++x) out += code.dark(x, y) ? '#' : '.';
  return out;
}

// test/web/letter.test.mjs has codes read by somebody else's reader; here is what must stay.
TEST(QrCode, has_its_finders_its_timing_and_a_format_that_says_level_M) {
  const auto code = qr_code("GG-4K7Q-9M2X-7HTC-V");

  ASSERT_TRUE(code.has_value());
  const auto expect_finder = [&](unsigned left, unsigned top) {
    for (unsigned y = 0; y < 7; ++y)
      for (unsigned x = 0; x < 7; ++x) {
        const bool light_ring = (x == 1 || x == 5 || y == 1 || y == 5) && x > 0 && x < 6 && y > 0 && y < 6;
        EXPECT_EQ(code->dark(left + x, top + y), !light_ring) << drawn(*code);
      }
  };
  expect_finder(0, 0);
  expect_finder(14, 0);
  expect_finder(0, 14);
  for (unsigned i = 8; i < 13; ++i) {
    EXPECT_EQ(code->dark(i, 6), i % 2 == 0);
    EXPECT_EQ(code->dark(6, i), i % 2 == 0);
  }
  EXPECT_TRUE(code->dark(8, 13));
  // The first two bits of the format, 00 for M, turned over by 10: both copies of them.
  EXPECT_TRUE(code->dark(0, 8));
  EXPECT_FALSE(code->dark(1, 8));
  EXPECT_TRUE(code->dark(8, 20));
  EXPECT_FALSE(code->dark(8, 19));
}

// Made by the code before this one, which looked at every module by itself.
TEST(QrCode, is_the_one_of_eight_that_is_easiest_to_read) {
  struct Case {
    const char* text;
    unsigned sum;
  };
  for (const Case& c : {Case{"GG-4K7Q-9M2X-7HTC-V", 2550141838u}, Case{"", 452393882u}, Case{"A", 860270413u},
                        Case{"ZZZZZZZZZZZZZZZZZZZZ", 1037503246u}, Case{"GG-0000-0000-0000-0", 3785304342u},
                        Case{"12345678901234567890", 337299723u}}) {
    unsigned sum = 2166136261u;
    for (const std::uint32_t row : qr_code(c.text)->rows) sum = (sum ^ row) * 16777619u;
    EXPECT_EQ(sum, c.sum) << c.text << '\n' << drawn(*qr_code(c.text));
  }
}

TEST(QrCode, differs_when_the_text_does_and_is_the_same_when_it_is_the_same) {
  EXPECT_EQ(qr_code("GG-4K7Q-9M2X-7HTC-V")->rows, qr_code("GG-4K7Q-9M2X-7HTC-V")->rows);
  EXPECT_NE(qr_code("GG-4K7Q-9M2X-7HTC-V")->rows, qr_code("GG-4K7Q-9M2X-7HTC-W")->rows);
}

TEST(QrCode, is_for_twenty_characters_of_its_alphabet) {
  EXPECT_TRUE(qr_code(""));
  EXPECT_TRUE(qr_code(std::string(20, 'Z')));
  EXPECT_FALSE(qr_code(std::string(21, 'Z')));
  EXPECT_FALSE(qr_code("gg"));
  EXPECT_FALSE(qr_code("A_"));
  EXPECT_FALSE(qr_code("é"));
}

}  // namespace
}  // namespace globogym
