#include "console/people.h"

#include <vector>

#include "base/assert.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "console/dead_letters.h"
#include "console/timeline.h"
#include "console/waiting.h"
#include "domain/email_address.h"
#include "domain/ids.h"
#include "domain/membership_number.h"
#include "domain/records.h"
#include "functions/enrollment/story.h"
#include "gateway/answers/enrollment_view.h"
#include "gateway/answers/members.h"

namespace globogym::console {
namespace {

using gateway::StoredMember;

bool is_about(const engine::KeptMessage& letter, const domain::Member& member) {
  if (letter.message.queue == domain::queue::process_enrollment) {
    const auto work = domain::process_enrollment_from_json(letter.message.body);
    return work && work->applicant.normalized_email == member.details.normalized_email;
  }
  if (letter.message.queue == domain::queue::welcome_mail) {
    const auto work = domain::welcome_mail_from_body(letter.message.body);
    return work && work->member_id == member.id;
  }
  return false;
}

Task<Result<std::vector<engine::KeptMessage>>> dead_letters_about(const Parts& parts, const domain::Member& member) {
  std::vector<engine::KeptMessage> found;
  std::string after;
  do {
    auto page = co_await parts.engine.messages({.queue = "", .after = after, .limit = 500});
    if (!page) co_return std::unexpected(page.error());
    for (auto& letter : page->messages)
      if (is_about(letter, member)) found.push_back(std::move(letter));
    after = std::move(page->cursor);
  } while (!after.empty());
  co_return std::move(found);
}

}  // namespace

std::string numbered_json(const StoredMember& stored) {
  ASSERT(stored.document.body.starts_with('{'));
  return R"({"number":")" + domain::membership_number(stored.member.id) + "\"," + stored.document.body.substr(1);
}

Task<Result<std::optional<std::string>>> member_json(const Parts& parts, std::string id_or_number, audit::Deed& deed) {
  auto found = co_await gateway::find_member_called(parts.engine, std::move(id_or_number));
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return std::optional<std::string>();
  deed.targets = {(*found)->member.id};
  co_return std::optional<std::string>(numbered_json(**found));
}

Task<Result<std::optional<std::string>>> member_export_json(const Parts& parts, std::string id_or_number,
                                                            audit::Deed& deed) {
  auto found = co_await gateway::find_member_called(parts.engine, std::move(id_or_number));
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return std::optional<std::string>();
  deed.targets = {(*found)->member.id};
  const StoredMember& stored = **found;
  auto enrollment = co_await gateway::view_enrollment(parts.engine, stored.member.enrollment_id);
  if (!enrollment) co_return std::unexpected(enrollment.error());
  auto story = co_await find_timeline(parts, stored.member.enrollment_id);
  if (!story) co_return std::unexpected(story.error());
  auto letters = co_await dead_letters_about(parts, stored.member);
  if (!letters) co_return std::unexpected(letters.error());

  JsonWriter json;
  json.object().key("member").raw(numbered_json(stored)).key("enrollment");
  json.raw(*enrollment ? gateway::to_json(**enrollment) : std::string("null"));
  json.key("timeline").raw(*story ? **story : std::string("null"));
  json.key("deadLetters").array();
  for (const auto& letter : *letters)
    json.object()
        .member("queue", letter.message.queue)
        .member("id", letter.message.id)
        .member("reason", letter.dead_reason)
        .member("content", letter.message.body)
        .end();
  json.end().member("exportedAt", parts.clock.wall()).end();
  co_return json.take();
}

Task<Result<std::optional<std::string>>> erase_member(const Parts& parts, std::string id_or_number, audit::Deed& deed) {
  auto found = co_await gateway::find_member_called(parts.engine, std::move(id_or_number));
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return std::optional<std::string>();
  deed.targets = {(*found)->member.id};
  const StoredMember& stored = **found;

  const std::string welcome(domain::queue::welcome_mail);
  auto letter = co_await parts.engine.find_message(welcome, stored.member.enrollment_id);
  if (!letter) co_return std::unexpected(letter.error());
  if (*letter && (*letter)->state != engine::MessageState::dead_lettered)
    co_return fail(Fault::conflict,
                   "the welcome letter is still being worked on; erase again when it is done or parked");
  auto letters = co_await dead_letters_about(parts, stored.member);
  if (!letters) co_return std::unexpected(letters.error());

  engine::Commit commit;
  commit.erased.push_back({stored.document.key, engine::Expect::exactly(stored.document.version)});
  const auto place = domain::whereabouts_of_member(stored.member.id);
  if (place && place->document != stored.document.key.id)
    commit.erased.push_back({functions::enrollment::moved_key(stored.member.id), engine::Expect::anything()});
  commit.tallies.push_back({std::string(domain::tally::members), -1});
  for (const auto& dead : *letters) commit.discarded.push_back({dead.message.queue, dead.message.id});
  deed.count = 1 + letters->size();
  auto committed = co_await parts.engine.commit(std::move(commit));
  if (!committed) co_return std::unexpected(committed.error());

  JsonWriter json;
  json.object()
      .member("erased", true)
      .member("deadLettersDiscarded", letters->size())
      .key("kept")
      .array()
      .value("the enrollment, which holds ids, times and states, no personal data")
      .value("a hash of the application as it was sent, when it came with an Idempotency-Key")
      .end()
      .key("notReached")
      .array()
      .value("letters already handed to the mail system, .eml files in the outbox directory among them")
      .value("another application for the same address that is being processed right now")
      .value("bytes on the disk until the engine has compacted them, and backups taken before")
      .end()
      .end();
  co_return json.take();
}

