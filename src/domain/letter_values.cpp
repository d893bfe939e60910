#include "domain/letter_values.h"

#include <array>
#include <optional>
#include <string_view>

#include "base/time_text.h"

namespace globogym::domain {
namespace {

struct Field {
  const char* name;
  std::string LetterValues::* value;
  bool required = false;
};
constexpr std::array<Field, 9> fields = {{{"locale", &LetterValues::locale, true},
                                          {"number", &LetterValues::number, true},
                                          {"club", &LetterValues::club},
                                          {"clubAddress", &LetterValues::club_address},
                                          {"clubHours", &LetterValues::club_hours},
                                          {"plan", &LetterValues::plan},
                                          {"planPrice", &LetterValues::plan_price},
                                          {"planTerm", &LetterValues::plan_term},
                                          {"firstDay", &LetterValues::first_day}}};

// The member's text; empty when it is absent or null.
std::optional<std::string_view> text_of(const JsonValue& json, std::string_view name) {
  const auto found = json.find(name);
  if (!found || found->is_null()) return "";
  return found->string();
}

}  // namespace

void write(JsonWriter& json, const KeptLetter& letter) {
  json.object().member("layout", letter.layout).member("date", letter.date);
  const std::string& name = letter.says.first_name.reveal();
  if (!name.empty()) json.member("firstName", name);
  for (const auto& field : fields)
    if (const std::string& value = letter.says.*field.value; field.required || !value.empty())
      json.member(field.name, value);
  json.end();
}

KeptLetter read_kept_letter(const JsonValue& json, const char*& wrong) {
  const auto text = [&](const char* name, bool required) {
    const auto found = text_of(json, name);
    if ((!found || (required && found->empty())) && !wrong) wrong = name;
    return std::string(found.value_or(""));
  };
  KeptLetter letter;
  letter.layout = text("layout", true);
  const auto date = parse_rfc3339(text("date", true));
  if (!date && !wrong) wrong = "date";
  letter.date = std::chrono::floor<std::chrono::milliseconds>(date.value_or(WallTime{}));
  letter.says.first_name = Personal(text("firstName", false));
  for (const auto& field : fields) letter.says.*field.value = text(field.name, field.required);
  return letter;
}

}  // namespace globogym::domain
