#include "simulation/promises.h"

#include <algorithm>

#include "domain/email_address.h"
#include "domain/ids.h"
#include "domain/records.h"
#include "functions/retry.h"

namespace globogym::simulation {

using domain::Status;

void Promises::check(Outcome& outcome) {
  const Kept kept = read();
  check_ends(kept);
  check_members(kept);
  check_letters(kept);
  check_parked(kept);
  check_totals(kept);
  for (const auto& [id, enrollment] : kept.enrollments) {
    if (enrollment.status == Status::completed) ++outcome.completed;
    if (enrollment.status == Status::rejected) ++outcome.rejected;
    if (enrollment.status == Status::parked) ++outcome.parked;
  }
  for (const auto& [id, copies] : world_.office_.taken()) outcome.copies += copies.size();
}

void Promises::check_after_repair() {
  const Kept kept = read();
  check_ends(kept);
  check_members(kept);
  check_letters(kept);
  check_totals(kept);
  for (const auto& [id, enrollment] : kept.enrollments)
    if (enrollment.status == Status::parked) broken("a dead letter that was replayed did not complete: " + id);
}

Promises::Kept Promises::read() {
  Kept kept;
  for (const auto& document : documents(std::string(domain::container::enrollments))) {
    auto enrollment = domain::enrollment_from_json(document.body);
    if (!enrollment) {
      broken("a stored enrollment cannot be read: " + enrollment.error().message);
      continue;
    }
    kept.enrollments.emplace(enrollment->id, std::move(*enrollment));
  }
  for (const auto& document : documents(std::string(domain::container::members))) {
    auto member = domain::member_from_json(document.body);
    if (!member) {
      broken("a stored member cannot be read: " + member.error().message);
      continue;
    }
    kept.members.push_back(std::move(*member));
  }
  engine::Engine& engine = world_.process_->engine();
  if (auto tallies = world_.loop_.run(engine.tallies())) kept.tallies = std::move(*tallies);
  if (auto queues = world_.loop_.run(engine.queues())) kept.queues = std::move(*queues);
  engine::MessageQuery query;
  do {
    auto page = world_.loop_.run(engine.messages(query));
    if (!page) {
      broken("the dead letters cannot be read: " + page.error().message);
      break;
    }
    for (const auto& letter : page->messages)
      if (!kept.dead.emplace(letter.message.id, letter.dead_reason).second)
        broken("an enrollment is dead in two queues: " + letter.message.id);
    query.after = page->cursor;
  } while (!query.after.empty());
  return kept;
}

std::vector<engine::Document> Promises::documents(std::string container) {
  std::vector<engine::Document> all;
  engine::Scan scan{.container = std::move(container), .after = "", .limit = 500};
  do {
    auto page = world_.loop_.run(world_.process_->engine().scan(scan));
    if (!page) {
      broken("documents cannot be read: " + page.error().message);
      break;
    }
    for (auto& document : page->documents) all.push_back(std::move(document));
    scan.after = page->cursor;
  } while (!scan.after.empty());
  return all;
}

// Every 202, and everything else that was kept, has ended with a reason.
void Promises::check_ends(const Kept& kept) {
  std::set<std::string> ids;
  for (const auto& promise : world_.ledger_) {
    if (!kept.enrollments.contains(promise.id)) broken("an enrollment answered 202 is gone: " + promise.id);
    // Nobody is given the id that somebody else was given, unless they had one key.
    if (!ids.insert(promise.id).second) broken("two applications were given one id: " + promise.id);
  }
  for (const auto& id : world_.observer_.acknowledged)
    if (!kept.enrollments.contains(id)) broken("an enrollment the engine acknowledged is gone: " + id);
  for (const auto& [id, enrollment] : kept.enrollments) {
    const std::string now(domain::name(enrollment.status));
    switch (enrollment.status) {
      case Status::accepted:
      case Status::processing:
        broken("an enrollment never ended, it is " + now + ": " + id);
        break;
      case Status::rejected:
        if (enrollment.reason != "already-member")
          broken("an enrollment was rejected, " + enrollment.reason.value_or("for no reason") + ": " + id);
        if (!enrollment.completed_at) broken("a rejected enrollment lacks its time: " + id);
        break;
      case Status::parked:
        if (!enrollment.reason) broken("an enrollment was parked for no reason: " + id);
        break;
      case Status::completed:
        if (!enrollment.member_id || !enrollment.completed_at || enrollment.reason)
          broken("a completed enrollment lacks its member or its time, or has a reason: " + id);
        for (const auto& step : enrollment.steps)
          if (step.status != domain::StepStatus::done) broken("a completed enrollment has an open step: " + id);
    }
  }
}

// One address, one member; and the member's enrollment is the only one that was not rejected.
void Promises::check_members(const Kept& kept) {
  std::map<std::string, std::string> enrollment_of;  // by normalised address
  std::set<std::string> enrolled;
  for (const auto& member : kept.members) {
    const auto& address = member.details.normalized_email.reveal();
    if (!enrollment_of.emplace(address, member.enrollment_id).second)
      broken("two members have one address: " + address);
    const auto ids = domain::person_ids(world_.pseudonyms_, member.details.normalized_email);
    if (member.id != domain::member_id(world_.pseudonyms_, ids, member.enrollment_id))
      broken("a member's id is not that of the address and the enrollment: " + address);
    enrolled.insert(member.enrollment_id);
    const auto found = kept.enrollments.find(member.enrollment_id);
    if (found == kept.enrollments.end() || found->second.member_id != member.id)
      broken("a member's enrollment does not know them: " + address);
  }
  for (const auto& [id, enrollment] : kept.enrollments) {
    const bool rejected = enrollment.status == Status::rejected;
    if (rejected == enrolled.contains(id))
      broken(rejected ? "a rejected enrollment made a member: " + id : "an enrollment has no member: " + id);
  }
  for (const auto& promise : world_.ledger_) {
    const auto address = domain::email_address(world_.scenario_.people[promise.person].email);
    if (address && !enrollment_of.contains(address->normalized))
      broken("somebody who was promised an enrollment is no member: " + address->normalized);
  }
}

void Promises::check_letters(const Kept& kept) {
  constexpr std::string_view domain = "@globogym.example";
  const auto& taken = world_.office_.taken();
  for (const auto& [id, enrollment] : kept.enrollments)
    if (enrollment.status == Status::completed && !taken.contains(id + std::string(domain)))
      broken("a completed enrollment was never welcomed: " + id);
  for (const auto& [message_id, copies] : taken) {
    const std::string id = message_id.substr(0, message_id.size() - domain.size());
    const auto found = kept.enrollments.find(id);
    if (found == kept.enrollments.end() || found->second.status == Status::rejected)
      broken("somebody was welcomed who was not enrolled: " + message_id);
    for (std::size_t i = 0; i < copies.size(); ++i) {
      if (copies[i].content != copies[0].content || copies[i].recipient != copies[0].recipient)
        broken("two copies of a letter differ: " + message_id);
      if (copies[i].content.find("Message-ID: <" + message_id + ">") == std::string::npos)
        broken("a letter does not carry its id: " + message_id);
      // What was reported to a process that went on to write is not sent again. One that was stopped when the disk did
      // not serve, or when its lease had ended long ago, could not write.
      const auto& life = *copies[i].life;
      const bool could_not_write = copies[i].reported && life.number < world_.lives_ &&
                                   (life.disk_trouble || life.stood_still || copies[i].stalled);
      const bool excused = copies[i].explained || life.crashed || could_not_write;
      if (i + 1 < copies.size() && !excused) broken("a letter went out twice for no reason: " + message_id);
    }
  }
}

// Whoever has a box that takes nothing is parked, and nobody else.
void Promises::check_parked(const Kept& kept) {
  std::map<std::string, const Person*> people;
  for (const auto& person : world_.scenario_.people)
    if (const auto address = domain::email_address(person.email)) people[address->normalized] = &person;
  std::size_t parked = 0;
  const bool outage = world_.scenario_.mistakable(1) > 0;
  const std::size_t mistakable =
      world_.scenario_.mistakable(static_cast<std::size_t>(world_.lives_) + world_.office_.served_in_outages());
  std::set<std::string> mistaken_for;  // mail domains in trouble of their own
  for (const auto& member : kept.members) {
    const auto found = kept.enrollments.find(member.enrollment_id);
    if (found == kept.enrollments.end()) continue;
    const auto& enrollment = found->second;
    std::string expected;
    const Person* person = people[member.details.normalized_email.reveal()];
    switch (person ? person->mailbox : Mailbox::ordinary) {
      case Mailbox::ordinary:
        break;
      case Mailbox::always_5xx:
        expected = "recipient-refused";
        break;
      case Mailbox::always_4xx:
        expected = "attempts-exhausted";
    }
    const auto* destination = person ? world_.scenario_.destination(person->email) : nullptr;
    if (destination && destination->for_ever) expected = "attempts-exhausted";
    const bool is_parked = enrollment.status == Status::parked;
    if (is_parked) ++parked;
    const std::string reason = is_parked ? enrollment.reason.value_or("") : "";
    // A box that refuses may also have used up its attempts in the world's faults; then it never came to be asked.
    const bool worn_out = !expected.empty() && reason == "attempts-exhausted";
    // Who had trouble of their own before an outage cannot be told from somebody whose trouble goes on.
    const bool blamed = expected.empty() && reason == "attempts-exhausted" && outage;
    const bool troubled = person && !person->troubles.empty();
    bool mistaken = blamed && troubled;
    if (blamed && !troubled) {
      const std::string domain = person ? person->email.substr(person->email.find('@')) : "";
      mistaken = mistaken_for.contains(domain) || mistaken_for.size() < mistakable;
      if (mistaken) mistaken_for.insert(domain);
    }
    // Time gives up whoever has a destination in trouble, and that time cannot be told from a clock that was set.
    const bool aged = expected.empty() && reason == "attempts-exhausted" && destination != nullptr &&
                      world_.custody_.age_unknown(enrollment.id);
    // A letter whose outcome is not known again and again is not sent for ever: it may have come each time.
    const bool uncertain =
        reason == "attempts-exhausted" &&
        world_.office_.unknown_outcomes(enrollment.id + "@globogym.example") >= functions::unknown_outcomes_at_most;
    if (reason != expected && !worn_out && !aged && !mistaken && !uncertain)
      broken("an enrollment was parked as '" + reason + "' where '" + expected + "' was expected: " + enrollment.id);
    const auto dead = kept.dead.find(enrollment.id);
    if (is_parked != (dead != kept.dead.end()) || (is_parked && dead->second != reason))
      broken("the dead letters and an enrollment disagree: " + enrollment.id);
  }
  if (parked != kept.dead.size())
    broken(std::to_string(kept.dead.size()) + " dead letters, " + std::to_string(parked) + " parked enrollments");
}

void Promises::check_totals(const Kept& kept) {
  std::map<std::string, std::int64_t> counted;
  for (const auto status : {Status::accepted, Status::processing, Status::completed, Status::rejected, Status::parked})
    counted[std::string(domain::tally::of(status))] = 0;
  counted[std::string(domain::tally::members)] = static_cast<std::int64_t>(kept.members.size());
  for (const auto& [id, enrollment] : kept.enrollments) ++counted[std::string(domain::tally::of(enrollment.status))];
  counted[std::string(domain::tally::mails_sent)] = counted[std::string(domain::tally::of(Status::completed))];
  for (const auto& [counter, number] : counted) {
    const auto found = kept.tallies.find(counter);
    const auto total = found == kept.tallies.end() ? 0 : found->second;
    if (total != number)
      broken("the total of " + counter + " is " + std::to_string(total) + ", counted are " + std::to_string(number));
  }
  std::uint64_t dead = 0;
  for (const auto& queue : kept.queues) {
    if (queue.ready + queue.leased + queue.delayed > 0) broken("the queue " + queue.name + " is not empty");
    dead += queue.dead_lettered;
  }
  if (dead != kept.dead.size())
    broken("the queues count " + std::to_string(dead) + " dead letters, listed are " +
           std::to_string(kept.dead.size()));
}

// Erases a member and says nothing.
void Promises::lose_a_member() {
  const auto members = documents(std::string(domain::container::members));
  if (members.empty()) return;
  engine::Commit commit;
  commit.erased.push_back({members.front().key, engine::Expect::anything()});
  auto committed = world_.loop_.run(world_.process_->engine().commit(std::move(commit)));
  ASSERT(committed.has_value());
}

}  // namespace globogym::simulation
