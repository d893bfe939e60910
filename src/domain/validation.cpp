#include "domain/validation.h"

#include <algorithm>
#include <utility>

#include "domain/email_address.h"
#include "domain/person_name.h"

namespace globogym::domain {
namespace {

constexpr int default_minimum_age = 16;
constexpr int maximum_age = 120;
constexpr std::chrono::days latest_start{90};
constexpr std::size_t max_referral_code = 64;
constexpr int max_phone_digits = 15;
constexpr int min_phone_digits = 7;

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// E.164: a plus, and 7–15 digits of which the first is not 0.
constexpr bool is_phone(std::string_view text) {
  if (text.size() < 1 + min_phone_digits || text.size() > 1 + max_phone_digits) return false;
  return text[0] == '+' && text[1] != '0' && std::ranges::all_of(text.substr(1), is_digit);
}
static_assert(is_phone("+1234567") && is_phone("+123456789012345"));
static_assert(!is_phone("+123456") && !is_phone("+1234567890123456") && !is_phone("+0234567") &&
              !is_phone("442079460"));

constexpr bool is_referral_code(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}
static_assert(is_referral_code("GYM-FRIEND") && !is_referral_code("") && !is_referral_code("A B"));

// One run over one submission: collects what is wrong while it builds the applicant.
class Check {
 public:
  Check(const Submission& submission, const Catalogue& catalogue, Date today)
      : submission_(submission), catalogue_(catalogue), today_(today) {}

  std::variant<Applicant, std::vector<Problem>> run() {
    applicant_.first_name = name("firstName", submission_.first_name);
    applicant_.last_name = name("lastName", submission_.last_name);
    email();
    phone();
    date_of_birth();
    home_club();
    plan();
    start_date();
    locale();
    applicant_.marketing_consent = submission_.marketing_consent.value_or(false);
    terms_version();
    referral_code();
    if (!problems_.empty()) return std::move(problems_);
    return std::move(applicant_);
  }

 private:
  Personal<std::string> name(std::string_view field, const std::optional<std::string>& written) {
    if (!given(field, written)) return {};
    auto name = person_name(*written);
    if (name) return Personal(std::move(*name));
    switch (name.error()) {
      case NameFlaw::empty:
        problem(field, "empty", "Please write a name; it is blank.");
        break;
      case NameFlaw::too_long:
        problem(field, "too-long", "A name can have at most 100 characters.");
        break;
      case NameFlaw::control_character:
        problem(field, "control-character", "The name holds invisible control characters; please type it again.");
        break;
      case NameFlaw::invalid_character:
        problem(field, "invalid-character",
                "A name can have letters of any script, marks, digits, spaces, apostrophes, hyphens, dots and commas.");
        break;
      case NameFlaw::no_letter:
        problem(field, "no-letter", "A name needs at least one letter.");
        break;
    }
    return {};
  }

  void email() {
    if (!given("email", submission_.email)) return;
    auto address = email_address(*submission_.email);
    if (address) {
      applicant_.email = Personal(std::move(address->written));
      applicant_.normalized_email = Personal(std::move(address->normalized));
    } else if (address.error() == EmailFlaw::too_long) {
      problem("email", "too-long", "An e-mail address can have at most 64 bytes before the @ and 254 altogether.");
    } else {
      problem(
          "email", "invalid",
          "Please write an e-mail address such as name@example.com; quoted names and IP addresses are not accepted.");
    }
  }

  void phone() {
    if (!submission_.phone) return;
    if (!is_phone(*submission_.phone))
      return problem("phone", "invalid",
                     "Please write the number in international form: + and 7 to 15 digits, such as +442079460991.");
    applicant_.phone.emplace(*submission_.phone);
  }

  void date_of_birth() {
    constexpr std::string_view field = "dateOfBirth";
    if (!given(field, submission_.date_of_birth)) return;
    const auto born = parse_date(*submission_.date_of_birth);
    if (!born) return problem(field, "invalid", "Please write a date the calendar has, as YYYY-MM-DD.");
    if (*born > today_) return problem(field, "future", "A date of birth cannot be in the future.");
    const Club* club = submission_.home_club_id ? catalogue_.find_club(*submission_.home_club_id) : nullptr;
    const int minimum_age = club ? club->minimum_age : default_minimum_age;
    const int age = age_on(*born, today_);
    if (age < minimum_age)
      return problem(field, "too-young",
                     "Members of this club are at least " + std::to_string(minimum_age) + " years old.");
    if (age > maximum_age)
      return problem(field, "too-old", "Please check the year: members are at most 120 years old.");
    applicant_.date_of_birth = Personal(*born);
  }

