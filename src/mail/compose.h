// Makes a finished letter out of a letter's words.
//
// The result is a 7-bit RFC 5322 message (except for an address that is itself not ASCII) with the text and the HTML as
// alternatives, the HTML together with its pictures (RFC 2387), CRLF line ends, lines of at most 78 characters. The
// same input gives the same bytes: the boundary is derived from the message id and cannot occur in the bodies.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/personal.h"
#include "base/result.h"
#include "domain/letters.h"
#include "mail/mailbox.h"
#include "mail/mailer.h"

namespace globogym::mail {

// `message_id` is id@domain without angle brackets; `language` an RFC 5646 tag, or empty. Invalid when the recipient is
// no usable address, or when an input holds what a mail cannot (control characters, bytes that are not UTF-8). Answers
// go to `reply_to`, or to the sender.
Result<Letter> compose(const domain::LetterText& text, const Mailbox& from, const Personal<std::string>& recipient,
                       std::string_view message_id, WallTime date, std::string_view language = {},
                       const Mailbox* reply_to = nullptr);

}  // namespace globogym::mail
