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

// Lines of at most 76 characters. `text` is UTF-8; \n and \r\n are line ends, which come out as CRLF. It begins a line,
// and ends one only when `text` does: what follows it on the same line stands behind a soft line break, or is a line
// end. No line begins with a dot, and "=_" never occurs.
void append_quoted_printable(std::string& out, std::string_view text);

// With line ends after 76 characters and behind the last one.
void append_base64_lines(std::string& out, std::string_view bytes);

}  // namespace globogym::mail
