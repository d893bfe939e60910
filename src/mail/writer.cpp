#include "mail/writer.h"

#include "base/assert.h"
#include "mail/compose.h"

namespace globogym::mail {
namespace {

std::shared_ptr<const domain::Letters> built_in_letters(const Mailbox& from) {
  auto letters = domain::Letters::make({.domain = std::string(from.domain())});
  ASSERT(letters.has_value());
  return std::make_shared<const domain::Letters>(std::move(*letters));
}

}  // namespace

Writer::Writer(std::shared_ptr<const domain::Letters> letters, Mailbox from, std::optional<Mailbox> reply_to)
    : letters_(std::move(letters)), from_(std::move(from)), reply_to_(std::move(reply_to)) {}

Writer::Writer(Mailbox from) : letters_(built_in_letters(from)), from_(std::move(from)) {}

Result<Letter> Writer::welcome(const domain::Member& member, const domain::Club* club, const domain::Plan* plan,
                               std::string_view id, WallTime date) const {
  std::string message_id(id);
  message_id.append("@").append(from_.domain());
  return compose(letters_->welcome(member, club, plan), from_, domain::letter_address(member.details), message_id, date,
                 member.details.locale, reply_to_ ? &*reply_to_ : nullptr);
}

}  // namespace globogym::mail
