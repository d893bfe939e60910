#include "identity/jwt.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/json_reader.h"
#include "base/text.h"

namespace globogym::identity {
namespace {

constexpr std::size_t longest_signature = 1024;  // bytes: an RSA key of 8192 bits makes these
constexpr std::size_t longest_name = 512;        // bytes of a kid, a subject, a client
constexpr std::size_t most_scopes = 256;
constexpr double last_second = 253'402'300'799;  // of the year 9999

using Members = std::vector<std::pair<std::string_view, JsonValue>>;

std::unexpected<Error> refused(const char* why) {
  return fail(Fault::refused, why);
}

const JsonValue* find(const Members& members, std::string_view name) {
  for (const auto& [known, value] : members)
    if (known == name) return &value;
  return nullptr;
}

bool has(const Members& members, std::string_view name) {
  return find(members, name) != nullptr;
}

// A claim that says something. Some issuers write null where they have nothing to say, for which JSON has absence.
const JsonValue* find_said(const Members& members, std::string_view name) {
  const JsonValue* value = find(members, name);
  return value != nullptr && value->is_null() ? nullptr : value;
}

// The members of a JSON object, each name once. A name that comes twice could mean one thing here and another to
// whoever looked at the token before us.
std::optional<Members> unambiguous_object(std::string_view json) {
  const auto document = JsonDocument::parse(json);
  if (!document || document->root().type() != JsonValue::Type::object) return std::nullopt;
  Members members = document->root().members();
  std::vector<std::string_view> names;
  names.reserve(members.size());
  for (const auto& member : members) names.push_back(member.first);
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end()) return std::nullopt;
  return members;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

// What the header's type says: JWT, like none at all, leaves it open.
enum class Kind { open, access_token, other };

// As a media type may be written (RFC 7515, 4.1.9).
Kind kind_of_type(std::string_view type) {
  constexpr std::string_view prefix = "application/";
  if (type.size() > prefix.size() && equal_ignoring_case(type.substr(0, prefix.size()), prefix))
    type.remove_prefix(prefix.size());
  if (equal_ignoring_case(type, "at+jwt")) return Kind::access_token;
  return equal_ignoring_case(type, "JWT") ? Kind::open : Kind::other;
}

Result<void> read_header(std::string_view json, Jwt& jwt, Kind& kind) {
  const auto members = unambiguous_object(json);
  if (!members) return refused("the token's header is not a JSON object with each member once");
  if (has(*members, "crit") || has(*members, "b64") || has(*members, "zip") || has(*members, "enc"))
    return refused("the token needs an extension that is not supported here");
  if (has(*members, "jwk") || has(*members, "jku") || has(*members, "x5u") || has(*members, "x5c"))
    return refused("the token brings a key of its own; only the issuer's published keys count");

  const JsonValue* algorithm = find(*members, "alg");
  const auto algorithm_name = algorithm != nullptr ? algorithm->string() : std::nullopt;
  const auto known = algorithm_name ? parse_signature_algorithm(*algorithm_name) : std::nullopt;
  if (!known) return refused("the token's algorithm is not allowed; RS256, PS256, ES256 and EdDSA are");
  jwt.algorithm = *known;

  if (const JsonValue* type = find(*members, "typ")) {
    const auto text = type->string();
    kind = text ? kind_of_type(*text) : Kind::other;
    if (kind == Kind::other) return refused("the token is not an access token by its type");
  }
  if (const JsonValue* content = find(*members, "cty")) {
    const auto text = content->string();
    if (!text || equal_ignoring_case(*text, "JWT")) return refused("the token holds another token");
  }
  if (const JsonValue* key = find(*members, "kid")) {
    const auto text = key->string();
    if (!text || text->empty() || text->size() > longest_name) return refused("the token's key id cannot be one");
    jwt.key_id = *text;
  }
  return {};
}

// A NumericDate (RFC 7519, section 2): seconds since 1970, whole or not, however JSON writes the number. Nothing in
// `out` when the claim is absent.
Result<void> read_time(const Members& members, std::string_view name, const char* wrong, std::optional<WallTime>& out) {
  const JsonValue* value = find_said(members, name);
  if (value == nullptr) return {};
  const auto seconds = value->number();
  // Asked this way round, it refuses what is no number at all.
  if (!seconds || !(*seconds >= 0 && *seconds <= last_second)) return refused(wrong);
  const double whole = std::floor(*seconds);
  const std::chrono::duration<double> rest(*seconds - whole);
  out = WallTime(std::chrono::seconds(static_cast<std::int64_t>(whole)) + std::chrono::floor<Duration>(rest));
  return {};
}

Result<void> read_validity(const Members& members, Validity& validity) {
  std::optional<WallTime> expires;
  if (auto read = read_time(members, "exp", "the token's exp is not a time in seconds since 1970", expires); !read)
    return read;
  if (!expires) return refused("the token does not say when it expires");
  validity.expires = *expires;
  if (auto read = read_time(members, "nbf", "the token's nbf is not a time in seconds since 1970", validity.not_before);
      !read)
    return read;
  return read_time(members, "iat", "the token's iat is not a time in seconds since 1970", validity.issued);
}

// "scope" (RFC 6749: letters with spaces between), "scp" and "roles" as different issuers write them.
bool add_scopes(const JsonValue& value, std::vector<std::string>& scopes) {
  const auto add = [&](std::string_view scope) {
    const bool is_scope = !scope.empty() && std::ranges::all_of(scope, [](unsigned char c) {
      return c > 0x20 && c < 0x7f && c != '"' && c != '\\';
    });
    if (is_scope && std::ranges::find(scopes, scope) == scopes.end()) scopes.emplace_back(scope);
    return scopes.size() <= most_scopes;
  };
  if (auto text = value.string()) {
    while (!text->empty()) {
      const auto space = text->find(' ');
      if (!add(text->substr(0, space))) return false;
      text->remove_prefix(space == std::string_view::npos ? text->size() : space + 1);
    }
    return true;
  }
  if (value.type() != JsonValue::Type::array) return false;
  for (const JsonValue& element : value.elements()) {
    const auto text = element.string();
    if (!text || !add(*text)) return false;
  }
  return true;
}

Result<void> read_audience(const Members& members, std::vector<std::string>& audience) {
  const char* wrong = "the token's audience is not text or a list of texts";
  const JsonValue* value = find(members, "aud");
  if (value == nullptr) return refused("the token does not say who it is for");
  if (const auto one = value->string()) {
    audience.emplace_back(*one);
    return {};
  }
  if (value->type() != JsonValue::Type::array) return refused(wrong);
  for (const JsonValue& element : value->elements()) {
    const auto one = element.string();
    if (!one) return refused(wrong);
    audience.emplace_back(*one);
  }
  return {};
}

// What issuers put into tokens that are not for us to accept as bearer tokens, even when they are properly signed.
Result<void> check_kind(const Members& members, Kind kind) {
  if (has(members, "cnf")) return refused("the token is bound to a key and is no bearer token");
  if (has(members, "at_hash") || has(members, "c_hash") || has(members, "events"))
    return refused("the token is not an access token");
  // A nonce is how a client knows its own ID token again, which may well be for it alone and have no at_hash.
  if (has(members, "nonce") && kind != Kind::access_token)
    return refused("the token is not an access token: it has a nonce, like an ID token, and is not of the type at+jwt");
  const JsonValue* type = find(members, "typ");  // Keycloak says here what a token is
  const auto text = type != nullptr ? type->string() : std::nullopt;
  for (const char* other : {"ID", "Refresh", "Offline", "Logout"})
    if (text && equal_ignoring_case(*text, other)) return refused("the token is not an access token");
  return {};
}

Result<std::string> read_name(const Members& members, std::string_view name) {
  const JsonValue* value = find_said(members, name);
  if (value == nullptr) return std::string();
  const auto text = value->string();
  if (!text || text->size() > longest_name)
    return refused("the token names its subject or client in a way that cannot be");
  return std::string(*text);
}

Result<void> read_claims(std::string_view json, Jwt& jwt, Kind kind) {
  const auto members = unambiguous_object(json);
  if (!members) return refused("the token's claims are not a JSON object with each member once");
  if (auto checked = check_kind(*members, kind); !checked) return checked;

  const JsonValue* issuer = find(*members, "iss");
  const auto issuer_text = issuer != nullptr ? issuer->string() : std::nullopt;
  if (!issuer_text) return refused("the token does not say who issued it");
  jwt.issuer = *issuer_text;
  if (auto read = read_audience(*members, jwt.audience); !read) return read;
  if (auto read = read_validity(*members, jwt.validity); !read) return read;
  jwt.claims.expires = jwt.validity.expires;

  for (const char* name : {"client_id", "azp", "appid"}) {
    auto client = read_name(*members, name);
    if (!client) return std::unexpected(client.error());
    if (jwt.claims.client.empty()) jwt.claims.client = std::move(*client);
  }
  auto subject = read_name(*members, "sub");
  if (!subject) return std::unexpected(subject.error());
  if (subject->empty()) subject = jwt.claims.client;
  if (subject->empty()) return refused("the token names neither a subject nor a client");
  jwt.claims.subject = Personal<std::string>(std::move(*subject));

  for (const char* name : {"scope", "scp", "roles"}) {
    const JsonValue* value = find_said(*members, name);
    if (value != nullptr && !add_scopes(*value, jwt.claims.scopes))
      return refused("the token's scopes are not a text or a list of texts, or are too many");
  }
  return {};
}

}  // namespace

Result<Jwt> read_jwt(std::string_view token) {
  if (token.size() > longest_token) return refused("the token is longer than 8192 characters");
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return refused("the token is not a signed JWT of three parts");
  const auto header = parse_base64url(token.substr(0, first));
  const auto claims = parse_base64url(token.substr(first + 1, second - first - 1));
  auto signature = parse_base64url(token.substr(second + 1));
  if (!header || !claims || !signature) return refused("the token is not plain base64url");
  if (header->empty() || claims->empty() || signature->empty() || signature->size() > longest_signature)
    return refused("the token is not a signed JWT of three parts");

  Jwt jwt;
  jwt.signed_part = token.substr(0, second);
  jwt.signature = std::move(*signature);
  Kind kind = Kind::open;
  if (auto read = read_header(*header, jwt, kind); !read) return std::unexpected(read.error());
  if (auto read = read_claims(*claims, jwt, kind); !read) return std::unexpected(read.error());
  return jwt;
}

Result<void> in_time(const Validity& validity, WallTime now) {
  if (now >= validity.expires + leeway) return refused("the token has expired");
  if (validity.not_before && *validity.not_before > now + leeway) return refused("the token is not valid yet");
  if (validity.issued && *validity.issued > now + leeway) return refused("the token was issued in the future");
  return {};
}

}  // namespace globogym::identity
