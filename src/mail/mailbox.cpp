#include "mail/mailbox.h"

#include <idn2.h>

#include <algorithm>

#include "base/text.h"

namespace globogym::mail {
namespace {

constexpr std::size_t longest_local_part = 64;
constexpr std::size_t longest_domain = 253;
constexpr std::size_t longest_address = 254;
constexpr std::size_t longest_name = 1000;

std::unexpected<Error> invalid(const char* why) {
  return fail(Fault::invalid, std::string("not a usable e-mail address: ") + why);
}

bool alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool ascii(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

// atext of RFC 5322, or a byte of a UTF-8 character (RFC 6532).
bool is_atext(char c) {
  return alphanumeric(c) || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_dot_atom(std::string_view text) {
  bool after_dot = true;
  for (char c : text) {
    if (c == '.' ? after_dot : !is_atext(c)) return false;
    after_dot = c == '.';
  }
  return !after_dot;
}

bool is_quoted_string(std::string_view text) {
  if (text.size() < 3 || text.front() != '"' || text.back() != '"') return false;
  text = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && ++i == text.size()) return false;
    if (text[i] < 0x20 || text[i] > 0x7e) return false;
    if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) return false;
  }
  return true;
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > longest_domain) return false;
  std::size_t label = 0;
  char before = '.';
  for (char c : text) {
    if (c == '.') {
      if (label == 0 || before == '-') return false;
      label = 0;
    } else {
      if (!(alphanumeric(c) || (c == '-' && label > 0)) || ++label > 63) return false;
    }
    before = c;
  }
  return label > 0 && before != '-';
}

bool is_address_literal(std::string_view text) {
  if (text.size() < 4 || text.size() > 64 || text.front() != '[' || text.back() != ']') return false;
  return std::ranges::all_of(text.substr(1, text.size() - 2),
                             [](char c) { return alphanumeric(c) || c == '.' || c == ':' || c == '-'; });
}

// The domain as an A-label, or empty when it is none.
std::string a_label(std::string_view domain) {
  if (ascii(domain)) return is_host_name(domain) || is_address_literal(domain) ? std::string(domain) : std::string();
  char* converted = nullptr;
  if (domain.size() > 1000 ||
      idn2_to_ascii_8z(std::string(domain).c_str(), &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
    return {};
  std::string out = converted;
  idn2_free(converted);
  return is_host_name(out) ? out : std::string();
}

}  // namespace

Result<Mailbox> Mailbox::parse(std::string_view address, std::string_view name) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) return invalid("it has no @");
  const std::string_view local = address.substr(0, at);
  if (local.empty() || local.size() > longest_local_part)
    return invalid("the part before the @ must have 1 to 64 bytes");
  if (!is_dot_atom(local) && !is_quoted_string(local))
    return invalid("the part before the @ has a character that is not allowed");
  Mailbox out;
  out.needs_smtputf8_ = !ascii(local);
  if (out.needs_smtputf8_ && !is_utf8(local)) return invalid("the part before the @ is not UTF-8");
  if (address.find('\0') != std::string_view::npos) return invalid("it holds a zero byte");
  const std::string domain = a_label(address.substr(at + 1));
  if (domain.empty()) return invalid("the part after the @ is not a host name");
  if (local.size() + 1 + domain.size() > longest_address) return invalid("it is longer than 254 bytes");
  if (name.size() > longest_name) return invalid("the name is longer than 1,000 bytes");
  if (!is_utf8(name)) return invalid("the name is not UTF-8");
  if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return invalid("the name holds a control character");
  out.address_.reserve(local.size() + 1 + domain.size());
  out.address_.append(local).append(1, '@').append(domain);
  out.name_ = name;
  return out;
}

Result<Mailbox> Mailbox::parse_named(std::string_view text) {
  auto trimmed = [](std::string_view part) {
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    return part;
  };
  text = trimmed(text);
  if (text.empty() || text.back() != '>') return parse(text);
  const auto open = text.rfind('<');
  if (open == std::string_view::npos) return invalid("it has a > without a <");
  std::string_view name = trimmed(text.substr(0, open));
  if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
  return parse(text.substr(open + 1, text.size() - open - 2), name);
}

}  // namespace globogym::mail
