#include "base/time_text.h"

namespace globogym {
namespace {

void digits(char* at, unsigned value, int count) {
  for (int i = count - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

void append_rfc3339(std::string& out, WallTime time) {
  using namespace std::chrono;
  auto day = floor<days>(time);
  year_month_day date{day};
  hh_mm_ss<microseconds> clock{time - day};
  char text[] = "0000-00-00T00:00:00.000Z";
  digits(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  digits(text + 5, static_cast<unsigned>(date.month()), 2);
  digits(text + 8, static_cast<unsigned>(date.day()), 2);
  digits(text + 11, static_cast<unsigned>(clock.hours().count()), 2);
  digits(text + 14, static_cast<unsigned>(clock.minutes().count()), 2);
  digits(text + 17, static_cast<unsigned>(clock.seconds().count()), 2);
  digits(text + 20, static_cast<unsigned>(clock.subseconds().count() / 1000), 3);
  out.append(text, 24);
}

std::string rfc3339(WallTime time) {
  std::string out;
  append_rfc3339(out, time);
  return out;
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  if (text.size() < 20 || text.size() > 27 || text.back() != 'Z') return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':') return std::nullopt;
  auto y = number(text.substr(0, 4)), mo = number(text.substr(5, 2)), d = number(text.substr(8, 2));
  auto h = number(text.substr(11, 2)), mi = number(text.substr(14, 2)), s = number(text.substr(17, 2));
  if (!y || !mo || !d || !h || !mi || !s || *h > 23 || *mi > 59 || *s > 59) return std::nullopt;
  year_month_day date{year{*y}, month{static_cast<unsigned>(*mo)}, day{static_cast<unsigned>(*d)}};
  if (!date.ok()) return std::nullopt;
  int micros = 0;
  if (text.size() > 20) {
    if (text[19] != '.' || text.size() == 21) return std::nullopt;
    auto fraction = text.substr(20, text.size() - 21);
    auto value = number(fraction);
    if (!value) return std::nullopt;
    micros = *value;
    for (auto i = fraction.size(); i < 6; ++i) micros *= 10;
  }
  return WallTime{sys_days{date}} + hours{*h} + minutes{*mi} + seconds{*s} + microseconds{micros};
}

}  // namespace globogym
