#include "console/find.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "async/loop.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "console/called.h"
#include "console/dead_letters.h"
#include "console/people.h"
#include "console/timeline.h"
#include "console/waiting.h"
#include "domain/email_address.h"
#include "domain/ids.h"
#include "domain/membership_number.h"
#include "domain/records.h"
#include "domain/unicode_text.h"
#include "gateway/answers/enrollment_view.h"
#include "gateway/answers/members.h"
#include "gateway/answers/people.h"
#include "gateway/requests/request_headers.h"
#include "http/http.h"

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
  std::vector<std::string> partitions;                // where the enrollments are
  std::vector<gateway::PersonsEnrollments> of_these;  // what is in each of them, once it is known
};

// What is meant by what was pasted: the address alone of "Ada Lovelace <ada@example.com>" and of
// "mailto:ada@example.com?subject=Hello" (RFC 6068), as mail programs and browsers copy it.
std::string meant_by(std::string_view pasted) {
  std::string_view text = domain::trimmed(pasted);
  if (const auto open = text.rfind('<'); open != std::string_view::npos && text.ends_with('>'))
    text = domain::trimmed(text.substr(open + 1, text.size() - open - 2));
  constexpr std::string_view scheme = "mailto:";
  if (!gateway::equal_ignoring_case(text.substr(0, scheme.size()), scheme)) return std::string(text);
  text = text.substr(scheme.size(), text.find('?') - scheme.size());
  return http::percent_decoded(text, false).value_or(std::string(text));
}

Task<Result<std::vector<gateway::PersonsEnrollments>>> enrollments_in(const Parts& parts,
                                                                      std::vector<std::string> partitions) {
  if (auto indexed = co_await gateway::index_all(parts.engine); !indexed) co_return std::unexpected(indexed.error());
  std::vector<Task<Result<gateway::PersonsEnrollments>>> each;
  for (auto& partition : partitions)
    each.push_back(gateway::enrollments_of(parts.engine, std::move(partition), most_enrollments));
  auto found = co_await async::all(std::move(each));
  std::vector<gateway::PersonsEnrollments> out;
  for (auto& there : found) {
    if (!there) co_return std::unexpected(there.error());
    out.push_back(std::move(*there));
  }
  co_return std::move(out);
}

Task<Result<Person>> person_at(const Parts& parts, domain::EmailAddress address) {
  Person person;
  const Personal<std::string> written(address.written);
  const Personal<std::string> normalized(address.normalized);
  person.partitions.push_back(domain::person_ids(parts.pseudonyms, normalized).partition);
  if (auto formerly = domain::former_person_ids(parts.pseudonyms, written, normalized))
    person.partitions.push_back(std::move(formerly->partition));
  // Neither needs the other, and each waits for the disk.
  auto [member, of_these] =
      co_await async::both(gateway::find_member_at(parts.engine, parts.pseudonyms, std::move(address)),
                           enrollments_in(parts, person.partitions));
  if (!member) co_return std::unexpected(member.error());
  if (!of_these) co_return std::unexpected(of_these.error());
  person.member = std::move(*member);
  person.of_these = std::move(*of_these);
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
  if (!domain::parse_membership_number(query)) {
    query = as_id(std::move(query));
    if (!domain::whereabouts_of_member(query))
      co_return fail(Fault::invalid,
                     std::string(domain::looks_like_membership_number(query) ? number_has_a_slip : what_can_be_found));
  }
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

// Whether the queue may hold a message of the enrollment. Whoever has been stored waits for a letter at most, and only
// what people did later brings a letter of one that has ended.
bool may_hold(const gateway::EnrollmentView& view, std::string_view queue) {
  const domain::Enrollment& enrollment = view.enrollment;
  if (enrollment.status == domain::Status::rejected) return false;
  if (queue == domain::queue::process_enrollment) return !enrollment.member_id;
  return enrollment.status != domain::Status::completed || !enrollment.interventions.empty();
}

struct About {
  std::string id;
  std::string json;                           // as the public API shows it to who may see all, and what happened when
  std::vector<engine::KeptMessage> messages;  // whose letter it is stands in its queue under the enrollment's id
};

// Nothing when there is none, or when it must be about `member` and is not.
Task<Result<std::optional<About>>> look_at(const Parts& parts, std::string id, const domain::Member* member) {
  auto view = co_await gateway::view_for(parts.engine, id, gateway::Sight::members, parts.clock);
  if (!view) co_return std::unexpected(view.error());
  if (!*view || (member && !is_about((*view)->enrollment, *member))) co_return std::optional<About>();
  About about{.id = id, .json = gateway::to_json(**view), .messages = {}};
  std::optional<engine::KeptMessage> of_timeline;
  for (const auto queue : {domain::queue::process_enrollment, domain::queue::welcome_mail}) {
    if (!may_hold(**view, queue)) continue;
    auto message = co_await parts.engine.find_message(std::string(queue), id);
    if (!message) co_return std::unexpected(message.error());
    if (!*message) continue;
    if (queue == timeline_queue(**view)) of_timeline = **message;
    about.messages.push_back(std::move(**message));
  }
  about.json.pop_back();
  about.json += R"(,"timeline":)" + timeline_json(**view, of_timeline) + "}";
  co_return std::move(about);
}

}  // namespace

