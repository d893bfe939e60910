// Durations counted by size, so finely that a quantile read from the counts is off by at most 1/32 of itself.
//
// Below 16 µs every microsecond has its own bucket; above, every power of two is cut into 16 of equal width (the idea
// of HDR Histogram, G. Tene). Whatever takes 67 s or longer falls into the last one. Pure: somebody else keeps the
// counts.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.h"

namespace globogym::telemetry {

inline constexpr unsigned octave_bits = 4;    // 16 buckets a power of two
inline constexpr unsigned longest_bits = 26;  // 2^26 µs = 67 s
inline constexpr std::size_t duration_buckets = ((longest_bits - octave_bits + 1) << octave_bits) + 1;

constexpr std::size_t bucket_of(Duration duration) {
  const auto micros = duration.count() > 0 ? static_cast<std::uint64_t>(duration.count()) : 0;
  if (micros < (1u << octave_bits)) return micros;
  const auto exponent = static_cast<unsigned>(std::bit_width(micros)) - 1;
  if (exponent >= longest_bits) return duration_buckets - 1;
  const auto shift = exponent - octave_bits;
  return ((shift + 1) << octave_bits) + ((micros >> shift) & ((1u << octave_bits) - 1));
}

// The shortest duration that falls into `bucket`; the longest is one microsecond less than the next bucket's shortest.
constexpr Duration shortest_in(std::size_t bucket) {
  if (bucket < (1u << octave_bits)) return Duration(bucket);
  const auto shift = (bucket >> octave_bits) - 1;
  const auto mantissa = (bucket & ((1u << octave_bits) - 1)) + (1u << octave_bits);
  return Duration(mantissa << shift);
}

// The duration that `share` (0 to 1) of what was counted did not exceed: the middle of the bucket that holds it. Zero
// when nothing was counted.
Duration quantile(std::span<const std::uint64_t, duration_buckets> counts, double share);

static_assert(bucket_of(Duration(15)) == 15 && bucket_of(Duration(16)) == 16 && bucket_of(Duration(31)) == 31);
static_assert(bucket_of(Duration(32)) == 32 && bucket_of(Duration(33)) == 32 && bucket_of(Duration(34)) == 33);
static_assert(shortest_in(bucket_of(Duration(1'000'000))) <= Duration(1'000'000));
static_assert(bucket_of(Duration((1 << longest_bits) - 1)) == duration_buckets - 2);
static_assert(bucket_of(Duration(1 << longest_bits)) == duration_buckets - 1);
static_assert(shortest_in(duration_buckets - 1) == Duration(1 << longest_bits));

}  // namespace globogym::telemetry