  void home_club() {
    if (!given("homeClubId", submission_.home_club_id)) return;
    if (!catalogue_.find_club(*submission_.home_club_id))
      return problem("homeClubId", "unknown", "There is no club with this id.");
    applicant_.home_club_id = *submission_.home_club_id;
  }

  void plan() {
    if (!given("plan", submission_.plan)) return;
    if (!catalogue_.find_plan(*submission_.plan)) return problem("plan", "unknown", "There is no plan with this id.");
    applicant_.plan = *submission_.plan;
  }

  void start_date() {
    if (!submission_.start_date) return;
    constexpr std::string_view field = "startDate";
    const auto start = parse_date(*submission_.start_date);
    if (!start) return problem(field, "invalid", "Please write a date the calendar has, as YYYY-MM-DD.");
    if (*start < today_) return problem(field, "past", "A membership can start today at the earliest.");
    if (std::chrono::sys_days(*start) > std::chrono::sys_days(today_) + latest_start)
      return problem(field, "too-far", "A membership can start at most 90 days from today.");
    applicant_.start_date = *start;
  }

  void locale() {
    if (!submission_.locale) return;
    if (std::ranges::find(catalogue_.locales, *submission_.locale) == catalogue_.locales.end())
      return problem("locale", "unsupported", "We do not write in this language yet.");
    applicant_.locale = *submission_.locale;
  }

  void terms_version() {
    if (!submission_.terms_version) return;
    if (std::ranges::find(catalogue_.terms_versions, *submission_.terms_version) == catalogue_.terms_versions.end())
      return problem("termsVersion", "unknown", "There is no such version of the terms.");
    applicant_.terms_version = *submission_.terms_version;
  }

  void referral_code() {
    if (!submission_.referral_code) return;
    constexpr std::string_view field = "referralCode";
    if (!is_referral_code(*submission_.referral_code))
      return problem(field, "invalid", "A referral code has 1 to 64 letters A to Z, digits and hyphens.");
    if (submission_.referral_code->size() > max_referral_code)
      return problem(field, "too-long", "A referral code can have at most 64 characters.");
    applicant_.referral_code = *submission_.referral_code;
  }

  bool given(std::string_view field, const std::optional<std::string>& written) {
    if (!written) problem_as_coded(field, "required", "This field is required.");
    return written.has_value();
  }

  void problem(std::string_view field, std::string_view reason, std::string detail) {
    problem_as_coded(field, std::string(field).append(1, '.').append(reason), std::move(detail));
  }

  void problem_as_coded(std::string_view field, std::string code, std::string detail) {
    problems_.push_back(
        {.pointer = std::string(1, '/').append(field), .code = std::move(code), .detail = std::move(detail)});
  }

  const Submission& submission_;
  const Catalogue& catalogue_;
  const Date today_;
  Applicant applicant_;
  std::vector<Problem> problems_;
};

}  // namespace

std::variant<Applicant, std::vector<Problem>> validate(const Submission& submission, const Catalogue& catalogue,
                                                       Date today) {
  return Check(submission, catalogue, today).run();
}

const std::vector<FieldRule>& field_rules() {
  static const std::vector<FieldRule> rules = {
      {"firstName", true, false, max_name_length, "Given name, in any script.", "Ada", &Submission::first_name},
      {"lastName", true, false, max_name_length, "Family name, in any script.", "Lovelace", &Submission::last_name},
      {"email", true, false, max_address_octets,
       "E-mail address (at most 254 bytes). One address is one member; the welcome letter goes there.",
       "ada@example.com", &Submission::email},
      {"phone", false, false, 1 + max_phone_digits, "Phone number in international form (E.164).", "+442079460991",
       &Submission::phone},
      {"dateOfBirth", true, false, 10,
       "Date of birth, YYYY-MM-DD. The club's minimum age (16 unless it says otherwise) to 120 years.", "1990-12-10",
       &Submission::date_of_birth},
      {"homeClubId", true, false, 0, "Id of the club to join.", "london-shoreditch", &Submission::home_club_id},
      {"plan", true, false, 0, "Id of the membership plan.", "premium-annual", &Submission::plan},
      {"startDate", false, false, 10, "First day of the membership, YYYY-MM-DD: today (UTC) to 90 days from today.",
       "2026-12-01", &Submission::start_date},
      {"locale", false, false, 0, "Language of our letters; en-GB unless given.", "en-GB", &Submission::locale},
      {"marketingConsent", false, true, 0, "Whether we may send news and offers; false unless given.", "false",
       nullptr},
      {"termsVersion", false, false, 0, "Version of the terms the applicant agreed to.", "2026-01",
       &Submission::terms_version},
      {"referralCode", false, false, max_referral_code, "Code of the friend or campaign that sent the applicant.",
       "GYM-FRIEND", &Submission::referral_code},
  };
  return rules;
}

}  // namespace globogym::domain
