#include "domain/long_date.h"

#include <algorithm>
#include <array>

namespace globogym::domain {
namespace {

struct Calendar {
  std::string_view locale;
  std::string_view date;            // {1} day, {2} month, {3} year
  std::string_view first_of_month;  // how the day 1 is written
  std::array<std::string_view, 12> months;
};

constexpr std::array<std::string_view, 12> english_months = {"January",   "February", "March",    "April",
                                                             "May",       "June",     "July",     "August",
                                                             "September", "October",  "November", "December"};

constexpr std::array<Calendar, 5> calendars = {
    Calendar{"en-GB", "{1} {2} {3}", "1", english_months},
    Calendar{"en-US", "{2} {1}, {3}", "1", english_months},
    Calendar{"de-DE",
             "{1}. {2} {3}",
             "1",
             {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
              "Dezember"}},
    Calendar{"fr-FR",
             "{1} {2} {3}",
             "1er",
             {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
              "novembre", "décembre"}},
    Calendar{"es-ES",
             "{1} de {2} de {3}",
             "1",
             {"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
              "noviembre", "diciembre"}},
};

}  // namespace

std::string long_date(Date date, std::string_view locale) {
  if (!date.ok()) return {};
  const auto found = std::ranges::find(calendars, locale, &Calendar::locale);
  const Calendar& calendar = found == calendars.end() ? calendars.front() : *found;
  const auto day = static_cast<unsigned>(date.day());
  std::string out;
  for (std::size_t i = 0; i < calendar.date.size(); ++i) {
    if (calendar.date[i] != '{') {
      out += calendar.date[i];
      continue;
    }
    const char slot = calendar.date[i + 1];
    i += 2;
    if (slot == '1')
      out += day == 1 ? std::string(calendar.first_of_month) : std::to_string(day);
    else if (slot == '2')
      out += calendar.months[static_cast<unsigned>(date.month()) - 1];
    else
      out += std::to_string(static_cast<int>(date.year()));
  }
  return out;
}

}  // namespace globogym::domain
