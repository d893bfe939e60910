// A signed token as it arrives: read strictly, before anybody believes it (RFC 7515, 7519, 8725, 9068).
//
// Reading is pure and refuses at the first thing that is not exactly right; nothing read here is true until the
// signature has been checked. It never looks at a key that a token carries or points to: such a token is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/signature.h"
#include "identity/tokens.h"

namespace globogym::identity {

constexpr std::size_t longest_token = 8192;            // characters
constexpr Duration leeway = std::chrono::seconds(60);  // between the issuer's clock and ours, for every time in a token

// When a token counts.
struct Validity {
  WallTime expires{};
  std::optional<WallTime> not_before;
  std::optional<WallTime> issued;
};

struct Jwt {
  SignatureAlgorithm algorithm{};
  std::optional<std::string> key_id;
  std::string_view signed_part;  // points into the token
  std::string signature;
  std::string issuer;
  std::vector<std::string> audience;
  Validity validity;
  Claims claims;
};

// `token` must outlive what is read from it. Messages are fit to be shown, like those of Tokens::verify.
//   refused  it is no signed token that could be ours
Result<Jwt> read_jwt(std::string_view token);

// refused: the token's time has not come, or is over.
Result<void> in_time(const Validity& validity, WallTime now);

}  // namespace globogym::identity
