#include "telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>

namespace globogym::telemetry {
namespace {

struct PrometheusCounter final : Counter {
  explicit PrometheusCounter(prometheus::Counter& c) : counter(c) {}
  void add(double amount) override { counter.Increment(amount); }
  double value() const override { return counter.Value(); }
  prometheus::Counter& counter;
};

struct PrometheusGauge final : Gauge {
  explicit PrometheusGauge(prometheus::Gauge& g) : gauge(g) {}
  void set(double value) override { gauge.Set(value); }
  double value() const override { return gauge.Value(); }
  prometheus::Gauge& gauge;
};

struct PrometheusHistogram final : Histogram {
  explicit PrometheusHistogram(prometheus::Histogram& h) : histogram(h) {}
  void observe(double value) override { histogram.Observe(value); }
  prometheus::Histogram& histogram;
};

using Key = std::pair<std::string, Labels>;

}  // namespace

struct Metrics::Registry {
  std::mutex mutex;
  prometheus::Registry registry;
  std::map<Key, std::unique_ptr<Counter>> counters;
  std::map<Key, std::unique_ptr<Gauge>> gauges;
  std::map<Key, std::unique_ptr<Histogram>> histograms;
};

Metrics::Metrics() : registry_(std::make_unique<Registry>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  std::lock_guard lock(registry_->mutex);
  auto& slot = registry_->counters[{name, labels}];
  if (!slot)
    slot = std::make_unique<PrometheusCounter>(
        prometheus::BuildCounter().Name(name).Help(help).Register(registry_->registry).Add(labels));
  return *slot;
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  std::lock_guard lock(registry_->mutex);
  auto& slot = registry_->gauges[{name, labels}];
  if (!slot)
    slot = std::make_unique<PrometheusGauge>(
        prometheus::BuildGauge().Name(name).Help(help).Register(registry_->registry).Add(labels));
  return *slot;
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                              const Labels& labels) {
  std::lock_guard lock(registry_->mutex);
  auto& slot = registry_->histograms[{name, labels}];
  if (!slot)
    slot = std::make_unique<PrometheusHistogram>(
        prometheus::BuildHistogram().Name(name).Help(help).Register(registry_->registry).Add(labels, bounds));
  return *slot;
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(registry_->registry.Collect());
}

const std::vector<double>& latency_bounds_seconds() {
  static const std::vector<double> bounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                             0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    100};
  return bounds;
}

}  // namespace globogym::telemetry
