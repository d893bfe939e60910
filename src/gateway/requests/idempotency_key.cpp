#include "gateway/requests/idempotency_key.h"

#include <algorithm>

#include "domain/pattern.h"

namespace globogym::gateway {
namespace {

constexpr domain::Pattern bare{"^[!-~]{1,255}$"};

bool is_printable(char c) {
  return c >= ' ' && c <= '~';
}

// Of parameters only the form is looked at, and not closely: none has a meaning.
bool are_parameters(std::string_view text) {
  const auto begin = text.find_first_not_of(' ');
  return text.empty() ||
         (begin != std::string_view::npos && text[begin] == ';' && std::ranges::all_of(text, is_printable));
}

}  // namespace

std::optional<std::string> read_idempotency_key(std::string_view header) {
  if (!header.starts_with('"')) {
    if (!bare.matches(header)) return std::nullopt;
    return std::string(header);
  }
  std::string key;
  for (std::size_t i = 1; i < header.size() && key.size() <= longest_idempotency_key; ++i) {
    char c = header[i];
    if (c == '"') {
      if (key.empty() || !are_parameters(header.substr(i + 1))) return std::nullopt;
      return key;
    }
    if (c == '\\') {
      if (++i == header.size() || (header[i] != '"' && header[i] != '\\')) return std::nullopt;
      c = header[i];
    }
    if (!is_printable(c)) return std::nullopt;
    key += c;
  }
  return std::nullopt;
}

std::optional<std::string_view> earlier_idempotency_key(std::string_view header) {
  if (!header.starts_with('"') || !bare.matches(header)) return std::nullopt;
  return header;
}

}  // namespace globogym::gateway
