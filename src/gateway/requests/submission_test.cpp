#include "gateway/requests/submission.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "domain/date.h"

namespace globogym::gateway {
namespace {

const domain::Catalogue catalogue = domain::sample_catalogue();
const domain::Date today = *domain::parse_date("2026-11-22");

const std::string minimal =
    R"("firstName":"Ada","lastName":"Lovelace","email":"ada@example.com","dateOfBirth":"1990-12-10",)"
    R"("homeClubId":"london-shoreditch","plan":"premium-annual")";

std::vector<std::string> problems_of(std::string_view body) {
  auto reading = read_submission(body, catalogue, domain::noon(today));
  std::vector<std::string> out;
  if (auto* problems = std::get_if<std::vector<domain::Problem>>(&reading)) {
    EXPECT_FALSE(problems->empty());
    for (const auto& problem : *problems) {
      EXPECT_FALSE(problem.detail.empty());
      out.push_back(problem.pointer + " " + problem.code);
    }
  }
  return out;
}

std::string not_json_because(std::string_view body) {
  auto reading = read_submission(body, catalogue, domain::noon(today));
  auto* not_json = std::get_if<NotJson>(&reading);
  return not_json ? not_json->problem.code : "it was JSON";
}

TEST(Submission, a_whole_application_becomes_an_applicant) {
  const std::string body = "{" + minimal + R"(,"marketingConsent":true,"startDate":"2026-12-01"})";

  auto reading = read_submission(body, catalogue, domain::noon(today));

  auto* applicant = std::get_if<domain::Applicant>(&reading);
  ASSERT_NE(applicant, nullptr);
  EXPECT_EQ(applicant->first_name.reveal(), "Ada");
  EXPECT_EQ(applicant->email.reveal(), "ada@example.com");
  EXPECT_TRUE(applicant->marketing_consent);
  EXPECT_EQ(applicant->start_date, domain::parse_date("2026-12-01"));
}

TEST(Submission, fields_may_come_in_any_order_and_with_escapes) {
  const std::string body = R"({"plan":"premium-annual","homeClubId":"london-shoreditch","dateOfBirth":"1990-12-10",)"
                           R"("email":"ada@example.com","lastName":"Lovelace","firstName":"\u0041da"})";

  auto reading = read_submission(body, catalogue, domain::noon(today));

  auto* applicant = std::get_if<domain::Applicant>(&reading);
  ASSERT_NE(applicant, nullptr);
  EXPECT_EQ(applicant->first_name.reveal(), "Ada");
}

TEST(Submission, an_empty_object_lacks_every_required_field_at_once) {
  EXPECT_EQ(problems_of("{}"),
            (std::vector<std::string>{"/firstName required", "/lastName required", "/email required",
                                      "/dateOfBirth required", "/homeClubId required", "/plan required"}));
}

TEST(Submission, unknown_repeated_and_wrongly_typed_fields_are_reported_together_with_what_the_domain_finds) {
  const std::string body =
      R"({"firstName":7,"lastName":"Lovelace","lastName":"Byron","email":"nonsense","dateOfBirth":"1990-12-10",)"
      R"("homeClubId":"london-shoreditch","plan":"premium-annual","marketingConsent":"yes","nickname":"A"})";

  EXPECT_EQ(problems_of(body),
            (std::vector<std::string>{"/firstName type", "/lastName lastName.duplicate", "/marketingConsent type",
                                      "/nickname unknown", "/email email.invalid"}));
}

TEST(Submission, a_field_repeated_many_times_is_reported_once) {
  EXPECT_EQ(problems_of("{" + minimal + R"(,"plan":"a","plan":"b","plan":1})"),
            (std::vector<std::string>{"/plan plan.duplicate"}));
}

TEST(Submission, a_repeated_field_is_found_whatever_the_escapes_in_its_name) {
  EXPECT_EQ(problems_of("{" + minimal + R"(,"pl\u0061n":"premium-annual"})"),
            (std::vector<std::string>{"/plan plan.duplicate"}));
}

TEST(Submission, an_unknown_field_stays_unknown_however_often_it_is_there) {
  EXPECT_EQ(problems_of("{" + minimal + R"(,"nickname":"A","nickname":"B"})"),
            (std::vector<std::string>{"/nickname unknown", "/nickname unknown"}));
}

TEST(Submission, every_field_that_can_be_written_twice_says_which_it_is) {
  for (const auto& rule : domain::field_rules()) {
    const std::string name(rule.name), twice = "\"" + name + "\":7,\"" + name + "\":7";
    const auto problems = problems_of("{" + twice + "}");
    EXPECT_NE(std::ranges::find(problems, "/" + name + " " + name + ".duplicate"), problems.end()) << name;
  }
}

TEST(Submission, null_is_no_text_and_no_flag) {
  EXPECT_EQ(problems_of("{" + minimal + R"(,"phone":null,"marketingConsent":null})"),
            (std::vector<std::string>{"/phone type", "/marketingConsent type"}));
}

TEST(Submission, an_unknown_name_is_escaped_in_its_pointer) {
  EXPECT_EQ(problems_of("{" + minimal + R"(,"a/b~c":1,"":2})"),
            (std::vector<std::string>{"/a~1b~0c unknown", "/ unknown"}));
}

TEST(Submission, json_that_is_not_an_object_is_of_the_wrong_type) {
  for (const auto* body : {"[]", "1", "null", "\"text\"", "[{}]", " true "})
    EXPECT_EQ(problems_of(body), (std::vector<std::string>{" type"})) << body;
}

TEST(Submission, what_is_not_json_says_why) {
  EXPECT_EQ(not_json_because(""), "json.empty");
  EXPECT_EQ(not_json_because("{\"firstName\":\"\xff\"}"), "json.utf8");
  EXPECT_EQ(not_json_because(std::string_view("{\"firstName\":\"a\0\"}", 19)), "json.nul");
  EXPECT_EQ(not_json_because(std::string(40, '[') + std::string(40, ']')), "json.depth");
  for (const auto* body : {"{", "{\"a\":1,}", "{'a':1}", "{} {}", "nonsense", "{\"a\":01}", "// c\n{}",
                           "{\"a\":\"\t\"}", "\xef\xbb\xbf{]", "{\"a\":\"\\ud800\"}", "{\"a\":NaN}"})
    EXPECT_EQ(not_json_because(body), "json.malformed") << body;
}

TEST(Submission, nesting_below_the_limit_is_only_the_wrong_type) {
  const std::string nested = std::string(20, '[') + std::string(20, ']');

  EXPECT_EQ(problems_of("{" + minimal + ",\"phone\":" + nested + "}"), (std::vector<std::string>{"/phone type"}));
}

TEST(Submission, thirty_one_levels_are_read_and_one_more_is_too_deep) {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + "1" + std::string(levels, ']'); };

