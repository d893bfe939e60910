// A template in the form in which it goes out: filling it in is appending.
//
// Everything that is the same in all letters is coded once. A body goes as it is (7 bit) where all of it is plain text
// with lines of at most 78 characters; where it is not, as quoted-printable (RFC 2045), in which a soft line break
// stands before and behind each piece, so that no piece's coding depends on its neighbours.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "domain/letters.h"
#include "domain/template.h"

namespace globogym::mail {

// A piece of a body, with LF line ends, and what matters of it to its neighbours.
struct Piece {
  explicit Piece(std::string_view raw);
  std::string_view raw;
  bool plain = true;     // nothing in it hinders it from going as it is
  bool lines = false;    // has a line end
  std::size_t head = 0;  // bytes before its first line end, or all of them
  std::size_t tail = 0;  // bytes behind its last line end, or all of them
};

class Stencil {
 public:
  // Of a text or HTML. It points into `form`, which outlives it and stays where it is.
  explicit Stencil(const domain::Template& form);
  Stencil(Stencil&&) = default;

  // Appends the part's Content-Type and what else says how it is coded, an empty line, and the body with CRLF line
  // ends. The last line is ended too. "=_" never occurs in the body, and no line begins with a dot. `type`:
  // "text/plain".
  void append_filled(std::string& out, std::string_view type, const domain::PlacedValues& values) const;

  std::size_t size() const { return size_; }  // about as much as it appends, without values

 private:
  struct Literal {
    Piece piece;
    std::string as_it_is;  // with CRLF line ends
    std::string quoted;    // as quoted-printable
  };
  class Values;
  class Plain;
  class Quoted;
  template <class Body>
  bool fill(Body& body, Values& values) const;

  const domain::Template& form_;
  std::vector<Literal> literals_;  // one for each of the form's steps; empty where that is no literal
  std::size_t size_ = 0;
};

}  // namespace globogym::mail
