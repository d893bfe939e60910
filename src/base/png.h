// Small pictures in black and white as PNG (RFC 2083).
//
// The same picture gives the same bytes on every machine: nothing is left to a compression library's taste. Made for
// pictures of large squares, such as codes: every row of pixels but the first of a square costs a byte or two.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace globogym {

// Squares of 8 × 8 pixels, as many in a row as there are rows: 20 to 32. Rows from the top; the highest of a row's bits
// is the leftmost square; 1 is dark.
std::string png_of_squares(std::span<const std::uint32_t> rows);

}  // namespace globogym
