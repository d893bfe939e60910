// A short text as a QR code (ISO/IEC 18004): version 1, error correction level M, alphanumeric mode.
//
// That is 21 × 21 modules for at most 20 characters of `0-9A-Z $%*+-./:`, readable with an eighth of it dirty. Longer
// texts and other characters need more than this knows, and get nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace globogym {

struct QrCode {
  static constexpr unsigned size = 21;
  std::array<std::uint32_t, size> rows{};  // from the top; bit 20 is the leftmost module; 1 is dark
  bool dark(unsigned x, unsigned y) const { return (rows[y] >> (size - 1 - x) & 1) != 0; }
};

std::optional<QrCode> qr_code(std::string_view text);

}  // namespace globogym
