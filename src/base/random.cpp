#include "base/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <bit>
#include <cstring>

#include "base/assert.h"

namespace globogym {

std::uint64_t Random::u64() {
  std::uint64_t value;
  unsigned char bytes[8];
  fill(bytes);
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

std::uint64_t Random::below(std::uint64_t bound) {
  ASSERT(bound > 0);
  // Rejects the incomplete last interval, so that every value is equally likely.
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t value;
  do {
    value = u64();
  } while (value >= limit);
  return value % bound;
}

double Random::unit() {
  return static_cast<double>(u64() >> 11) * 0x1.0p-53;
}

void SecureRandom::fill(std::span<unsigned char> out) {
  constexpr std::size_t buffered = 512;
  struct Buffer {
    unsigned char bytes[buffered];
    std::size_t used = buffered;
  };
  thread_local Buffer buffer;
  if (out.size() > buffered / 4) {
    ASSERT(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
    return;
  }
  if (buffered - buffer.used < out.size()) {
    ASSERT(RAND_bytes(buffer.bytes, buffered) == 1);
    buffer.used = 0;
  }
  std::memcpy(out.data(), buffer.bytes + buffer.used, out.size());
  OPENSSL_cleanse(buffer.bytes + buffer.used, out.size());
  buffer.used += out.size();
}

SeededRandom::SeededRandom(std::uint64_t seed) {
  for (auto& word : state_) {  // splitmix64, as xoshiro's authors advise for seeding
    seed += 0x9e3779b97f4a7c15u;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    word = z ^ (z >> 31);
  }
}

std::uint64_t SeededRandom::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void SeededRandom::fill(std::span<unsigned char> out) {
  while (!out.empty()) {
    const std::uint64_t value = next();
    const std::size_t n = out.size() < 8 ? out.size() : 8;
    std::memcpy(out.data(), &value, n);
    out = out.subspan(n);
  }
}

}  // namespace globogym
