// A running server, looked at by itself: what is in force, and what only it can know.
//
// Asked by `globogym doctor` and `globogym config explain` over the control socket. It looks at what it was started
// with, not at what the files say by now, and says when these differ.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/checks.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "functions/host.h"
#include "http/tls.h"
#include "identity/tokens.h"

namespace globogym::app {

class Checkup {
 public:
  // What there is of it may be null or empty.
  struct Facts {
    std::function<functions::QueueState(std::string_view queue)> queue_state;
    std::shared_ptr<http::Tls> public_tls;
    std::shared_ptr<http::Tls> admin_tls;
    std::function<const identity::Tokens*()> tokens;
    const audit::Trail* trail = nullptr;
  };

  // All of them outlive it.
  Checkup(const LoadedConfig& started, engine::Engine& engine, const Clock& clock, Facts facts);
  Checkup(const Checkup&) = delete;

  // {"checks":[{"what","state","detail"}]}. Takes as long as a mail server that does not answer: some seconds.
  async::Task<Result<std::string>> look() const;
  // {"file","startedAt","values":[{"key","value","origin","inForce"}],"warnings":[…]}; secrets are masked.
  std::string configuration() const;

 private:
  void add_queues(std::vector<Finding>& findings, const std::vector<engine::QueueStats>& queues) const;
  Finding engine_now() const;
  Finding certificate_now() const;
  Finding clock_now() const;
  Finding tokens_now() const;

  const LoadedConfig& started_;
  engine::Engine& engine_;
  const Clock& clock_;
  const Facts facts_;
  const WallTime started_wall_;
  const SteadyTime started_steady_;
};

}  // namespace globogym::app
