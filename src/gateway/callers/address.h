// Internet addresses and networks of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace globogym::gateway {

// An IPv4 or IPv6 address. An IPv4 address written as IPv6 (::ffff:192.0.2.1) is the IPv4 address.
class Address {
 public:
  Address() = default;  // ::
  static Address v4(std::uint32_t address);
  static Address v6(const std::array<std::uint8_t, 16>& bytes) { return Address(bytes); }
  // Strict: four decimal numbers without leading zeros, or RFC 4291; no brackets, port or zone.
  static std::optional<Address> parse(std::string_view text);

  bool is_v4() const;
  bool is_loopback() const;  // 127.0.0.0/8, ::1
  // The network this address lies in, as its first address. `bits` counts within the address's own family.
  Address masked(unsigned bits) const;
  std::string text() const;

  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }  // IPv4 as ::ffff:0:0/96
  bool operator==(const Address&) const = default;

 private:
  explicit Address(const std::array<std::uint8_t, 16>& bytes) : bytes_(bytes) {}
  std::array<std::uint8_t, 16> bytes_{};
};

class Network {
 public:
  // An address, or one with the number of leading bits that count: "10.0.0.0/8", "2001:db8::/32". What stands behind
  // those bits is ignored. An IPv4 network written as IPv6 (::ffff:10.0.0.0/104) is the IPv4 network.
  static std::optional<Network> parse(std::string_view text);
  // Never across families: ::/0 holds no IPv4 address.
  bool contains(const Address& address) const {
    return address.is_v4() == first_.is_v4() && address.masked(bits_) == first_;
  }
  bool holds_everything() const { return bits_ == 0; }
  bool operator==(const Network&) const = default;

 private:
  Network(Address first, unsigned bits) : first_(first), bits_(bits) {}
  Address first_;
  unsigned bits_;
};

}  // namespace globogym::gateway
