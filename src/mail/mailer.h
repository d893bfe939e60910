// Hands finished letters to a mail system.
#pragma once

#include <stop_token>
#include <string>

#include "async/task.h"
#include "base/clock.h"
#include "base/personal.h"
#include "base/result.h"

namespace globogym::mail {

using async::Task;

// A letter as it goes out, composed once and the same at every attempt.
struct Letter {
  std::string from;                 // envelope sender: a mailbox, no angle brackets
  Personal<std::string> recipient;  // envelope recipient
  std::string message_id;           // without angle brackets; the same at every attempt
  std::string content;              // the whole RFC 5322 message, CRLF line ends, not dot-stuffed
};

struct Receipt {
  std::string reply;  // what the mail system said when it took the letter; at most 200 bytes, no personal data
};

// Owned by one loop.
class Mailer {
 public:
  virtual ~Mailer() = default;
  // Hands `letter` over. When it fails:
  //   refused          the recipient or the letter was refused for good (5yz to RCPT, DATA or the content; 552 or 5.3.4
  //                    "too large" to MAIL; a letter that cannot be said in SMTP at all); `message` has the server's
  //                    words
  //   deferred         this letter later: 4yz to RCPT, DATA or the content, whatever it says (a relay that cannot reach
  //                    one domain says 421, 451 4.3.0 or 452 there); 5yz there that refuses us and not the recipient
  //                    (relaying denied, no authentication, our name): ours to mend. Also a connection that ends or
  //                    falls silent at this recipient while others' are agreed to
  //   unavailable      the mail system as a whole does not serve: not reachable, lost before the content was sent, any
  //                    refusal before MAIL (greeting, EHLO, TLS, AUTH), 4yz or 5yz to MAIL itself
  //   timed_out        it did not answer in time, before the content was sent
  //   unknown_outcome  the connection died, or spoke gibberish, or was silent too long, after the whole content was
  //                    sent and before the answer came
  //   cancelled        `stop` was requested before the content was sent. After that a stop changes nothing: the answer
  //                    has its full time, unless leave_soon() has been called
  // The server's words are cut at 200 bytes, and addresses in them are replaced by "<recipient>" and "<address>".
  // `stop` is requested on the loop's own thread.
  virtual Task<Result<Receipt>> send(Letter letter, std::stop_token stop) = 0;
  // How many letters it can be at work on at a time: more would only wait for one of our own connections.
  virtual std::size_t most_at_once() const = 0;
  // The longest a letter may take from the moment it has a connection (one that may first have to be opened) until
  // send() returns: the sum of its stages' own limits. With no more than most_at_once() letters in hand a send()
  // returns within twice this.
  virtual Duration longest_send() const = 0;
  // The process is about to end: from now on a send whose stop is requested waits for its answer only for a moment.
  virtual void leave_soon() {}
  // Takes leave of the mail system. To be awaited once, before the mailer is destroyed and while its loop still turns;
  // sends still in progress end at once as their state demands, later ones are cancelled.
  virtual Task<void> close() { co_return; }
};

}  // namespace globogym::mail
