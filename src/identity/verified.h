// Tokens whose signature has been checked, so that the next request with the same token costs a hash and no signature.
//
// Known by the SHA-256 of every byte of the token. Holds a bounded number: what has not been asked for goes first. It
// says only that the signature was good: whoever asks checks the times again, and that the key still stands.
// Thread-safe.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/digest.h"
#include "identity/jwt.h"
#include "identity/keys.h"

namespace globogym::identity {

struct Verified {
  Claims claims;
  Validity validity;
  std::shared_ptr<const Key> key;  // that signed it
};

class VerifiedTokens {
 public:
  explicit VerifiedTokens(std::size_t at_most);

  // Nothing when it is not known, or its key was withdrawn; then it is forgotten.
  std::shared_ptr<const Verified> find(const Sha256& token);
  void keep(const Sha256& token, std::shared_ptr<const Verified> verified);
  void forget(const Sha256& token);
  // Forgets all whose key was withdrawn.
  void forget_withdrawn();
  std::size_t size() const;

 private:
  struct Hash {
    std::size_t operator()(const Sha256& hash) const {
      std::size_t out;
      std::memcpy(&out, hash.data(), sizeof out);
      return out;
    }
  };
  using Entries = std::unordered_map<Sha256, std::shared_ptr<const Verified>, Hash>;
  // Two generations: when the young one is full it becomes the old one, and the old one is gone. What is asked for
  // becomes young again.
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    Entries young, old;
  };
  static constexpr std::size_t shard_count = 16;

  Shard& shard(const Sha256& token) { return shards_[token.back() % shard_count]; }

  const std::size_t generation_;
  std::array<Shard, shard_count> shards_;
};

}  // namespace globogym::identity
