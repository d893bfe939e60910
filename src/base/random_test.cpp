#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

namespace globogym {
namespace {

TEST(SeededRandom, gives_the_same_numbers_for_the_same_seed_on_every_machine) {
  // A seed printed by a failed simulation must still tell the same story in years: these are the numbers.
  SeededRandom random(42), again(42), other(43);
  std::vector<std::uint64_t> first, second, third;
  for (int i = 0; i < 100; ++i) {
    first.push_back(random.next());
    second.push_back(again.next());
    third.push_back(other.next());
  }

  EXPECT_EQ(first, second);
  EXPECT_NE(first, third);
  EXPECT_EQ(first[0], 1546998764402558742u);
  EXPECT_EQ(first[1], 6990951692964543102u);
  EXPECT_EQ(first[2], 12544586762248559009u);
}

TEST(SeededRandom, fills_what_was_asked_for_and_nothing_more) {
  SeededRandom random(1);
  for (std::size_t size = 0; size <= 32; ++size) {
    std::vector<unsigned char> bytes(size + 2, 0xab);
    random.fill(std::span(bytes).subspan(1, size));
    EXPECT_EQ(bytes.front(), 0xab);
    EXPECT_EQ(bytes.back(), 0xab);
  }
}

TEST(Random, below_stays_below_and_reaches_every_value) {
  SeededRandom random(5);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i) ++seen[random.below(7)];

  for (int count : seen) {
    EXPECT_GT(count, 850);
    EXPECT_LT(count, 1150);
  }
  EXPECT_EQ(random.below(1), 0u);
  EXPECT_LT(random.below(UINT64_MAX), UINT64_MAX);
}

TEST(Random, unit_is_between_zero_and_one_and_spread) {
  SeededRandom random(6);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = random.unit();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
}

TEST(SecureRandom, does_not_repeat_itself) {
  SecureRandom random;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 10000; ++i) seen.insert(random.u64());
  EXPECT_EQ(seen.size(), 10000u);
}

// What was handed out is wiped: half a draw of zeros would be such bytes handed out again.
TEST(SecureRandom, hands_nothing_out_twice) {
  SecureRandom random;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random.u64();
    EXPECT_NE(value & 0xffffffffu, 0u);
    EXPECT_NE(value >> 32, 0u);
  }
}

TEST(SecureRandom, fills_long_and_short_spans) {
  SecureRandom random;
  for (std::size_t size : {1u, 7u, 8u, 127u, 128u, 129u, 511u, 512u, 513u, 5000u}) {
    std::vector<unsigned char> bytes(size + 1, 0);
    random.fill(std::span(bytes).first(size));
    EXPECT_EQ(bytes.back(), 0);
    if (size >= 127) {
      std::set<unsigned char> values(bytes.begin(), bytes.end());
      EXPECT_GT(values.size(), 30u) << size;
    }
  }
}

TEST(RandomDeathTest, below_zero_is_a_bug) {
  SeededRandom random(1);
  EXPECT_DEATH(random.below(0), "bound > 0");
}

}  // namespace
}  // namespace globogym
