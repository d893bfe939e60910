// What one loop counts. Plain numbers on the way, folded into the shared metrics a few times a second, so that loops do
// not fight over cache lines for every request.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "telemetry/metrics.h"

namespace globogym::http {

class Tally {
 public:
  Tally(telemetry::Metrics& metrics, std::string listener);

  void answered(unsigned status, Duration took) {
    ++by_class_[status / 100];
    duration_->observe(std::chrono::duration<double>(took).count());
  }
  void read(std::size_t bytes) { bytes_in_ += bytes; }
  void sent(std::size_t bytes) { bytes_out_ += bytes; }
  // Rare: looks the counter up. `reason` is a literal.
  void refused(std::string_view reason);
  void fold(std::size_t connections_of_all_loops);

 private:
  telemetry::Metrics& metrics_;
  std::string listener_;
  std::array<std::uint64_t, 6> by_class_{};
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::array<telemetry::Counter*, 6> answered_{};
  telemetry::Counter* in_;
  telemetry::Counter* out_;
  telemetry::Gauge* connections_;
  telemetry::Histogram* duration_;
};

}  // namespace globogym::http
