#include "app/settings.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/text.h"
#include "gateway/callers/address.h"
#include "gateway/callers/api_keys.h"
#include "mail/mailbox.h"
#include "mail/smtp/mailer.h"
#include "mail/url.h"

namespace globogym::app {
namespace {

using Kind = Setting::Kind;
using Check = std::optional<std::string> (*)(std::string_view);

std::optional<std::string> anything(std::string_view) {
  return std::nullopt;
}

std::optional<std::string> some_text(std::string_view text) {
  if (text.empty()) return "must not be empty";
  return std::nullopt;
}

std::optional<std::string> host_and_port(std::string_view text) {
  const std::string expected = "must be HOST:PORT, such as 127.0.0.1:8080 or [::1]:0";
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return expected;
  const auto host = text.substr(0, colon);
  if (host.find(':') != std::string_view::npos && !(host.front() == '[' && host.back() == ']')) return expected;
  unsigned port = 0;
  const auto [end, problem] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (problem != std::errc() || end != text.data() + text.size() || port > 65535) return expected;
  return std::nullopt;
}

bool is_loopback_host(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  return host.starts_with("127.") &&
         std::ranges::all_of(host, [](unsigned char c) { return std::isdigit(c) || c == '.'; });
}

std::optional<std::string> https_or_loopback(std::string_view text) {
  if (text.empty() || text.starts_with("https://")) return std::nullopt;
  constexpr std::string_view plain = "http://";
  if (text.starts_with(plain)) {
    auto host = text.substr(plain.size());
    host = host.substr(0, host.find('/'));
    if (!host.starts_with('[')) host = host.substr(0, host.find(':'));
    if (host.starts_with('[')) host = host.substr(0, host.find(']') + 1);
    if (is_loopback_host(host)) return std::nullopt;
    return "must be https:// (plain http:// is for loopback only)";
  }
  return "must be a URL that starts with https://";
}

// Where a page may link to: another site by https, or a path of ours. "//host" would be another site in disguise.
std::optional<std::string> https_or_path(std::string_view text) {
  constexpr std::string_view secure = "https://";
  const bool path = text.starts_with('/') && !text.starts_with("//");
  const bool url = text.starts_with(secure) && text.size() > secure.size() && text[secure.size()] != '/';
  const bool clean = text.size() <= 2000 && std::ranges::all_of(text, [](char c) {
                       return c > 0x20 && c < 0x7f && !std::string_view("\"'<>\\^`{|}").contains(c);
                     });
  if (text.empty() || (clean && (path || url))) return std::nullopt;
  return "must be a URL that starts with https://, or a path of this site that starts with /";
}

std::optional<std::string> mail_url(std::string_view text) {
  const auto url = mail::parse_mail_url(text);
  if (url) return std::nullopt;
  return "must be outbox: or smtp://[user:pass@]host:port[?tls=off|starttls|require] or smtps://…: " +
         url.error().message;
}

std::optional<std::string> hello_name(std::string_view text) {
  if (text.empty() || mail::smtp::is_client_name(text)) return std::nullopt;
  return "must be a host name with a dot, such as gym.example.com, or an address literal, such as [192.0.2.1] or "
         "[IPv6:2001:db8::1]";
}

std::optional<std::string> mailbox(std::string_view text) {
  if (mail::Mailbox::parse_named(text)) return std::nullopt;
  return "must be a mailbox, such as GloboGym <welcome@globogym.example>";
}

std::optional<std::string> mailbox_or_none(std::string_view text) {
  return text.empty() ? std::nullopt : mailbox(text);
}

std::optional<std::string> imprint(std::string_view text) {
  const bool clean = text.size() <= 2000 && is_utf8(text) && std::ranges::all_of(text, [](char c) {
                       return static_cast<unsigned char>(c) >= 0x20 || c == '\n';
                     });
  if (clean) return std::nullopt;
  return "must be text of at most 2000 bytes, without control characters other than line ends";
}

// One entry of a list: an address or a network in CIDR notation.
std::optional<std::string> network(std::string_view text) {
  const auto parsed = gateway::Network::parse(text);
  if (parsed && !parsed->holds_everything()) return std::nullopt;
  if (parsed) return "must not be every address there is: whoever is named here is believed, and not limited";
  return "must be addresses or networks, such as 10.0.0.0/8 or 2001:db8::/32";
}

std::optional<std::string> origin(std::string_view text) {
  if (gateway::is_origin(text)) return std::nullopt;
  return "must be origins in lower case and without a path, such as https://www.globogym.example";
}

std::optional<std::string> host_name(std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
  });
  if (!plain) return "must be host names, such as console.globogym.example";
  return std::nullopt;
}

