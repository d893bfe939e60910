#include "mail/mime.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/text.h"

namespace globogym::mail {
namespace {

constexpr std::size_t longest_line = 76;
constexpr std::size_t longest_word = 75;
constexpr std::string_view word_start_q = "=?UTF-8?Q?";
constexpr std::string_view word_start_b = "=?UTF-8?B?";
constexpr std::string_view word_end = "?=";
constexpr char hex_digits[] = "0123456789ABCDEF";

enum Kind : unsigned char { safe, escape, blank, line_end, dot };

constexpr auto body_kinds = [] {
  std::array<Kind, 256> kinds{};
  for (std::size_t c = 0; c < 256; ++c) kinds[c] = c >= 33 && c <= 126 && c != '=' ? safe : escape;
  kinds[' '] = kinds['\t'] = blank;
  kinds['\n'] = kinds['\r'] = line_end;
  kinds['.'] = dot;
  return kinds;
}();

// What may stand for itself in a Q word wherever the word stands (RFC 2047 section 5, rule 3).
constexpr auto q_safe = [] {
  std::array<bool, 256> out{};
  for (char c = 'a'; c <= 'z'; ++c) out[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) out[static_cast<unsigned char>(c)] = true;
  for (char c = '0'; c <= '9'; ++c) out[static_cast<unsigned char>(c)] = true;
  for (char c : {'!', '*', '+', '-', '/'}) out[static_cast<unsigned char>(c)] = true;
  return out;
}();

void append_escaped(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += '=';
  out += hex_digits[byte >> 4];
  out += hex_digits[byte & 15];
}

std::size_t q_size(std::string_view text) {
  std::size_t size = 0;
  for (char c : text) size += q_safe[static_cast<unsigned char>(c)] || c == ' ' ? 1 : 3;
  return size;
}

std::size_t character_size(unsigned char first) {
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

std::size_t append_words(std::string& out, std::string_view text, std::size_t column) {
  const bool q = q_size(text) <= (text.size() + 2) / 3 * 4;
  const std::string_view start = q ? word_start_q : word_start_b;
  while (!text.empty()) {
    // As many whole characters as fit into what is left of the line, or at least one on a line of its own.
    auto room = [&](std::size_t used) {
      const std::size_t left = used < longest_line ? longest_line - used : 0;
      const std::size_t most = std::min(left, longest_word);
      const std::size_t frame = start.size() + word_end.size();
      return most > frame ? most - frame : 0;
    };
    auto fits = [&](std::size_t space) {
      std::size_t taken = 0, size = 0;
      while (taken < text.size()) {
        const std::size_t next = std::min(character_size(static_cast<unsigned char>(text[taken])), text.size() - taken);
        const std::size_t grown = q ? size + q_size(text.substr(taken, next)) : (taken + next + 2) / 3 * 4;
        if (grown > space) break;
        size = grown;
        taken += next;
      }
      return taken;
    };
    std::size_t take = fits(room(column));
    if (take == 0) {
      out += "\r\n ";
      column = 1;
      take = fits(room(column));
    }
    const std::string_view part = text.substr(0, take);
    const std::size_t before = out.size();
    out += start;
    if (q) {
      for (char c : part) {
        if (c == ' ')
          out += '_';
        else if (q_safe[static_cast<unsigned char>(c)])
          out += c;
        else
          append_escaped(out, c);
      }
    } else {
      append_base64(out, part);
    }
    out += word_end;
    column += out.size() - before;
    text.remove_prefix(take);
    if (!text.empty()) {
      out += "\r\n ";
      column = 1;
    }
  }
  return column;
}

bool printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

}  // namespace

void append_header_text(std::string& out, std::string_view text, std::size_t column) {
  const bool readable = printable_ascii(text) && column + text.size() <= longest_line &&
                        text.find("=?") == std::string_view::npos && !text.starts_with(' ') && !text.ends_with(' ');
  if (readable) {
    out += text;
  } else {
    append_words(out, text, column);
  }
}

std::size_t append_phrase(std::string& out, std::string_view text, std::size_t column) {
  if (!printable_ascii(text) || column + text.size() + 2 > longest_line || text.find("=?") != std::string_view::npos)
    return append_words(out, text, column);
  const bool atoms =
      std::ranges::all_of(text, [](char c) { return q_safe[static_cast<unsigned char>(c)] || c == ' '; }) &&
      !text.starts_with(' ') && !text.ends_with(' ');
  const std::size_t before = out.size();
  if (atoms) {
    out += text;
  } else {
    out += '"';
    for (char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return column + out.size() - before;
}

void append_quoted_printable(std::string& out, std::string_view text) {
  constexpr std::size_t most = longest_line - 1;  // the last place is for the soft line break
  std::size_t column = 0;
  std::size_t i = 0;
  auto kind_at = [&](std::size_t at) { return body_kinds[static_cast<unsigned char>(text[at])]; };
  auto at_line_end = [&](std::size_t at) {
    return at >= text.size() || text[at] == '\n' || (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n');
  };
  auto stands_for_itself = [&](std::size_t at, std::size_t in_column) {
    switch (kind_at(at)) {
      case safe:
        return true;
      case dot:
        return in_column > 0;
      case blank:
        return !at_line_end(at + 1);
      default:
        return false;
    }
  };
  auto soft_break = [&] {
    out += "=\r\n";
    column = 0;
  };
  while (i < text.size()) {
    if (at_line_end(i)) {
      i += text[i] == '\n' ? 1 : 2;
      out += "\r\n";
      column = 0;
      continue;
    }
    if (column == most) soft_break();
    const std::size_t room = std::min(text.size(), i + (most - column));
    std::size_t end = i;
    while (end < room && (kind_at(end) == safe || stands_for_itself(end, column + (end - i)))) ++end;
    if (end > i) {
      out.append(text, i, end - i);
      column += end - i;
      i = end;
      continue;
    }
    // A blank before a line end, a control, a dot that begins a line, or a byte of a UTF-8 character.
    if (column + 3 > most) soft_break();
    append_escaped(out, text[i++]);
    column += 3;
  }
}

void append_base64_lines(std::string& out, std::string_view bytes) {
  constexpr std::size_t bytes_a_line = longest_line / 4 * 3;
  for (std::size_t at = 0; at < bytes.size(); at += bytes_a_line) {
    append_base64(out, bytes.substr(at, bytes_a_line));
    out += "\r\n";
  }
}

}  // namespace globogym::mail
