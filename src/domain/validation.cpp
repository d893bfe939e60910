#include "domain/validation.h"

#include <algorithm>
#include <utility>

#include "domain/email_address.h"
#include "domain/pattern.h"
#include "domain/person_name.h"

namespace globogym::domain {
namespace {

constexpr int default_minimum_age = 16;
constexpr int maximum_age = 120;
constexpr std::chrono::days latest_start{90};
constexpr std::size_t max_referral_code = 64;

constexpr Pattern phone_pattern("^\\+[1-9][0-9]{6,14}$");  // E.164
constexpr std::size_t min_phone = 8, max_phone = 16;
constexpr Pattern date_pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$");
constexpr std::size_t date_length = 10;
constexpr Pattern referral_code_pattern("^[A-Za-z0-9-]+$");

static_assert(phone_pattern.matches("+1234567") && phone_pattern.matches("+123456789012345"));
static_assert(std::string_view("+1234567").size() == min_phone &&
              std::string_view("+123456789012345").size() == max_phone);
static_assert(referral_code_pattern.matches("GYM-FRIEND") && !referral_code_pattern.matches("A B"));

// Everything that what a field holds can have wrong.
constexpr Flaw flaws[] = {
    {"firstName", "empty", "Please write a name; it is blank."},
    {"firstName", "too-long", "A name can have at most 100 characters."},
    {"firstName", "control-character", "The name holds invisible control characters; please type it again."},
    {"firstName", "invalid-character",
     "A name can have letters of any script, marks, digits, spaces, apostrophes, hyphens, dots and commas."},
    {"firstName", "no-letter", "A name needs at least one letter."},
    {"firstName", "marks", "Accents and other marks stand on a letter, at most four on one."},
    {"firstName", "link", "A name cannot read like an address or a telephone number: write a space behind a dot."},
    {"lastName", "empty", "Please write a name; it is blank."},
    {"lastName", "too-long", "A name can have at most 100 characters."},
    {"lastName", "control-character", "The name holds invisible control characters; please type it again."},
    {"lastName", "invalid-character",
     "A name can have letters of any script, marks, digits, spaces, apostrophes, hyphens, dots and commas."},
    {"lastName", "no-letter", "A name needs at least one letter."},
    {"lastName", "marks", "Accents and other marks stand on a letter, at most four on one."},
    {"lastName", "link", "A name cannot read like an address or a telephone number: write a space behind a dot."},
    {"email", "invalid",
     "Please write an e-mail address such as name@example.com; quoted names and IP addresses are not accepted."},
    {"email", "too-long", "An e-mail address can have at most 64 bytes before the @ and 254 altogether."},
    {"phone", "invalid", "Please write the number in international form: + and 7 to 15 digits, such as +442079460991."},
    {"dateOfBirth", "invalid", "Please write a date the calendar has, as YYYY-MM-DD."},
    {"dateOfBirth", "future", "A date of birth cannot be in the future."},
    {"dateOfBirth", "too-young", "The applicant is younger than the club's members may be."},
    {"dateOfBirth", "too-old", "Please check the year: members are at most 120 years old."},
    {"homeClubId", "unknown", "There is no club with this id."},
    {"plan", "unknown", "There is no plan with this id."},
    {"startDate", "invalid", "Please write a date the calendar has, as YYYY-MM-DD."},
    {"startDate", "past", "A membership can start today at the earliest, by the club's calendar."},
    {"startDate", "too-far", "A membership can start at most 90 days from today, by the club's calendar."},
    {"locale", "unsupported", "We do not write in this language yet."},
    {"termsVersion", "unknown", "There is no such version of the terms."},
    {"referralCode", "invalid", "A referral code has 1 to 64 letters A to Z, digits and hyphens."},
    {"referralCode", "too-long", "A referral code can have at most 64 characters."},
};

// A row of the table; one that is not there does not compile.
consteval const Flaw& flaw(std::string_view field, std::string_view reason) {
  for (const Flaw& one : flaws)
    if (one.field == field && one.reason == reason) return one;
  throw "the table has no such flaw";
}

struct NameFlaws {
  const Flaw &empty, &too_long, &control_character, &invalid_character, &no_letter, &marks, &link;

