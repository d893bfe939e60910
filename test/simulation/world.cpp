#include "simulation/world.h"

#include <algorithm>

#include "simulation/promises.h"
#include "telemetry/log.h"

namespace globogym::simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_steps = 30'000'000;
constexpr Duration to_come_to_rest = 20h;
// Longest from being written to being taken, while nothing is wrong that concerns everybody and few letters wait.
constexpr Duration a_good_letter_takes = 1min;

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
      flow_(a_good_letter_takes + scenario.all_letters(), loop_.clock(), story_),
      custody_(loop_.clock(), story_),
      office_(scenario, story_, loop_.clock(), flow_),
      observer_{.story = story_,
                .clock = loop_.clock(),
                .office = office_,
                .flow = flow_,
                .custody = custody_,
                .acknowledged = {},
                .ended = {}} {}

World::~World() = default;

Outcome World::run() {
  story_.tell(describe(scenario_));
  release_the_canary();
  start_process();
  for (auto& key : api_keys_) key = process_->create_key();
  for (const auto& visit : scenario_.visits) loop_.post([this, visit] { clients_.start(this->visit(visit)); });
  loop_.settle();
  for (const auto& fault : scenario_.faults) {
    ++faults_to_come_;
    loop_.at(loop_.clock().steady() + fault.at, [this, fault] { due_.push_back(fault); });
  }

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

void World::release_the_canary() {
  if (asked_.canary == Canary::acknowledges_before_the_write) observer_.acknowledge_early = 1;
  if (asked_.canary == Canary::forgets_a_letter) office_.forgets_next = true;
  if (asked_.canary == Canary::doubles_a_letter) office_.doubles_next = true;
  if (asked_.canary == Canary::changes_a_letter) office_.changes_next = true;
  if (asked_.canary == Canary::gives_up_on_a_slow_answer) office_.gives_up_next = true;
  if (asked_.canary == Canary::keeps_good_letters_waiting)
    office_.waits_at_the_door = 2 * (a_good_letter_takes + scenario_.all_letters());
  if (asked_.canary == Canary::cuts_leases_short) observer_.cuts_leases = true;
  if (asked_.canary == Canary::lets_messages_wait_too_long) observer_.waits_longer = 10min;
  if (asked_.canary == Canary::lets_messages_not_wait) observer_.waits_not_at_all = true;
}

// ---- the process ----------------------------------------------------------------------------------------------------

void World::start_process() {
  auto life = std::make_shared<Life>();
  life->number = ++lives_;
  story_.tell("the service starts, life " + std::to_string(lives_));
  custody_.opened_anew();
  custody_.begins_to_serve();
  if (lives_ > 1) flow_.disturbed(loop_.clock().steady());
  process_ = std::make_unique<Process>(Ground{.loop = loop_,
                                              .disk = disk_,
                                              .catalogue = catalogue_,
                                              .pseudonyms = pseudonyms_,
                                              .office = office_,
                                              .observer = observer_,
                                              .scenario = scenario_,
                                              .seed = draw_.seed(),
                                              .pauses_grow = asked_.canary != Canary::probes_without_growing_pauses},
                                       std::move(life));
  // It begins to serve when the disk does.
  custody_.begins_to_serve();
  serving_ = true;
}

void World::end_process(bool in_order, bool power_loss) {
  serving_ = false;
  die_at_write_.reset();
  story_.tell(in_order ? "the service stops" : "the process dies");
  if (in_order) {
    process_->life()->stopping = true;
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
  if (process_) process_->engine().look();
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
      flow_.disturbed(loop_.clock().steady() + fault.time);
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
      flow_.disturbed(now + fault.time);
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
      flow_.disturbed(now + fault.time);
      loop_.at(now + fault.time, [this] {
        if (process_) process_->pause(false);
      });
      break;
    case Kind::clock_step:
      loop_.step_wall(fault.step);
      custody_.clock_set();
      break;
    case Kind::standstill:
      if (!process_) break;
      loop_.stand_still(fault.time);
      process_->life()->stood_still = true;
      custody_.wakes();
      flow_.disturbed(loop_.clock().steady());
      break;
    default:
      quiet_since_ = std::max(quiet_since_, now + fault.time);
      flow_.disturbed(now + fault.time +
                      (fault.kind == Kind::mail_answers_late ? scenario_.accept_time : Duration(20s)));
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
  for (const auto& destination : scenario_.destinations)
    if (!destination.for_ever) quiet_since_ = std::max(quiet_since_, SteadyTime(1h) + destination.until);
  flow_.disturbed(loop_.clock().steady());
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
      std::ranges::any_of(scenario_.people, [](const auto& person) { return person.mailbox == Mailbox::always_4xx; }) ||
      std::ranges::any_of(scenario_.destinations, &Destination::for_ever);
  const Duration bound = haste + scenario_.all_letters() + scenario_.all_stalls() + scenario_.accept_time;
  if (!worn_box && loop_.clock().steady() - quiet_since_ > bound)
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
  flow_.disturbed(loop_.clock().steady());
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
