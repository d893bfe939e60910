// Calendar dates as the contract writes them: YYYY-MM-DD, years 0000 to 9999.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace globogym::domain {

using Date = std::chrono::year_month_day;

// Exactly ten characters that name a day the calendar has; nullopt otherwise.
constexpr std::optional<Date> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  int value[3] = {0, 0, 0};
  int part = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 4 || i == 7) {
      ++part;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value[part] = value[part] * 10 + (text[i] - '0');
  }
  const Date date{std::chrono::year{value[0]}, std::chrono::month{static_cast<unsigned>(value[1])},
                  std::chrono::day{static_cast<unsigned>(value[2])}};
  if (!date.ok()) return std::nullopt;
  return date;
}

// Whole years lived on `today`. Somebody born on 29 February grows older on 1 March of common years.
constexpr int age_on(Date born, Date today) {
  const int years = static_cast<int>(today.year()) - static_cast<int>(born.year());
  const bool birthday_to_come =
      today.month() < born.month() || (today.month() == born.month() && today.day() < born.day());
  return birthday_to_come ? years - 1 : years;
}

std::string iso_date(Date date);

// The middle of the day in UTC: the same day at most places there are.
constexpr std::chrono::sys_time<std::chrono::microseconds> noon(Date date) {
  return std::chrono::sys_days(date) + std::chrono::hours(12);
}

static_assert(parse_date("2024-02-29").has_value() && !parse_date("2023-02-29").has_value());
static_assert(!parse_date("2024-2-29") && !parse_date("2024-02-30") && !parse_date("2024-00-10"));
static_assert(age_on(*parse_date("2008-02-29"), *parse_date("2026-02-28")) == 17);
static_assert(age_on(*parse_date("2008-02-29"), *parse_date("2026-03-01")) == 18);

}  // namespace globogym::domain
