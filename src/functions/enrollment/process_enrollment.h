// process-enrollment: turns an accepted enrollment into a member and the welcome mail to come, in one commit.
//
// One e-mail address never becomes two members: where the member is kept is made of the address, and the document is
// created only where there is none. The member's id is also the enrollment's, so none is ever used for two people. What
// the service knew when it accepted is checked against what it knows now; the age counts on the day of acceptance at
// the club, so that a backlog turns nobody away. What the letter says is decided here, and looked at: whatever is
// configured later, every attempt to send it sends the same.
#pragma once

#include "base/digest.h"
#include "domain/catalogue.h"
#include "domain/records.h"
#include "functions/enrollment/layouts.h"
#include "functions/enrollment/story.h"
#include "functions/function.h"
#include "mail/writer.h"

namespace globogym::functions::enrollment {

class ProcessEnrollment final : public Function {
 public:
  // All references outlive the function.
  ProcessEnrollment(engine::Engine& engine, const Clock& clock, const domain::Catalogue& catalogue,
                    const Hmac& pseudonyms, mail::Writer writer, int max_attempts = 8,
                    std::size_t max_concurrency = 256);

  const FunctionOptions& options() const override { return options_; }
  Task<Result<engine::Commit>> run(Invocation& invocation) override;
  Task<Result<engine::Commit>> on_parked(engine::Message message, int attempts, std::string reason,
                                         std::string error) override;
  Task<Result<engine::Commit>> on_revived(engine::KeptMessage letter, domain::Intervention by) override;
  Task<Result<engine::Commit>> on_discarded(engine::KeptMessage letter, domain::Intervention by) override;

 private:
  struct Member {
    domain::Member member;
    engine::DocumentKey key;
    bool stored = false;  // by this enrollment, before
  };
  Result<engine::Commit> become_member(Story story, Member member, const Invocation& invocation) const;

  engine::Engine& engine_;
  const Clock& clock_;
  const domain::Catalogue& catalogue_;
  const Hmac& pseudonyms_;
  const mail::Writer writer_;
  StoredLayout layout_;  // of the writer
  const FunctionOptions options_;
};

}  // namespace globogym::functions::enrollment
