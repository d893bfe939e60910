// The keys session tickets are sealed under: made here, kept in memory only, replaced every hour.
//
// A ticket sealed under the key before the present one is still opened, so a session can be resumed for an hour at
// least and two at most. Whoever learns a key can open what its hour's resumed TLS 1.2 connections said: hence the
// hour. Thread-safe.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <span>

#include "base/clock.h"
#include "base/random.h"

struct ssl_ctx_st;

namespace globogym::http {

class TicketKeys {
 public:
  static constexpr Duration lifetime = std::chrono::hours(1);

  struct Key {
    std::array<unsigned char, 16> name{};
    std::array<unsigned char, 32> cipher{};  // AES-256
    std::array<unsigned char, 32> mac{};     // HMAC-SHA-256
  };
  struct Found {
    Key key;
    bool present = false;  // false: the one before; give the client a new ticket
  };

  TicketKeys() = default;
  TicketKeys(const TicketKeys&) = delete;
  ~TicketKeys();

  // The key to seal with at `now`.
  Key present(SteadyTime now);
  // The key of that name, if tickets sealed under it are still opened.
  std::optional<Found> find(std::span<const unsigned char> name, SteadyTime now);

  // Makes `context` seal its tickets under these keys, which must outlive it and its sessions.
  void serve(ssl_ctx_st* context);

 private:
  void turn(SteadyTime now);

  std::mutex mutex_;
  SecureRandom random_;
  Key keys_[2];                          // present, before
  SteadyTime made_ = SteadyTime::min();  // the present one
  bool has_[2] = {false, false};
};

}  // namespace globogym::http