namespace {

functions::enrollment::StandingMember standing(StoredMember stored) {
  return {std::move(stored.member), std::move(stored.document.key), stored.document.version};
}

std::string mended(const domain::Member& member, std::string_view letter, std::string_view detail) {
  JsonWriter json;
  json.object()
      .member("memberId", member.id)
      .member("enrollmentId", member.enrollment_id)
      .member("letter", letter)
      .member("detail", detail)
      .end();
  return json.take();
}

std::unexpected<Error> nobody_mends() {
  return fail(Fault::conflict, "this process writes no letters");
}

struct Correction {
  domain::EmailAddress address;
  std::string reason;
};

Result<Correction> parse_correction(std::string_view body) {
  constexpr std::string_view form = R"(send {"to":"…","reason":"…"}: the right address, and why it is changed)";
  auto json = JsonDocument::parse(body);
  if (!json || json->root().type() != JsonValue::Type::object) return fail(Fault::invalid, std::string(form));
  for (const auto& [name, value] : json->root().members())
    if ((name != "to" && name != "reason") || !value.string()) return fail(Fault::invalid, std::string(form));
  auto address = domain::email_address(json->root().text("to"));
  if (!address) return fail(Fault::invalid, "the new address is no e-mail address that can sign up");
  const std::string reason = json->root().text("reason");
  if (reason.empty()) return fail(Fault::invalid, "say why in `reason` (--reason): it is kept in the audit trail");
  auto words = audit::parse_reason(reason);
  if (!words) return std::unexpected(words.error());
  return Correction{std::move(*address), std::move(*words)};
}

}  // namespace

Task<Result<std::optional<std::string>>> correct_email(const Parts& parts, std::string id_or_number,
                                                       std::string_view body, std::string by, audit::Deed& deed) {
  auto correction = parse_correction(body);
  if (!correction) co_return std::unexpected(correction.error());
  if (!parts.mending) co_return nobody_mends();
  deed.reason = std::move(correction->reason);
  auto found = co_await gateway::find_member_called(parts.engine, std::move(id_or_number));
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return std::optional<std::string>();
  const domain::Member member = (*found)->member;
  deed.targets = {member.id, member.enrollment_id};
  auto done = co_await parts.mending->correct_email(standing(std::move(**found)), std::move(correction->address),
                                                    std::move(by));
  if (!done) co_return std::unexpected(done.error());
  co_return mended(member, "queued", "the address was corrected, and the welcome letter goes to it");
}

Task<Result<std::optional<std::string>>> resend_letter(const Parts& parts, std::string id_or_number,
                                                       std::string_view body, std::string by, audit::Deed& deed) {
  auto reason = parse_reason_json(body);
  if (!reason) co_return std::unexpected(reason.error());
  if (!parts.mending) co_return nobody_mends();
  deed.reason = std::move(*reason);
  auto found = co_await gateway::find_member_called(parts.engine, std::move(id_or_number));
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return std::optional<std::string>();
  const domain::Member member = (*found)->member;
  deed.targets = {member.id, member.enrollment_id};
  auto done = co_await parts.mending->resend_letter(standing(std::move(**found)), std::move(by));
  if (!done) co_return std::unexpected(done.error());
  using State = functions::enrollment::LetterState;
  if (*done == State::queued) {
    if (!parts.pause_queue)
      co_return mended(member, "queued",
                       "the welcome letter was written anew; this process works on no queue: a worker sends it as soon "
                       "as one runs");
    co_return mended(member, "queued", "the welcome letter was written anew and is sent next");
  }
  // The trail must not tell of a letter that nobody wrote.
  deed.event = "letter-left-as-it-was";
  if (*done == State::being_sent)
    co_return mended(member, "being-sent",
                     "nothing was added: the welcome letter is being sent right now; look again in a minute");
  co_return mended(member, "already-queued",
                   "nothing was added: the welcome letter waits to be sent; `globogym enrollments retry-now " +
                       member.enrollment_id + "` tries it at once");
}

}  // namespace globogym::console
