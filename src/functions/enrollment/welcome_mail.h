// welcome-mail: hands the letter to the mail system and completes the enrollment.
//
// The letter is composed anew at each attempt, of what the message says and of the layout it names: the same bytes, as
// long as the same build composes them. Letters of builds before 0.2 are sent as they were frozen.
// The letter goes out before the commit that records it. When only the commit has to be made anew, the letter is not
// sent again; when the process dies in between it is, with the same Message-ID.
#pragma once

#include "domain/records.h"
#include "functions/enrollment/layouts.h"
#include "functions/enrollment/story.h"
#include "functions/function.h"
#include "mail/mailer.h"

namespace globogym::functions::enrollment {

struct WelcomeMailOptions {
  int max_attempts = 8;
  std::size_t max_concurrency = 256;      // never more than the mailer carries at a time
  std::optional<Backoff> deferrals = {};  // see FunctionOptions
  Duration give_up_after{};
};

class WelcomeMail final : public Function {
 public:
  // All references outlive the function.
  WelcomeMail(engine::Engine& engine, const Clock& clock, mail::Mailer& mailer, WelcomeMailOptions options = {});

  const FunctionOptions& options() const override { return options_; }
  std::uint64_t destination(const engine::Message& message) const override;  // the recipient's domain
  Task<Result<engine::Commit>> run(Invocation& invocation) override;
  Task<Result<engine::Commit>> on_parked(engine::Message message, int attempts, std::string reason,
                                         std::string error) override;
  Task<Result<engine::Commit>> on_revived(engine::KeptMessage letter, domain::Intervention by) override;
  Task<Result<engine::Commit>> on_discarded(engine::KeptMessage letter, domain::Intervention by) override;

 private:
  // Takes the letter out of `work`, which outlives the task.
  Task<Result<mail::Letter>> finished(domain::WelcomeMail& work);

  engine::Engine& engine_;
  const Clock& clock_;
  mail::Mailer& mailer_;
  Composers composers_;
  const FunctionOptions options_;
};

}  // namespace globogym::functions::enrollment
