// One life of the service: everything the real process puts together, on the world's loop and disk.
//
// It ends in order with stop(), or dies with die(). In both cases every call of it has ended afterwards and nothing of
// it runs any more. Call its verbs from outside the loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "async/sim_loop.h"
#include "engine/memory/engine.h"
#include "functions/host.h"
#include "gateway/gateway.h"
#include "simulation/observed_engine.h"
#include "simulation/post_office.h"

namespace globogym::simulation {

// What is there before, between and after its lives.
struct Ground {
  async::SimLoop& loop;
  engine::memory::Disk& disk;
  const domain::Catalogue& catalogue;
  const Hmac& pseudonyms;
  PostOffice& office;
  Observer& observer;
  const Scenario& scenario;
  std::uint64_t seed = 0;   // of this life
  bool pauses_grow = true;  // false, for a canary: the mail system is probed every second
};

class Process {
 public:
  // Opens the disk, reads the API keys and starts the functions.
  Process(Ground ground, std::shared_ptr<Life> life);
  ~Process();
  Process(const Process&) = delete;

  void die();
  void stop();

  // A request arrives; `request` outlives the task. What is answered after the death is heard by nobody.
  async::Task<http::Response> handle(const http::Request& request);
  // An API key that may do everything a client does.
  std::string create_key();
  // What a person does at the console: the answer, or why not.
  async::Task<Result<std::string>> replay_dead_letters();
  void pause(bool paused);

  ObservedEngine& engine() { return observed_; }
  const std::shared_ptr<Life>& life() const { return life_; }

 private:
  void wind_down();

  async::SimLoop& loop_;
  std::shared_ptr<Life> life_;
  SeededRandom random_;
  telemetry::Metrics metrics_;
  std::unique_ptr<engine::memory::Engine> memory_;
  ObservedEngine observed_;
  const Hmac& pseudonyms_;
  gateway::ApiKeys keys_;
  std::optional<gateway::Gateway> gateway_;
  std::unique_ptr<mail::Mailer> mailer_;
  std::optional<functions::Host> host_;
  std::size_t requests_ = 0;
  bool ended_ = false;
};

}  // namespace globogym::simulation
