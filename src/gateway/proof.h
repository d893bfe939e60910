// Proof that a sign-up from a web page cost its sender a moment: no tracker, no puzzle for people.
//
// The page asks for a challenge when it is opened, and solves it while the person types: it looks for a number (nonce)
// for which SHA-256("<token>.<idempotency key>.<nonce>") begins with `bits` zero bits (hashcash). A token can be used
// from `wait` after it was issued, sooner than which nobody fills in a form, until `life` after. Nothing is stored: a
// token carries what it promises under a MAC, and a solution counts for one Idempotency-Key, so for one enrollment.
// Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"

namespace globogym::gateway {

struct Challenge {
  std::string token;  // visible ASCII without comma or equals sign
  unsigned bits = 0;
  Duration wait{};
  WallTime expires{};
};

// What became of a proof, in the words of the problem types.
enum class ProofVerdict { right, missing, wrong, expired, early };

class Proofs {
 public:
  static constexpr Duration wait = std::chrono::milliseconds(1500);
  static constexpr Duration life = std::chrono::hours(2);
  static constexpr unsigned most_bits = 24;

  // `bits` 0 to most_bits: 2^bits hashes on average; 0 asks for the token alone. `secret` signs the tokens.
  Proofs(unsigned bits, const Hmac& secret, Random& random) : bits_(bits), secret_(secret), random_(random) {}

  Challenge issue(WallTime now) const;

  // `header` is a Sign-Up-Proof: "token=…, nonce=…[, trap=1]".
  ProofVerdict check(std::optional<std::string_view> header, std::string_view idempotency_key, WallTime now) const;

 private:
  const unsigned bits_;
  const Hmac& secret_;
  Random& random_;
};

}  // namespace globogym::gateway
