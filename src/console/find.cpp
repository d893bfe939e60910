#include "console/find.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "console/dead_letters.h"
#include "console/people.h"
#include "console/timeline.h"
#include "console/waiting.h"
#include "domain/email_address.h"
#include "domain/ids.h"
#include "domain/membership_number.h"
#include "domain/records.h"
#include "gateway/enrollment_view.h"
#include "gateway/members.h"
#include "gateway/people.h"

namespace globogym::console {
namespace {

using gateway::StoredMember;

constexpr std::size_t longest_query = 320;
constexpr std::size_t most_enrollments = 100;

constexpr std::string_view what_can_be_found =
    "this is no e-mail address, no membership number and no id; write one of these as it was given out";

// Who was meant, before their enrollments are looked at.
struct Person {
  std::optional<StoredMember> member;
  std::vector<std::string> partitions;  // where the enrollments are
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  const auto first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

Task<Result<Person>> person_at(const Parts& parts, domain::EmailAddress address) {
  Person person;
  const Personal<std::string> written(address.written);
  const Personal<std::string> normalized(address.normalized);
  person.partitions.push_back(domain::person_ids(parts.pseudonyms, normalized).partition);
  if (auto formerly = domain::former_person_ids(parts.pseudonyms, written, normalized))
    person.partitions.push_back(std::move(formerly->partition));
  auto member = co_await gateway::find_member_at(parts.engine, parts.pseudonyms, std::move(address));
  if (!member) co_return std::unexpected(member.error());
  person.member = std::move(*member);
  co_return std::move(person);
}

// What one enrollment of `partition` came to: it, and the member it made or met.
Task<Result<Person>> person_of_enrollment(const Parts& parts, std::string id, std::string partition) {
  Person person{.member = {}, .partitions = {std::move(partition)}};
  auto enrollment = co_await gateway::read_enrollment(parts.engine, std::move(id));
  if (!enrollment) co_return std::unexpected(enrollment.error());
  if (!*enrollment) {
    person.partitions.clear();
    co_return std::move(person);
  }
  for (auto* member_id : {&(*enrollment)->member_id, &(*enrollment)->existing_member_id}) {
    if (!*member_id) continue;
    auto member = co_await gateway::find_member(parts.engine, std::move(**member_id));
    if (!member) co_return std::unexpected(member.error());
    person.member = std::move(*member);
    if (person.member) break;
  }
  co_return std::move(person);
}

Task<Result<Person>> person_called(const Parts& parts, std::string query) {
  if (query.find('@') != std::string::npos) {
    auto address = domain::email_address(query);
    if (!address) co_return fail(Fault::invalid, "this is no e-mail address that can sign up");
    auto person = co_await person_at(parts, std::move(*address));
    co_return person;
  }
  const bool can_be_member = domain::parse_membership_number(query) || domain::whereabouts_of_member(query);
  if (!can_be_member) co_return fail(Fault::invalid, std::string(what_can_be_found));
  Person person;
  auto member = co_await gateway::find_member_called(parts.engine, query);
  if (!member) co_return std::unexpected(member.error());
  person.member = std::move(*member);
  if (person.member) {
    person.partitions.push_back(person.member->document.key.partition);
    co_return std::move(person);
  }
  auto partition = domain::partition_of_enrollment(query);
  if (!partition) co_return std::move(person);
  auto by_enrollment = co_await person_of_enrollment(parts, std::move(query), std::move(*partition));
  co_return by_enrollment;
}

bool is_about(const domain::Enrollment& enrollment, const domain::Member& member) {
  return enrollment.member_id == member.id || enrollment.existing_member_id == member.id;
}

// Whose letter it is stands in its queue under the enrollment's id.
struct Kept {
  std::vector<engine::KeptMessage> waiting;
  std::vector<engine::KeptMessage> dead;
};

Task<Result<void>> add_messages(const Parts& parts, const std::string& enrollment_id, Kept& kept) {
  for (const auto queue : {domain::queue::process_enrollment, domain::queue::welcome_mail}) {
    auto message = co_await parts.engine.find_message(std::string(queue), enrollment_id);
    if (!message) co_return std::unexpected(message.error());
    if (!*message) continue;
    const bool dead = (*message)->state == engine::MessageState::dead_lettered;
    (dead ? kept.dead : kept.waiting).push_back(std::move(**message));
  }
  co_return Result<void>();
}

// The enrollment as the public API shows it to who may see all, and what happened when.
Task<Result<std::optional<std::string>>> enrollment_json(const Parts& parts, const gateway::EnrollmentView& view) {
  auto timeline = co_await timeline_json(parts, view.enrollment.id);
  if (!timeline) co_return std::unexpected(timeline.error());
  std::string json = gateway::to_json(view);
  json.pop_back();
  json += R"(,"timeline":)" + timeline->value_or("null") + "}";
  co_return std::move(json);
}

}  // namespace

Task<Result<Found>> find_person(const Parts& parts, std::string query) {
  auto person = co_await person_called(parts, std::string(trimmed(query)));
  if (!person) co_return std::unexpected(person.error());
  if (auto indexed = co_await gateway::index_all(parts.engine); !indexed) co_return std::unexpected(indexed.error());

  // Whose address was corrected signed up under another one, where somebody else's enrollments may be by now.
  const auto& member = person->member;
  const std::size_t own_partitions = person->partitions.size();
  for (const auto& id : {member ? member->document.key.partition : std::string(),
                         member ? domain::partition_of_enrollment(member->member.enrollment_id).value_or("") : ""})
    if (!id.empty() && std::ranges::find(person->partitions, id) == person->partitions.end())
      person->partitions.push_back(id);

  Found found;
  Kept kept;
  std::size_t total = 0;
  JsonWriter json;
  json.object().key("member");
  if (member) {
    json.raw(numbered_json(*member));
    found.member_id = member->member.id;
  } else {
    json.value(nullptr);
  }
  json.key("enrollments").array();
  for (std::size_t i = 0; i < person->partitions.size(); ++i) {
    auto there = co_await gateway::enrollments_of(parts.engine, person->partitions[i], most_enrollments);
    if (!there) co_return std::unexpected(there.error());
    total += there->total;
    for (auto& id : there->ids) {
      auto view = co_await gateway::view_for(parts.engine, id, gateway::Sight::members, parts.clock);
      if (!view) co_return std::unexpected(view.error());
      if (!*view || (i >= own_partitions && !is_about((*view)->enrollment, member->member))) {
        --total;
        continue;
      }
      auto one = co_await enrollment_json(parts, **view);
      if (!one) co_return std::unexpected(one.error());
      json.raw(**one);
      if (auto added = co_await add_messages(parts, id, kept); !added) co_return std::unexpected(added.error());
      found.enrollment_ids.push_back(std::move(id));
    }
  }
  json.end().member("enrollmentsTotal", total);
  json.key("waiting").array();
  for (const auto& message : kept.waiting) write_waiting(json, message);
  json.end().key("deadLetters").array();
  for (const auto& letter : kept.dead) write_dead_letter(json, letter);
  json.end().end();
  found.json = json.take();
  co_return std::move(found);
}

Result<std::string> parse_find(std::string_view body) {
  constexpr std::string_view form = "send {\"query\":\"…\"}: an e-mail address, a membership number or an id";
  auto json = JsonDocument::parse(body);
  if (!json) return fail(Fault::invalid, std::string(form));
  std::string query = json->root().text("query");
  if (trimmed(query).empty()) return fail(Fault::invalid, std::string(form));
  if (query.size() > longest_query) return fail(Fault::invalid, "what is looked for has at most 320 bytes");
  return query;
}

}  // namespace globogym::console
