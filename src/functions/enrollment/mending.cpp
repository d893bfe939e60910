#include "functions/enrollment/mending.h"

#include <chrono>
#include <utility>
#include <vector>

#include "domain/ids.h"
#include "domain/records.h"
#include "functions/enrollment/layouts.h"

namespace globogym::functions::enrollment {
namespace {

constexpr std::string_view being_sent = "the welcome letter is being sent right now; try again in a minute";
constexpr std::string_view changed_meanwhile =
    "somebody changed this member, or their letter went out, just now; look at them again, and repeat what is still "
    "needed";

// The engine says which document moved, which says nothing to whoever mends.
Result<LetterState> queued(Result<engine::Committed> committed) {
  if (committed) return LetterState::queued;
  if (committed.error().fault == Fault::conflict) return fail(Fault::conflict, std::string(changed_meanwhile));
  return std::unexpected(std::move(committed.error()));
}

// The member's document at its new place, and the note that leads there.
void move(engine::Commit& commit, const StandingMember& member, const domain::Member& corrected,
          engine::DocumentKey place) {
  const bool stays = place == member.key;
  const auto named = domain::whereabouts_of_member(corrected.id);
  if (!stays) {
    commit.erased.push_back({member.key, engine::Expect::exactly(member.version)});
    auto note = moved_key(corrected.id);
    if (named && named->document == place.id)
      commit.erased.push_back({std::move(note), engine::Expect::anything()});
    else
      commit.documents.push_back({std::move(note),
                                  domain::moved_note({.document = place.id, .partition = place.partition}),
                                  engine::Expect::anything()});
  }
  commit.documents.push_back({std::move(place), domain::to_json(corrected),
                              stays ? engine::Expect::exactly(member.version) : engine::Expect::absent()});
}

// The letter of a member is written anew, in place of the one there is or was.
void begin_letter_anew(domain::Enrollment& enrollment, const domain::Member& member,
                       const std::optional<engine::KeptMessage>& kept, domain::Intervention by) {
  domain::remember_intervention(enrollment, by);
  if (enrollment.status == domain::Status::accepted) {
    // Who told that the member was stored was the letter's message alone, and it has been lost.
    enrollment.status = domain::Status::processing;
    enrollment.member_id = member.id;
    note_done(enrollment, domain::step::validate, member.joined_at);
    note_done(enrollment, domain::step::store_member, member.joined_at);
  }
  if (auto* step = domain::find_step(enrollment, domain::step::welcome_mail)) {
    // What became of the letter before is known by its message, or, where that was discarded, by the step.
    if (kept)
      domain::remember_round(*step, round_so_far(*kept, by.at));
    else if (step->status == domain::StepStatus::parked)
      domain::remember_round(*step, {.status = step->status,
                                     .attempts = step->attempts,
                                     .ended = step->finished_at.value_or(by.at),
                                     .reason = enrollment.reason,
                                     .failures = step->failures});
  }
  // What has been completed stays so: the letter is one more.
  if (enrollment.status == domain::Status::parked) begin_anew(enrollment, domain::Status::processing);
}

}  // namespace

Mending::Mending(engine::Engine& engine, const Clock& clock, const domain::Catalogue& catalogue, const Hmac& pseudonyms,
                 mail::Writer writer)
    : engine_(engine), clock_(clock), catalogue_(catalogue), pseudonyms_(pseudonyms), writer_(std::move(writer)) {}

Task<Result<LetterState>> Mending::correct_email(StandingMember member, domain::EmailAddress address,
                                                 std::string by) const {
  domain::Member corrected = member.member;
  corrected.details.email = Personal(address.written);
  corrected.details.normalized_email = Personal(address.normalized);
  if (corrected.details == member.member.details)
    co_return fail(Fault::conflict, "the member has this address already");
  auto anothers = co_await is_anothers(address, corrected.id);
  if (!anothers) co_return std::unexpected(anothers.error());
  if (*anothers)
    co_return fail(Fault::conflict, "another member has this address; nothing was changed: one address is one member");

  engine::Commit commit;
  move(commit, member, corrected, member_key(domain::person_ids(pseudonyms_, corrected.details.normalized_email)));
  if (auto added = co_await add_letter(commit, corrected, "address-corrected", std::move(by)); !added)
    co_return std::unexpected(added.error());
  auto committed = co_await engine_.commit(std::move(commit));
  co_return queued(std::move(committed));
}

Task<Result<LetterState>> Mending::resend_letter(StandingMember member, std::string by) const {
  auto kept = co_await engine_.find_message(std::string(domain::queue::welcome_mail), member.member.enrollment_id);
  if (!kept) co_return std::unexpected(kept.error());
  if (*kept && (*kept)->state == engine::MessageState::leased) co_return LetterState::being_sent;
  if (*kept && (*kept)->state != engine::MessageState::dead_lettered) co_return LetterState::already_queued;
  engine::Commit commit;
  if (auto added = co_await add_letter(commit, member.member, "letter-sent-again", std::move(by)); !added)
    co_return std::unexpected(added.error());
  auto committed = co_await engine_.commit(std::move(commit));
  co_return queued(std::move(committed));
}

Task<Result<void>> Mending::add_letter(engine::Commit& commit, const domain::Member& member, std::string what,
                                       std::string by) const {
  const WallTime now = std::chrono::floor<std::chrono::milliseconds>(clock_.wall());
  const std::string& id = member.enrollment_id;
  auto kept = co_await engine_.find_message(std::string(domain::queue::welcome_mail), id);
  if (!kept) co_return std::unexpected(kept.error());
  if (*kept && (*kept)->state == engine::MessageState::leased) co_return fail(Fault::conflict, std::string(being_sent));

  // Mail systems take two letters with one Message-ID for the same, and the second is not shown.
  const std::string again = id + "." + std::to_string(now.time_since_epoch() / std::chrono::milliseconds(1));
  auto letter = writer_.welcome(member, catalogue_.find_club(member.details.home_club_id),
                                catalogue_.find_plan(member.details.plan), again, now);
  if (!letter) co_return std::unexpected(letter.error());
  if (auto stored = co_await store_layout(engine_, writer_.layout()); !stored)
    co_return std::unexpected(std::move(stored.error()));
  engine::Message before;
  before.id = id;
  if (*kept) before = (*kept)->message;
  auto story = co_await read_story(engine_, before);
  if (!story) co_return std::unexpected(story.error());
  domain::WelcomeMail work{.enrollment_id = id,
                           .member_id = member.id,
                           .story = {},
                           .to = std::move(letter->to),
                           .message_id = std::move(letter->message_id),
                           .letter = std::move(letter->letter)};
  if (*story) {
    begin_letter_anew((*story)->enrollment, member, *kept, {now, std::move(what), std::move(by)});
    work.story = domain::StoryOfLetter{.enrollment = (*story)->enrollment};
    tell(commit, std::move(**story));
  }
  commit.messages.push_back({.queue = std::string(domain::queue::welcome_mail),
                             .id = id,
                             .body = domain::to_body(work),
                             .traceparent = before.traceparent,
                             .replaces = true});
  co_return Result<void>();
}

Task<Result<bool>> Mending::is_anothers(const domain::EmailAddress& address, std::string member_id) const {
  const Personal<std::string> written(address.written);
  const Personal<std::string> normalized(address.normalized);
  std::vector<domain::PersonIds> places = {domain::person_ids(pseudonyms_, normalized)};
  if (auto formerly = domain::former_person_ids(pseudonyms_, written, normalized))
    places.push_back(std::move(*formerly));
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto there = co_await engine_.get(member_key(places[i]));
    if (!there) co_return std::unexpected(there.error());
    if (!*there) continue;
    auto stored = domain::member_from_json((*there)->body);
    if (!stored) co_return std::unexpected(stored.error());
    // At the former place another address may stand that the older build took for the same.
    if (stored->id != member_id && (i == 0 || stored->details.normalized_email == normalized)) co_return true;
  }
  co_return false;
}

}  // namespace globogym::functions::enrollment
