#include "engine/memory/engine.h"

#include <set>

#include "engine/kv/ledger.h"

namespace globogym::engine::memory {

using kv::Space;

namespace {

using Table = std::map<std::string, std::string, std::less<>>;
using Tables = std::array<Table, kv::spaces>;

struct Change {
  Space space;
  std::string key;
  std::optional<std::string> value;  // nullopt: erased
  bool once = false;                 // erased by somebody who says that it was put once
};
using Batch = std::vector<Change>;

void apply_batch(Tables& tables, const Batch& batch) {
  for (const auto& change : batch) {
    auto& table = tables[static_cast<std::size_t>(change.space)];
    if (change.value) {
      table.insert_or_assign(change.key, *change.value);
    } else {
      table.erase(change.key);
    }
  }
}

}  // namespace

struct Disk::State {
  Tables durable;
  Tables current;               // durable plus `unsynced`
  std::vector<Batch> unsynced;  // in the order written
  std::size_t writes = 0;
  std::size_t fail_from = 0, fail_until = 0;  // write numbers, half open
  bool failed_kept = false;
  bool full = false;

  std::set<std::pair<Space, std::string>> overwritten;  // keys put again while they were there

  void write(const Batch& batch) {
    for (const auto& change : batch) {
      const std::pair at{change.space, change.key};
      auto& table = current[static_cast<std::size_t>(change.space)];
      if (change.value) {
        if (table.contains(change.key)) overwritten.insert(at);
        table.insert_or_assign(change.key, *change.value);
      } else {
        // RocksDB's SingleDelete is undefined for such a key: the ledger is held to its word here.
        ASSERT(!change.once || !overwritten.contains(at));
        overwritten.erase(at);
        table.erase(change.key);
      }
    }
  }

  void sync() {
    for (const auto& batch : unsynced) apply_batch(durable, batch);
    unsynced.clear();
  }
};

Disk::Disk() : state_(std::make_unique<State>()) {}
Disk::~Disk() = default;

void Disk::lose_power(Random& random) {
  const auto kept = random.below(state_->unsynced.size() + 1);
  state_->unsynced.resize(kept);
  state_->sync();
  state_->current = state_->durable;
  state_->overwritten.clear();
}

void Disk::fail_writes(int n, int times, bool kept) {
  state_->fail_from = state_->writes + static_cast<std::size_t>(n);
  state_->fail_until = state_->fail_from + static_cast<std::size_t>(times);
  state_->failed_kept = kept;
}

void Disk::set_full(bool full) {
  state_->full = full;
}

std::size_t Disk::writes() const {
  return state_->writes;
}

class MemoryStore final : public kv::Store {
 public:
  explicit MemoryStore(Disk::State& disk) : disk_(disk) {}

  void put(Space space, std::string_view key, std::string_view value) override {
    batch_.push_back({space, std::string(key), std::string(value), false});
  }
  void erase(Space space, std::string_view key) override {
    batch_.push_back({space, std::string(key), std::nullopt, false});
  }
  void erase_once(Space space, std::string_view key) override {
    batch_.push_back({space, std::string(key), std::nullopt, true});
  }

  Result<void> write(bool durable) override {
    auto batch = std::exchange(batch_, {});
    if (dead_) return fail(Fault::cancelled, "the process has died");
    const auto number = ++disk_.writes;
    if (disk_.full) return fail(Fault::unavailable, "no space left on device");
    if (number >= disk_.fail_from && number < disk_.fail_until) {
      if (disk_.failed_kept) {
        disk_.write(batch);
        disk_.unsynced.push_back(std::move(batch));
      }
      return fail(Fault::unavailable, "input/output error");
    }
    disk_.write(batch);
    disk_.unsynced.push_back(std::move(batch));
    if (durable) disk_.sync();
    return {};
  }

  Result<std::optional<std::string>> get(Space space, std::string_view key) override {
    if (dead_) return fail(Fault::cancelled, "the process has died");
    const auto& table = disk_.current[static_cast<std::size_t>(space)];
    auto found = table.find(key);
    if (found == table.end()) return std::nullopt;
    return std::optional(found->second);
  }

  std::unique_ptr<kv::Cursor> range(Space space, std::string_view from, std::string_view to) override {
    class Walk final : public kv::Cursor {
     public:
      Walk(const Table& table, std::string_view from_key, std::string_view to_key)
          : at_(table.lower_bound(from_key)), end_(table.lower_bound(to_key)) {}
      bool next() override {
        if (started_ && at_ != end_) ++at_;
        started_ = true;
        return at_ != end_;
      }
      std::string_view key() const override { return at_->first; }
      std::string_view value() const override { return at_->second; }
      std::optional<Error> error() const override { return std::nullopt; }

     private:
      Table::const_iterator at_, end_;
      bool started_ = false;
    };
    return std::make_unique<Walk>(disk_.current[static_cast<std::size_t>(space)], from, to);
  }

  void die() { dead_ = true; }

 private:
  Disk::State& disk_;
  Batch batch_;
  bool dead_ = false;
};

struct Engine::Inside {
  Inside(Disk::State& disk, Options o)
      : options(o),
        loop(*async::Loop::current()),
        store(std::make_unique<MemoryStore>(disk)),
        disk_state(disk),
        sequencer(loop.clock()) {}

  Options options;
  async::Loop& loop;
  std::unique_ptr<MemoryStore> store;
  Disk::State& disk_state;
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
    store = std::make_unique<MemoryStore>(disk_state);
    auto ledger = std::make_unique<kv::Ledger>(*store, kv::LedgerOptions{options.window_bytes});
    if (auto loaded = ledger->load(); !loaded) return loaded;
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

Engine::Engine(Disk& disk, Options options) : inside_(std::make_shared<Inside>(*disk.state_, options)) {
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

const Clock& Engine::clock() const {
  return inside_->loop.clock();
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
  health.below_reserve = inside_->disk_state.full;
  return health;
}

void Engine::close_receivers() {
  inside_->sequencer.close_receivers();
  Inside::post_round(inside_);
}

}  // namespace globogym::engine::memory
