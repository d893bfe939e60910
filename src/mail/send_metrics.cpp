#include "mail/send_metrics.h"

namespace globogym::mail {
namespace {

telemetry::Counter& sends(telemetry::Metrics& metrics, std::string_view outcome) {
  return metrics.counter("globogym_mail_sends_total", "Letters handed to the mail system, by outcome.",
                         {{"outcome", std::string(outcome)}});
}

}  // namespace

SendMetrics::SendMetrics(telemetry::Metrics& metrics)
    : sent_(sends(metrics, "sent")),
      seconds_(metrics.histogram("globogym_mail_send_seconds", "From asking for a send to its outcome.",
                                 telemetry::latency_bounds_seconds())) {
  for (Fault fault : {Fault::refused, Fault::deferred, Fault::unavailable, Fault::timed_out, Fault::unknown_outcome,
                      Fault::cancelled})
    failed_.emplace(fault, &sends(metrics, name(fault)));
}

void SendMetrics::count(const Result<Receipt>& outcome, Duration took) {
  if (outcome) {
    sent_.add();
  } else if (auto found = failed_.find(outcome.error().fault); found != failed_.end()) {
    found->second->add();
  }
  seconds_.observe(std::chrono::duration<double>(took).count());
}

}  // namespace globogym::mail
