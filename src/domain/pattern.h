// Patterns that are checked and published by the same line of text.
//
//   constexpr Pattern phone("^\\+[1-9][0-9]{6,14}$");
//   phone.matches("+442079460991")
//
// A pattern is a regular expression (ECMA-262, as JSON Schema uses them) small enough to be run here exactly as it
// stands: `^`, then single ASCII characters, `\` before one that has a meaning, or classes such as [A-Za-z0-9-], each
// followed by nothing, `+`, `{n}` or `{m,n}`, then `$`. What varies in number must not be followed by what it could
// itself have taken, so one look at each character decides. Anything else does not compile.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace globogym::domain {

class Pattern {
 public:
  consteval explicit Pattern(std::string_view text) : text_(text) {
    if (text.size() < 2 || text.front() != '^' || text.back() != '$') throw "a pattern stands between ^ and $";
    std::string_view rest = text.substr(1, text.size() - 2);
    while (!rest.empty()) {
      if (count_ == atoms_.size()) throw "a pattern has too many parts";
      Atom& atom = atoms_[count_++];
      if (rest.front() == '[')
        read_class(rest, atom);
      else
        atom.add(read_character(rest));
      read_count(rest, atom);
      if (count_ > 1 && atoms_[count_ - 2].varies() && atoms_[count_ - 2].overlaps(atom))
        throw "where one part of a pattern ends and the next begins is not decided";
    }
  }

  constexpr bool matches(std::string_view text) const {
    for (std::size_t i = 0; i < count_; ++i) {
      std::size_t taken = 0;
      while (taken < atoms_[i].most && !text.empty() && atoms_[i].has(text.front())) {
        text.remove_prefix(1);
        ++taken;
      }
      if (taken < atoms_[i].least) return false;
    }
    return text.empty();
  }

  constexpr std::string_view text() const { return text_; }

 private:
  struct Atom {
    std::array<std::uint64_t, 2> characters{};
    std::size_t least = 1, most = 1;

    constexpr void add(char c) {
      const auto code = static_cast<unsigned char>(c);
      if (code >= 0x80) throw "a pattern is ASCII";
      characters[code / 64] |= std::uint64_t{1} << (code % 64);
    }
    constexpr bool has(char c) const {
      const auto code = static_cast<unsigned char>(c);
      return code < 0x80 && (characters[code / 64] >> (code % 64) & 1) != 0;
    }
    constexpr bool varies() const { return least != most; }
    constexpr bool overlaps(const Atom& other) const {
      return (characters[0] & other.characters[0]) != 0 || (characters[1] & other.characters[1]) != 0;
    }
  };

  static consteval char take(std::string_view& rest) {
    if (rest.empty()) throw "a pattern ends too early";
    const char c = rest.front();
    rest.remove_prefix(1);
    return c;
  }

  static consteval char read_character(std::string_view& rest) {
    constexpr std::string_view meaningful = "^$\\.*+?()[]{}|";
    const char c = take(rest);
    if (c != '\\') {
      if (meaningful.find(c) != std::string_view::npos) throw "this character of a pattern needs a backslash";
      return c;
    }
    const char escaped = take(rest);
    if (meaningful.find(escaped) == std::string_view::npos) throw "this character of a pattern needs no backslash";
    return escaped;
  }

  static consteval void read_class(std::string_view& rest, Atom& atom) {
    take(rest);
    while (true) {
      const char first = take(rest);
      if (first == ']') return;
      if (first == '[' || first == '^' || first == '\\') throw "a class of a pattern lists characters and ranges only";
      if (rest.size() > 1 && rest[0] == '-' && rest[1] != ']') {
        take(rest);
        const char last = take(rest);
        if (last < first) throw "a range of a pattern goes backwards";
        for (auto c = static_cast<unsigned char>(first); c <= static_cast<unsigned char>(last); ++c)
          atom.add(static_cast<char>(c));
      } else {
        atom.add(first);
      }
    }
  }

  static consteval std::size_t read_number(std::string_view& rest) {
    std::size_t number = 0;
    if (rest.empty() || rest.front() < '0' || rest.front() > '9') throw "a count of a pattern is a number";
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9')
      number = number * 10 + static_cast<std::size_t>(take(rest) - '0');
    return number;
  }

  static consteval void read_count(std::string_view& rest, Atom& atom) {
    if (rest.empty()) return;
    if (rest.front() == '+') {
      take(rest);
      atom.most = static_cast<std::size_t>(-1);
    } else if (rest.front() == '{') {
      take(rest);
      atom.least = atom.most = read_number(rest);
      if (take(rest) == '}') return;
      atom.most = read_number(rest);
      if (take(rest) != '}' || atom.most < atom.least) throw "a count of a pattern is {n} or {m,n}";
    }
  }

  std::string_view text_;
  std::array<Atom, 8> atoms_{};
  std::size_t count_ = 0;
};

}  // namespace globogym::domain
