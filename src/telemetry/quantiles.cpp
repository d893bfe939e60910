#include "telemetry/quantiles.h"

#include <algorithm>
#include <cmath>

namespace globogym::telemetry {

Duration quantile(std::span<const std::uint64_t, duration_buckets> counts, double share) {
  std::uint64_t total = 0;
  for (const auto count : counts) total += count;
  if (total == 0) return Duration(0);
  // The rank of the one that is asked for, among all in order: the nearest-rank definition, which never makes up
  // values.
  const auto rank = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(total))), 1, total);
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while ((seen += counts[bucket]) < rank) ++bucket;
  const Duration from = shortest_in(bucket);
  if (bucket + 1 == duration_buckets) return from;  // nothing is known but that it took at least as long
  return (from + shortest_in(bucket + 1) - Duration(1)) / 2;
}

}  // namespace globogym::telemetry
