// verify and recover: what a person does with a data directory that may be damaged.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/cli/print.h"
#include "app/cli/trail_check.h"
#include "app/installation.h"
#include "base/json_writer.h"
#include "domain/records.h"
#include "engine/rocksdb/recover.h"
#include "engine/rocksdb/verify.h"
#include "functions/retry.h"
#include "gateway/answers/people.h"

namespace globogym::app::cli {
namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "globogym: %s\n", error.message.c_str());
  return cannot_open;
}

void write_all(JsonWriter& json, std::string_view name, const std::vector<std::string>& sentences) {
  json.key(name).array();
  for (const auto& sentence : sentences) json.value(sentence);
  json.end();
}

// What the totals must say for a document that was saved.
void recount(const engine::DocumentKey& key, std::string_view body, std::map<std::string, std::int64_t>& tallies) {
  if (key.container == domain::container::members) ++tallies[std::string(domain::tally::members)];
  if (key.container != domain::container::enrollments) return;
  const auto enrollment = domain::enrollment_from_json(body);
  if (!enrollment) return;
  ++tallies[std::string(domain::tally::of(enrollment->status))];
  const auto* mail = domain::find_step(*enrollment, domain::step::welcome_mail);
  if (!mail) return;
  const auto sent = (mail->status == domain::StepStatus::done) +
                    std::ranges::count(mail->earlier, domain::StepStatus::done, &domain::Round::status);
  if (sent > 0) tallies[std::string(domain::tally::mails_sent)] += sent;
}

// A person dropped its message: nothing is to go on.
bool is_discarded(const domain::Enrollment& enrollment) {
  return enrollment.status == domain::Status::parked && enrollment.reason == functions::parked::discarded;
}

// The new directory's trail goes on where the old one's ends. What of it cannot be copied is said.
void take_the_trail_along(const std::string& data, const std::string& into, std::vector<std::string>& lost) {
  std::error_code error;
  const std::string from = audit_directory(data);
  if (!std::filesystem::exists(from, error)) return;
  std::filesystem::copy(from, audit_directory(into), std::filesystem::copy_options::recursive, error);
  if (error) lost.push_back("the audit trail, or some of it: " + from + " cannot be copied: " + error.message());
}

}  // namespace

int verify(const Context& context) {
  const std::string& data = context.config.values.service.data;
  if (auto may = may_be_looked_into(data); !may) return complain(may.error());
  TrailCheck trail;
  auto report = engine::rocksdb::verify(engine_directory(data), trail.look());
  if (!report) return complain(report.error());
  const std::size_t of_the_engine = report->problems.size();
  trail.check(audit_directory(data), report->beside_a_running_service, report->problems);
  if (context.json) {
    JsonWriter json;
    json.object()
        .member("ok", report->problems.empty())
        .member("documents", report->documents)
        .member("messages", report->messages)
        .member("tables", report->tables)
        .member("auditLines", trail.lines())
        .member("besideARunningService", report->beside_a_running_service);
    write_all(json, "problems", report->problems);
    json.end();
    print(json.take());
  } else {
    for (const auto& problem : report->problems) print("damaged: " + problem);
    print(std::to_string(report->documents) + " documents, " + std::to_string(report->messages) + " messages, " +
          std::to_string(report->tables) + " table files, " + std::to_string(trail.lines()) + " audit lines: " +
          (report->problems.empty() ? std::string("everything checks")
                                    : std::to_string(report->problems.size()) + " problems"));
    if (report->beside_a_running_service)
      print("a server is running here: stop it to compare the directory's own marks too");
    if (report->problems.size() > of_the_engine)
      print("nothing mends the audit trail, and nothing needs to: leave " + audit_directory(data) +
            " as it is, and look into who changed it (docs/security.md)");
    if (of_the_engine > 0)
      print("save what is readable with `globogym recover --data " + data + " --into NEW_DIRECTORY`");
  }
  return report->problems.empty() ? done : answer_is_no;
}

