// The whole service in a world of its own: clients, a mail system, a disk and every fault, on one virtual clock and
// from one seed.
//
// The promises checked are the contract's: what is checked as it happens stands where it happens, what is checked when
// everything has come to rest stands in promises.cpp. It promises that the same seed tells the same story.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/sim_loop.h"
#include "domain/catalogue.h"
#include "simulation/process.h"
#include "simulation/scenario.h"
#include "simulation/story.h"

namespace globogym::simulation {

// A promise broken on purpose, to see that it is noticed.
enum class Canary {
  none,
  acknowledges_before_the_write,
  forgets_a_letter,
  doubles_a_letter,
  changes_a_letter,
  loses_a_member,
  gives_up_on_a_slow_answer,
  keeps_good_letters_waiting,
  cuts_leases_short,
  lets_messages_wait_too_long,
  lets_messages_not_wait,
  probes_without_growing_pauses,
};

struct Outcome {
  std::vector<std::string> broken;  // nothing: every promise was kept
  std::vector<std::string> story;   // when asked for
  std::uint64_t fingerprint = 0;
  std::size_t promised = 0, completed = 0, rejected = 0, parked = 0, lives = 0, copies = 0;
  Duration lasted{};
};

struct Asked {
  bool story = false;  // kept
  bool aloud = false;  // printed as it happens
  Canary canary = Canary::none;
};

Outcome live(const Scenario& scenario, Asked asked = {});

// A 202 that a client has seen.
struct Promise {
  std::string id;
  std::size_t person = 0;
  std::string key;   // Idempotency-Key, or empty
  std::string body;  // of the answer
};

// What a client is told, or nothing when the answer never came.
using Answer = std::optional<http::Response>;

class World {
 public:
  World(const Scenario& scenario, Asked asked);
  ~World();
  Outcome run();

 private:
  friend class Client;
  friend class Promises;

  // clients.cpp
  async::Task<void> visit(Visit visit);

  // world.cpp
  void release_the_canary();
  void start_process();
  void end_process(bool in_order, bool power_loss);
  void begin(Fault fault);
  void happen(const Fault& fault);
  void after_each_step();
  void faults_end();
  bool come_to_rest();
  async::Task<bool> at_rest();
  void check_haste();
  void replay_dead_letters();
  async::Task<void> replay(Process& process);

  const Scenario& scenario_;
  const Asked asked_;
  Draw draw_;
  async::SimLoop loop_;
  Story story_;
  engine::memory::Disk disk_;
  domain::Catalogue catalogue_ = domain::sample_catalogue();
  Hmac pseudonyms_{"the key of a simulated deployment"};
  Flow flow_;
  Custody custody_;
  PostOffice office_;
  Observer observer_;
  async::Scope clients_;

  std::unique_ptr<Process> process_;  // null while it is down
  bool serving_ = false;
  int lives_ = 0;
  std::array<std::string, 2> api_keys_;
  std::vector<Fault> due_;
  std::optional<std::size_t> die_at_write_;
  Fault death_;
  std::size_t faults_to_come_ = 0;
  std::size_t others_ = 0;
  SteadyTime back_at_{};
  SteadyTime quiet_since_{};  // or until then, when an outage has an end

  std::vector<Promise> ledger_;
  std::map<std::string, Promise> by_key_;
};

}  // namespace globogym::simulation
