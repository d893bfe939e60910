// Any bytes are a token or none; what is no token of the issuer's is never believed. The same bytes are also read as a
// key set: it holds only keys that can be used, or it is refused.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/text.h"
#include "identity/jwt.h"
#include "identity/keys.h"

namespace {

using namespace globogym;

bool can_be_shown(std::string_view message) {
  for (const unsigned char c : message)
    if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') return false;
  return !message.empty();
}

void read_as_token(std::string_view text) {
  const auto jwt = identity::read_jwt(text);
  if (!jwt) {
    ASSERT(jwt.error().fault == Fault::refused && can_be_shown(jwt.error().message));
    return;
  }
  ASSERT(text.size() <= identity::longest_token);
  ASSERT(text.starts_with(jwt->signed_part) && !jwt->signature.empty());
  ASSERT(jwt->validity.expires.time_since_epoch().count() >= 0);
  ASSERT(!jwt->claims.subject.reveal().empty());
  for (const auto& scope : jwt->claims.scopes) ASSERT(!scope.empty() && can_be_shown(scope));
  (void)identity::in_time(jwt->validity, WallTime(std::chrono::seconds(1'767'225'600)));

  // RFC 7515's and RFC 8037's example keys; whoever finds a signature of theirs here has found something else.
  static const auto p256 = PublicKey::p256(*parse_base64url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
                                           *parse_base64url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"));
  static const auto ed25519 = PublicKey::ed25519(*parse_base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
  ASSERT(!p256->verifies(jwt->algorithm, jwt->signed_part, jwt->signature));
  ASSERT(!ed25519->verifies(jwt->algorithm, jwt->signed_part, jwt->signature));
}

void read_as_keys(std::string_view text) {
  const auto keys = identity::KeySet::read(text, nullptr);
  if (!keys) return;
  ASSERT((*keys)->size() >= 1 && (*keys)->size() <= identity::KeySet::most_keys);
  using enum SignatureAlgorithm;
  for (const auto algorithm : {rs256, ps256, es256, eddsa})
    ASSERT((*keys)->candidates(algorithm, std::nullopt).size() <= identity::KeySet::most_candidates);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_as_token(text);
  read_as_keys(text);
  // Header and claims in plain JSON, a line each: so that the fuzzer need not find out what base64 is.
  const auto line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const auto encoded = [](std::string_view part) {
    return base64url({reinterpret_cast<const unsigned char*>(part.data()), part.size()});
  };
  read_as_token(encoded(text.substr(0, line)) + "." + encoded(text.substr(line + 1)) + "." +
                encoded(std::string(64, 'x')));
  return 0;
}