Task<Result<Found>> find_person(const Parts& parts, std::string query) {
  auto person = co_await person_called(parts, meant_by(query));
  if (!person) co_return std::unexpected(person.error());
  const auto& member = person->member;

  // Whose address was corrected signed up under another one, where somebody else's enrollments may be by now.
  auto& partitions = person->partitions;
  const std::size_t own_partitions = partitions.size();
  for (auto& id : {member ? member->document.key.partition : std::string(),
                   member ? domain::partition_of_enrollment(member->member.enrollment_id).value_or("") : ""})
    if (!id.empty() && std::ranges::find(partitions, id) == partitions.end()) partitions.push_back(id);
  auto more = co_await enrollments_in(
      parts, {partitions.begin() + static_cast<std::ptrdiff_t>(person->of_these.size()), partitions.end()});
  if (!more) co_return std::unexpected(more.error());
  std::ranges::move(*more, std::back_inserter(person->of_these));

  Found found;
  std::size_t total = 0;
  std::vector<Task<Result<std::optional<About>>>> looks;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    auto& there = person->of_these[i];
    total += there.total;
    for (auto& id : there.ids)
      looks.push_back(look_at(parts, std::move(id), i < own_partitions ? nullptr : &member->member));
  }
  auto abouts = co_await async::all(std::move(looks));
  JsonWriter json;
  json.object().key("member");
  if (member) {
    json.raw(numbered_json(*member));
    found.member_id = member->member.id;
  } else {
    json.value(nullptr);
  }
  json.key("enrollments").array();
  std::vector<engine::KeptMessage> waiting, dead;
  for (auto& about : abouts) {
    if (!about) co_return std::unexpected(about.error());
    if (!*about) {
      --total;
      continue;
    }
    json.raw((*about)->json);
    found.enrollment_ids.push_back(std::move((*about)->id));
    for (auto& message : (*about)->messages)
      (message.state == engine::MessageState::dead_lettered ? dead : waiting).push_back(std::move(message));
  }
  json.end().member("enrollmentsTotal", total);
  json.key("waiting").array();
  for (const auto& message : waiting) write_waiting(json, parts, message);
  json.end().key("deadLetters").array();
  for (const auto& letter : dead) write_dead_letter(json, letter);
  json.end().end();
  found.json = json.take();
  co_return std::move(found);
}

Result<std::string> parse_find(std::string_view body) {
  constexpr std::string_view form = "send {\"query\":\"…\"}: an e-mail address, a membership number or an id";
  auto json = JsonDocument::parse(body);
  if (!json) return fail(Fault::invalid, std::string(form));
  std::string query = json->root().text("query");
  if (domain::trimmed(query).empty()) return fail(Fault::invalid, std::string(form));
  if (query.size() > longest_query) return fail(Fault::invalid, "what is looked for has at most 320 bytes");
  return query;
}

}  // namespace globogym::console
