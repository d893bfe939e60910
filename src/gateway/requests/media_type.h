// Whether a body is what we read: JSON in UTF-8, as Content-Type says it (RFC 9110, section 8.3).
#pragma once

#include <string_view>

namespace globogym::gateway {

// application/json, in any case, without a charset or with the right one. "utf8" is no registered name and what many
// write; parameters other than charset say nothing about how to read JSON.
bool is_json_in_utf8(std::string_view content_type);

}  // namespace globogym::gateway
