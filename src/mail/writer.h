// Writes our letters: decides what one says, and sees to it that it can be composed whenever it is sent.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/personal.h"
#include "base/result.h"
#include "domain/letter_values.h"
#include "domain/letters.h"
#include "mail/layout.h"
#include "mail/mailbox.h"

namespace globogym::mail {

struct WrittenLetter {
  Personal<std::string> to;  // a mailbox
  std::string message_id;
  domain::KeptLetter letter;
};

// May be copied, and used from any thread.
class Writer {
 public:
  //   invalid   the letters are more than can be kept: a sentence says what to do
  static Result<Writer> make(domain::Letters letters, Mailbox from, std::optional<Mailbox> reply_to = std::nullopt);
  // With the letters that are built in.
  Writer(Mailbox from);

  // The letter that welcomes a member. `id` makes its Message-ID: the enrollment's id as a rule. `club` and `plan` may
  // be null. Whoever keeps it keeps its layout, too.
  //   invalid   no letter can be written to the member's address, or what it would say is no text
  Result<WrittenLetter> welcome(const domain::Member& member, const domain::Club* club, const domain::Plan* plan,
                                std::string_view id, WallTime date) const;

  // Of all letters it writes.
  const KeptLayout& layout() const { return made_->layout; }

 private:
  struct Made {
    domain::Letters letters;
    std::string domain;  // of Message-IDs
    KeptLayout layout;
  };
  explicit Writer(std::shared_ptr<const Made> made) : made_(std::move(made)) {}

  std::shared_ptr<const Made> made_;
};

}  // namespace globogym::mail
