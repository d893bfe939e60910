// Hands letters to an SMTP server over a few connections that stay open.
//
// A letter waits until a connection is free for it; connections are opened as letters wait, up to a bound, and leave
// with QUIT when they have been idle for a while. Where the server offers PIPELINING, a letter's MAIL, RCPT and DATA go
// out together, and with the content of the letter before it when one is waiting: one write and one read a letter. A
// letter that was not handed over because a connection which had worked ended (servers close idle ones, and after so
// many letters) is tried once more on another before its sender hears of it.
//
// Letters are checked again here, whoever composed them: an address or content that could end a command or a line early
// is refused, never sent.
#pragma once

#include <memory>
#include <string>

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
  Duration reopen_pause = std::chrono::seconds(5);  // after a failed opening, while other connections serve
  // How long a send that was asked to stop still waits for the answer to content already sent.
  Duration stop_grace = std::chrono::seconds(5);
  TimeLimits limits = {};
  std::string client_name = {};  // for EHLO; empty: this machine's name when it is one, else "localhost"
};

// `connector` and `metrics` outlive the mailer. close() must be awaited before it is destroyed.
std::unique_ptr<mail::Mailer> open(Options options, async::Connector& connector, telemetry::Metrics& metrics);

}  // namespace globogym::mail::smtp