// Access to one value of a Config, for reading and writing alike.
template <class T>
using At = T& (*)(Config&);

template <class T>
T& read(At<T> at, const Config& config) {
  return at(const_cast<Config&>(config));
}

Setting text_setting(std::string name, At<std::string> at, Check check, std::string about) {
  return {.name = std::move(name),
          .kind = Kind::text,
          .about = std::move(about),
          .set = [=](Config& config, std::string_view text) -> std::optional<std::string> {
            if (auto problem = check(text)) return problem;
            at(config) = text;
            return std::nullopt;
          },
          .get = [=](const Config& config) { return read(at, config); }};
}

Setting list_setting(std::string name, At<std::vector<std::string>> at, Check check, std::string about) {
  return {.name = std::move(name),
          .kind = Kind::list,
          .about = std::move(about),
          .set = [=](Config& config, std::string_view text) -> std::optional<std::string> {
            std::vector<std::string> entries;
            while (!text.empty()) {
              const auto comma = text.find(',');
              auto entry = text.substr(0, comma);
              while (entry.starts_with(' ')) entry.remove_prefix(1);
              while (entry.ends_with(' ')) entry.remove_suffix(1);
              if (auto problem = check(entry)) return problem;
              entries.emplace_back(entry);
              text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
            }
            at(config) = std::move(entries);
            return std::nullopt;
          },
          .get =
              [=](const Config& config) {
                std::string out;
                for (const auto& entry : read(at, config)) out += (out.empty() ? "" : ",") + entry;
                return out;
              }};
}

// Where a listener listens: one address, or several.
Setting listen_setting(std::string name, At<std::vector<std::string>> at, std::string about) {
  constexpr std::size_t most = 16;
  Setting setting = list_setting(std::move(name), at, host_and_port, std::move(about));
  setting.kind = Kind::one_or_list;
  setting.set = [set = std::move(setting.set), at](Config& config,
                                                   std::string_view text) -> std::optional<std::string> {
    Config read = config;
    if (auto problem = set(read, text)) return problem;
    auto& addresses = at(read);
    if (addresses.empty()) return host_and_port("");
    if (addresses.size() > most) return "must be at most " + std::to_string(most) + " addresses";
    for (auto address = addresses.begin(); address != addresses.end(); ++address)
      if (!address->ends_with(":0") && std::find(addresses.begin(), address, *address) != address)
        return "must name each address once; " + *address + " is there twice";
    at(config) = std::move(addresses);
    return std::nullopt;
  };
  return setting;
}

Setting count_setting(std::string name, At<std::uint32_t> at, std::uint32_t least, std::uint32_t most,
                      std::string about) {
  const std::string range = std::to_string(least) + " to " + std::to_string(most);
  return {.name = std::move(name),
          .kind = Kind::number,
          .about = std::move(about) + " (" + range + ")",
          .set = [=](Config& config, std::string_view text) -> std::optional<std::string> {
            std::uint32_t number = 0;
            const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
            if (problem != std::errc() || end != text.data() + text.size() || number < least || number > most)
              return "must be a whole number, " + range;
            at(config) = number;
            return std::nullopt;
          },
          .get = [=](const Config& config) { return std::to_string(read(at, config)); }};
}

Setting duration_setting(std::string name, At<Duration> at, Duration least, Duration most, std::string about) {
  const std::string range = text(least) + " to " + text(most);
  return {.name = std::move(name),
          .kind = Kind::text,
          .about = std::move(about) + " (" + range + ")",
          .set = [=](Config& config, std::string_view written) -> std::optional<std::string> {
            const auto duration = parse_duration(written);
            if (!duration || *duration < least || *duration > most)
              return "must be a duration such as 250ms, 5s or 2m, " + range;
            at(config) = *duration;
            return std::nullopt;
          },
          .get = [=](const Config& config) { return text(read(at, config)); }};
}

