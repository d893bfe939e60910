// What a person mends about a member by hand: an address that was mistyped, a letter that did not come.
//
// The member stays who they are, with id and number; only where they are kept follows their address, and a note under
// their id says where that is. The letter is written anew, with a Message-ID of its own, and takes the place of the one
// that has not gone out. Everything of one deed is one commit.
#pragma once

#include <string>
#include <string_view>

#include "base/digest.h"
#include "domain/catalogue.h"
#include "domain/email_address.h"
#include "engine/engine.h"
#include "functions/enrollment/story.h"
#include "mail/writer.h"

namespace globogym::functions::enrollment {

// A member as they stand in the store.
struct StandingMember {
  domain::Member member;
  engine::DocumentKey key;
  engine::Version version = 0;
};

enum class LetterState {
  queued,          // written anew, and sent next
  already_queued,  // one to the address of the member waits
  being_sent       // one is on its way right now
};

class Mending {
 public:
  // All references outlive it.
  Mending(engine::Engine& engine, const Clock& clock, const domain::Catalogue& catalogue, const Hmac& pseudonyms,
          mail::Writer writer);

  // The member gets this address, and a letter that goes there.
  //   conflict  another member has the address, the member has it already, the letter is being sent right now, or
  //             something was changed meanwhile; a sentence says which
  //   invalid   no letter can be written to it
  Task<Result<LetterState>> correct_email(StandingMember member, domain::EmailAddress address, std::string by) const;

  // The welcome letter, written anew, is sent to the member. conflict: something was changed meanwhile.
  Task<Result<LetterState>> resend_letter(StandingMember member, std::string by) const;

 private:
  // Adds the letter to `commit`, and to the enrollment's story that `what` was done.
  Task<Result<void>> add_letter(engine::Commit& commit, const domain::Member& member, std::string what,
                                std::string by) const;
  Task<Result<bool>> is_anothers(const domain::EmailAddress& address, std::string member_id) const;

  engine::Engine& engine_;
  const Clock& clock_;
  const domain::Catalogue& catalogue_;
  const Hmac& pseudonyms_;
  const mail::Writer writer_;
};

}  // namespace globogym::functions::enrollment
