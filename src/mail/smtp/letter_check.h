// A letter as SMTP will say it, checked: nothing in it can end a command, a line or the content early.
#pragma once

#include <string>

#include "mail/mailbox.h"
#include "mail/mailer.h"

namespace globogym::mail::smtp {

struct CheckedLetter {
  std::string from;            // envelope addresses, domains as A-labels
  std::string recipient;       // personal
  std::string content;         // CRLF line ends only, ends with one; not dot-stuffed
  bool has_dot_lines = false;  // a line begins with a dot
  bool eight_bit = false;
  bool needs_smtputf8 = false;
};

// Refused when an address is no address, or the content holds a bare CR or LF, a zero byte, or a line over 998 bytes.
Result<CheckedLetter> check(Letter letter);

// Appends MAIL, RCPT and DATA as separate lines, for a server with (or without) each extension.
struct EnvelopeForm {
  bool size = false;
  bool eight_bit_mime = false;
};
void append_mail(std::string& out, const CheckedLetter& letter, EnvelopeForm form);
void append_recipient(std::string& out, const CheckedLetter& letter);
// Appends the content, dot-stuffed, and the dot that ends it.
void append_content(std::string& out, const CheckedLetter& letter);

}  // namespace globogym::mail::smtp
