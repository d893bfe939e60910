#include "engine/memory/engine.h"

#include "base/assert.h"
#include "engine/kv/ledger.h"
#include "engine/memory/store.h"

namespace globogym::engine::memory {

struct Engine::Inside {
  Inside(Disk& on, Options o)
      : options(o),
        loop(*async::Loop::current()),
        store(std::make_unique<Store>(on)),
        disk(on),
        sequencer(loop.clock()) {}

  Options options;
  async::Loop& loop;
  std::unique_ptr<Store> store;
  Disk& disk;
  kv::Sequencer sequencer;
  std::vector<kv::Request*> inbox;
  bool round_posted = false;
  bool dead = false;
  std::optional<async::Loop::TimerId> timer;
  std::string problem;

  // After a failed write nobody knows what the disk has kept. What is read now could be forgotten yet, and an answer
  // made of it would be a promise.
  Result<void> readable() const {
    if (dead) return fail(Fault::cancelled, "the process has died");
    if (!sequencer.working()) return fail(Fault::unavailable, "the engine is being opened again");
    return {};
  }

  // What a dead or failed engine had in its batch must not come along.
  Result<void> open() {
    store = std::make_unique<Store>(disk);
    auto ledger = std::make_unique<kv::Ledger>(*store, kv::LedgerOptions{.window_bytes = options.window_bytes});
    const auto& clock = loop.clock();
    if (auto loaded = ledger->load(clock.wall(), clock.steady(), sequencer.time()); !loaded) return loaded;
    sequencer.use(std::move(ledger));
    problem.clear();
    return {};
  }

  static void post_round(const std::shared_ptr<Inside>& self) {
    if (self->round_posted) return;
    self->round_posted = true;
    self->loop.at(self->loop.clock().steady() + self->options.sync_time, [self] {
      self->round_posted = false;
      run_round(self);
    });
  }

  static void run_round(const std::shared_ptr<Inside>& self) {
    std::vector<kv::Request*> finished;
    auto arrived = std::exchange(self->inbox, {});
    if (auto outcome = self->sequencer.round(arrived, finished); !outcome && !self->dead) {
      self->problem = outcome.error().message;
      reopen_later(self);
    }
    kv::resume_callers(finished);
    arm(self);
  }

  static void reopen_later(const std::shared_ptr<Inside>& self) {
    self->loop.at(self->loop.clock().steady() + self->options.reopen_after, [self] {
      if (self->dead) return;
      if (auto opened = self->open(); !opened) {
        self->problem = opened.error().message;
        reopen_later(self);
        return;
      }
      post_round(self);
    });
  }

  static void arm(const std::shared_ptr<Inside>& self) {
    if (self->timer) self->loop.cancel(*std::exchange(self->timer, std::nullopt));
    auto next = self->sequencer.next_round();
    if (!next) return;
    self->timer = self->loop.at(std::max(*next, self->loop.clock().steady() + Duration(1)), [self] {
      self->timer.reset();
      post_round(self);
    });
  }
};

Engine::Engine(Disk& disk, Options options) : inside_(std::make_shared<Inside>(disk, options)) {
  if (auto opened = inside_->open(); !opened) {
    inside_->problem = opened.error().message;
    inside_->sequencer.fail_with(opened.error());
    Inside::reopen_later(inside_);
  }
}

Engine::~Engine() {
  die();
}

void Engine::die() {
  if (inside_->dead) return;
  inside_->dead = true;
  inside_->store->die();
  inside_->sequencer.fail_with({Fault::cancelled, "the process has died"});
  inside_->sequencer.close_receivers();
  if (inside_->timer) inside_->loop.cancel(*std::exchange(inside_->timer, std::nullopt));
  Inside::post_round(inside_);
}

void Engine::submit(kv::Request& request) {
  inside_->inbox.push_back(&request);
  Inside::post_round(inside_);
}

Task<Result<std::optional<Document>>> Engine::get(DocumentKey key) {
  co_await async::yield_to_loop();
  if (auto readable = inside_->readable(); !readable) co_return std::unexpected(readable.error());
  co_return kv::read_document(*inside_->store, key);
}

Task<Result<ScanPage>> Engine::scan(Scan scan) {
  co_await async::yield_to_loop();
  if (auto readable = inside_->readable(); !readable) co_return std::unexpected(readable.error());
  co_return kv::read_page(*inside_->store, scan);
}

Health Engine::health() const {
  Health health;
  health.can_commit = inside_->sequencer.working();
  health.problem = inside_->problem;
  health.below_reserve = inside_->disk.full();
  return health;
}

void Engine::close_receivers() {
  inside_->sequencer.close_receivers();
  Inside::post_round(inside_);
}

}  // namespace globogym::engine::memory
