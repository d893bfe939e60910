#include "domain/email_address.h"

#include <idn2.h>
#include <unictype.h>

#include <array>
#include <memory>

#include "base/text.h"
#include "domain/unicode_text.h"

namespace globogym::domain {
namespace {

using std::unexpected;

constexpr std::size_t max_label_octets = 63;

constexpr bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 5322 section 3.2.3.
constexpr auto is_atom_text = [] {
  std::array<bool, 128> allowed{};
  for (unsigned c = 0; c < 128; ++c) allowed[c] = is_letter_or_digit(static_cast<char>(c));
  for (char c : std::string_view("!#$%&'*+-/=?^_`{|}~")) allowed[static_cast<unsigned char>(c)] = true;
  return allowed;
}();

void append_lower_case(std::string& out, std::string_view ascii) {
  for (char c : ascii) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// Beyond ASCII RFC 6531 allows every character; those nobody can see or type in an address are refused.
bool may_stand_in_local_part(char32_t c) {
  if (c < 0x80) return is_atom_text[c];
  return !uc_is_general_category_withtable(c, UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Z) &&
         !uc_is_property_default_ignorable_code_point(c);
}

bool is_dot_atom(std::string_view local) {
  if (local.empty() || local.front() == '.' || local.back() == '.') return false;
  if (local.find("..") != std::string_view::npos) return false;
  for (std::string_view rest = local; !rest.empty();) {
    if (static_cast<unsigned char>(rest.front()) < 0x80) {
      const auto c = static_cast<unsigned char>(rest.front());
      if (c != '.' && !is_atom_text[c]) return false;
      rest.remove_prefix(1);
    } else if (!may_stand_in_local_part(next_code_point(rest))) {
      return false;
    }
  }
  return true;
}

// Two labels or more, each of letters, digits and inner hyphens, the last one not a number (that would be an address).
constexpr bool is_host_name(std::string_view domain) {
  std::size_t labels = 0;
  bool last_is_number = false;
  while (true) {
    const auto dot = domain.find('.');
    const std::string_view label = domain.substr(0, dot);
    if (label.empty() || label.size() > max_label_octets) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    last_is_number = true;
    for (char c : label) {
      if (!is_letter_or_digit(c) && c != '-') return false;
      if (c < '0' || c > '9') last_is_number = false;
    }
    ++labels;
    if (dot == std::string_view::npos) break;
    domain.remove_prefix(dot + 1);
  }
  return labels >= 2 && !last_is_number;
}
static_assert(is_host_name("example.com") && is_host_name("a.b-c.d1"));
static_assert(!is_host_name("localhost") && !is_host_name("127.0.0.1") && !is_host_name("a..b") &&
              !is_host_name("a.b.") && !is_host_name("-a.b") && !is_host_name("a_b.c"));

bool has_a_label(std::string_view domain) {
  for (std::size_t i = 0; i + 4 <= domain.size(); ++i) {
    if (i > 0 && domain[i - 1] != '.') continue;
    if ((domain[i] | 0x20) == 'x' && (domain[i + 1] | 0x20) == 'n' && domain[i + 2] == '-' && domain[i + 3] == '-')
      return true;
  }
  return false;
}

// The domain as the DNS spells it. A-labels as written are checked too: they must be what their U-labels become.
std::expected<std::string, EmailFlaw> to_a_labels(std::string_view domain) {
  for (char c : domain)  // an early end (NUL) or a second @ must not pass through the library
    if (static_cast<unsigned char>(c) < 0x80 && !is_letter_or_digit(c) && c != '-' && c != '.')
      return unexpected(EmailFlaw::invalid);
  const std::string input(domain);
  char* output = nullptr;
  const int status = idn2_to_ascii_8z(input.c_str(), &output, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  std::unique_ptr<char, void (*)(void*)> owner(output, idn2_free);
  if (status == IDN2_TOO_BIG_DOMAIN) return unexpected(EmailFlaw::too_long);
  if (status != IDN2_OK || !output) return unexpected(EmailFlaw::invalid);
  return std::string(output);
}

}  // namespace

std::expected<EmailAddress, EmailFlaw> email_address(std::string_view written) {
  const bool ascii = is_ascii(written);
  if (!ascii && !is_utf8(written)) return unexpected(EmailFlaw::invalid);
  const std::string_view address = trimmed(written);
  if (address.size() > max_address_octets) return unexpected(EmailFlaw::too_long);
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) return unexpected(EmailFlaw::invalid);
  const std::string_view local = address.substr(0, at);
  const std::string_view domain = address.substr(at + 1);
  if (local.size() > max_local_octets) return unexpected(EmailFlaw::too_long);
  if (!is_dot_atom(local)) return unexpected(EmailFlaw::invalid);

  EmailAddress result;
  if (ascii && !has_a_label(domain)) [[likely]] {
    if (!is_host_name(domain)) return unexpected(EmailFlaw::invalid);
    result.written = address;
    result.normalized.reserve(address.size());
    append_lower_case(result.normalized, address);
    return result;
  }

  auto dns_domain = to_a_labels(domain);
  if (!dns_domain) return unexpected(dns_domain.error());
  if (!is_host_name(*dns_domain)) return unexpected(EmailFlaw::invalid);
  if (dns_domain->size() > max_domain_octets || local.size() + 1 + dns_domain->size() > max_address_octets)
    return unexpected(EmailFlaw::too_long);
  auto lower = lower_cased(local);
  if (!lower) return unexpected(EmailFlaw::invalid);
  result.written = address;
  result.normalized = std::move(*lower);
  result.normalized += '@';
  append_lower_case(result.normalized, *dns_domain);
  return result;
}

std::optional<std::string> formerly_normalized(std::string_view written, std::string_view normalized) {
  const std::string_view local = written.substr(0, written.rfind('@'));
  const auto at = normalized.rfind('@');
  if (is_ascii(local) || at == std::string_view::npos) return std::nullopt;
  auto folded = case_folded(local);
  if (!folded || *folded == normalized.substr(0, at)) return std::nullopt;
  return folded->append(normalized.substr(at));
}

std::string email_address_pattern() {
  std::string atom_text = "A-Za-z0-9";
  for (unsigned c = 0; c < 128; ++c) {
    if (!is_atom_text[c] || is_letter_or_digit(static_cast<char>(c))) continue;
    if (std::string_view("/^{|}-").find(static_cast<char>(c)) != std::string_view::npos) atom_text += '\\';
    atom_text += static_cast<char>(c);
  }
  const std::string atom = "(?:[" + atom_text + "]|[^\\u0000-\\u007F\\p{C}\\p{Z}\\p{Default_Ignorable_Code_Point}])";
  const std::string local = atom + "+(?:\\." + atom + "+)*";
  const std::string label = "[A-Za-z0-9](?:[A-Za-z0-9\\-]{0,61}[A-Za-z0-9])?";
  const std::string ascii_domain = "(?:" + label + "\\.)+(?![0-9]+\\p{White_Space}*$)" + label;
  // An international domain: no ASCII but what a host name has, and something else.
  const std::string letters = "[A-Za-z0-9.\\-]*", other = "[^\\u0000-\\u007F\\p{White_Space}]";
  const std::string domain = "(?:" + ascii_domain + "|" + letters + other + "(?:[A-Za-z0-9.\\-]|" + other + ")*)";
  return "^\\p{White_Space}*(?=[^@]{1,64}@)" + local + "@" + domain + "\\p{White_Space}*$";
}

std::string portable_address_pattern() {
  const auto all_but = [](auto belongs) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string excluded;
    const auto append = [&](unsigned c) { excluded.append("\\u00").append({digits[c >> 4], digits[c & 15]}); };
    for (unsigned c = 0; c < 0x80; ++c) {
      if (belongs(static_cast<char>(c))) continue;
      const unsigned first = c;
      while (c + 1 < 0x80 && !belongs(static_cast<char>(c + 1))) ++c;
      append(first);
      if (c > first) {
        excluded += '-';
        append(c);
      }
    }
    return "[^" + excluded + "]+";
  };
  const std::string atom = all_but([](char c) { return is_atom_text[static_cast<unsigned char>(c)]; });
  const std::string label = all_but([](char c) { return is_letter_or_digit(c) || c == '-'; });
  const std::string space = "[\\t-\\r ]*";
  return "^" + space + atom + "(?:\\." + atom + ")*@" + label + "(?:\\." + label + ")*" + space + "$";
}

}  // namespace globogym::domain
