// Writes our letters: the words, the sender and where answers go, put together once.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "domain/letters.h"
#include "mail/mailbox.h"
#include "mail/mailer.h"

namespace globogym::mail {

// May be copied, and used from any thread.
class Writer {
 public:
  Writer(std::shared_ptr<const domain::Letters> letters, Mailbox from, std::optional<Mailbox> reply_to = std::nullopt);
  // With the letters that are built in.
  Writer(Mailbox from);

  // The letter that welcomes a member; the same input gives the same bytes. `id` makes its Message-ID: the enrollment's
  // id as a rule. `club` and `plan` may be null.
  //   invalid   no letter can be written to the member's address
  Result<Letter> welcome(const domain::Member& member, const domain::Club* club, const domain::Plan* plan,
                         std::string_view id, WallTime date) const;

 private:
  std::shared_ptr<const domain::Letters> letters_;
  Mailbox from_;
  std::optional<Mailbox> reply_to_;
};

}  // namespace globogym::mail
