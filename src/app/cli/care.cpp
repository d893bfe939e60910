// verify and recover: what a person does with a data directory that may be damaged.
#include <cstdio>
#include <filesystem>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/cli/print.h"
#include "app/installation.h"
#include "base/json_writer.h"
#include "domain/records.h"
#include "engine/rocksdb/recover.h"
#include "engine/rocksdb/verify.h"

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
  if (mail && mail->status == domain::StepStatus::done) ++tallies[std::string(domain::tally::mails_sent)];
}

}  // namespace

int verify(const Context& context) {
  const std::string& data = context.config.values.service.data;
  auto report = engine::rocksdb::verify(engine_directory(data));
  if (!report) return complain(report.error());
  if (context.json) {
    JsonWriter json;
    json.object()
        .member("ok", report->problems.empty())
        .member("documents", report->documents)
        .member("messages", report->messages)
        .member("tables", report->tables)
        .member("besideARunningService", report->beside_a_running_service);
    write_all(json, "problems", report->problems);
    json.end();
    print(json.take());
  } else {
    for (const auto& problem : report->problems) print("damaged: " + problem);
    print(std::to_string(report->documents) + " documents, " + std::to_string(report->messages) + " messages, " +
          std::to_string(report->tables) + " table files: " +
          (report->problems.empty() ? std::string("everything checks")
                                    : std::to_string(report->problems.size()) + " problems"));
    if (report->beside_a_running_service)
      print("a server is running here: stop it to compare the directory's own marks too");
    if (!report->problems.empty())
      print("save what is readable with `globogym recover --data " + data + " --into NEW_DIRECTORY`");
  }
  return report->problems.empty() ? done : answer_is_no;
}

int recover(const Context& context, const std::string& into) {
  const std::string& data = context.config.values.service.data;
  std::error_code ignored;
  if (std::filesystem::exists(into, ignored)) {
    std::fprintf(stderr, "globogym: %s exists; name a directory that does not\n", into.c_str());
    return usage;
  }
  if (auto prepared = prepare_data_directory(into); !prepared) return complain(prepared.error());
  auto recovered = engine::rocksdb::recover(engine_directory(data), engine_directory(into), recount);
  if (!recovered) {
    std::filesystem::remove(into, ignored);  // only when nothing was written to it
    return complain(recovered.error());
  }
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
