#include "gateway/routes/sign_up.h"

#include <chrono>
#include <initializer_list>
#include <set>

#include "base/json_writer.h"
#include "domain/validation.h"
#include "gateway/answers/problem.h"

namespace globogym::gateway {
namespace {

void write_url(JsonWriter& json, std::string_view name, std::string_view url) {
  json.key(name);
  if (url.empty())
    json.value(nullptr);
  else
    json.value(url);
}

using Texts = std::initializer_list<std::pair<std::string_view, const domain::LocalText*>>;

// Each text for who speaks none of the languages there are (null: there is none), and what is said otherwise in which.
void write_texts(JsonWriter& json, Texts texts) {
  for (const auto& [name, text] : texts) {
    json.key(name);
    if (text->empty())
      json.value(nullptr);
    else
      json.value(text->text());
  }
  std::set<std::string_view> languages;
  for (const auto& [name, text] : texts)
    for (const auto& [language, said] : text->translations()) languages.insert(language);
  json.key("translations").object();
  for (const auto language : languages) {
    json.key(language).object();
    for (const auto& [name, text] : texts) {
      const auto said = text->translations().find(language);
      if (said != text->translations().end()) json.member(name, said->second);
    }
    json.end();
  }
  json.end();
}

std::string all_but_the_challenge(std::string_view key, const domain::Catalogue& catalogue, Papers papers) {
  JsonWriter json;
  json.object().member("key", key).member("termsVersion", catalogue.terms_versions.back());
  write_url(json, "termsUrl", papers.terms_url);
  write_url(json, "privacyUrl", papers.privacy_url);
  json.key("clubs").array();
  for (const auto& club : catalogue.clubs) {
    json.object().member("id", club.id);
    write_texts(json, {{"name", &club.name}, {"address", &club.address}, {"hours", &club.hours}});
    json.member("minimumAge", club.minimum_age).member("timeZone", club.time_zone.name()).end();
  }
  json.end().key("plans").array();
  for (const auto& plan : catalogue.plans) {
    json.object().member("id", plan.id);
    write_texts(json, {{"name", &plan.name}, {"price", &plan.price}, {"term", &plan.term}});
    json.end();
  }
  json.end().key("locales").array();
  for (const auto& locale : catalogue.locales) json.value(locale);
  json.end().key("fields").array();
  for (const auto& rule : domain::field_rules()) {
    json.object().member("name", rule.name).member("required", rule.required);
    if (rule.min_length > 0) json.member("minLength", rule.min_length);
    if (rule.max_length > 0) json.member("maxLength", rule.max_length);
    if (!rule.pattern.empty()) json.member("pattern", rule.pattern);
    json.end();
  }
  json.end().key("challenge");
  return json.take();
}

std::string with_challenge(const std::string& begin, const Challenge& challenge) {
  JsonWriter json;
  json.object().member("token", challenge.token).member("bits", challenge.bits);
  json.member("waitMs", std::chrono::duration_cast<std::chrono::milliseconds>(challenge.wait).count());
  json.member("expiresAt", challenge.expires).end();
  return begin + json.take() + "}";
}

}  // namespace

std::string sign_up_json(std::string_view key, const domain::Catalogue& catalogue, Papers papers,
                         const Challenge& challenge) {
  return with_challenge(all_but_the_challenge(key, catalogue, papers), challenge);
}

SignUp::SignUp(const std::string& key, const domain::Catalogue& catalogue, Papers papers, const Proofs& proofs)
    : begin_(all_but_the_challenge(key, catalogue, papers)), proofs_(proofs) {}

http::Response SignUp::describe(WallTime now) const {
  return {.body = with_challenge(begin_, proofs_.issue(now)), .extra_headers = std::string(private_answer)};
}

}  // namespace globogym::gateway
