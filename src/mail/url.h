// Where mail goes, as one URL:
//
//   outbox:                      one file a message, under the data directory
//   outbox:/path/to/directory    the same, elsewhere
//   smtp://[user:password@]host[:port][?tls=off|starttls|require]
//   smtps://[user:password@]host[:port]
//
// The scheme is the same in any case. Without `tls`, STARTTLS is used when the server offers it. `starttls` and
// `require` both insist on it; `off` never uses it; smtps speaks TLS from the first byte. Wherever TLS is spoken, the
// certificate is checked, but for STARTTLS that is only used because it is offered by this same machine, where nothing
// crosses a wire. A password is sent only under TLS or to this same machine.
// Ports: 465 for smtps; for smtp 587 with a user or an insistence on TLS, otherwise 25. User and password are
// percent-encoded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/personal.h"
#include "base/result.h"

namespace globogym::mail {

struct OutboxUrl {
  std::string directory;  // empty: the caller's default
};

enum class Tls { when_offered, demanded, from_the_start, off };

struct SmtpUrl {
  std::string host;
  std::uint16_t port = 25;
  Tls tls = Tls::when_offered;
  std::string user;                // empty: no AUTH
  Personal<std::string> password;  // a secret, kept as what cannot be printed
};

using MailUrl = std::variant<OutboxUrl, SmtpUrl>;

// The error (invalid) says what is wrong and never repeats user or password.
Result<MailUrl> parse_mail_url(std::string_view url);

// The host is this same machine by its name or address.
bool is_loopback(std::string_view host);

}  // namespace globogym::mail
