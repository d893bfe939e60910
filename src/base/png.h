// Small pictures in black and white as PNG (RFC 2083).
//
// The same picture gives the same bytes on every machine: nothing is left to a compression library's taste. Made for
// pictures of large squares, such as codes: every row of pixels but the first of a square costs a byte or two.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace globogym {

// `size` × `size` squares of 8 × 8 pixels. `dark(x, y)` counts from the top left. At most 32 squares.
std::string png_of_squares(unsigned size, const std::function<bool(unsigned x, unsigned y)>& dark);

}  // namespace globogym
