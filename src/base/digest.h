// Hashes and comparisons for secrets.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string_view>

namespace globogym {

using Sha256 = std::array<unsigned char, 32>;

Sha256 sha256(std::string_view bytes);

// SHA-256 of what comes piece by piece.
class Sha256Sum {
 public:
  Sha256Sum();
  ~Sha256Sum();
  void add(std::string_view bytes);
  Sha256 sum() const;  // of everything so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Takes the same time wherever the first difference is. Different lengths answer false at once.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// HMAC-SHA-256 with one key, prepared once. Safe to call from any thread.
class Hmac {
 public:
  explicit Hmac(std::string_view key);
  ~Hmac();
  Sha256 operator()(std::string_view message) const;

 private:
  struct Prepared;
  std::unique_ptr<Prepared> prepared_;
};

}  // namespace globogym
