// What an Idempotency-Key header names: the key as it is written, or what stands between quotation marks.
//
// The draft of the header (draft-ietf-httpapi-idempotency-key-header) makes it a string of RFC 8941, section 3.3.3:
// "8e03978e-40d5", with \" and \\ for what would end it; parameters behind it mean nothing. Most senders leave the
// quotation marks out. They are spelling, not the key: abc and "abc" are the same one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace globogym::gateway {

inline constexpr std::size_t longest_idempotency_key = 255;
// Both spellings of the header, as they are published: what read_idempotency_key() takes, as a regular expression.
inline constexpr std::string_view idempotency_key_pattern =
    R"(^([!#-~][!-~]{0,254}|"([ !#-\[\]-~]|\\["\\]){1,255}"( *;[ -~]*)?)$)";

// Nothing when the header names none: it is empty, too long, or malformed.
std::optional<std::string> read_idempotency_key(std::string_view header);

// Under which key an earlier release kept what came with this header, when that is another one: it took the quotation
// marks for a part of the key. A request that is sent again after an update still finds its answer.
std::optional<std::string_view> earlier_idempotency_key(std::string_view header);

}  // namespace globogym::gateway
