// Makes a finished letter out of what it says, in a layout.
//
// The result is a 7-bit RFC 5322 message (except for an address that is itself not ASCII) with the text and the HTML as
// alternatives, the HTML together with its pictures (RFC 2387), CRLF line ends, lines of at most 78 characters. The
// same input gives the same bytes: the boundary is derived from the message id and cannot occur in the bodies.
// Everything that is the same in all letters of the layout is coded once, so that a letter is a matter of appending.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/personal.h"
#include "base/result.h"
#include "domain/letter_values.h"
#include "domain/letters.h"
#include "mail/layout.h"
#include "mail/mailbox.h"
#include "mail/mailer.h"
#include "mail/stencil.h"

namespace globogym::mail {

// Why no letter with this Message-ID, id@domain without angle brackets, can be composed; nothing: one can.
std::optional<std::string> wrong_message_id(std::string_view message_id);

// May be used from any thread.
class Composer {
 public:
  // Of a layout as it is kept.
  //   damaged   as layout_of(), or templates that this build cannot read
  static Result<std::shared_ptr<const Composer>> make(const KeptLayout& kept);
  Composer(const Composer&) = delete;

  // `letter` has been written with this layout. invalid: the recipient is no usable address, or what makes headers
  // holds what a header cannot; Writer has looked at both before a letter is kept.
  Result<Letter> compose(const Personal<std::string>& recipient, std::string_view message_id,
                         const domain::KeptLetter& letter) const;

 private:
  // What is the same in all letters in one language.
  struct Language {
    const domain::Letters::Language& words;
    Stencil text, html;
    std::string head;  // from MIME-Version to the boundary
  };
  Composer(domain::Letters letters, const Layout& layout);
  void append_head(std::string& out, const Language& language, const Mailbox& to, std::string_view message_id,
                   std::string_view boundary, const domain::KeptLetter& letter, std::string_view subject) const;

  const domain::Letters letters_;
  const std::string from_;           // envelope sender
  std::string senders_;              // From and Reply-To
  std::string logo_;                 // the whole part
  std::vector<Language> languages_;  // as in the layout
};

}  // namespace globogym::mail
