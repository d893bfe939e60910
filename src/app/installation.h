// An opened data directory: the engine, and what stands directly on it.
//
//   DATA/engine/        the engine's files; one process at a time
//   DATA/store.id       which store that is: without it, or with another one there, nothing is started
//   DATA/audit/         who changed what by hand, and who has read what is personal
//   DATA/outbox/        letters, when mail goes to the outbox
//   DATA/in-use         while a process has it: a copy of it is then known to be one
//   DATA/control.sock   the operations API for whoever may open the directory, while a server runs
//
// The server and the command line share it: a command opens the directory itself when no server runs there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/anchor.h"
#include "app/config.h"
#include "app/in_use.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"
#include "console/parts.h"
#include "engine/engine.h"
#include "functions/function.h"
#include "gateway/callers/api_keys.h"
#include "gateway/limits/quotas.h"
#include "telemetry/metrics.h"

namespace globogym::app {

// Makes the directory (mode 0700) when it is not there. unavailable: why it cannot be used.
Result<void> prepare_data_directory(const std::string& directory);

// Whether this process may look into the data directory, where there is one: without, nothing can be said of what is in
// it, not even whether a server runs there. unavailable: a sentence that says whose it is.
Result<void> may_be_looked_into(const std::string& data);

std::string engine_directory(const std::string& data);
// Why no engine may be opened, or made, in this data directory: it had another one, or had one that is not there.
// unavailable: a sentence that says what to do.
Result<void> engine_may_be_opened(const std::string& data);
// The settings document of the deployment's secret, and the secret that is in it; null when there is none.
inline constexpr std::string_view pseudonym_document = "pseudonym-key";
std::unique_ptr<Hmac> deployment_key(std::string_view document);
std::string outbox_directory(const std::string& data);
std::string audit_directory(const std::string& data);
std::string backup_directory(const std::string& data);
// Short enough to bind however long the directory's name is. `directory` must exist.
std::string control_socket(const std::string& data);

class Installation {
 public:
  // Opens the engine and reads (on the first start: makes) the key of the pseudonyms and the API keys.
  //   unavailable  the directory cannot be used, another process has it, or the engine that was here is not
  //   damaged      stored bytes do not check; the message says what to run
  static Result<std::unique_ptr<Installation>> open(const Config& config);
  ~Installation();
  Installation(const Installation&) = delete;

  engine::Engine& engine() { return *engine_; }
  gateway::ApiKeys& keys() { return *keys_; }
  gateway::Quotas& quotas() { return *quotas_; }
  audit::Trail& trail() { return *trail_; }
  const Hmac& pseudonyms() const { return *pseudonyms_; }
  const domain::Catalogue& catalogue() const { return catalogue_; }
  telemetry::Metrics& metrics() { return metrics_; }
  const Clock& clock() const { return clock_; }
  Random& random() { return random_; }

  // For a console. The functions in it only repair: they are never invoked.
  console::Parts console_parts();

 private:
  Installation() = default;
  async::Task<Result<void>> load();
  async::Task<Result<std::string>> pseudonym_key();

  SystemClock clock_;
  SecureRandom random_;
  telemetry::Metrics metrics_;
  domain::Catalogue catalogue_;
  std::unique_ptr<InUse> in_use_;  // until the engine is closed
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<gateway::ApiKeys> keys_;
  std::unique_ptr<gateway::Quotas> quotas_;
  std::unique_ptr<Hmac> pseudonyms_;
  std::unique_ptr<Hmac> audit_key_;
  std::unique_ptr<EngineAnchor> anchor_;
  std::unique_ptr<audit::Files> trail_;
  std::vector<std::unique_ptr<functions::Function>> repairing_;
  std::unique_ptr<functions::enrollment::Mending> mending_;
  std::string backup_directory_;
};

}  // namespace globogym::app
