// What the service depends on, looked at one by one: for `globogym doctor`, and for a running server that is asked by
// it.
//
// Nothing is changed and no letter is sent. Each finding is a sentence that says what is wrong and what to do about it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "async/task.h"
#include "audit/audit.h"
#include "base/json_writer.h"

namespace globogym::app {

struct Finding {
  enum class State { ok, note, problem };
  std::string what;
  State state = State::ok;
  std::string detail;
};
std::string_view name(Finding::State state);  // "ok", "note", "problem"
void write_findings(JsonWriter& json, const std::vector<Finding>& findings);

// The data directory, the space on its disk, the certificate's files, terms, time zones, letters, open files.
std::vector<Finding> check_surroundings(const Config& config);
// Connects, and says EHLO, STARTTLS and AUTH as letters would; or looks at the outbox, which a server that `serves` has
// made. `config` outlives the task, which needs a loop.
async::Task<Finding> check_mail(const Config& config, bool serves);
async::Task<Finding> check_issuer(const Config& config);
Finding check_clock();
// How the audit trail in `directory` is.
Finding about(const audit::Condition& condition, const std::string& directory);

// What a server was started with, against what it would be started with now: the file may have been edited since.
Finding check_configuration(const LoadedConfig& started);

}  // namespace globogym::app
