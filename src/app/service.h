// The composition root: the one place that chooses which parts there are and joins them.
//
// Threads: the gateway's loops (one a core), one for the functions at a lower priority, so that taking sign-ups goes
// before working on them, one for the console, one for the control socket, and the engine's own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "base/result.h"

namespace globogym::app {

class Service {
 public:
  // Opens the data directory and starts everything `config` asks for; it outlives the service.
  //   unavailable, damaged   what could not be opened or reached, and what to do
  static Result<std::unique_ptr<Service>> start(const LoadedConfig& config);
  virtual ~Service() = default;

  virtual std::vector<std::string> urls() const = 0;  // "https://127.0.0.1:8080"; none for a worker
  virtual std::vector<std::string> admin_urls() const = 0;
  // Certificates are loaded again, where there are any. False when there are none.
  virtual bool reload() = 0;
  // Stops accepting, lets what is in hand finish, gives the rest back. Returns within the configured time, roughly.
  virtual void stop() = 0;
};

}  // namespace globogym::app