// "off" is zero.
Setting duration_or_off_setting(std::string name, At<Duration> at, Duration least, Duration most, std::string about) {
  Setting setting = duration_setting(std::move(name), at, least, most, std::move(about) + ", or \"off\"");
  setting.set = [at, set = std::move(setting.set)](Config& config, std::string_view written) {
    if (written != "off") return set(config, written);
    at(config) = Duration::zero();
    return std::optional<std::string>();
  };
  setting.get = [at](const Config& config) {
    return read(at, config) == Duration::zero() ? "off" : text(read(at, config));
  };
  return setting;
}

Setting size_setting(std::string name, At<Size> at, Size least, Size most, std::string about) {
  const std::string range = text(least) + " to " + text(most);
  return {.name = std::move(name),
          .kind = Kind::text,
          .about = std::move(about) + " (" + range + ")",
          .set = [=](Config& config, std::string_view written) -> std::optional<std::string> {
            const auto size = parse_size(written);
            if (!size || *size < least || *size > most) return "must be a size such as 16KiB or 256MiB, " + range;
            at(config) = *size;
            return std::nullopt;
          },
          .get = [=](const Config& config) { return text(read(at, config)); }};
}

Setting rate_setting(std::string name, At<Rate> at, std::string about) {
  return {.name = std::move(name),
          .kind = Kind::text,
          .about = std::move(about),
          .set = [=](Config& config, std::string_view written) -> std::optional<std::string> {
            const auto rate = parse_rate(written);
            if (!rate) return "must be \"off\" or a rate such as \"100/s burst 200\" (also /m, /h)";
            at(config) = *rate;
            return std::nullopt;
          },
          .get = [=](const Config& config) { return text(read(at, config)); }};
}

template <class T>
Setting choice_setting(std::string name, At<T> at, std::vector<std::pair<std::string, T>> choices, std::string about) {
  std::string names;
  for (const auto& choice : choices) names += (names.empty() ? "" : ", ") + choice.first;
  return {.name = std::move(name),
          .kind = Kind::text,
          .about = std::move(about) + " (" + names + ")",
          .set = [=](Config& config, std::string_view written) -> std::optional<std::string> {
            for (const auto& [word, value] : choices) {
              if (word != written) continue;
              at(config) = value;
              return std::nullopt;
            }
            return "must be one of: " + names;
          },
          .get =
              [=](const Config& config) {
                for (const auto& [word, value] : choices)
                  if (read(at, config) == value) return word;
                return std::string();
              }};
}

Setting secret(Setting setting) {
  setting.secret = true;
  return setting;
}

