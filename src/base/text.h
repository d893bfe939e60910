// Bytes as text: base32 for ids, hex for hashes, base64 for mail and keys, and JSON string escaping.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace globogym {

// Crockford's alphabet in lower case (no i, l, o, u): sorts like the bytes do. 5 bits a character, no padding.
std::string base32(std::span<const unsigned char> bytes);
std::optional<std::vector<unsigned char>> parse_base32(std::string_view text);

std::string hex(std::span<const unsigned char> bytes);
std::string base64(std::string_view bytes);
void append_base64(std::string& out, std::string_view bytes);
// RFC 4648 section 5, no padding.
std::string base64url(std::span<const unsigned char> bytes);
// Reads what base64url writes and nothing else: padding, white space and stray bits at the end are refused, so that
// bytes have one spelling.
std::optional<std::string> parse_base64url(std::string_view text);

// Appends `text` as the inside of a JSON string, without the quotes. `text` must be UTF-8.
void append_json_escaped(std::string& out, std::string_view text);

// Whole of `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

}  // namespace globogym
