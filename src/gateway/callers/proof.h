// Proof that a sign-up from a web page cost its sender a moment: no tracker, no puzzle for people.
//
// The page asks for a challenge when it is opened, and solves it while the person types: it looks for a number (nonce)
// for which SHA-256("<token>.<idempotency key>.<nonce>") begins with `bits` zero bits (hashcash). A token can be used
// from `wait` after it was issued, sooner than which nobody fills in a form, until `life` after. A token carries what
// it promises under a MAC; a solution counts for one Idempotency-Key, and a challenge for one enrollment: those used up
// are remembered until they would be over, in bounded memory and not across restarts. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

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

// Who shows a proof, and for what.
struct Claim {
  std::optional<std::string_view> header;  // Sign-Up-Proof: "token=…, nonce=…[, trap=1]"
  std::string_view caller;                 // the id of the key
  std::string_view idempotency_key;
};

class Proofs {
 public:
  static constexpr Duration wait = std::chrono::milliseconds(1500);
  static constexpr Duration life = std::chrono::hours(2);
  static constexpr unsigned most_bits = 24;
  static constexpr unsigned more_bits = 4;
  static constexpr std::size_t most_spent = 200'000;  // in each of two generations; 40 bytes each

  // `bits` 0 to most_bits: 2^bits hashes on average; 0 asks for the token alone. `secret` signs the tokens.
  Proofs(unsigned bits, const Hmac& secret, Random& random) : bits_(bits), secret_(secret), random_(random) {}

  Challenge issue(WallTime now) const;

  // `hard`: as much work was shown as challenges cost when more is demanded.
  struct Judgement {
    ProofVerdict verdict;
    bool hard = false;
  };
  Judgement check(const Claim& claim, WallTime now) const;

  // The challenge has led to an enrollment: for any other it is `expired` from now on.
  void spend(const Claim& claim, WallTime now);
  // For the next ten minutes challenges are issued that cost 2^more_bits times as much.
  void demand_more(WallTime now) { demanding_until_.store((now + demanding).time_since_epoch().count()); }

 private:
  static constexpr Duration demanding = std::chrono::minutes(10);
  using Generation = std::unordered_map<std::uint64_t, std::uint64_t>;  // hash of the token, of who used it for what

  bool spent_on_another(const Claim& claim, std::string_view token) const;

  const unsigned bits_;
  const Hmac& secret_;
  Random& random_;
  std::atomic<WallTime::rep> demanding_until_ = 0;
  mutable std::mutex mutex_;  // guards what follows
  Generation spent_, spent_before_;
  WallTime turned_{};  // when spent_ began
};

}  // namespace globogym::gateway
