#include "gateway/members.h"

#include <optional>
#include <utility>

#include "base/json_writer.h"
#include "domain/date.h"
#include "domain/ids.h"
#include "domain/membership_number.h"
#include "domain/records.h"
#include "gateway/problem.h"

namespace globogym::gateway {
namespace {

std::optional<std::string> iso_date(const std::optional<domain::Date>& date) {
  if (!date) return std::nullopt;
  return domain::iso_date(*date);
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

}  // namespace

async::Task<Result<std::optional<StoredMember>>> find_member(engine::Engine& engine, std::string id) {
  auto place = domain::whereabouts_of_member(id);
  if (!place) co_return std::optional<StoredMember>();
  engine::DocumentKey key{.container = std::string(domain::container::members),
                          .partition = std::move(place->partition),
                          .id = std::move(place->document)};
  auto document = co_await engine.get(std::move(key));
  if (!document) co_return std::unexpected(document.error());
  if (!*document) co_return std::optional<StoredMember>();
  auto member = domain::member_from_json((*document)->body);
  if (!member) co_return std::unexpected(member.error());
  if (member->id != id) co_return std::optional<StoredMember>();
  co_return StoredMember{std::move(*member), std::move(**document)};
}

async::Task<Result<std::optional<StoredMember>>> find_member_called(engine::Engine& engine, std::string id_or_number) {
  const auto number = domain::parse_membership_number(id_or_number);
  if (!number) {
    auto found = co_await find_member(engine, std::move(id_or_number));
    co_return found;
  }
  engine::Scan scan{.container = std::string(domain::container::members),
                    .after = {},
                    .limit = 100,
                    .prefix = domain::member_id_prefix(*number)};
  std::optional<StoredMember> found;
  do {
    auto page = co_await engine.scan(scan);
    if (!page) co_return std::unexpected(page.error());
    for (auto& document : page->documents) {
      auto member = domain::member_from_json(document.body);
      if (!member) co_return std::unexpected(member.error());
      if (domain::membership_number(member->id) != *number) continue;
      if (found) co_return fail(Fault::conflict, "two members have this number; name the one by its id");
      found = StoredMember{std::move(*member), std::move(document)};
    }
    scan.after = std::move(page->cursor);
  } while (!scan.after.empty());
  co_return std::move(found);
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
