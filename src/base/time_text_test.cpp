#include "base/time_text.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace globogym {
namespace {

using namespace std::chrono;

TEST(TimeText, writes_known_moments) {
  EXPECT_EQ(rfc3339(WallTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(WallTime(seconds(951'782'399))), "2000-02-28T23:59:59.000Z");
  EXPECT_EQ(rfc3339(WallTime(seconds(951'782'400))), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(rfc3339(WallTime(seconds(1'234'567'890)) + milliseconds(123)), "2009-02-13T23:31:30.123Z");
  EXPECT_EQ(rfc3339(WallTime(seconds(253'402'300'799)) + milliseconds(999)), "9999-12-31T23:59:59.999Z");
}

TEST(TimeText, rounds_down_to_milliseconds_also_before_1970) {
  EXPECT_EQ(rfc3339(WallTime(microseconds(1999))), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(rfc3339(WallTime(microseconds(-1))), "1969-12-31T23:59:59.999Z");
}

TEST(TimeText, appends_to_what_is_there) {
  std::string out = "at ";
  append_rfc3339(out, WallTime{});
  EXPECT_EQ(out, "at 1970-01-01T00:00:00.000Z");
}

TEST(TimeText, reads_fractions_of_none_to_six_digits) {
  const WallTime second(seconds(1'234'567'890));
  EXPECT_EQ(parse_rfc3339("2009-02-13T23:31:30Z"), second);
  EXPECT_EQ(parse_rfc3339("2009-02-13T23:31:30.5Z"), second + milliseconds(500));
  EXPECT_EQ(parse_rfc3339("2009-02-13T23:31:30.12Z"), second + milliseconds(120));
  EXPECT_EQ(parse_rfc3339("2009-02-13T23:31:30.123Z"), second + milliseconds(123));
  EXPECT_EQ(parse_rfc3339("2009-02-13T23:31:30.123456Z"), second + microseconds(123456));
}

TEST(TimeText, reads_nothing_else) {
  for (const char* bad : {"",
                          "Z",
                          "2009-02-13",
                          "2009-02-13T23:31:30",
                          "2009-02-13T23:31:30+00:00",
                          "2009-02-13t23:31:30Z",
                          "2009-02-13 23:31:30Z",
                          "2009-02-13T23:31:30z",
                          "2009-02-13T23:31:30.Z",
                          "2009-02-13T23:31:30.1234567Z",
                          "2009-02-13T23:31:30,123Z",
                          "2009-02-30T23:31:30Z",
                          "2009-13-13T23:31:30Z",
                          "2009-00-13T23:31:30Z",
                          "2009-02-13T24:00:00Z",
                          "2009-02-13T23:60:30Z",
                          "2009-02-13T23:59:60Z",
                          "2009-02-1aT23:31:30Z",
                          "-009-02-13T23:31:30Z",
                          "2009-02-13T23:31:3 Z",
                          "2009-02-13T23:31:30.-12Z",
                          " 2009-02-13T23:31:30Z"})
    EXPECT_FALSE(parse_rfc3339(bad).has_value()) << bad;
}

TEST(TimeText, reads_what_it_writes) {
  SeededRandom random(3);
  const auto last = static_cast<std::uint64_t>(253'402'300'799'999);
  for (int i = 0; i < 10000; ++i) {
    const WallTime time(milliseconds(static_cast<std::int64_t>(random.below(last))));
    EXPECT_EQ(parse_rfc3339(rfc3339(time)), time) << rfc3339(time);
  }
}

}  // namespace
}  // namespace globogym
