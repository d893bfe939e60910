#include "gateway/answers/members.h"

#include <optional>
#include <set>
#include <utility>

#include "base/json_writer.h"
#include "domain/date.h"
#include "domain/ids.h"
#include "domain/membership_number.h"
#include "domain/records.h"
#include "domain/unicode_text.h"
#include "gateway/answers/problem.h"

namespace globogym::gateway {
namespace {

std::optional<std::string> iso_date(const std::optional<domain::Date>& date) {
  if (!date) return std::nullopt;
  return domain::iso_date(*date);
}

// The member that stands there, when it is the one of this id; an empty id: whoever it is.
async::Task<Result<std::optional<StoredMember>>> member_at(engine::Engine& engine, engine::DocumentKey key,
                                                           std::string_view id) {
  auto document = co_await engine.get(std::move(key));
  if (!document) co_return std::unexpected(document.error());
  if (!*document) co_return std::optional<StoredMember>();
  auto member = domain::member_from_json((*document)->body);
  if (!member) co_return std::unexpected(member.error());
  if (!id.empty() && member->id != id) co_return std::optional<StoredMember>();
  co_return StoredMember{std::move(*member), std::move(**document)};
}

engine::DocumentKey place_of(domain::PersonIds person) {
  return {.container = std::string(domain::container::members),
          .partition = std::move(person.partition),
          .id = std::move(person.document)};
}

engine::DocumentKey moved_key(const std::string& member_id, std::string partition) {
  return {.container = std::string(domain::container::moved), .partition = std::move(partition), .id = member_id};
}

}  // namespace

async::Task<Result<std::optional<StoredMember>>> find_member(engine::Engine& engine, std::string id) {
  auto place = domain::whereabouts_of_member(id);
  if (!place) co_return std::optional<StoredMember>();
  auto note_key = moved_key(id, place->partition);
  auto found = co_await member_at(engine, place_of(std::move(*place)), id);
  if (!found || *found) co_return found;
  auto note = co_await engine.get(std::move(note_key));
  if (!note) co_return std::unexpected(note.error());
  if (!*note) co_return std::optional<StoredMember>();
  auto elsewhere = domain::place_from_note((*note)->body);
  if (!elsewhere) co_return std::unexpected(elsewhere.error());
  found = co_await member_at(engine, place_of(std::move(*elsewhere)), id);
  co_return found;
}

async::Task<Result<std::optional<StoredMember>>> find_member_called(engine::Engine& engine, std::string id_or_number) {
  const auto number = domain::parse_membership_number(id_or_number);
  if (!number) {
    auto found = co_await find_member(engine, domain::lower_cased(id_or_number).value_or(id_or_number));
    co_return found;
  }
  // Ids that begin as the number does: of members where their id says, and of those who are elsewhere.
  std::set<std::string> ids;
  for (const auto container : {domain::container::members, domain::container::moved}) {
    engine::Scan scan{
        .container = std::string(container), .after = {}, .limit = 100, .prefix = domain::member_id_prefix(*number)};
    do {
      auto page = co_await engine.scan(scan);
      if (!page) co_return std::unexpected(page.error());
      for (const auto& document : page->documents) {
        std::string id = document.key.id;
        if (container == domain::container::members) {
          auto member = domain::member_from_json(document.body);
          if (!member) co_return std::unexpected(member.error());
          id = std::move(member->id);
        }
        if (domain::membership_number(id) == *number) ids.insert(std::move(id));
      }
      scan.after = std::move(page->cursor);
    } while (!scan.after.empty());
  }
  std::optional<StoredMember> found;
  for (const auto& id : ids) {
    auto member = co_await find_member(engine, id);
    if (!member) co_return std::unexpected(member.error());
    if (*member && found) co_return fail(Fault::conflict, "two members have this number; name the one by its id");
    if (*member) found = std::move(**member);
  }
  co_return std::move(found);
}

async::Task<Result<std::optional<StoredMember>>> find_member_at(engine::Engine& engine, const Hmac& pseudonyms,
                                                                domain::EmailAddress address) {
  const Personal<std::string> written(std::move(address.written));
  const Personal<std::string> normalized(std::move(address.normalized));
  auto found = co_await member_at(engine, place_of(domain::person_ids(pseudonyms, normalized)), {});
  if (!found || *found) co_return found;
  auto formerly = domain::former_person_ids(pseudonyms, written, normalized);
  if (!formerly) co_return found;
  found = co_await member_at(engine, place_of(std::move(*formerly)), {});
  // The older build took another address for the same.
  if (found && *found && (*found)->member.details.normalized_email != normalized)
    co_return std::optional<StoredMember>();
  co_return found;
}

std::string public_json(const domain::Member& member) {
  const domain::Applicant& details = member.details;
  std::optional<std::string> phone;
  if (details.phone) phone = details.phone->reveal();
  JsonWriter json;
  json.object().member("id", member.id).member("number", domain::membership_number(member.id));
  json.member("enrollmentId", member.enrollment_id);
  json.member("joinedAt", member.joined_at);
  json.member("firstName", details.first_name.reveal()).member("lastName", details.last_name.reveal());
  json.member("email", details.email.reveal()).member("phone", phone);
  json.member("dateOfBirth", domain::iso_date(details.date_of_birth.reveal()));
  json.member("homeClubId", details.home_club_id).member("plan", details.plan);
  json.member("startDate", iso_date(details.start_date)).member("locale", details.locale);
  json.member("marketingConsent", details.marketing_consent).member("termsVersion", details.terms_version);
  json.member("referralCode", details.referral_code).end();
  return json.take();
}

async::Task<http::Response> get_member(engine::Engine& engine, std::string id, audit::Deed& deed) {
  deed.event = "member-read";
  auto found = co_await find_member(engine, std::move(id));
  if (!found) co_return unavailable(found.error(), "The member cannot be read now.");
  if (!*found) co_return refusal(problem::not_found, "There is no such member.");
  deed.targets = {(*found)->member.id};
  co_return http::Response{.body = public_json((*found)->member), .extra_headers = std::string(private_answer)};
}

}  // namespace globogym::gateway
