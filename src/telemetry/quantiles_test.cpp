#include "telemetry/quantiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"

namespace globogym::telemetry {
namespace {

using Counts = std::array<std::uint64_t, duration_buckets>;

TEST(Quantiles, every_duration_lies_between_its_bucket_and_the_next) {
  for (std::int64_t micros = 0; micros < (std::int64_t{1} << longest_bits); micros += 1 + micros / 97) {
    const auto bucket = bucket_of(Duration(micros));

    ASSERT_LE(shortest_in(bucket), Duration(micros));
    ASSERT_GT(shortest_in(bucket + 1), Duration(micros));
    ASSERT_LE((shortest_in(bucket + 1) - shortest_in(bucket) - Duration(1)).count() * 16, micros);
  }
}

TEST(Quantiles, what_is_negative_counts_as_nothing_and_what_is_endless_as_the_longest) {
  EXPECT_EQ(bucket_of(Duration(-5)), 0u);
  EXPECT_EQ(bucket_of(Duration::max()), duration_buckets - 1);
}

TEST(Quantiles, of_nothing_are_nothing) {
  EXPECT_EQ(quantile(Counts{}, 0.99), Duration(0));
}

TEST(Quantiles, of_one_duration_are_that_duration) {
  Counts counts{};
  counts[bucket_of(Duration(12))] = 1;

  for (const double share : {0.0, 0.5, 0.999, 1.0}) EXPECT_EQ(quantile(counts, share), Duration(12));
}

TEST(Quantiles, are_nearest_ranks) {
  Counts counts{};
  counts[1] = 90;
  counts[9] = 9;
  counts[15] = 1;

  EXPECT_EQ(quantile(counts, 0.5), Duration(1));
  EXPECT_EQ(quantile(counts, 0.90), Duration(1));
  EXPECT_EQ(quantile(counts, 0.901), Duration(9));
  EXPECT_EQ(quantile(counts, 0.99), Duration(9));
  EXPECT_EQ(quantile(counts, 0.999), Duration(15));
}

TEST(Quantiles, are_within_a_32nd_of_the_exact_ones) {
  SeededRandom random(11);
  std::vector<std::int64_t> drawn;
  Counts counts{};
  for (int i = 0; i < 100'000; ++i) {
    const auto micros = static_cast<std::int64_t>(std::exp(random.unit() * 17));  // 1 µs to 24 s, evenly by magnitude
    drawn.push_back(micros);
    ++counts[bucket_of(Duration(micros))];
  }
  std::ranges::sort(drawn);

  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const auto exact = static_cast<double>(drawn[static_cast<std::size_t>(share * 100'000) - 1]);
    EXPECT_NEAR(static_cast<double>(quantile(counts, share).count()), exact, exact / 32 + 1) << share;
  }
}

}  // namespace
}  // namespace globogym::telemetry