int recover(const Context& context, const std::string& into) {
  const std::string& data = context.config.values.service.data;
  if (auto may = may_be_looked_into(data); !may) return complain(may.error());
  std::error_code ignored;
  if (std::filesystem::exists(into, ignored)) {
    std::fprintf(stderr, "globogym: %s exists; name a directory that does not\n", into.c_str());
    return usage;
  }
  if (auto prepared = prepare_data_directory(into); !prepared) return complain(prepared.error());
  struct Unfinished {
    domain::Status status = domain::Status::accepted;
    std::string member_id;  // empty: nobody is a member by it
  };
  std::map<std::string, Unfinished, std::less<>> unfinished;  // by enrollment id
  bool has_settings = false;
  const auto look = [&](const engine::DocumentKey& key, std::string_view body,
                        std::map<std::string, std::int64_t>& tallies) {
    // Which of the enrollments' entries were lost is not known: they are all looked at again.
    if (gateway::is_note_of_indexing(key)) return false;
    recount(key, body, tallies);
    has_settings = has_settings || (key.container == domain::container::settings && key.id == pseudonym_document);
    if (key.container == domain::container::members) {
      const auto member = domain::member_from_json(body);
      const auto found = member ? unfinished.find(member->enrollment_id) : unfinished.end();
      if (found != unfinished.end()) found->second.member_id = member->id;
    }
    if (key.container != domain::container::enrollments) return true;
    const auto enrollment = domain::enrollment_from_json(body);
    if (enrollment && enrollment->status != domain::Status::completed &&
        enrollment->status != domain::Status::rejected && !is_discarded(*enrollment))
      unfinished.emplace(enrollment->id, Unfinished{.status = enrollment->status});
    return true;
  };
  // Whose letter waits is counted as such; the document does not say so before the letter is out.
  const auto look_at_message = [&](std::string_view queue, std::string_view id,
                                   std::map<std::string, std::int64_t>& tallies) {
    const auto found = unfinished.find(id);
    if (queue != domain::queue::welcome_mail || found == unfinished.end()) return;
    if (found->second.status != domain::Status::accepted) return;
    --tallies[std::string(domain::tally::of(domain::Status::accepted))];
    ++tallies[std::string(domain::tally::of(domain::Status::processing))];
  };
  auto recovered = engine::rocksdb::recover(engine_directory(data), engine_directory(into), {look, look_at_message});
  if (!recovered) {
    std::filesystem::remove(into, ignored);  // only when nothing was written to it
    return complain(recovered.error());
  }
  // A message has its enrollment's id. Without one nothing will ever go on.
  for (const auto& [id, one] : unfinished) {
    if (recovered->message_ids.contains(id)) continue;
    if (!one.member_id.empty())
      recovered->lost.push_back("the welcome letter of enrollment " + id +
                                ", whose member is stored: write it anew with `globogym members resend-letter " +
                                one.member_id + "`");
    else
      recovered->lost.push_back("the work on enrollment " + id + ", which stays \"" +
                                std::string(domain::name(one.status)) + "\": ask this person to sign up again");
  }
  take_the_trail_along(data, into, recovered->lost);
  if (!has_settings && (recovered->documents > 0 || !recovered->lost.empty()))
    recovered->lost.push_back(
        "the key behind member ids: a new one is made at the next start, under which no member is recognised");
  if (context.json) {
    JsonWriter json;
    json.object().member("documents", recovered->documents).member("messages", recovered->messages);
    write_all(json, "lost", recovered->lost);
    json.end();
    print(json.take());
  } else {
    for (const auto& loss : recovered->lost) print("lost: " + loss);
    print("saved " + std::to_string(recovered->documents) + " documents and " + std::to_string(recovered->messages) +
          " messages into " + into + "; start with `globogym serve --data " + into + "`");
  }
  return recovered->lost.empty() ? done : answer_is_no;
}

}  // namespace globogym::app::cli
