#include "gateway/callers/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace globogym::gateway {
namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t longest_v6 = 45;  // INET6_ADDRSTRLEN without its NUL

std::optional<std::uint32_t> parse_v4(std::string_view text) {
  std::uint32_t address = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int part = 0; part < 4; ++part) {
    if (part > 0 && (at == end || *at++ != '.')) return std::nullopt;
    unsigned number = 0;
    const char* const begin = at;
    while (at != end && *at >= '0' && *at <= '9' && at - begin < 3)
      number = number * 10 + static_cast<unsigned>(*at++ - '0');
    // A leading zero means octal to some readers.
    if (at == begin || number > 255 || (*begin == '0' && at - begin > 1)) return std::nullopt;
    address = address << 8 | number;
  }
  if (at != end) return std::nullopt;
  return address;
}

}  // namespace

Address Address::v4(std::uint32_t address) {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(v4_prefix, bytes.begin());
  for (int i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(15 - i)] = static_cast<std::uint8_t>(address >> (8 * i));
  return Address(bytes);
}

std::optional<Address> Address::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const auto address = parse_v4(text);
    if (!address) return std::nullopt;
    return v4(*address);
  }
  if (text.size() > longest_v6 || text.find('\0') != std::string_view::npos) return std::nullopt;
  char terminated[longest_v6 + 1];
  *std::copy(text.begin(), text.end(), terminated) = '\0';
  std::array<std::uint8_t, 16> bytes;
  if (::inet_pton(AF_INET6, terminated, bytes.data()) != 1) return std::nullopt;
  return Address(bytes);
}

bool Address::is_v4() const {
  return std::memcmp(bytes_.data(), v4_prefix.data(), v4_prefix.size()) == 0;
}

bool Address::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  static constexpr std::array<std::uint8_t, 16> one = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return bytes_ == one;
}

Address Address::masked(unsigned bits) const {
  Address first = *this;
  const unsigned kept = bits + (is_v4() ? 96 : 0);
  for (unsigned i = 0; i < 16; ++i) {
    if (8 * i >= kept) {
      first.bytes_[i] = 0;
    } else if (8 * (i + 1) > kept) {
      first.bytes_[i] &= static_cast<std::uint8_t>(0xff << (8 * (i + 1) - kept));
    }
  }
  return first;
}

std::string Address::text() const {
  char out[INET6_ADDRSTRLEN] = "";
  if (is_v4())
    ::inet_ntop(AF_INET, bytes_.data() + 12, out, sizeof out);
  else
    ::inet_ntop(AF_INET6, bytes_.data(), out, sizeof out);
  return out;
}

std::optional<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address_text = text.substr(0, slash);
  const auto address = Address::parse(address_text);
  if (!address) return std::nullopt;
  const unsigned most = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) return Network(*address, most);
  const auto bits_text = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, problem] = std::from_chars(bits_text.data(), bits_text.data() + bits_text.size(), bits);
  if (problem != std::errc() || end != bits_text.data() + bits_text.size()) return std::nullopt;
  if (address->is_v4() && address_text.find(':') != std::string_view::npos) {
    if (bits < 96) return std::nullopt;
    bits -= 96;
  }
  if (bits > most) return std::nullopt;
  return Network(address->masked(bits), bits);
}

}  // namespace globogym::gateway
