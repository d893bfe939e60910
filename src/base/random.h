// Randomness, as something that is handed in: the operating system's in production, a seed's in simulation.
#pragma once

#include <cstdint>
#include <span>

namespace globogym {

class Random {
 public:
  virtual ~Random() = default;
  // Fills `out`. Safe to call from any thread.
  virtual void fill(std::span<unsigned char> out) = 0;

  std::uint64_t u64();
  // Uniform in [0, bound). `bound` must be greater than 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1).
  double unit();
};

// OpenSSL's cryptographic generator; each thread draws from a small buffer so that an id costs no system call.
class SecureRandom final : public Random {
 public:
  void fill(std::span<unsigned char> out) override;
};

// Repeatable: xoshiro256** from a seed. Not for secrets. One thread.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  void fill(std::span<unsigned char> out) override;
  std::uint64_t next();

 private:
  std::uint64_t state_[4];
};

}  // namespace globogym
