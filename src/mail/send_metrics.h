// Counts what becomes of letters, the same for every mail system.
#pragma once

#include <map>

#include "base/clock.h"
#include "mail/mailer.h"
#include "telemetry/metrics.h"

namespace globogym::mail {

class SendMetrics {
 public:
  explicit SendMetrics(telemetry::Metrics& metrics);
  void count(const Result<Receipt>& outcome, Duration took);

 private:
  telemetry::Counter& sent_;
  std::map<Fault, telemetry::Counter*> failed_;
  telemetry::Histogram& seconds_;
};

}  // namespace globogym::mail
