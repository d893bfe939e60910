#include "functions/enrollment/process_enrollment.h"

#include <utility>

#include "domain/date.h"
#include "functions/retry.h"

namespace globogym::functions::enrollment {
namespace {

// Why an application that was accepted cannot be kept any more: a stable word, or nothing.
std::optional<std::string_view> why_not(const domain::ProcessEnrollment& work, const domain::Catalogue& catalogue) {
  const auto& applicant = work.applicant;
  const domain::Club* club = catalogue.find_club(applicant.home_club_id);
  if (!club) return "club-unknown";
  if (!catalogue.find_plan(applicant.plan)) return "plan-unknown";
  const domain::Date accepted_on = domain::day_at(club, work.accepted_at);
  if (domain::age_on(applicant.date_of_birth.reveal(), accepted_on) < club->minimum_age) return "age-below-minimum";
  return std::nullopt;
}

engine::Commit reject(Story story, std::string_view reason, const Invocation& invocation, WallTime now) {
  auto& enrollment = story.enrollment;
  enrollment.status = domain::Status::rejected;
  enrollment.reason = reason;
  enrollment.completed_at = now;
  for (auto& step : enrollment.steps) step.status = domain::StepStatus::skipped;
  note_done(enrollment, domain::step::validate, now);
  if (auto* validate = domain::find_step(enrollment, domain::step::validate))
    note_attempts(*validate, invocation.attempt, invocation.history);
  engine::Commit commit;
  tell(commit, std::move(story));
  return commit;
}

// The step a message was at when it was parked for `reason`.
std::string parked_at(std::string_view reason) {
  return std::string(reason == parked::invalid_message ? domain::step::validate : domain::step::store_member);
}

}  // namespace

ProcessEnrollment::ProcessEnrollment(engine::Engine& engine, const Clock& clock, const domain::Catalogue& catalogue,
                                     const Hmac& pseudonyms, mail::Writer writer, int max_attempts,
                                     std::size_t max_concurrency)
    : engine_(engine),
      clock_(clock),
      catalogue_(catalogue),
      pseudonyms_(pseudonyms),
      writer_(std::move(writer)),
      layout_(engine, writer_.layout()),
      options_{.name = std::string(domain::queue::process_enrollment),
               .goes_on_to = std::string(domain::queue::welcome_mail),
               .dependency = {},
               .max_attempts = max_attempts,
               .max_concurrency = max_concurrency} {}

Task<Result<engine::Commit>> ProcessEnrollment::run(Invocation& invocation) {
  auto work = domain::process_enrollment_from_json(invocation.message.body);
  if (!work) co_return fail(Fault::invalid, std::move(work.error().message));

  auto story = invocation.rerun == 0 ? carried_story(*work, invocation.version) : std::nullopt;
  if (!story) {
    auto read = co_await read_story(engine_, invocation.message);
    if (!read) co_return std::unexpected(std::move(read.error()));
    if (!*read) co_return fail(Fault::invalid, "the enrollment this message belongs to does not exist");
    story = std::move(*read);
  }
  // Ended already, by a message that was brought back after all: there is nothing left to do.
  const auto status = story->enrollment.status;
  if (status == domain::Status::completed || status == domain::Status::rejected) co_return engine::Commit{};

  if (const auto reason = why_not(*work, catalogue_))
    co_return reject(std::move(*story), *reason, invocation, clock_.wall());

  const auto ids = domain::person_ids(pseudonyms_, work->applicant.normalized_email);
  const auto formerly = domain::former_person_ids(pseudonyms_, work->applicant.email, work->applicant.normalized_email);
  Member member{.member = {.id = domain::member_id(pseudonyms_, ids, work->enrollment_id),
                           .enrollment_id = std::move(work->enrollment_id),
                           .joined_at = std::chrono::floor<std::chrono::milliseconds>(clock_.wall()),
                           .details = std::move(work->applicant)},
                .key = member_key(ids)};
  // The commit itself finds out whether there is such a member; only after it was refused is there something to read.
  // Nobody is put where an older build would have put them any more, so what stands there can be read beforehand.
  std::vector<engine::DocumentKey> places;
  if (formerly) places.push_back(member_key(*formerly));
  if (invocation.rerun > 0) places.push_back(member.key);
  for (const auto& place : places) {
    auto there = co_await engine_.get(place);
    if (!there) co_return std::unexpected(std::move(there.error()));
    if (!*there) continue;
    auto stored = domain::member_from_json((*there)->body);
    if (!stored) co_return std::unexpected(std::move(stored.error()));
    const bool same = stored->details.normalized_email == member.member.details.normalized_email;
    if (!same && !(place == member.key)) continue;  // whom the older build took this one for
    if (stored->enrollment_id != member.member.enrollment_id) {
      story->enrollment.existing_member_id = std::move(stored->id);
      co_return reject(std::move(*story), domain::already_member, invocation, clock_.wall());
    }
    member.member = std::move(*stored);
    member.stored = true;
    break;
  }
  if (!layout_.is_stored()) {
    if (auto stored = co_await layout_.store(); !stored) co_return std::unexpected(std::move(stored.error()));
  }
  co_return become_member(std::move(*story), std::move(member), invocation);
}

Result<engine::Commit> ProcessEnrollment::become_member(Story story, Member member,
                                                        const Invocation& invocation) const {
  const auto& details = member.member.details;
  auto letter = writer_.welcome(member.member, catalogue_.find_club(details.home_club_id),
                                catalogue_.find_plan(details.plan), story.enrollment.id, member.member.joined_at);
  if (!letter) return std::unexpected(std::move(letter.error()));

  const WallTime now = clock_.wall();
  auto& enrollment = story.enrollment;
  enrollment.status = domain::Status::processing;
  enrollment.reason.reset();
  enrollment.member_id = member.member.id;
  note_done(enrollment, domain::step::validate, now);
  note_done(enrollment, domain::step::store_member, now);
  if (auto* step = domain::find_step(enrollment, domain::step::store_member))
    note_attempts(*step, invocation.attempt, invocation.history);

  // The document stays as it is, `accepted`: what is known now travels with the letter until both have an end. Only one
  // that said something else would contradict it.
  const bool contradicts = story.was != domain::Status::accepted;
  engine::Commit commit;
  commit.messages.push_back(
      {.queue = std::string(domain::queue::welcome_mail),
       .id = enrollment.id,
       .body = domain::to_body(domain::WelcomeMail{
           .enrollment_id = enrollment.id,
           .member_id = member.member.id,
           .story = domain::StoryOfLetter{.enrollment = enrollment, .version = contradicts ? 0 : story.version},
           .to = std::move(letter->to),
           .message_id = std::move(letter->message_id),
           .letter = std::move(letter->letter)}),
       .traceparent = invocation.message.traceparent});
  if (!member.stored) {
    commit.documents.push_back({std::move(member.key), domain::to_json(member.member), engine::Expect::absent()});
    count(commit, domain::tally::members, +1);
  }
  if (contradicts)
    tell(commit, std::move(story));
  else
    recount(commit, story);
  return commit;
}

// The message's id is its enrollment's, so that even one whose body cannot be read has a story.
Task<Result<engine::Commit>> ProcessEnrollment::on_parked(engine::Message message, int attempts, std::string reason,
                                                          std::string error) {
  std::string step = parked_at(reason);
  return parked_story(engine_, std::move(message), std::move(step), attempts, std::move(reason), std::move(error));
}

Task<Result<engine::Commit>> ProcessEnrollment::on_discarded(engine::KeptMessage letter, domain::Intervention by) {
  std::string step = parked_at(letter.dead_reason);
  return discarded_story(engine_, std::move(letter), std::move(step), std::move(by));
}

Task<Result<engine::Commit>> ProcessEnrollment::on_revived(engine::KeptMessage letter, domain::Intervention by) {
  std::string step = parked_at(letter.dead_reason);
  return revived_story(engine_, std::move(letter), std::move(step), domain::Status::accepted, std::move(by));
}

}  // namespace globogym::functions::enrollment
