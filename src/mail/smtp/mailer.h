// Hands letters to an SMTP server over a few connections that stay open.
//
// A letter waits until a connection is free for it; connections are opened as letters wait, up to a bound, and leave
// with QUIT when they have been idle for a while. A letter's time begins when it has a connection. One that was not
// handed over because a connection ended (servers close idle ones, and after so many letters) or could not be opened is
// tried again, on up to three, before its sender hears of it; but at once when nothing speaks for the server: no
// connection opened and no letter answered since it came. A connection that cannot be opened costs at most one letter.
//
// Letters are checked again here, whoever composed them: an address or content that could end a command or a line early
// is refused, never sent.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "async/stream.h"
#include "mail/mailer.h"
#include "mail/smtp/session.h"
#include "mail/url.h"
#include "telemetry/metrics.h"

namespace globogym::mail::smtp {

struct Options {
  SmtpUrl url;
  std::size_t most_connections = 16;
  std::size_t most_waiting = 100'000;  // letters; beyond it a send is unavailable at once
  Duration idle = std::chrono::seconds(20);
  Duration reopen_pause = std::chrono::seconds(5);  // at most, after failed openings, while other connections serve
  // How long a send that was asked to stop still waits for the answer to content already sent, once the process leaves.
  Duration stop_grace = std::chrono::seconds(5);
  TimeLimits limits = {};
  // For EHLO: a host name, or an address literal. Empty: this machine's name when it has a dot, else the connection's
  // own address as a literal (RFC 5321 section 4.1.4).
  std::string client_name = {};
};

// This machine's name, when it is one that servers take after EHLO; otherwise empty.
std::string this_machine();

// A host name with a dot or an address literal: what servers take after EHLO.
bool is_client_name(std::string_view name);

// `connector` and `metrics` outlive the mailer. close() must be awaited before it is destroyed.
std::unique_ptr<mail::Mailer> open(Options options, async::Connector& connector, telemetry::Metrics& metrics);

}  // namespace globogym::mail::smtp
