#include "http/tally.h"

namespace globogym::http {

Tally::Tally(telemetry::Metrics& metrics, std::string listener)
    : metrics_(metrics),
      listener_(std::move(listener)),
      in_(&metrics.counter("globogym_http_received_bytes_total", "Bytes read from clients.",
                           {{"listener", listener_}})),
      out_(&metrics.counter("globogym_http_sent_bytes_total", "Bytes sent to clients.", {{"listener", listener_}})),
      connections_(&metrics.gauge("globogym_http_connections", "Open connections.", {{"listener", listener_}})),
      duration_(&metrics.histogram("globogym_http_request_duration_seconds",
                                   "From the last byte of a request read to its answer written.",
                                   telemetry::latency_bounds_seconds(), {{"listener", listener_}})) {
  for (std::size_t c = 2; c < answered_.size(); ++c)
    answered_[c] = &metrics.counter("globogym_http_requests_total", "Requests answered, by class of status.",
                                    {{"listener", listener_}, {"status", std::to_string(c) + "xx"}});
}

void Tally::refused(std::string_view reason) {
  metrics_
      .counter("globogym_http_refused_total", "Requests and connections ended by the HTTP layer, by reason.",
               {{"listener", listener_}, {"reason", std::string(reason)}})
      .add();
}

void Tally::fold(std::size_t connections_of_all_loops) {
  for (std::size_t c = 2; c < answered_.size(); ++c) {
    if (by_class_[c] == 0) continue;
    answered_[c]->add(static_cast<double>(by_class_[c]));
    by_class_[c] = 0;
  }
  if (bytes_in_ > 0) in_->add(static_cast<double>(bytes_in_));
  if (bytes_out_ > 0) out_->add(static_cast<double>(bytes_out_));
  bytes_in_ = bytes_out_ = 0;
  connections_->set(static_cast<double>(connections_of_all_loops));
}

}  // namespace globogym::http
