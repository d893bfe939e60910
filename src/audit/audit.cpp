#include "audit/audit.h"

#include <algorithm>

#include "base/text.h"

namespace globogym::audit {

Result<std::string> parse_reason(std::string_view text) {
  constexpr std::size_t longest = 200;
  const bool printable = std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
  if (text.empty() || text.size() > longest || !printable || !is_utf8(text))
    return fail(Fault::invalid, "a reason is 1 to 200 bytes of text on one line");
  if (text.contains('@'))
    return fail(
        Fault::invalid,
        "a reason is kept when the person it is about has been erased: name the ticket or the call, no address");
  return std::string(text);
}

std::string name(const Who& who) {
  return who.uid ? "uid:" + std::to_string(*who.uid) : who.by;
}

std::string_view word(std::string_view text) {
  const bool stable = !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  return stable ? text : "?";
}

}  // namespace globogym::audit
