// Text as 7-bit mail: encoded-words for headers (RFC 2047) and quoted-printable for bodies (RFC 2045).
#pragma once

#include <string>
#include <string_view>

namespace globogym::mail {

// Appends the value of an unstructured header (Subject). `column` is how much of the line is used already; lines are
// folded at 76. `text` is UTF-8 without control characters. Readable text stays as it is; the rest becomes
// encoded-words, none of which splits a character.
void append_header_text(std::string& out, std::string_view text, std::size_t column);

// The same for the name before an address: an atom, a quoted string or encoded-words. Returns the column it ends in.
std::size_t append_phrase(std::string& out, std::string_view text, std::size_t column);

// Lines of at most 76 characters. `text` is UTF-8; \n and \r\n are line ends, which come out as CRLF. The last line is
// ended too. No line begins with a dot, and "=_" never occurs.
void append_quoted_printable(std::string& out, std::string_view text);

// Whether `text` can go out as it is: ASCII, no control characters but \n and tab, lines of at most 78 characters that
// do not begin with a dot.
bool is_plain(std::string_view text);
// Appends plain text with CRLF line ends; the last line is ended too.
void append_plain(std::string& out, std::string_view text);

}  // namespace globogym::mail
