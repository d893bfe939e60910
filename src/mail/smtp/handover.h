// Hands letters over an open session, one after the other (RFC 5321 section 3.3): MAIL, RCPT, DATA, the content, and
// what the server says to each.
//
// Where PIPELINING is offered, MAIL, RCPT and DATA go out together (RFC 2920). Nothing of another letter follows a
// content: its answer may take ten minutes, and the other would wait for it with us.
#pragma once

#include <cstdint>
#include <string>

#include "mail/mailer.h"
#include "mail/smtp/letter_check.h"
#include "mail/smtp/session.h"

namespace globogym::mail::smtp {

class Handover {
 public:
  // All of them outlive it. `recipients_taken` is raised whenever the server agrees to a recipient.
  Handover(Session& session, const TimeLimits& limits, std::uint64_t& recipients_taken)
      : session_(session), limits_(limits), recipients_taken_(recipients_taken) {}

  // How far a letter has come.
  enum class Reached { nothing, recipient, content };  // MAIL was agreed to; the content is on its way

  struct Ended {
    Result<Receipt> outcome;
    // The server said it of this letter. Otherwise the connection ended (or fell silent) first, and `outcome` says how:
    // unavailable or timed_out, and unknown_outcome once the whole content was sent.
    bool judged = false;
    bool alive = false;  // the session can carry another letter
  };

  // `letter` outlives the task. A letter that is called off ends as cancelled.
  Task<Ended> carry(const CheckedLetter& letter);
  Reached reached() const { return reached_; }
  // Nobody waits for the letter any more. Only before its content is on its way.
  void call_off() { called_off_ = true; }
  // The server has agreed to the recipient of the letter at hand.
  bool recipient_taken() const { return recipient_taken_; }

 private:
  enum class Envelope { accepted, over, broken };

  Task<Envelope> say_envelope(const CheckedLetter& letter);
  Task<Result<void>> hear(const Result<void>& written);
  Task<Envelope> decline_content();
  Task<void> say_content(const CheckedLetter& letter);
  Task<void> hear_last_words(const CheckedLetter& letter, Error error);
  void conclude(const CheckedLetter& letter);
  void refuse(Stage stage, const CheckedLetter& letter);
  void lose(Error error);

  Session& session_;
  const TimeLimits& limits_;
  std::uint64_t& recipients_taken_;
  bool needs_reset_ = false;  // the server still remembers half a transaction
  bool called_off_ = false;
  bool recipient_taken_ = false;
  Reached reached_ = Reached::nothing;
  Ended ended_;
  std::string out_;  // what is being written
  Reply reply_;      // the last one read
};

}  // namespace globogym::mail::smtp
