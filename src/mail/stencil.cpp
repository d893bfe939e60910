#include "mail/stencil.h"

#include <array>
#include <cstdint>
#include <optional>

#include "mail/mime.h"

namespace globogym::mail {
namespace {

using Step = domain::Template::Step;

constexpr std::size_t longest_line = 78;

// What matters of a byte, as bits.
enum Mark : std::uint8_t { line_end = 1, not_plain = 2, special_in_html = 4, control = 8, equals = 16 };
constexpr auto marks = [] {
  std::array<std::uint8_t, 256> out{};
  for (unsigned c = 0; c < 256; ++c) {
    if (c < 0x20 || c == 0x7f) out[c] |= control | special_in_html;
    if ((c < 0x20 && c != '\t' && c != '\n') || c >= 0x7f) out[c] |= not_plain;
    if (c >= 0x7f) out[c] |= special_in_html;
  }
  out['\n'] |= line_end;
  out['='] |= equals;
  for (char c : {'&', '<', '>', '"', '\''}) out[static_cast<unsigned char>(c)] |= special_in_html;
  return out;
}();

std::uint8_t marks_in(std::string_view text) {
  std::uint8_t all = 0;
  for (char c : text) all |= marks[static_cast<unsigned char>(c)];
  return all;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t") == std::string_view::npos;
}

void append_with_crlf(std::string& out, const Piece& piece) {
  if (!piece.lines) {
    out += piece.raw;
    return;
  }
  for (std::string_view rest = piece.raw;;) {
    const auto end = rest.find('\n');
    out += rest.substr(0, end);
    if (end == std::string_view::npos) return;
    out += "\r\n";
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

Piece::Piece(std::string_view text) : raw(text), head(text.size()), tail(text.size()) {
  const std::uint8_t found = marks_in(text);
  if (found & not_plain) plain = false;
  if (found & equals && text.contains("=_")) plain = false;
  if (found & line_end) {
    lines = true;
    head = text.find('\n');
    for (std::size_t begin = head + 1;;) {
      const auto end = text.find('\n', begin);
      const std::string_view line = text.substr(begin, end == std::string_view::npos ? end : end - begin);
      if (line.size() > longest_line || line.starts_with('.')) plain = false;
      if (end == std::string_view::npos) {
        tail = line.size();
        break;
      }
      if (!line.empty() && is_blank(line.back())) plain = false;
      begin = end + 1;
    }
    if (head > 0 && is_blank(text[head - 1])) plain = false;
  }
  if (head > longest_line) plain = false;
}

// The values as they stand in a template of this form; each is made once. In text the lines of a value begin as far
// from the left as the first of them, which depends on where it stands.
class Stencil::Values {
 public:
  Values(const domain::Template& form, const domain::PlacedValues& values) : form_(form), values_(values) {}

  bool has(std::size_t place) const { return !values_[place].empty(); }

  const Piece& at(std::size_t place, std::string_view line_so_far) {
    const bool text = form_.form() == domain::Form::text;
    auto& made = pieces_[place];
    const std::string_view value = values_[place];
    if (text && form_.has_lines(place) && value.contains('\n')) {
      std::string& own = texts_[place];
      own.clear();
      own.reserve(value.size() + 64);
      domain::append_value(own, domain::Form::text, value, true, is_blank(line_so_far) ? line_so_far : "");
      return made.emplace(own);
    }
    if (made) return *made;
    const bool as_it_is = (marks_in(value) & (text ? control : special_in_html)) == 0;
    if (as_it_is) return made.emplace(value);
    texts_[place].reserve(value.size() + value.size() / 2 + 16);
    domain::append_value(texts_[place], form_.form(), value, form_.has_lines(place));
    return made.emplace(texts_[place]);
  }

 private:
  const domain::Template& form_;
  const domain::PlacedValues& values_;
  std::array<std::optional<Piece>, domain::letter_place::count> pieces_;
  std::array<std::string, domain::letter_place::count> texts_;
};

// A body as it is. add() is false as soon as it is none that may go so.
class Stencil::Plain {
 public:
  explicit Plain(std::string& out) : out_(out) {}

  bool add(const Literal& literal) {
    if (!fits(literal.piece)) return false;
    out_ += literal.as_it_is;
    return true;
  }
  bool add(const Piece& value) {
    if (value.raw.empty()) return true;
    if (!fits(value)) return false;
    append_with_crlf(out_, value);
    return true;
  }
  bool end() {
    if (column_ > 0 && is_blank(before_)) return false;
    if (column_ > 0 || empty_) out_ += "\r\n";
    return true;
  }

 private:
  // What only shows where two pieces meet.
  bool fits(const Piece& piece) {
    const char first = piece.raw.front();
    if (!piece.plain || column_ + piece.head > longest_line) return false;
    if (column_ == 0 && first == '.') return false;
    if (column_ > 0 && first == '\n' && is_blank(before_)) return false;
    if (before_ == '=' && first == '_') return false;
    column_ = piece.lines ? piece.tail : column_ + piece.raw.size();
    before_ = piece.raw.back();
    empty_ = false;
    return true;
  }

  std::string& out_;
  std::size_t column_ = 0;
  char before_ = '\n';
  bool empty_ = true;
};

class Stencil::Quoted {
 public:
  explicit Quoted(std::string& out) : out_(out) {}

  bool add(const Literal& literal) {
    meet(literal.piece);
    out_ += literal.quoted;
    return true;
  }
  bool add(const Piece& value) {
    if (value.raw.empty()) return true;
    meet(value);
    append_quoted_printable(out_, value.raw);
    return true;
  }
  void end() {
    if (!line_begins_ || empty_) out_ += "\r\n";
  }

 private:
  void meet(const Piece& next) {
    if (!line_begins_ && next.raw.front() != '\n') out_ += "=\r\n";
    line_begins_ = next.raw.ends_with('\n');
    empty_ = false;
  }

  std::string& out_;
  bool line_begins_ = true;
  bool empty_ = true;
};

Stencil::Stencil(const domain::Template& form) : form_(form) {
  for (const Step& step : form.steps()) {
    auto& literal = literals_.emplace_back(Piece(step.kind == Step::Kind::literal ? form.literal(step) : ""));
    append_with_crlf(literal.as_it_is, literal.piece);
    append_quoted_printable(literal.quoted, literal.piece.raw);
    size_ += literal.quoted.size() + 3;
  }
}

template <class Body>
bool Stencil::fill(Body& body, Values& values) const {
  const auto steps = form_.steps();
  // The line that is being written, as far as it can be an indent.
  std::string line;
  const bool keeps_line = form_.form() == domain::Form::text;
  const auto note = [&](const Piece& piece) {
    if (!keeps_line) return;
    if (piece.lines) line.clear();
    if (is_blank(line)) line += piece.raw.substr(piece.raw.size() - piece.tail);
  };
  for (std::size_t at = 0; at < steps.size();) {
    const Step& step = steps[at++];
    switch (step.kind) {
      case Step::Kind::literal: {
        const Literal& literal = literals_[at - 1];
        if (literal.piece.raw.empty()) break;
        if (!body.add(literal)) return false;
        note(literal.piece);
        break;
      }
      case Step::Kind::value: {
        const Piece& value = values.at(step.place, line);
        if (!body.add(value)) return false;
        note(value);
        break;
      }
      case Step::Kind::skip_unless:
        if (!values.has(step.place)) at = step.size;
        break;
      case Step::Kind::skip_if:
        if (values.has(step.place)) at = step.size;
        break;
    }
  }
  return true;
}

void Stencil::append_filled(std::string& out, std::string_view type, const domain::PlacedValues& placed) const {
  Values values(form_, placed);
  out.append("Content-Type: ").append(type);
  const std::size_t begin = out.size();
  out += "; charset=us-ascii\r\n\r\n";
  Plain plain(out);
  if (fill(plain, values) && plain.end()) return;
  out.resize(begin);
  out += "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
  Quoted quoted(out);
  fill(quoted, values);
  quoted.end();
}

}  // namespace globogym::mail
