#include "telemetry/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace globogym::log {
namespace {

std::ptrdiff_t lines_of(const std::string& text) {
  return std::ranges::count(text, '\n');
}

TEST(Log, a_flood_of_one_event_is_cut_short) {
  testing::internal::CaptureStderr();

  for (int i = 0; i < 1000; ++i) info("test-flood");
  const std::string written = testing::internal::GetCapturedStderr();

  EXPECT_GE(lines_of(written), 20);
  EXPECT_LT(lines_of(written), 200);
}

TEST(Log, what_was_left_out_of_a_flood_is_told_afterwards) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < 1000; ++i) info("test-left-out");
  std::string written = testing::internal::GetCapturedStderr();
  ASSERT_LT(lines_of(written), 1000);

  // The next second's first line tells; which one that is, is the clock's.
  testing::internal::CaptureStderr();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::ptrdiff_t before = 0;
  while (written.find("\"leftOut\":") == std::string::npos && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    info("test-left-out");
    written += testing::internal::GetCapturedStderr();
    testing::internal::CaptureStderr();
    ++before;
  }
  testing::internal::GetCapturedStderr();

  EXPECT_NE(written.find("\"leftOut\":"), std::string::npos) << before << " more lines";
}

TEST(Log, a_line_is_written_from_its_level_on) {
  const Level before = level();
  set_level(Level::warning);
  testing::internal::CaptureStderr();

  info("test-below");
  warning("test-at");
  error("test-above");
  const std::string written = testing::internal::GetCapturedStderr();
  set_level(before);

  EXPECT_EQ(written.find("test-below"), std::string::npos);
  EXPECT_NE(written.find("\"level\":\"warning\",\"event\":\"test-at\""), std::string::npos) << written;
  EXPECT_NE(written.find("\"level\":\"error\",\"event\":\"test-above\""), std::string::npos) << written;
}

TEST(Log, what_somebody_did_is_written_every_time_at_any_level) {
  const Level before = level();
  set_level(Level::error);
  testing::internal::CaptureStderr();

  for (int i = 0; i < 1000; ++i) audit("test-deed", {{"by", "a-key"}});
  info("test-silence");
  const std::string written = testing::internal::GetCapturedStderr();
  set_level(before);

  EXPECT_EQ(lines_of(written), 1000);
  EXPECT_NE(written.find(R"("level":"audit","event":"test-deed","by":"a-key")"), std::string::npos);
}

}  // namespace
}  // namespace globogym::log
