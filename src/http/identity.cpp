#include "http/identity.h"

#include <algorithm>

namespace globogym::http {
namespace {

constexpr std::size_t max_request_id = 128;

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= max_request_id && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == '-';
  });
}

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool all_zero(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '0'; });
}

// 00-<32 hex trace>-<16 hex span>-<2 hex flags>
bool is_traceparent(std::string_view text) {
  return text.size() == 55 && text.starts_with("00-") && text[35] == '-' && text[52] == '-' &&
         is_lower_hex(text.substr(3, 32)) && is_lower_hex(text.substr(36, 16)) && is_lower_hex(text.substr(53, 2)) &&
         !all_zero(text.substr(3, 32)) && !all_zero(text.substr(36, 16));
}

void append_hex(std::string& out, std::uint64_t value) {
  char digits[16];
  for (int i = 15; i >= 0; --i, value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
  out.append(digits, sizeof digits);
}

}  // namespace

void Identity::give(Request& request) {
  const auto id = request.header("X-Request-Id");
  const auto trace = request.header("traceparent");
  const std::uint64_t span = random_.next() | 1;  // never zero, which the specification forbids
  request.request_id.clear();
  if (id && is_request_id(*id))
    request.request_id = *id;
  else
    append_hex(request.request_id, random_.next());

  const bool known = trace && is_traceparent(*trace);
  request.traceparent.assign("00-");
  if (known) {
    request.traceparent += trace->substr(3, 32);
  } else {
    append_hex(request.traceparent, random_.next() | 1);
    append_hex(request.traceparent, random_.next());
  }
  request.traceparent += '-';
  append_hex(request.traceparent, span);
  request.traceparent += '-';
  request.traceparent += known ? trace->substr(53, 2) : std::string_view("00");
}

}  // namespace globogym::http
