#include "functions/enrollment/welcome_mail.h"

#include <algorithm>
#include <utility>

#include "domain/records.h"

namespace globogym::functions::enrollment {

namespace {

// The mailer times a letter itself, from the moment it has a connection. This is only for a mailer that does not.
Duration attempt_time(const mail::Mailer& mailer) {
  return mailer.longest_send() * 2 + std::chrono::seconds(10);
}

}  // namespace

WelcomeMail::WelcomeMail(engine::Engine& engine, const Clock& clock, mail::Mailer& mailer, WelcomeMailOptions options)
    : engine_(engine),
      clock_(clock),
      mailer_(mailer),
      composers_(engine),
      options_{.name = std::string(domain::queue::welcome_mail),
               .dependency = "mail",
               .max_attempts = options.max_attempts,
               .attempt_time = attempt_time(mailer),
               .max_concurrency = std::min(options.max_concurrency, mailer.most_at_once()),
               .deferrals = options.deferrals,
               .give_up_after = options.give_up_after,
               .refused_reason = "recipient-refused"} {}

std::uint64_t WelcomeMail::destination(const engine::Message& message) const {
  const std::string domain = domain::mail_domain_of(message.body);
  return domain.empty() ? 0 : std::max<std::uint64_t>(1, std::hash<std::string>()(domain));
}

Task<Result<mail::Letter>> WelcomeMail::finished(domain::WelcomeMail& work) {
  if (auto* frozen = std::get_if<domain::FrozenLetter>(&work.letter))
    co_return mail::Letter{.from = std::move(frozen->from),
                           .recipient = std::move(work.to),
                           .message_id = std::move(work.message_id),
                           .content = std::move(frozen->content)};
  const auto& letter = std::get<domain::KeptLetter>(work.letter);
  auto composer = co_await composers_.find(letter.layout);
  // It is not the mail system that does not serve.
  if (!composer && composer.error().fault == Fault::unavailable)
    co_return fail(Fault::conflict, std::move(composer.error().message));
  if (!composer) co_return std::unexpected(std::move(composer.error()));
  co_return (*composer)->compose(work.to, work.message_id, letter);
}

Task<Result<engine::Commit>> WelcomeMail::run(Invocation& invocation) {
  auto work = domain::welcome_mail_from_body(invocation.message.body);
  if (!work) co_return fail(Fault::invalid, std::move(work.error().message));

  if (invocation.remembered.empty()) {
    auto letter = co_await finished(*work);
    if (!letter) co_return std::unexpected(std::move(letter.error()));
    auto receipt = co_await mailer_.send(std::move(*letter), invocation.stop);
    if (!receipt) co_return std::unexpected(std::move(receipt.error()));
    invocation.remembered = "sent";
  }

  auto story = invocation.rerun == 0 ? carried_story(*work, invocation.version) : std::nullopt;
  if (!story) {
    auto read = co_await read_story(engine_, invocation.message);
    // From here on the failure is ours, not the mail system's, and the letter is out: only the commit is to be made
    // anew.
    if (!read && read.error().fault == Fault::unavailable) co_return fail(Fault::conflict, read.error().message);
    if (!read) co_return std::unexpected(std::move(read.error()));
    story = std::move(*read);
  }

  engine::Commit commit;
  count(commit, domain::tally::mails_sent, +1);
  if (!story) co_return commit;  // erased meanwhile, at the person's request
  auto& enrollment = story->enrollment;
  const WallTime now = clock_.wall();
  note_done(enrollment, domain::step::welcome_mail, now);
  if (auto* step = domain::find_step(enrollment, domain::step::welcome_mail))
    note_attempts(*step, invocation.attempt, invocation.history);
  if (enrollment.status != domain::Status::completed) {
    enrollment.status = domain::Status::completed;
    enrollment.reason.reset();
    enrollment.completed_at = now;
  }
  tell(commit, std::move(*story));
  co_return commit;
}

Task<Result<engine::Commit>> WelcomeMail::on_parked(engine::Message message, int attempts, std::string reason,
                                                    std::string error) {
  return parked_story(engine_, std::move(message), std::string(domain::step::welcome_mail), attempts, std::move(reason),
                      std::move(error));
}

Task<Result<engine::Commit>> WelcomeMail::on_discarded(engine::KeptMessage letter, domain::Intervention by) {
  return discarded_story(engine_, std::move(letter), std::string(domain::step::welcome_mail), std::move(by));
}

Task<Result<engine::Commit>> WelcomeMail::on_revived(engine::KeptMessage letter, domain::Intervention by) {
  return revived_story(engine_, std::move(letter), std::string(domain::step::welcome_mail), domain::Status::processing,
                       std::move(by));
}

}  // namespace globogym::functions::enrollment
