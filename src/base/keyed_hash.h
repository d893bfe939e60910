// A short keyed hash: for tables whose keys strangers choose.
//
// SipHash-2-4 (Aumasson and Bernstein, 2012): without the key nobody can make two messages meet, or aim at a place in a
// table. 64 bits: not for secrets, signatures or anything that is stored.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/random.h"

namespace globogym {

class KeyedHash {
 public:
  explicit KeyedHash(Random& random) : k0_(random.u64()), k1_(random.u64()) {}
  KeyedHash(std::uint64_t k0, std::uint64_t k1) : k0_(k0), k1_(k1) {}
  std::uint64_t operator()(std::string_view message) const;

 private:
  std::uint64_t k0_, k1_;
};

}  // namespace globogym
