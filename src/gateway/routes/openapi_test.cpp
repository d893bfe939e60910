#include "gateway/routes/openapi.h"

#include <algorithm>
#include <set>

#include "domain/date.h"
#include "gateway/answers/problem.h"
#include "gateway/requests/submission.h"
#include "gateway/routes/openapi_parts.h"
#include "gateway/world_test.h"

namespace globogym::gateway {
namespace {

const domain::Date today = *domain::parse_date("2027-03-01");

TEST(OpenApi, is_json_of_version_3_1_and_lists_every_route_with_every_status) {
  const std::string json = openapi_json(domain::sample_catalogue(), today);

  auto document = JsonDocument::parse(json);
  ASSERT_TRUE(document.has_value()) << json;
  EXPECT_EQ(document->root().text("openapi"), "3.1.0");
  const auto paths = document->root().find("paths").value();
  EXPECT_EQ(paths.members().size(), static_cast<std::size_t>(std::ranges::count(routes(), true, &Route::described)));
  for (const Route& route : routes()) {
    if (!route.described) continue;
    const auto path = paths.find(route.path);
    ASSERT_TRUE(path.has_value()) << route.path;
    const auto operation = path->find(route.method == "POST" ? "post" : "get");
    ASSERT_TRUE(operation.has_value());
    const auto responses = operation->find("responses").value();
    std::set<std::string> listed, expected = {"default", std::to_string(route.success)};
    for (const auto& [status, response] : responses.members()) {
      EXPECT_TRUE(listed.emplace(status).second) << "a status twice";
      EXPECT_FALSE(response.text("description").empty());
    }
    for (const auto* type : route.problems) expected.insert(std::to_string(type->status));
    EXPECT_EQ(listed, expected) << route.path;
    EXPECT_EQ(operation->find("security")->elements().empty(), !route.scope.has_value());
  }
}

TEST(OpenApi, the_sign_up_lists_every_status_of_the_contract) {
  std::set<unsigned> statuses;
  for (const auto* type : routes()[0].problems) statuses.insert(type->status);

  EXPECT_EQ(statuses, (std::set<unsigned>{400, 401, 403, 405, 413, 415, 422, 429, 500, 503}));
}

TEST(OpenApi, every_reference_leads_somewhere_and_nothing_is_described_for_nobody) {
  const std::string json = openapi_json(domain::sample_catalogue(), today, "https://issuer.example");
  auto document = JsonDocument::parse(json);
  ASSERT_TRUE(document.has_value());

  std::set<std::string> wanted, there;
  const std::string before = "\"$ref\":\"#/components/";
  for (auto at = json.find(before); at != std::string::npos; at = json.find(before, at + 1)) {
    const auto from = at + before.size();
    wanted.insert(json.substr(from, json.find('"', from) - from));
  }
  const auto components = document->root().find("components").value();
  for (const auto& [kind, members] : components.members())
    if (kind != "securitySchemes")
      for (const auto& [name, what] : members.members()) there.insert(std::string(kind) + "/" + std::string(name));

  EXPECT_EQ(wanted, there);
}

TEST(OpenApi, bearer_tokens_are_described_where_an_issuer_is_configured) {
  const std::string without = openapi_json(domain::sample_catalogue(), today);
  const std::string with = openapi_json(domain::sample_catalogue(), today, "https://issuer.example/tenant/");

  EXPECT_EQ(without.find("bearer\""), std::string::npos);
  EXPECT_NE(with.find(R"("openIdConnectUrl":"https://issuer.example/tenant/.well-known/openid-configuration")"),
            std::string::npos);
  EXPECT_NE(with.find(R"({"bearer":["enrollments:write"]})"), std::string::npos);
}

TEST(OpenApi, describes_the_fields_that_the_validator_checks) {
  const std::string json = openapi_json(domain::sample_catalogue(), today);
  auto document = JsonDocument::parse(json);
  ASSERT_TRUE(document.has_value());
  const auto application = document->root().find("components")->find("schemas")->find("Application").value();

  EXPECT_EQ(application.find("additionalProperties")->boolean(), false);
  const auto properties = application.find("properties").value();
  EXPECT_EQ(properties.members().size(), domain::field_rules().size());
  std::set<std::string> required;
  for (const auto& name : application.find("required")->elements()) required.emplace(name.string().value_or(""));
  for (const auto& rule : domain::field_rules()) {
    const auto property = properties.find(rule.name);
    ASSERT_TRUE(property.has_value()) << rule.name;
    EXPECT_EQ(property->text("type"), rule.boolean ? "boolean" : "string");
    EXPECT_EQ(required.contains(std::string(rule.name)), rule.required);
    EXPECT_EQ(property->text("pattern"), rule.portable_pattern) << rule.name;
    EXPECT_EQ(property->integer("minLength"), static_cast<std::int64_t>(rule.min_length)) << rule.name;
    EXPECT_EQ(property->integer("maxLength"), static_cast<std::int64_t>(rule.max_length)) << rule.name;
    EXPECT_EQ(property->find("x-codes")->elements().size(), rule.flaws.size() + (rule.required ? 3 : 2)) << rule.name;
  }
  EXPECT_EQ(properties.find("plan")->find("enum")->elements().size(), domain::sample_catalogue().plans.size());
}

TEST(OpenApi, its_examples_of_applications_are_accepted) {
  const auto catalogue = domain::sample_catalogue();
  const std::string json = openapi_json(catalogue, today);

  for (const bool whole : {true, false}) {
    const std::string example = openapi::application_example(catalogue, today, whole);
    EXPECT_NE(json.find(example), std::string::npos);
    EXPECT_TRUE(std::holds_alternative<domain::Applicant>(read_submission(example, catalogue, domain::noon(today))))
        << example;
  }
}

TEST(OpenApi, its_examples_grow_older_with_the_day) {
  const auto catalogue = domain::sample_catalogue();
  const Description description(catalogue);

  const auto first = description.on(today);
  const auto again = description.on(today);
  const auto later = description.on(*domain::parse_date("2027-09-01"));

  EXPECT_EQ(first, again) << "written once a day";
  EXPECT_NE(later->json.find("\"startDate\":\"2027-09-08\""), std::string::npos);
  EXPECT_EQ(description.on(today)->json, first->json);
}

TEST(OpenApi, it_tells_the_story_of_an_enrollment_as_the_gateway_does) {
  using openapi::Story;

  EXPECT_EQ(testing::text_in(openapi::enrollment_example(Story::processing), "status"), "processing");
  EXPECT_EQ(testing::text_in(openapi::enrollment_example(Story::parked), "reason"), "attempts-exhausted");
  EXPECT_EQ(testing::text_in(openapi::enrollment_example(Story::rejected), "reason"), "already-member");
  EXPECT_EQ(openapi::enrollment_example(Story::masked).find("memberId\":\""), std::string::npos);
}

TEST(OpenApi, lists_every_problem_that_can_be_met_with_what_to_do) {
  const std::string json = openapi_json(domain::sample_catalogue(), today);
  auto document = JsonDocument::parse(json);
  ASSERT_TRUE(document.has_value());
  std::set<std::string> listed;

  for (const auto& row : document->root().find("x-problems")->elements()) {
    EXPECT_TRUE(listed.insert(row.text("slug") + std::to_string(row.integer("status"))).second) << row.text("slug");
    EXPECT_FALSE(row.text("meaning").empty() || row.text("advice").empty() || row.text("title").empty());
    EXPECT_EQ(row.text("type"), "https://globogym.example/problems/" + row.text("slug"));
  }

  for (const Route& route : routes())
    for (const auto* type : route.problems)
      EXPECT_TRUE(listed.contains(std::string(type->slug) + std::to_string(type->status))) << type->slug;
}

TEST(OpenApi, is_served_as_it_is_to_everybody) {
  testing::World world;

  auto response = world.send("GET", "/openapi.json");

  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, openapi_json(world.catalogue, *domain::parse_date("2026-11-22")));
}

TEST(Problems, each_has_its_own_slug_and_an_error_status) {
  std::set<std::string_view> slugs;
  for (const auto& type : all_problems()) {
    EXPECT_TRUE(slugs.insert(type.slug).second) << type.slug;
    EXPECT_TRUE(type.status >= 400 && type.status < 600);
    EXPECT_FALSE(type.title.empty() || type.meaning.empty());
    EXPECT_TRUE(std::ranges::all_of(type.slug, [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; }));
  }
  for (const Route& route : routes())
    for (const auto* type : route.problems) EXPECT_TRUE(slugs.contains(type->slug)) << type->slug;
}

TEST(Problems, a_document_is_whole_whatever_is_put_in) {
  const std::vector<domain::Problem> errors = {{"/a\"b", "code", "a detail with \"quotes\"\n"}};

  auto response = refusal(problem::invalid_fields, "a \"quoted\" detail", errors, "X: y\r\n");

  EXPECT_EQ(response.status, 422u);
  EXPECT_EQ(response.extra_headers, "X: y\r\n");
  EXPECT_EQ(testing::slug_of(response), "invalid-fields");
  EXPECT_EQ(testing::errors_of(response), (std::vector<std::string>{"/a\"b code"}));
}

}  // namespace
}  // namespace globogym::gateway
