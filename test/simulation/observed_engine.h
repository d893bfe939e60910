// The engine with somebody watching: what it acknowledges, what it could not do, and who holds what (Custody).
//
// Passes everything on unchanged, unless a canary is told to break a promise.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "async/loop.h"
#include "engine/engine.h"
#include "engine/memory/store.h"
#include "simulation/custody.h"
#include "simulation/flow.h"
#include "simulation/post_office.h"
#include "simulation/story.h"

namespace globogym::simulation {

// What is known of the engine over all its lives.
struct Observer {
  Story& story;
  const Clock& clock;
  PostOffice& office;
  Flow& flow;
  Custody& custody;
  std::set<std::string> acknowledged;  // enrollments in a commit that returned success
  std::set<std::string> ended;         // … as completed or rejected
  // For canaries: acknowledge the n-th accepted enrollment before it is written (0: never), and say so.
  int acknowledge_early = 0;
  bool acknowledged_early = false;
  // … leases are a hundredth as long as asked for; what is given back waits so much longer, or not at all.
  bool cuts_leases = false;
  Duration waits_longer{};
  bool waits_not_at_all = false;
};

class ObservedEngine final : public engine::Engine {
 public:
  ObservedEngine(engine::Engine& inner, const engine::memory::Disk& disk, Observer& observer,
                 std::shared_ptr<Life> life)
      : inner_(inner), disk_(disk), observer_(observer), life_(std::move(life)), openings_(disk.openings()) {}

  async::Task<Result<engine::Committed>> commit(engine::Commit commit) override;
  async::Task<Result<std::vector<engine::Delivery>>> receive(engine::Receive receive) override;
  async::Task<Result<std::optional<engine::Document>>> get(engine::DocumentKey key) override;
  async::Task<Result<engine::ScanPage>> scan(engine::Scan scan) override { return inner_.scan(std::move(scan)); }
  async::Task<Result<std::optional<engine::KeptMessage>>> find_message(std::string queue, std::string id) override {
    return inner_.find_message(std::move(queue), std::move(id));
  }
  async::Task<Result<engine::MessagePage>> messages(engine::MessageQuery query) override {
    return inner_.messages(std::move(query));
  }
  async::Task<Result<std::vector<engine::QueueStats>>> queues() override { return inner_.queues(); }
  async::Task<Result<std::map<std::string, std::int64_t>>> tallies() override { return inner_.tallies(); }
  engine::Health health() const override { return inner_.health(); }
  void close_receivers() override { inner_.close_receivers(); }

  // Whether the engine has read its disk anew, or cannot: then no lease holds any more. To be asked before anything of
  // it is judged; a step of the loop may have been too late, since a process that winds down takes many at once.
  void look();

  // Waits for what a canary has put off.
  async::Task<void> wind_down() { return late_.join(); }

 private:
  async::Task<void> commit_late(engine::Commit commit);
  void tamper(engine::Settle& settle) const;

  engine::Engine& inner_;
  const engine::memory::Disk& disk_;
  Observer& observer_;
  const std::shared_ptr<Life> life_;
  std::size_t openings_;  // seen
  async::Scope late_;
};

}  // namespace globogym::simulation
