#include "simulation/world.h"

#include <algorithm>

#include "simulation/promises.h"
#include "telemetry/log.h"

namespace globogym::simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_steps = 30'000'000;
constexpr Duration to_come_to_rest = 20h;

}  // namespace

Outcome live(const Scenario& scenario, Asked asked) {
  World world(scenario, asked);
  return world.run();
}

World::World(const Scenario& scenario, Asked asked)
    : scenario_(scenario),
      asked_(asked),
      draw_(scenario.seed ^ 0x776f726c64),
      story_(loop_.clock(), asked.story, asked.aloud),
      office_(scenario, story_, loop_.clock()),
      observer_{.story = story_, .office = office_, .acknowledged = {}, .ended = {}} {}

World::~World() = default;

Outcome World::run() {
  story_.tell(describe(scenario_));
  start_process();
  for (auto& key : api_keys_) key = process_->create_key();
  for (const auto& visit : scenario_.visits) loop_.post([this, visit] { clients_.start(this->visit(visit)); });
  loop_.settle();
  for (const auto& fault : scenario_.faults) {
    ++faults_to_come_;
    loop_.at(loop_.clock().steady() + fault.at, [this, fault] { due_.push_back(fault); });
  }
  if (asked_.canary == Canary::acknowledges_before_the_write) observer_.acknowledge_early = 1;
  if (asked_.canary == Canary::forgets_a_letter) office_.forgets_next = true;
  if (asked_.canary == Canary::doubles_a_letter) office_.doubles_next = true;
  if (asked_.canary == Canary::changes_a_letter) office_.changes_next = true;

  std::size_t steps = 0;
  while (faults_to_come_ > 0 || clients_.running() > 0 || !process_) {
    const bool more = loop_.step();
    ASSERT(more || !due_.empty());
    after_each_step();
    if (++steps == most_steps) {
      story_.broken("the clients never end");
      break;
    }
  }
  Outcome outcome;
  if (steps < most_steps) {
    faults_end();
    Promises promises(*this);
    if (come_to_rest()) {
      check_haste();
      if (asked_.canary == Canary::loses_a_member) promises.lose_a_member();
      promises.check(outcome);
      replay_dead_letters();
      if (come_to_rest()) promises.check_after_repair();
    }
  }
  end_process(true, false);
  outcome.lives = static_cast<std::size_t>(lives_);
  outcome.lasted = loop_.clock().steady() - SteadyTime(1h);
  outcome.promised = ledger_.size();
  outcome.broken = story_.broken_promises();
  outcome.story = story_.lines();
  outcome.fingerprint = story_.fingerprint();
  return outcome;
}

// ---- the process ----------------------------------------------------------------------------------------------------

void World::start_process() {
  auto life = std::make_shared<Life>();
  life->number = ++lives_;
  story_.tell("the service starts, life " + std::to_string(lives_));
  process_ = std::make_unique<Process>(Ground{.loop = loop_,
                                              .disk = disk_,
                                              .catalogue = catalogue_,
                                              .pseudonyms = pseudonyms_,
                                              .office = office_,
                                              .observer = observer_,
                                              .scenario = scenario_,
                                              .seed = draw_.seed()},
                                       std::move(life));
  serving_ = true;
}

void World::end_process(bool in_order, bool power_loss) {
  serving_ = false;
  die_at_write_.reset();
  story_.tell(in_order ? "the service stops" : "the process dies");
  if (in_order) {
    process_->stop();
  } else {
    process_->die();
  }
  process_.reset();
  if (power_loss) {
    story_.tell("the power is gone");
    disk_.lose_power(draw_.random());
  }
  story_.tell("the service has ended");
}

// ---- faults ---------------------------------------------------------------------------------------------------------

void World::after_each_step() {
  if (observer_.acknowledged_early && process_) {
    observer_.acknowledged_early = false;
    ++faults_to_come_;
    loop_.at(loop_.clock().steady() + 100ms, [this] { due_.push_back({.kind = Fault::Kind::crash, .time = 1s}); });
  }
  if (process_ && die_at_write_ && disk_.writes() >= *die_at_write_) {
    back_at_ = loop_.clock().steady() + death_.time;
    end_process(false, death_.power_loss);
    loop_.at(std::max(back_at_, loop_.clock().steady()), [] {});
  }
  for (auto due = std::exchange(due_, {}); const auto& fault : due) {
    --faults_to_come_;
    happen(fault);
  }
  if (!process_ && loop_.clock().steady() >= back_at_) start_process();
}

