#include "gateway/callers/callers.h"

#include <span>
#include <utility>

#include "base/text.h"
#include "gateway/answers/problem.h"
#include "identity/jwt.h"
#include "identity/tokens.h"

namespace globogym::gateway {
namespace {

constexpr std::string_view realm = "realm=\"globogym\"";

// RFC 9110, section 11.4: the scheme in any case, one space, the token.
std::optional<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "Bearer ";
  if (!equal_ignoring_case(authorization.substr(0, scheme.size()), scheme)) return std::nullopt;
  authorization.remove_prefix(scheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  return authorization;
}

constexpr std::string_view token_prefix = "jwt_";
constexpr std::size_t pseudonym_bytes = 10;

// Stands for the subject wherever a caller is named: what the issuer writes there may be an e-mail address.
std::string pseudonym(const Hmac& pseudonyms, const identity::Claims& claims) {
  std::string about("token\0", 6);
  about.append(claims.client).append(1, '\0').append(claims.subject.reveal());
  const Sha256 digest = pseudonyms(about);
  return std::string(token_prefix) + base32(std::span(digest).first(pseudonym_bytes));
}

}  // namespace

bool is_caller_id(std::string_view text) {
  if (is_key_id(text)) return true;
  if (!text.starts_with(token_prefix)) return false;
  const auto bytes = parse_base32(text.substr(token_prefix.size()));
  return bytes && bytes->size() == pseudonym_bytes;
}

bool Callers::shows_token(const RequestHeaders& headers) const {
  return tokens_ && headers.authorization && !headers.api_key && !headers.subscription_key;
}

Callers::Found Callers::by_key(const RequestHeaders& headers) const {
  const auto key = headers.api_key ? headers.api_key : headers.subscription_key;
  if (!key) {
    if (headers.authorization) return unauthorized("Only API keys are accepted here; send one as X-API-Key.");
    return unauthorized(tokens_ ? "Send an API key as X-API-Key, or a token as Authorization: Bearer."
                                : "Send an API key as X-API-Key.");
  }
  auto caller = keys_.authenticate(*key, clock_.wall());
  if (!caller) return unauthorized(caller.error().message);
  return std::move(*caller);
}

async::Task<Callers::Found> Callers::by_token(const RequestHeaders& headers) const {
  const auto token = bearer_token(*headers.authorization);
  if (!token || headers.repeated_authorization)
    co_return unauthorized("Send one token as Authorization: Bearer, or an API key as X-API-Key.");
  auto claims = co_await tokens_->verify(std::string(*token));
  if (!claims && claims.error().fault == Fault::refused)
    co_return unauthorized(claims.error().message, "invalid_token");
  if (!claims)
    co_return refusal(problem::cannot_keep_promise,
                      "Tokens cannot be checked at the moment: the issuer's keys cannot be had.", {},
                      std::string(retry_later));
  Caller caller{
      .id = pseudonym(pseudonyms_, *claims), .kind = Kind::token, .until = claims->expires + identity::leeway};
  for (const auto& word : claims->scopes)
    if (const auto scope = parse_scope(word)) caller.scopes.add(*scope);
  co_return caller;
}

http::Response scope_missing(const Caller& caller, Scope scope) {
  const std::string wanted(name(scope));
  std::string headers;
  if (caller.kind == Kind::token)
    headers.append("WWW-Authenticate: Bearer ")
        .append(realm)
        .append(", error=\"insufficient_scope\", scope=\"")
        .append(wanted)
        .append("\"\r\n");
  return refusal(problem::scope_missing, "This needs the scope " + wanted + ".", {}, std::move(headers));
}

// RFC 6750, section 3: who showed no token is told the scheme and nothing more.
http::Response Callers::unauthorized(std::string_view detail, std::string_view token_error) const {
  std::string headers;
  headers.append("WWW-Authenticate: ApiKey ").append(realm).append("\r\n");
  if (tokens_) {
    headers.append("WWW-Authenticate: Bearer ").append(realm);
    if (!token_error.empty())
      headers.append(", error=\"").append(token_error).append("\", error_description=\"").append(detail).append("\"");
    headers.append("\r\n");
  }
  return refusal(problem::unauthorized, detail, {}, std::move(headers));
}

}  // namespace globogym::gateway