  static consteval NameFlaws of(std::string_view field) {
    return {flaw(field, "empty"),
            flaw(field, "too-long"),
            flaw(field, "control-character"),
            flaw(field, "invalid-character"),
            flaw(field, "no-letter"),
            flaw(field, "marks"),
            flaw(field, "link")};
  }
  const Flaw& operator[](NameFlaw found) const {
    switch (found) {
      case NameFlaw::empty:
        return empty;
      case NameFlaw::too_long:
        return too_long;
      case NameFlaw::control_character:
        return control_character;
      case NameFlaw::invalid_character:
        return invalid_character;
      case NameFlaw::no_letter:
        return no_letter;
      case NameFlaw::marks:
        return marks;
      case NameFlaw::link:
        break;
    }
    return link;
  }
};

// One run over one submission: collects what is wrong while it builds the applicant.
class Check {
 public:
  Check(const Submission& submission, const Catalogue& catalogue, WallTime now)
      : submission_(submission),
        catalogue_(catalogue),
        club_(submission.home_club_id ? catalogue.find_club(*submission.home_club_id) : nullptr),
        today_(day_at(club_, now)) {}

  std::variant<Applicant, std::vector<Problem>> run() {
    applicant_.first_name = name("firstName", submission_.first_name, NameFlaws::of("firstName"));
    applicant_.last_name = name("lastName", submission_.last_name, NameFlaws::of("lastName"));
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
  Personal<std::string> name(std::string_view field, const std::optional<std::string>& written,
                             const NameFlaws& name_flaws) {
    if (!given(field, written)) return {};
    auto name = person_name(*written);
    if (name) return Personal(std::move(*name));
    problem(name_flaws[name.error()]);
    return {};
  }

  void email() {
    if (!given("email", submission_.email)) return;
    auto address = email_address(*submission_.email);
    if (!address)
      return problem(address.error() == EmailFlaw::too_long ? flaw("email", "too-long") : flaw("email", "invalid"));
    applicant_.email = Personal(std::move(address->written));
    applicant_.normalized_email = Personal(std::move(address->normalized));
  }

  void phone() {
    if (!submission_.phone) return;
    if (!phone_pattern.matches(*submission_.phone)) return problem(flaw("phone", "invalid"));
    applicant_.phone.emplace(*submission_.phone);
  }

  void date_of_birth() {
    if (!given("dateOfBirth", submission_.date_of_birth)) return;
    const auto born = date(*submission_.date_of_birth);
    if (!born) return problem(flaw("dateOfBirth", "invalid"));
    if (*born > today_) return problem(flaw("dateOfBirth", "future"));
    const int minimum_age = club_ ? club_->minimum_age : default_minimum_age;
    const int age = age_on(*born, today_);
    if (age < minimum_age)
      return problem(flaw("dateOfBirth", "too-young"),
                     "Members of this club are at least " + std::to_string(minimum_age) + " years old.");
    if (age > maximum_age) return problem(flaw("dateOfBirth", "too-old"));
    applicant_.date_of_birth = Personal(*born);
  }

  void home_club() {
    if (!given("homeClubId", submission_.home_club_id)) return;
    if (!club_) return problem(flaw("homeClubId", "unknown"));
    applicant_.home_club_id = *submission_.home_club_id;
  }

  void plan() {
    if (!given("plan", submission_.plan)) return;
    if (!catalogue_.find_plan(*submission_.plan)) return problem(flaw("plan", "unknown"));
    applicant_.plan = *submission_.plan;
  }

  void start_date() {
    if (!submission_.start_date) return;
    const auto start = date(*submission_.start_date);
    if (!start) return problem(flaw("startDate", "invalid"));
    if (*start < today_) return problem(flaw("startDate", "past"));
    if (std::chrono::sys_days(*start) > std::chrono::sys_days(today_) + latest_start)
      return problem(flaw("startDate", "too-far"));
    applicant_.start_date = *start;
  }

  void locale() {
    if (!submission_.locale) return;
    if (std::ranges::find(catalogue_.locales, *submission_.locale) == catalogue_.locales.end())
      return problem(flaw("locale", "unsupported"));
    applicant_.locale = *submission_.locale;
  }

  void terms_version() {
    if (!submission_.terms_version) return;
    if (std::ranges::find(catalogue_.terms_versions, *submission_.terms_version) == catalogue_.terms_versions.end())
      return problem(flaw("termsVersion", "unknown"));
    applicant_.terms_version = *submission_.terms_version;
  }

  void referral_code() {
    if (!submission_.referral_code) return;
    if (!referral_code_pattern.matches(*submission_.referral_code)) return problem(flaw("referralCode", "invalid"));
    if (submission_.referral_code->size() > max_referral_code) return problem(flaw("referralCode", "too-long"));
    applicant_.referral_code = *submission_.referral_code;
  }

  static std::optional<Date> date(std::string_view text) {
    return date_pattern.matches(text) ? parse_date(text) : std::nullopt;
  }

  bool given(std::string_view field, const std::optional<std::string>& written) {
    if (!written)
      problems_.push_back(
          {.pointer = std::string(1, '/').append(field), .code = "required", .detail = "This field is required."});
    return written.has_value();
  }

  void problem(const Flaw& found) { problem(found, std::string(found.detail)); }

  void problem(const Flaw& found, std::string detail) {
    problems_.push_back({.pointer = std::string(1, '/').append(found.field),
                         .code = std::string(found.field).append(1, '.').append(found.reason),
                         .detail = std::move(detail)});
  }

  const Submission& submission_;
  const Catalogue& catalogue_;
  const Club* const club_;  // null: none is given, or none of this id
  const Date today_;
  Applicant applicant_;
  std::vector<Problem> problems_;
};

}  // namespace

std::variant<Applicant, std::vector<Problem>> validate(const Submission& submission, const Catalogue& catalogue,
                                                       WallTime now) {
  return Check(submission, catalogue, now).run();
}

const std::vector<FieldRule>& field_rules() {
  static const std::vector<FieldRule> rules = [] {
    std::vector<FieldRule> all = {
        {.name = "firstName",
         .required = true,
         .min_length = 1,
         .max_length = max_name_length,
         .pattern = person_name_pattern(),
         .portable_pattern = portable_name_pattern(),
         .description =
             "Given name, in any script. Counted without white space around it and composed (Unicode NFC); a "
             "space stands behind a dot, unless initials do.",
         .example = "Ada",
         .text = &Submission::first_name},
        {.name = "lastName",
         .required = true,
         .min_length = 1,
         .max_length = max_name_length,
         .pattern = person_name_pattern(),
         .portable_pattern = portable_name_pattern(),
         .description =
             "Family name, in any script. Counted without white space around it and composed (Unicode NFC); a "
             "space stands behind a dot, unless initials do.",
         .example = "Lovelace",
         .text = &Submission::last_name},
        {.name = "email",
         .required = true,
         .min_length = min_address_length,
         .max_length = max_address_octets,
         .pattern = email_address_pattern(),
         .portable_pattern = portable_address_pattern(),
         .description =
             "E-mail address. One address is one member; the welcome letter goes there. Without white space around it "
             "at most 64 bytes of UTF-8 before the @ and 254 altogether, also with an international domain in its "
             "ASCII "
             "form; such a domain must be one that IDNA (UTS 46) takes.",
         .example = "ada@example.com",
         .text = &Submission::email},
        {.name = "phone",
         .min_length = min_phone,
         .max_length = max_phone,
         .pattern = std::string(phone_pattern.text()),
         .description = "Phone number in international form (E.164).",
         .example = "+442079460991",
         .text = &Submission::phone},
        {.name = "dateOfBirth",
         .required = true,
         .min_length = date_length,
         .max_length = date_length,
         .pattern = std::string(date_pattern.text()),
         .description =
             "Date of birth, YYYY-MM-DD. On the day of the sign-up (at the club) the applicant is at least as old as "
             "the club asks for (16 unless it says otherwise) and at most 120.",
         .example = "1990-12-10",
         .text = &Submission::date_of_birth},
        {.name = "homeClubId",
         .required = true,
         .description = "Id of the club to join.",
         .example = "london-shoreditch",
         .text = &Submission::home_club_id},
        {.name = "plan",
         .required = true,
         .description = "Id of the membership plan.",
         .example = "premium-annual",
         .text = &Submission::plan},
        {.name = "startDate",
         .min_length = date_length,
         .max_length = date_length,
         .pattern = std::string(date_pattern.text()),
         .description = "First day of the membership, YYYY-MM-DD: today (at the club) to 90 days from today.",
         .example = "2026-12-01",
         .text = &Submission::start_date},
        {.name = "locale",
         .description = "Language of our letters; en-GB unless given.",
         .example = "en-GB",
         .text = &Submission::locale},
        {.name = "marketingConsent",
         .boolean = true,
         .description = "Whether we may send news and offers; false unless given.",
         .example = "false"},
        {.name = "termsVersion",
         .description = "Version of the terms the applicant agreed to.",
         .example = "2026-01",
         .text = &Submission::terms_version},
        {.name = "referralCode",
         .min_length = 1,
         .max_length = max_referral_code,
         .pattern = std::string(referral_code_pattern.text()),
         .description = "Code of the friend or campaign that sent the applicant.",
         .example = "GYM-FRIEND",
         .text = &Submission::referral_code},
    };
    for (FieldRule& rule : all)
      if (rule.portable_pattern.empty()) rule.portable_pattern = rule.pattern;
    for (const Flaw& one : flaws) std::ranges::find(all, one.field, &FieldRule::name)->flaws.push_back(one);
    return all;
  }();
  return rules;
}

}  // namespace globogym::domain
