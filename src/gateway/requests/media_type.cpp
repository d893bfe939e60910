#include "gateway/requests/media_type.h"

#include <string>

#include "gateway/requests/request_headers.h"

namespace globogym::gateway {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Up to the next semicolon that does not stand between quotation marks, and past it.
std::string_view take_part(std::string_view& text) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < text.size() && (quoted || text[end] != ';'); ++end) {
    if (text[end] == '"') quoted = !quoted;
    if (text[end] == '\\' && quoted) ++end;
  }
  const auto part = text.substr(0, end);
  text.remove_prefix(end < text.size() ? end + 1 : text.size());
  return trimmed(part);
}

// A parameter's value: a token, or a quoted string, of which the backslashes are no part.
std::string unquoted(std::string_view value) {
  if (value.size() < 2 || !value.starts_with('"') || !value.ends_with('"')) return std::string(value);
  std::string out;
  for (std::size_t i = 1; i + 1 < value.size(); ++i) {
    if (value[i] == '\\' && i + 2 < value.size()) ++i;
    out += value[i];
  }
  return out;
}

}  // namespace

bool is_json_in_utf8(std::string_view content_type) {
  if (content_type == "application/json") [[likely]]
    return true;
  if (!equal_ignoring_case(take_part(content_type), "application/json")) return false;
  while (!content_type.empty()) {
    const auto parameter = take_part(content_type);
    const auto equals = parameter.find('=');
    if (equals == std::string_view::npos || !equal_ignoring_case(parameter.substr(0, equals), "charset")) continue;
    const std::string charset = unquoted(parameter.substr(equals + 1));
    if (!equal_ignoring_case(charset, "utf-8") && !equal_ignoring_case(charset, "utf8")) return false;
  }
  return true;
}

}  // namespace globogym::gateway
