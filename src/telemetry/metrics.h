// Metrics: counters, gauges and histograms, read as Prometheus text.
//
// Labels are fixed, few and never personal. Creating one locks; keep the reference, which lives as long as the
// registry. Updating is thread-safe and costs tens of nanoseconds.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace globogym::telemetry {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double amount = 1) = 0;
  virtual double value() const = 0;
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  virtual double value() const = 0;
};

class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  // `name` follows Prometheus' conventions: globogym_…_total, …_seconds, …_bytes. Asking twice gives the same one.
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // `bounds` ascending, in the unit the name says.
  Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                       const Labels& labels = {});
  // The text exposition format, version 0.0.4.
  std::string text() const;

 private:
  struct Registry;
  std::unique_ptr<Registry> registry_;
};

// 100 µs to 100 s, about three a decade: fits accepts and mails alike.
const std::vector<double>& latency_bounds_seconds();

}  // namespace globogym::telemetry
