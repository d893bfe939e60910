#include "telemetry/log.h"

#include <gtest/gtest.h>

#include <algorithm>

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