std::vector<Setting> all_settings() {
  using namespace std::chrono_literals;
  using C = Config;
  using S = std::string;
  const Size kib{1024}, mib{1 << 20}, gib{1 << 30}, tib{1ULL << 40};
  const auto level = [] {
    return std::vector<std::pair<S, log::Level>>{{"debug", log::Level::debug},
                                                 {"info", log::Level::info},
                                                 {"warning", log::Level::warning},
                                                 {"error", log::Level::error}};
  };
  return {
      text_setting(
          "service.data", [](C& c) -> S& { return c.service.data; }, some_text,
          "The directory that holds everything; created with mode 0700 when it is missing"),
      choice_setting<Role>(
          "service.role", [](C& c) -> Role& { return c.service.role; },
          {{"all", Role::all}, {"gateway", Role::gateway}, {"worker", Role::worker}},
          "What this process does: take sign-ups, work on them, or both"),
      duration_setting(
          "service.shutdown_time", [](C& c) -> Duration& { return c.service.shutdown_time; }, 100ms, 9s,
          "How long a stop waits for requests and attempts in hand"),

      listen_setting(
          "gateway.listen", [](C& c) -> std::vector<S>& { return c.gateway.listen; },
          "Where the public API and the sign-up page listen: HOST:PORT, or several in a list. 0.0.0.0 is every IPv4 "
          "address, [::] every address of both families; port 0 picks a free one"),
      count_setting(
          "gateway.threads", [](C& c) -> std::uint32_t& { return c.gateway.threads; }, 0, 256,
          "Event loops for the public listener; 0 is one a core"),
      size_setting(
          "gateway.max_body", [](C& c) -> Size& { return c.gateway.max_body; }, kib, mib,
          "The longest request body; longer ones get 413"),
      size_setting(
          "gateway.max_header", [](C& c) -> Size& { return c.gateway.max_header; }, kib, {256 * 1024},
          "The longest request line with all headers; longer ones get 431"),
      count_setting(
          "gateway.max_connections", [](C& c) -> std::uint32_t& { return c.gateway.max_connections; }, 1, 1'000'000,
          "Open connections at once; the next one gets 503 and is closed"),
      count_setting(
          "gateway.max_connections_per_address",
          [](C& c) -> std::uint32_t& { return c.gateway.max_connections_per_address; }, 1, 1'000'000,
          "The same for one address (IPv6: one network of 64 bits), this machine and trusted proxies excepted"),
      duration_setting(
          "gateway.header_time", [](C& c) -> Duration& { return c.gateway.header_time; }, 100ms, 5min,
          "From the first byte of a request to its last; slower ones get 408"),
      duration_setting(
          "gateway.idle_time", [](C& c) -> Duration& { return c.gateway.idle_time; }, 1s, 1h,
          "How long a connection may rest between requests"),
      list_setting(
          "gateway.trusted_proxies", [](C& c) -> std::vector<S>& { return c.gateway.trusted_proxies; }, network,
          "Proxies in front of us, as addresses or networks: whom they name in Forwarded or X-Forwarded-For is the "
          "client"),
      list_setting(
          "gateway.allowed_origins", [](C& c) -> std::vector<S>& { return c.gateway.allowed_origins; }, origin,
          "Web origins besides ours, such as https://club.example, whose pages may call the API from a browser"),

      listen_setting(
          "admin.listen", [](C& c) -> std::vector<S>& { return c.admin.listen; },
          "Where the console, the operations API and /metrics listen, as above. Beyond loopback it needs TLS, and "
          "every "
          "request a key with the scope ops:read or ops:write"),
      choice_setting<AdminCredentials>(
          "admin.credentials", [](C& c) -> AdminCredentials& { return c.admin.credentials; },
          {{"auto", AdminCredentials::automatic}, {"required", AdminCredentials::required}},
          "Whether the admin listener asks who you are; auto: when it may be reached from other machines"),
      list_setting(
          "admin.hosts", [](C& c) -> std::vector<S>& { return c.admin.hosts; }, host_name,
          "Names a browser may use for the admin listener besides loopback and its own address"),
      choice_setting<AdminTls>(
          "admin.tls", [](C& c) -> AdminTls& { return c.admin.tls; },
          {{"auto", AdminTls::automatic}, {"on", AdminTls::on}, {"off", AdminTls::off}},
          "Whether the admin listener speaks TLS, with the certificate of [tls]; auto: when there is one and the "
          "listener may be reached from other machines"),

      text_setting(
          "auth.issuer", [](C& c) -> S& { return c.auth.issuer; }, https_or_loopback,
          "The OIDC issuer whose bearer tokens are accepted, exactly as they name it; empty: API keys only"),
      text_setting(
          "auth.audience", [](C& c) -> S& { return c.auth.audience; }, anything,
          "The audience a token must name to be for us; needed with an issuer"),
      text_setting(
          "auth.jwks_url", [](C& c) -> S& { return c.auth.jwks_url; }, https_or_loopback,
          "Where the issuer's keys are; empty: its discovery document says"),
      text_setting(
          "auth.ca_file", [](C& c) -> S& { return c.auth.ca_file; }, anything,
          "PEM file with the authorities the issuer's certificate may come from; empty: the system's"),

      rate_setting(
          "limits.per_key", [](C& c) -> Rate& { return c.limits.per_key; },
          "Requests of one API key or token; a key's own rate goes first, and publishable keys have only theirs"),
      rate_setting(
          "limits.per_address", [](C& c) -> Rate& { return c.limits.per_address; },
          "Requests from one address (IPv6: one /64), loopback and trusted proxies excepted"),
      rate_setting(
          "limits.per_email_domain", [](C& c) -> Rate& { return c.limits.per_email_domain; },
          "Sign-ups for addresses of one mail domain"),
      rate_setting(
          "limits.global", [](C& c) -> Rate& { return c.limits.global; },
          "All requests of callers who have shown a key or token, together"),

      count_setting(
          "signup.proof_bits", [](C& c) -> std::uint32_t& { return c.signup.proof_bits; }, 0, 24,
          "Work a web page has to show for a sign-up: 2^n hashes on average; 16 is a tenth of a second on a phone"),
      rate_setting(
          "signup.per_address", [](C& c) -> Rate& { return c.signup.per_address; },
          "Sign-ups sent from web pages, with a publishable key, by one address; besides limits.per_address"),
      rate_setting(
          "signup.per_email_domain", [](C& c) -> Rate& { return c.signup.per_email_domain; },
          "Sign-ups sent from web pages for addresses of one mail domain; beyond it a page has to show 16 times the "
          "work, and "
          "nobody is refused"),
      text_setting(
          "signup.terms_url", [](C& c) -> S& { return c.signup.terms_url; }, https_or_path,
          "Where people read the terms they agree to, as https:// or a path of this site; empty: the page names them "
          "without a link"),
      text_setting(
          "signup.privacy_url", [](C& c) -> S& { return c.signup.privacy_url; }, https_or_path,
          "The same for what is done with personal data; empty: the page does not mention it"),

      text_setting(
          "tls.certificate", [](C& c) -> S& { return c.tls.certificate; }, anything,
          "PEM file with the certificate chain, the server's own first; empty: plain HTTP. Looked at twice a second "
          "and on SIGHUP: a new one is taken up without a restart"),
      text_setting(
          "tls.key", [](C& c) -> S& { return c.tls.key; }, anything, "PEM file with the private key, not encrypted"),
      text_setting(
          "tls.client_ca", [](C& c) -> S& { return c.tls.client_ca; }, anything,
          "PEM file; when set, clients of the public listener must show a certificate it signed"),
      text_setting(
          "tls.admin_client_ca", [](C& c) -> S& { return c.tls.admin_client_ca; }, anything,
          "PEM file; when set, and the admin listener speaks TLS, its clients must show a certificate it signed"),
      duration_or_off_setting(
          "tls.hsts", [](C& c) -> Duration& { return c.tls.hsts; }, 1min, std::chrono::days(3650),
          "How long browsers are told to use nothing but TLS (Strict-Transport-Security)"),

      choice_setting<S>(
          "engine.kind", [](C& c) -> S& { return c.engine.kind; }, {{"rocksdb", "rocksdb"}},
          "What keeps documents and messages"),
      size_setting(
          "engine.disk_reserve", [](C& c) -> Size& { return c.engine.disk_reserve; }, {0}, tib,
          "Below this much free disk, and 6 KiB more for each message in the queues (18 while letters become files), "
          "new sign-ups get 503, so that accepted ones can finish; 0B: never"),
      size_setting(
          "engine.queue_window", [](C& c) -> Size& { return c.engine.queue_window; }, {64 * 1024}, gib,
          "Messages of one queue kept in memory; beyond it they are read from disk"),
      size_setting(
          "engine.write_buffer", [](C& c) -> Size& { return c.engine.write_buffer; }, mib, gib,
          "Writes kept in memory before they are sorted to disk"),
      size_setting(
          "engine.cache", [](C& c) -> Size& { return c.engine.cache; }, mib, {64 * gib.bytes},
          "Memory for blocks read from disk"),

      count_setting(
          "functions.max_concurrency", [](C& c) -> std::uint32_t& { return c.functions.max_concurrency; }, 1, 100'000,
          "Attempts of one function at once; it scales itself up to this"),
      count_setting(
          "functions.threads", [](C& c) -> std::uint32_t& { return c.functions.threads; }, 0, 2,
          "Threads that work after the 202; with 2 the letters have their own. 0: 2 on more than two cores, else 1"),

      secret(text_setting(
          "mail.url", [](C& c) -> S& { return c.mail.url; }, mail_url,
          "outbox: writes one .eml file a message under DATA/outbox; "
          "smtp://[user:pass@]host:port[?tls=off|starttls|require] or smtps://… sends")),
      text_setting(
          "mail.from", [](C& c) -> S& { return c.mail.from; }, mailbox, "Who our letters are from"),
      text_setting(
          "mail.reply_to", [](C& c) -> S& { return c.mail.reply_to; }, mailbox_or_none,
          "Where answers to our letters go, which also stands in them; empty: to mail.from"),
      text_setting(
          "mail.imprint", [](C& c) -> S& { return c.mail.imprint; }, imprint,
          "Who the letters are from, as the law asks for it: name, address, register; stands at their end, may have "
          "several lines (at most 2000 bytes)"),
      text_setting(
          "mail.templates", [](C& c) -> S& { return c.mail.templates; }, anything,
          "A directory with letters of your own (`globogym letters templates` writes ours, to begin with); empty: the "
          "built-in ones"),
      count_setting(
          "mail.max_attempts", [](C& c) -> std::uint32_t& { return c.mail.max_attempts; }, 1, 10'000,
          "Attempts at one letter before it is parked; mail.give_up_after ends it sooner as a rule"),
      duration_setting(
          "mail.deferral_delay", [](C& c) -> Duration& { return c.mail.deferral_delay; }, 1ms, 24h,
          "The pause after the mail server said \"later\" to a letter; it grows from there to an hour, jittered"),
      duration_setting(
          "mail.give_up_after", [](C& c) -> Duration& { return c.mail.give_up_after; }, 1min, 24h * 90,
          "A letter that has been failing for so long is parked"),
      count_setting(
          "mail.connections", [](C& c) -> std::uint32_t& { return c.mail.connections; }, 1, 256,
          "Connections to the mail server at once"),
      duration_setting(
          "mail.connect_time", [](C& c) -> Duration& { return c.mail.connect_time; }, 100ms, 5min,
          "Time to reach the mail server"),
      duration_setting(
          "mail.reply_time", [](C& c) -> Duration& { return c.mail.reply_time; }, 100ms, 10min,
          "Time for each of the mail server's answers"),
      duration_setting(
          "mail.accept_time", [](C& c) -> Duration& { return c.mail.accept_time; }, 100ms, 30min,
          "Time for the mail server to say that it has taken a letter; RFC 5321 asks for ten minutes, and a letter "
          "given "
          "up earlier may come twice. To receive it, it has as long, but at most 3m"),
      text_setting(
          "mail.hello_name", [](C& c) -> S& { return c.mail.hello_name; }, hello_name,
          "What we call ourselves to the mail server (EHLO): a host name with a dot, or an address literal; empty: "
          "this "
          "machine's name when it has a dot, else the connection's own address"),
      text_setting(
          "mail.ca_file", [](C& c) -> S& { return c.mail.ca_file; }, anything,
          "PEM file with the authorities the mail server's certificate may come from; empty: the system's"),

      duration_setting(
          "retry.first_delay", [](C& c) -> Duration& { return c.retry.first_delay; }, 1ms, 1h,
          "The pause before the second attempt; it grows from there, jittered"),
      duration_setting(
          "retry.max_delay", [](C& c) -> Duration& { return c.retry.max_delay; }, 1ms, 24h,
          "The longest pause between attempts"),

      choice_setting<log::Level>(
          "telemetry.log_level", [](C& c) -> log::Level& { return c.telemetry.log_level; }, level(),
          "What is logged on stderr"),
  };
}

}  // namespace

std::string Setting::variable() const {
  std::string out = "GLOBOGYM_";
  for (char c : name) out += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = all_settings();
  return all;
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : settings())
    if (setting.name == name) return &setting;
  return nullptr;
}

std::string without_password(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const auto begin = scheme + 3;
  // Not what a URL's grammar calls the password, but all that somebody could have meant by it: hiding too much is well.
  const auto at = url.rfind('@');
  if (at == std::string_view::npos || at < begin) return std::string(url);
  const auto colon = url.find(':', begin);
  const auto hidden = colon < at ? colon + 1 : begin;
  return std::string(url.substr(0, hidden)) + "***" + std::string(url.substr(at));
}

}  // namespace globogym::app