  EXPECT_EQ(problems_of(nested(31)), (std::vector<std::string>{" type"}));
  EXPECT_EQ(not_json_because(nested(32)), "json.depth");
}

TEST(Submission, brackets_inside_of_text_do_not_count_as_nesting) {
  EXPECT_EQ(not_json_because("{\"firstName\":\"" + std::string(60, '[') + "\""), "json.malformed");
}

TEST(Submission, a_number_is_the_wrong_type_however_large) {
  EXPECT_EQ(problems_of("{" + minimal + R"(,"phone":18446744073709551615})"),
            (std::vector<std::string>{"/phone type"}));
  EXPECT_EQ(problems_of("{" + minimal + R"(,"phone":99999999999999999999999999})"),
            (std::vector<std::string>{"/phone type"}));
  EXPECT_EQ(problems_of("{" + minimal + R"(,"phone":[-1e999, "1e999\"", 1.5e-9999]})"),
            (std::vector<std::string>{"/phone type"}));
  for (const auto* number : {"01e999", "1e999e", "--1e999", "1.e999", "+1e999", "1e999 1", "1e9991.5", ".5e999", "-"})
    EXPECT_EQ(not_json_because("{\"phone\":" + std::string(number) + "}"), "json.malformed") << number;
}

TEST(Submission, no_text_field_takes_an_escaped_nul) {
  for (const auto& rule : domain::field_rules()) {
    if (rule.boolean) continue;
    std::string body = "{";
    for (const auto& other : domain::field_rules()) {
      if (other.boolean) continue;
      if (body.size() > 1) body += ',';
      const std::string value = std::string(other.example) + (other.name == rule.name ? "\\u0000" : "");
      body.append("\"").append(other.name).append("\":\"").append(value).append("\"");
    }
    body += "}";

    const auto problems = problems_of(body);

    ASSERT_EQ(problems.size(), 1u) << body;
    EXPECT_TRUE(problems[0].starts_with("/" + std::string(rule.name) + " " + std::string(rule.name) + "."))
        << problems[0];
  }
}

TEST(Submission, the_list_of_problems_is_bounded) {
  std::string body = "{";
  for (int i = 0; i < 500; ++i) body += (i ? ",\"u" : "\"u") + std::to_string(i) + "\":1";
  body += "}";

  const auto problems = problems_of(body);

  ASSERT_EQ(problems.size(), 100u);
  EXPECT_EQ(problems.back(), " too-many");
}

TEST(Submission, a_hundred_problems_are_all_listed_and_one_more_is_not) {
  const auto with_unknown = [](int count) {
    std::string body = "{";
    for (int i = 0; i < count; ++i) body += (i ? ",\"u" : "\"u") + std::to_string(i) + "\":1";
    return body + "}";
  };

  const auto hundred = problems_of(with_unknown(94));  // and six fields are required
  const auto more = problems_of(with_unknown(95));

  ASSERT_EQ(hundred.size(), 100u);
  EXPECT_EQ(hundred.back(), "/plan required");
  ASSERT_EQ(more.size(), 100u);
  EXPECT_EQ(more[98], "/dateOfBirth required");
  EXPECT_EQ(more.back(), " too-many");
}

}  // namespace
}  // namespace globogym::gateway
