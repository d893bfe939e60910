#include "gateway/callers/proof.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstring>
#include <span>
#include <utility>

#include "base/text.h"

namespace globogym::gateway {
namespace {

// <milliseconds since 1970>.<bits>.<11 characters at random>.<22 characters of MAC>
constexpr std::size_t max_header = 512;
constexpr std::size_t max_nonce = 20;
constexpr std::size_t mac_bytes = 16;

std::string mac_of(const Hmac& secret, std::string_view promised) {
  const Sha256 mac = secret(std::string("sign-up challenge\0", 18).append(promised));
  return base64url(std::span(mac).first(mac_bytes));
}

struct Parts {
  std::string_view token, nonce;
  bool trapped = false;
};

std::optional<Parts> parts_of(std::string_view header) {
  if (header.size() > max_header) return std::nullopt;
  Parts parts;
  while (!header.empty()) {
    const auto comma = header.find(',');
    std::string_view item = header.substr(0, comma);
    header = comma == std::string_view::npos ? std::string_view() : header.substr(comma + 1);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    const auto equals = item.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const auto name = item.substr(0, equals), value = item.substr(equals + 1);
    if (name == "token" && parts.token.empty())
      parts.token = value;
    else if (name == "nonce" && parts.nonce.empty())
      parts.nonce = value;
    else if (name == "trap")
      parts.trapped = true;
    else
      return std::nullopt;
  }
  if (parts.token.empty() || parts.nonce.empty() || parts.nonce.size() > max_nonce) return std::nullopt;
  if (!std::ranges::all_of(parts.nonce, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  return parts;
}

// What a token promises; nothing when it is not one of ours.
struct Promise {
  WallTime issued;
  unsigned bits;
};

std::optional<Promise> promise_of(std::string_view token, const Hmac& secret) {
  const auto last = token.rfind('.');
  if (last == std::string_view::npos) return std::nullopt;
  if (!equal_in_constant_time(mac_of(secret, token.substr(0, last)), token.substr(last + 1))) return std::nullopt;
  // From here on it is what we wrote ourselves.
  std::int64_t milliseconds = 0;
  unsigned bits = 0;
  const char* const end = token.data() + last;
  const auto time = std::from_chars(token.data(), end, milliseconds);
  if (time.ec != std::errc() || time.ptr == end) return std::nullopt;
  if (std::from_chars(time.ptr + 1, end, bits).ec != std::errc()) return std::nullopt;
  return Promise{.issued = WallTime(std::chrono::milliseconds(milliseconds)), .bits = bits};
}

unsigned leading_zero_bits(const Sha256& hash) {
  unsigned bits = 0;
  for (const unsigned char byte : hash) {
    if (byte == 0) {
      bits += 8;
      continue;
    }
    return bits + static_cast<unsigned>(std::countl_zero(byte));
  }
  return bits;
}

std::uint64_t short_hash(std::string_view text) {
  const Sha256 hash = sha256(text);
  std::uint64_t number = 0;
  std::memcpy(&number, hash.data(), sizeof number);
  return number;
}

std::uint64_t user_of(const Claim& claim) {
  return short_hash(std::string(claim.caller).append(1, '\0').append(claim.idempotency_key));
}

}  // namespace

Challenge Proofs::issue(WallTime now) const {
  std::array<unsigned char, 8> unique;
  random_.fill(unique);
  const bool demanding_now = now.time_since_epoch().count() < demanding_until_.load(std::memory_order_relaxed);
  const unsigned bits = bits_ + (demanding_now ? more_bits : 0);
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count();
  std::string token = std::to_string(milliseconds) + "." + std::to_string(bits) + "." + base64url(unique);
  const std::string mac = mac_of(secret_, token);
  token.append(".").append(mac);
  return {.token = std::move(token),
          .bits = bits,
          .wait = wait,
          .expires = std::chrono::floor<std::chrono::milliseconds>(now + life)};
}

Proofs::Judgement Proofs::check(const Claim& claim, WallTime now) const {
  if (!claim.header) return {ProofVerdict::missing};
  const auto parts = parts_of(*claim.header);
  if (!parts) return {ProofVerdict::missing};
  const auto promise = promise_of(parts->token, secret_);
  if (!promise || parts->trapped) return {ProofVerdict::wrong};
  if (now >= promise->issued + life) return {ProofVerdict::expired};
  if (now < promise->issued + wait) return {ProofVerdict::early};
  std::string solved(parts->token);
  solved.append(".").append(claim.idempotency_key).append(".").append(parts->nonce);
  if (leading_zero_bits(sha256(solved)) < promise->bits) return {ProofVerdict::wrong};
  if (spent_on_another(claim, parts->token)) return {ProofVerdict::expired};
  return {ProofVerdict::right, promise->bits >= bits_ + more_bits};
}

bool Proofs::spent_on_another(const Claim& claim, std::string_view token) const {
  const std::uint64_t what = short_hash(token), whose = user_of(claim);
  std::lock_guard lock(mutex_);
  for (const Generation* generation : {&spent_, &spent_before_})
    if (const auto found = generation->find(what); found != generation->end()) return found->second != whose;
  return false;
}

void Proofs::spend(const Claim& claim, WallTime now) {
  const auto parts = claim.header ? parts_of(*claim.header) : std::nullopt;
  if (!parts) return;
  const std::uint64_t what = short_hash(parts->token), whose = user_of(claim);
  std::lock_guard lock(mutex_);
  // What was spent a life ago is over by itself.
  if (now >= turned_ + life || spent_.size() >= most_spent) {
    spent_before_ = std::exchange(spent_, {});
    turned_ = now;
  }
  spent_.try_emplace(what, whose);
}

}  // namespace globogym::gateway
