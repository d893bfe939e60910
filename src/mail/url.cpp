#include "mail/url.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace globogym::mail {
namespace {

constexpr std::size_t longest_credential = 255;

std::unexpected<Error> invalid(const std::string& why) {
  return fail(Fault::invalid,
              "the mail URL is not usable: " + why +
                  "; it must be outbox: or smtp://[user:password@]host[:port][?tls=off|starttls|require] or "
                  "smtps://[user:password@]host[:port]");
}

std::optional<int> hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// nullopt when an escape is broken or what comes out holds a control character.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const auto high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
      if (!high || !low) return std::nullopt;
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out += c;
  }
  return out;
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == ':' || c == '_';
  });
}

Result<MailUrl> parse_smtp(std::string_view rest, bool implicit_tls) {
  SmtpUrl out;
  // Read before anything is cut off: with one of these unencoded, two readers would not agree where the password ends.
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    if (rest.substr(0, at).find_first_of("/?#@") != std::string_view::npos)
      return invalid("its user or password holds one of / ? # @ as it is; percent-encode them as %2F %3F %23 %40");
  }
  std::string_view query;
  if (const auto mark = rest.find('?'); mark != std::string_view::npos) {
    query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = rest.substr(0, at);
    const auto colon = who.find(':');
    if (colon == std::string_view::npos) return invalid("it names a user without a password");
    auto user = percent_decoded(who.substr(0, colon));
    auto password = percent_decoded(who.substr(colon + 1));
    if (!user || !password) return invalid("user or password is not percent-encoded");
    if (user->empty() || user->size() > longest_credential || password->size() > longest_credential)
      return invalid("user and password must have 1 to 255 bytes");
    out.user = std::move(*user);
    out.password = Personal<std::string>(std::move(*password));
    rest = rest.substr(at + 1);
  }
  std::string_view port;
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) return invalid("its [ is not closed");
    out.host = rest.substr(1, close - 1);
    rest = rest.substr(close + 1);
    if (!rest.empty() && !rest.starts_with(':')) return invalid("something follows the address that is not a port");
    port = rest;
  } else {
    const auto colon = rest.find(':');
    out.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port = rest.substr(colon);
    if (out.host.find(':') != std::string::npos) return invalid("an IPv6 address must stand in [ ]");
  }
  if (!is_host(out.host)) return invalid("it names no host");

  if (implicit_tls) out.tls = Tls::from_the_start;
  if (!query.empty()) {
    if (!query.starts_with("tls=")) return invalid("the only option is tls");
    const std::string_view how = query.substr(4);
    if (how == "off") {
      if (implicit_tls) return invalid("smtps cannot go with tls=off");
      out.tls = Tls::off;
    } else if (how == "starttls" || how == "require") {
      if (!implicit_tls) out.tls = Tls::demanded;
    } else {
      return invalid("tls must be off, starttls or require");
    }
  }
  out.port = implicit_tls ? 465 : !out.user.empty() || out.tls == Tls::demanded ? 587 : 25;
  if (!port.empty()) {
    port.remove_prefix(1);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
    if (error != std::errc() || end != port.data() + port.size() || value == 0 || value > 65535)
      return invalid("the port must be a number from 1 to 65535");
    out.port = static_cast<std::uint16_t>(value);
  }
  return MailUrl(std::move(out));
}

}  // namespace

Result<MailUrl> parse_mail_url(std::string_view url) {
  if (url.size() > 2048) return invalid("it is longer than 2,048 bytes");
  // RFC 3986 section 3.1: a scheme is the same in any case.
  const auto has_scheme = [url](std::string_view scheme) {
    return url.size() >= scheme.size() && std::equal(scheme.begin(), scheme.end(), url.begin(), [](char a, char b) {
             return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b);
           });
  };
  if (has_scheme("outbox:")) {
    auto directory = percent_decoded(url.substr(7));
    if (!directory) return invalid("its path is not percent-encoded");
    return MailUrl(OutboxUrl{std::move(*directory)});
  }
  if (has_scheme("smtp://")) return parse_smtp(url.substr(7), false);
  if (has_scheme("smtps://")) return parse_smtp(url.substr(8), true);
  return invalid("its scheme is unknown");
}

bool is_loopback(std::string_view host) {
  const auto same = [](char a, char b) { return (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b) == a; };
  if (std::ranges::equal(std::string_view("localhost"), host, same) || host == "::1") return true;
  // 127.0.0.0/8 as four numbers: a name like 127.example.com is somebody else's machine.
  return host.starts_with("127.") && std::ranges::count(host, '.') == 3 &&
         std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace globogym::mail
