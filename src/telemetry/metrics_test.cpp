#include "telemetry/metrics.h"

#include <gtest/gtest.h>

namespace globogym::telemetry {
namespace {

TEST(Metrics, a_set_of_labels_is_a_counter_of_its_own) {
  Metrics metrics;

  metrics.counter("test_total", "Test.", {{"kind", "a"}}).add();
  metrics.counter("test_total", "Test.", {{"kind", "b"}}).add(2);
  metrics.counter("test_total", "Test.", {{"kind", "a"}}).add();

  EXPECT_EQ(metrics.counter("test_total", "Test.", {{"kind", "a"}}).value(), 2);
  EXPECT_EQ(metrics.counter("test_total", "Test.", {{"kind", "b"}}).value(), 2);
  const std::string text = metrics.text();
  EXPECT_NE(text.find("test_total{kind=\"a\"} 2"), std::string::npos) << text;
  EXPECT_NE(text.find("test_total{kind=\"b\"} 2"), std::string::npos) << text;
}

TEST(Metrics, a_set_of_labels_is_a_gauge_and_a_histogram_of_its_own) {
  Metrics metrics;

  metrics.gauge("test_now", "Test.", {{"kind", "a"}}).set(5);
  metrics.gauge("test_now", "Test.", {{"kind", "b"}}).set(7);
  metrics.histogram("test_seconds", "Test.", {1, 10}, {{"kind", "a"}}).observe(0.5);
  metrics.histogram("test_seconds", "Test.", {1, 10}, {{"kind", "b"}}).observe(5);

  EXPECT_EQ(metrics.gauge("test_now", "Test.", {{"kind", "a"}}).value(), 5);
  const std::string text = metrics.text();
  EXPECT_NE(text.find("test_now{kind=\"b\"} 7"), std::string::npos) << text;
  EXPECT_NE(text.find("test_seconds_bucket{kind=\"a\",le=\"1\"} 1"), std::string::npos) << text;
  EXPECT_NE(text.find("test_seconds_bucket{kind=\"b\",le=\"1\"} 0"), std::string::npos) << text;
  EXPECT_NE(text.find("test_seconds_bucket{kind=\"b\",le=\"10\"} 1"), std::string::npos) << text;
}

}  // namespace
}  // namespace globogym::telemetry
