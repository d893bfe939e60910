#include "engine/memory/store.h"

#include <array>
#include <map>
#include <set>
#include <utility>

#include "base/assert.h"

namespace globogym::engine::memory {

using kv::Space;

namespace {

using Table = std::map<std::string, std::string, std::less<>>;
using Tables = std::array<Table, kv::spaces>;

using Batch = std::vector<Store::Change>;

Error unreadable() {
  return {Fault::damaged, "a block of the disk cannot be read"};
}

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
  std::size_t reads = 0;
  std::size_t openings = 0;
  std::size_t fail_reads_from = 0, fail_reads_until = 0;  // read numbers, half open

  std::set<std::pair<Space, std::string>> overwritten;  // keys put again while they were there

  bool cannot_read() {
    ++reads;
    return reads >= fail_reads_from && reads < fail_reads_until;
  }

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

void Disk::fail_reads(std::size_t n, std::size_t times) {
  state_->fail_reads_from = state_->reads + n;
  state_->fail_reads_until = state_->fail_reads_from + times;
}

std::size_t Disk::reads() const {
  return state_->reads;
}

void Disk::set_full(bool full) {
  state_->full = full;
}

bool Disk::full() const {
  return state_->full;
}

std::size_t Disk::writes() const {
  return state_->writes;
}

std::size_t Disk::openings() const {
  return state_->openings;
}

Store::Store(Disk& disk) : disk_(*disk.state_) {
  ++disk_.openings;
}

void Store::put(Space space, std::string_view key, std::string_view head, std::string_view body) {
  batch_.push_back({space, std::string(key), std::string(head).append(body), false});
}

void Store::erase(Space space, std::string_view key) {
  batch_.push_back({space, std::string(key), std::nullopt, false});
}

void Store::erase_once(Space space, std::string_view key) {
  batch_.push_back({space, std::string(key), std::nullopt, true});
}

Result<void> Store::write(bool durable) {
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

Result<std::optional<std::string>> Store::get(Space space, std::string_view key) {
  if (dead_) return fail(Fault::cancelled, "the process has died");
  if (disk_.cannot_read()) return std::unexpected(unreadable());
  const auto& table = disk_.current[static_cast<std::size_t>(space)];
  auto found = table.find(key);
  if (found == table.end()) return std::nullopt;
  return std::optional(found->second);
}

std::unique_ptr<kv::Cursor> Store::range(Space space, std::string_view from, std::string_view to) {
  class Walk final : public kv::Cursor {
   public:
    Walk(Disk::State& disk, const Table& table, std::string_view from_key, std::string_view to_key)
        : disk_(disk), at_(table.lower_bound(from_key)), end_(table.lower_bound(to_key)) {}
    bool next() override {
      if (error_) return false;
      if (disk_.cannot_read()) {
        error_ = unreadable();
        return false;
      }
      if (started_ && at_ != end_) ++at_;
      started_ = true;
      return at_ != end_;
    }
    std::string_view key() const override { return at_->first; }
    std::string_view value() const override { return at_->second; }
    std::optional<Error> error() const override { return error_; }

   private:
    Disk::State& disk_;
    Table::const_iterator at_, end_;
    bool started_ = false;
    std::optional<Error> error_;
  };
  return std::make_unique<Walk>(disk_, disk_.current[static_cast<std::size_t>(space)], from, to);
}

}  // namespace globogym::engine::memory
