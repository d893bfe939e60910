#include "app/cli/moment.h"

#include <gtest/gtest.h>

#include "base/time_text.h"

namespace globogym::app::cli {
namespace {

TEST(Moment, is_so_long_ago_a_day_or_a_time) {
  const WallTime now = *parse_rfc3339("2026-11-27T08:00:00Z");
  const auto read = [&](const std::string& text) { return rfc3339(moment("--since", text, now).value()); };

  EXPECT_EQ(read("24h"), "2026-11-26T08:00:00.000Z");
  EXPECT_EQ(read("7d"), "2026-11-20T08:00:00.000Z");
  EXPECT_EQ(read("2026-11-01"), "2026-11-01T00:00:00.000Z");
  EXPECT_EQ(read("2026-11-01T07:30:00Z"), "2026-11-01T07:30:00.000Z");
  EXPECT_EQ(read("100000000d"), "1970-01-01T00:00:00.000Z") << "as long ago as can be written";
  for (const auto* text : {"", "yesterday", "7", "2026-13-01", "2026-11-27T08:00:00", "27.11.2026", "-7d"}) {
    const auto none = moment("--until", text, now);
    ASSERT_FALSE(none) << text;
    EXPECT_EQ(none.error().message, "--until must be 24h, 7d, 2026-11-27 or 2026-11-27T08:00:00Z (UTC)");
  }
}

}  // namespace
}  // namespace globogym::app::cli
