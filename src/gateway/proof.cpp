#include "gateway/proof.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <span>

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

}  // namespace

Challenge Proofs::issue(WallTime now) const {
  std::array<unsigned char, 8> unique;
  random_.fill(unique);
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count();
  std::string token = std::to_string(milliseconds) + "." + std::to_string(bits_) + "." + base64url(unique);
  const std::string mac = mac_of(secret_, token);
  token.append(".").append(mac);
  return {.token = std::move(token),
          .bits = bits_,
          .wait = wait,
          .expires = std::chrono::floor<std::chrono::milliseconds>(now + life)};
}

ProofVerdict Proofs::check(std::optional<std::string_view> header, std::string_view idempotency_key,
                           WallTime now) const {
  if (!header) return ProofVerdict::missing;
  const auto parts = parts_of(*header);
  if (!parts) return ProofVerdict::missing;
  const auto promise = promise_of(parts->token, secret_);
  if (!promise || parts->trapped) return ProofVerdict::wrong;
  if (now >= promise->issued + life) return ProofVerdict::expired;
  if (now < promise->issued + wait) return ProofVerdict::early;
  std::string solved(parts->token);
  solved.append(".").append(idempotency_key).append(".").append(parts->nonce);
  return leading_zero_bits(sha256(solved)) >= promise->bits ? ProofVerdict::right : ProofVerdict::wrong;
}

}  // namespace globogym::gateway
