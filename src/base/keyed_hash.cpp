#include "base/keyed_hash.h"

#include <bit>
#include <cstring>

namespace globogym {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }

  void take(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

}  // namespace

std::uint64_t KeyedHash::operator()(std::string_view message) const {
  static_assert(std::endian::native == std::endian::little);
  State state{k0_ ^ 0x736f6d6570736575, k1_ ^ 0x646f72616e646f6d, k0_ ^ 0x6c7967656e657261, k1_ ^ 0x7465646279746573};
  const std::uint64_t size = message.size();
  while (message.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, message.data(), 8);
    state.take(word);
    message.remove_prefix(8);
  }
  std::uint64_t last = size << 56;
  if (!message.empty()) {
    std::uint64_t rest = 0;
    std::memcpy(&rest, message.data(), message.size());
    last |= rest;
  }
  state.take(last);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace globogym