void World::happen(const Fault& fault) {
  story_.tell("FAULT: " + describe(fault));
  const SteadyTime now = loop_.clock().steady();
  using Kind = Fault::Kind;
  switch (fault.kind) {
    case Kind::crash:
    case Kind::restart:
      if (!process_) break;
      end_process(fault.kind == Kind::restart, fault.power_loss);
      back_at_ = loop_.clock().steady() + fault.time;
      loop_.at(back_at_, [] {});
      break;
    case Kind::crash_at_write:
      if (!process_) break;
      death_ = fault;
      die_at_write_ = disk_.writes() + static_cast<std::size_t>(fault.count);
      break;
    case Kind::failing_writes:
      disk_.fail_writes(1, fault.count, fault.kept);
      break;
    case Kind::disk_full:
      disk_.set_full(true);
      loop_.at(now + fault.time, [this] {
        story_.tell("the disk has room again");
        disk_.set_full(false);
      });
      break;
    case Kind::replay:
      if (process_) loop_.post([this] { clients_.start(replay(*process_)); });
      break;
    case Kind::pause:
      if (!process_) break;
      process_->pause(true);
      loop_.at(now + fault.time, [this] {
        if (process_) process_->pause(false);
      });
      break;
    default:
      quiet_since_ = std::max(quiet_since_, now + fault.time);
      office_.suffer(fault.kind, now + fault.time);
  }
}

// Everything works from now on.
void World::faults_end() {
  story_.tell("all faults end");
  die_at_write_.reset();
  disk_.set_full(false);
  disk_.fail_writes(1, 0, false);
  process_->pause(false);
  quiet_since_ = std::max(quiet_since_, loop_.clock().steady());
  loop_.advance(1s);  // what the last fault has begun
}

// ---- the end --------------------------------------------------------------------------------------------------------

bool World::come_to_rest() {
  const SteadyTime end = loop_.clock().steady() + to_come_to_rest;
  SteadyTime next = loop_.clock().steady() + 10min;
  while (loop_.clock().steady() < end) {
    if (clients_.running() == 0 && loop_.run(at_rest()) && clients_.running() == 0) {
      story_.tell("everything is at rest");
      return true;
    }
    if (loop_.clock().steady() >= next) {
      next += 30min;
      Visit visit{
          .habit = Habit::late, .person = scenario_.visitors + others_++, .at = Duration(0), .seed = draw_.seed()};
      ASSERT(visit.person < scenario_.people.size());
      loop_.post([this, visit] { clients_.start(this->visit(visit)); });
    }
    loop_.advance(2s);
  }
  story_.broken("after a quiet day there is still work in the queues");
  return false;
}

// Once everything works, a backlog does not linger: the longest pause between two attempts is five minutes.
void World::check_haste() {
  constexpr Duration haste = 30min;
  const bool worn_box =
      std::ranges::any_of(scenario_.people, [](const auto& person) { return person.mailbox == Mailbox::always_4xx; });
  if (!worn_box && loop_.clock().steady() - quiet_since_ > haste)
    story_.broken("everything works again, and half an hour later there is still work in the queues");
}

async::Task<bool> World::at_rest() {
  auto queues = co_await process_->engine().queues();
  if (!queues) co_return false;
  co_return std::ranges::all_of(*queues,
                                [](const auto& queue) { return queue.ready + queue.leased + queue.delayed == 0; });
}

// A person repairs the boxes and brings every dead letter back.
void World::replay_dead_letters() {
  story_.tell("mail works, the boxes are mended and every dead letter is replayed");
  office_.recover();
  office_.mend_boxes();
  auto done = loop_.run(process_->replay_dead_letters());
  if (!done) story_.broken("dead letters cannot be replayed: " + done.error().message);
}

// A person's replay at a bad moment may fail; then nothing has happened.
async::Task<void> World::replay(Process& process) {
  auto done = co_await process.replay_dead_letters();
  story_.tell(done ? "replayed: " + *done : "the replay failed");
}

}  // namespace globogym::simulation
