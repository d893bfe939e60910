#include "base/time_zone.h"

#include <gtest/gtest.h>

#include "base/time_text.h"

namespace globogym {
namespace {

using std::chrono::year_month_day;

year_month_day day(const char* zone, const char* moment) {
  const TimeZone there(zone);
  EXPECT_TRUE(there.known()) << zone;
  return there.day_at(parse_rfc3339(moment).value());
}

year_month_day on(int year, unsigned month, unsigned day) {
  return {std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
}

TEST(TimeZone, places_ahead_and_behind_have_their_own_day) {
  EXPECT_EQ(day("Pacific/Kiritimati", "2026-11-22T09:59:59.999Z"), on(2026, 11, 22));
  EXPECT_EQ(day("Pacific/Kiritimati", "2026-11-22T10:00:00Z"), on(2026, 11, 23));
  EXPECT_EQ(day("Pacific/Pago_Pago", "2026-11-22T10:59:59.999Z"), on(2026, 11, 21));
  EXPECT_EQ(day("Pacific/Pago_Pago", "2026-11-22T11:00:00Z"), on(2026, 11, 22));
  EXPECT_EQ(day("Asia/Kathmandu", "2026-12-31T18:15:00Z"), on(2027, 1, 1)) << "quarters of an hour";
  EXPECT_EQ(day("UTC", "2026-11-22T23:59:59.999Z"), on(2026, 11, 22));
}

TEST(TimeZone, a_day_begins_where_the_clocks_say_so_in_summer_and_winter) {
  EXPECT_EQ(day("Europe/London", "2026-07-01T22:59:59Z"), on(2026, 7, 1));
  EXPECT_EQ(day("Europe/London", "2026-07-01T23:00:00Z"), on(2026, 7, 2));
  EXPECT_EQ(day("Europe/London", "2026-12-01T23:00:00Z"), on(2026, 12, 1));
  EXPECT_EQ(day("America/New_York", "2050-07-02T03:59:59Z"), on(2050, 7, 1)) << "beyond what is listed";
  EXPECT_EQ(day("America/New_York", "2050-07-02T04:00:00Z"), on(2050, 7, 2));
}

TEST(TimeZone, days_without_a_midnight_and_with_two_are_days) {
  // Clocks go from 00:00 to 01:00: the day begins at one.
  EXPECT_EQ(day("Africa/Cairo", "2026-04-23T21:59:59Z"), on(2026, 4, 23));
  EXPECT_EQ(day("Africa/Cairo", "2026-04-23T22:00:00Z"), on(2026, 4, 24));
  // Clocks go from 00:00 back to 23:00: the day before lasts an hour longer.
  EXPECT_EQ(day("Africa/Cairo", "2026-10-29T21:30:00Z"), on(2026, 10, 29));
  EXPECT_EQ(day("Africa/Cairo", "2026-10-29T22:00:00Z"), on(2026, 10, 30));
  // Samoa went without 30 December 2011.
  EXPECT_EQ(day("Pacific/Apia", "2011-12-30T09:59:59Z"), on(2011, 12, 29));
  EXPECT_EQ(day("Pacific/Apia", "2011-12-30T10:00:00Z"), on(2011, 12, 31));
}

TEST(TimeZone, moments_before_1970_and_far_ahead_have_days) {
  EXPECT_EQ(day("Europe/London", "1969-12-31T23:59:59.999Z"), on(1970, 1, 1)) << "they kept summer time all year";
  EXPECT_EQ(day("UTC", "1969-12-31T23:59:59.999Z"), on(1969, 12, 31));
  EXPECT_EQ(day("Pacific/Kiritimati", "9999-12-31T09:00:00Z"), on(9999, 12, 31));
}

TEST(TimeZone, what_is_no_place_is_not_known_and_has_the_day_of_utc) {
  for (const char* name : {"", "Nowhere", "europe/london", "Europe", "Europe/", "/Europe/London", "Europe//London",
                           "../zoneinfo/Europe/London", "/etc/localtime", "localtime", "posix/Europe/London",
                           "Fixed/UTC+05:00:00", "Europe/London ", "UTC+2", "tzdata.zi"}) {
    const TimeZone zone{std::string(name)};
    EXPECT_FALSE(zone.known()) << name;
    EXPECT_EQ(zone.day_at(parse_rfc3339("2026-11-22T23:30:00Z").value()), on(2026, 11, 22));
  }
  EXPECT_TRUE(TimeZone().known());
  EXPECT_TRUE(TimeZone("UTC").known());
  EXPECT_TRUE(TimeZone("Etc/GMT+2").known());
}

}  // namespace
}  // namespace globogym
