#include "console/keys.h"

#include "base/json_reader.h"
#include "base/json_writer.h"

namespace globogym::console {
namespace {

void write_key(JsonWriter& json, const gateway::ApiKey& key, const std::string* text,
               std::optional<std::int64_t> used) {
  json.object().member("id", key.id);
  if (text) json.member("key", *text);
  json.member("name", key.name).key("scopes").array();
  for (const auto& scope : gateway::names(key.scopes)) json.value(scope);
  json.end().member("rate", key.rate).member("quota", key.quota);
  json.member("quotaUsed", used).member("publishable", key.publishable).key("origins").array();
  for (const auto& origin : key.origins) json.value(origin);
  json.end().member("createdAt", key.created).member("expiresAt", key.expires).member("revokedAt", key.revoked);
  json.member("lastUsedAt", key.last_used).end();
}

// The texts in a list; nothing when it holds anything else.
std::optional<std::vector<std::string>> texts(const JsonValue& list) {
  std::vector<std::string> all;
  for (const auto& element : list.elements()) {
    if (!element.string()) return std::nullopt;
    all.emplace_back(*element.string());
  }
  return all;
}

}  // namespace

Result<gateway::NewKey> parse_key_request(std::string_view body) {
  auto json = JsonDocument::parse(body);
  if (!json) return std::unexpected(json.error());
  if (json->root().type() != JsonValue::Type::object) return fail(Fault::invalid, "send a JSON object");
  gateway::NewKey wanted;
  for (const auto& [name, value] : json->root().members()) {
    if (name == "name" && value.string()) {
      wanted.name = *value.string();
    } else if ((name == "scopes" || name == "origins") && value.type() == JsonValue::Type::array) {
      auto list = texts(value);
      if (!list) return fail(Fault::invalid, "`" + std::string(name) + "` must be a list of texts");
      (name == "scopes" ? wanted.scopes : wanted.origins) = std::move(*list);
    } else if (name == "publishable" && value.boolean()) {
      wanted.publishable = *value.boolean();
    } else if (name == "rate" && (value.string() || value.is_null())) {
      if (value.string()) wanted.rate = *value.string();
    } else if (name == "quota" && (value.string() || value.is_null())) {
      if (value.string()) wanted.quota = *value.string();
    } else if (name == "expiresInSeconds" && (value.integer() || value.is_null())) {
      if (const auto seconds = value.integer()) {
        if (*seconds < 1 || *seconds > 100LL * 366 * 86'400)
          return fail(Fault::invalid, "`expiresInSeconds` must be a second to a hundred years");
        wanted.expires_in = std::chrono::seconds(*seconds);
      }
    } else {
      return fail(
          Fault::invalid,
          R"(send {"name":"…","scopes":["…"],"rate":"50/s","quota":"10000/month","expiresInSeconds":86400} or, for a web page, )"
          R"({"name":"…","publishable":true,"origins":["https://…"]}; rate, quota and expiry are optional)");
    }
  }
  return wanted;
}

Task<Result<std::string>> create_key(gateway::ApiKeys& keys, gateway::NewKey wanted, audit::Deed& deed) {
  auto created = co_await keys.create(std::move(wanted));
  if (!created) co_return std::unexpected(created.error());
  deed.targets = {created->key.id};
  JsonWriter json;
  write_key(json, created->key, &created->text, created->key.quota ? std::optional<std::int64_t>(0) : std::nullopt);
  co_return json.take();
}

std::string keys_json(const gateway::ApiKeys& keys, const gateway::Quotas* quotas) {
  JsonWriter json;
  json.array();
  for (const auto& key : keys.list())
    write_key(json, key, nullptr, key.quota && quotas ? std::optional(quotas->used(key.id)) : std::nullopt);
  json.end();
  return json.take();
}

}  // namespace globogym::console
