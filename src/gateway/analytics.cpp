#include "gateway/analytics.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>

#include "gateway/answers/problem.h"
#include "gateway/routes/routes.h"
#include "telemetry/quantiles.h"

namespace globogym::gateway {
namespace {

using Count = std::uint64_t;

// Every cell counts the same things, in this order; behind them the refusals by problem, then the durations.
enum Slot : std::size_t {
  by_class,
  bytes_in = by_class + 6,
  bytes_out,
  received,
  valid,
  accepted,
  repeated,
  micros,
  refusals,
};

struct Period {
  Window window;
  Duration slot;      // how far apart the window moves on
  std::int64_t kept;  // closed slots that belong to the window
};
constexpr std::array periods = {Period{Window::minute, std::chrono::seconds(5), 12},
                                Period{Window::quarter, std::chrono::minutes(1), 15},
                                Period{Window::day, std::chrono::minutes(30), 48}};

// A few names, known beforehand, by their content.
class NameTable {
 public:
  explicit NameTable(std::vector<std::string_view> names) : names_(std::move(names)) {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      auto slot = start(names_[i]);
      while (table_[slot] != 0) slot = (slot + 1) % table_.size();
      table_[slot] = static_cast<std::uint8_t>(i + 1);
    }
  }
  // The name's index; size() when it is not one of them.
  std::size_t find(std::string_view name) const {
    for (auto slot = start(name); table_[slot] != 0; slot = (slot + 1) % table_.size())
      if (names_[table_[slot] - 1] == name) return table_[slot] - 1;
    return names_.size();
  }
  std::size_t size() const { return names_.size(); }
  std::string_view operator[](std::size_t index) const { return names_[index]; }

 private:
  static std::size_t start(std::string_view name) {
    if (name.empty()) return 0;
    const auto at = [&](std::size_t i) -> std::size_t { return static_cast<unsigned char>(name[i]); };
    return (name.size() * 31 + at(0) + at(name.size() / 2) * 7 + at(name.size() - 1) * 17) % 256;
  }
  std::vector<std::string_view> names_;
  std::array<std::uint8_t, 256> table_{};
};

NameTable operation_names() {
  std::vector<std::string_view> names;
  for (const Route& route : routes()) names.push_back(route.operation);
  return NameTable(std::move(names));
}

NameTable refusal_names() {
  std::vector<std::string_view> names;
  for (const ProblemType& type : all_problems()) names.push_back(type.slug);
  return NameTable(std::move(names));
}

// Ids of callers, in the order they came first. Found without a lock; only a newcomer takes one.
class CallerTable {
 public:
  ~CallerTable() {
    for (auto& slot : table_) delete slot.load(std::memory_order_relaxed);
  }
  // At most Analytics::most_callers; that for whoever came too late.
  std::size_t find(std::string_view id) {
    const std::size_t start = std::hash<std::string_view>()(id);
    for (std::size_t i = start % table_.size();; i = (i + 1) % table_.size()) {
      const Entry* entry = table_[i].load(std::memory_order_acquire);
      if (!entry) break;
      if (entry->id == id) return entry->index;
    }
    if (count_.load(std::memory_order_acquire) == Analytics::most_callers) return Analytics::most_callers;
    return add(id, start);
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> out(count_.load(std::memory_order_acquire));
    for (const auto& slot : table_)
      if (const Entry* entry = slot.load(std::memory_order_acquire); entry && entry->index < out.size())
        out[entry->index] = entry->id;
    return out;
  }

 private:
  struct Entry {
    std::string id;
    std::size_t index;
  };

  std::size_t add(std::string_view id, std::size_t start) {
    const std::lock_guard lock(mutex_);
    std::size_t i = start % table_.size();
    for (; const Entry* entry = table_[i].load(std::memory_order_relaxed); i = (i + 1) % table_.size())
      if (entry->id == id) return entry->index;
    const auto index = count_.load(std::memory_order_relaxed);
    if (index == Analytics::most_callers) return index;
    table_[i].store(new Entry{std::string(id), index}, std::memory_order_release);
    count_.store(index + 1, std::memory_order_release);
    return index;
  }

  std::mutex mutex_;
  std::atomic<std::size_t> count_{0};
  std::array<std::atomic<const Entry*>, 4 * Analytics::most_callers> table_{};
};

// Counters of one thread about one operation or caller. One thread writes, so adding needs no locked instruction.
class Cell {
 public:
  explicit Cell(std::size_t size) : counts_(size) {}
  void add(std::size_t slot, Count by) {
    auto& count = counts_[slot];
    count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void add_to(std::vector<Count>& sums) const {
    for (std::size_t i = 0; i < counts_.size(); ++i) sums[i] += counts_[i].load(std::memory_order_relaxed);
  }

 private:
  std::vector<std::atomic<Count>> counts_;
};

// By cell; empty where nothing was ever counted.
using Sums = std::vector<std::vector<Count>>;

struct Change {
  std::uint32_t cell, slot;
  Count by;
};

std::vector<Change> changes(const Sums& before, const Sums& after) {
  std::vector<Change> out;
  for (std::size_t c = 0; c < after.size(); ++c)
    for (std::size_t s = 0; s < after[c].size(); ++s) {
      const Count was = before[c].empty() ? 0 : before[c][s];
      if (after[c][s] > was)
        out.push_back({static_cast<std::uint32_t>(c), static_cast<std::uint32_t>(s), after[c][s] - was});
    }
  return out;
}

void add(Sums& sums, const std::vector<Change>& changes, std::size_t cell_size) {
  for (const Change& change : changes) {
    auto& cell = sums[change.cell];
    if (cell.empty()) cell.resize(cell_size);
    cell[change.slot] += change.by;
  }
}

// A window that moves on: what was counted in each of its slots, and where the slot that is open began.
struct Ring {
  struct Closed {
    std::int64_t number;  // since the process began
    std::vector<Change> changes;
    Ended ended;
  };
  std::deque<Closed> closed;
  std::int64_t open = 0;
  Sums at_open;
  Ended ended_at_open;
};

Ended operator-(Ended a, Ended b) {
  return {a.completed - b.completed, a.rejected - b.rejected};
}

Ended operator+(Ended a, Ended b) {
  return {a.completed + b.completed, a.rejected + b.rejected};
}

std::atomic<std::uint64_t> instances{0};

}  // namespace

struct Analytics::State {
  struct Shard {
    explicit Shard(std::size_t cells) : cells(cells) {}
    ~Shard() {
      for (auto& cell : cells) delete cell.load(std::memory_order_relaxed);
    }
    std::vector<std::atomic<Cell*>> cells;
  };
  // The thread's shard of the instance it last recorded for.
  struct Mine {
    std::uint64_t instance = 0;
    Shard* shard = nullptr;
  };
  static thread_local Mine mine;

  const std::uint64_t instance = ++instances;  // never used again, as an address would be
  const NameTable operations = operation_names();
  const NameTable problems = refusal_names();
  CallerTable callers;
  const WallTime began;
  const SteadyTime began_steady;

  std::mutex mutex;  // guards what follows; never taken by record() but for a thread's first visit
  std::vector<std::pair<std::size_t, std::unique_ptr<Shard>>> shards;
  std::array<Ring, periods.size()> rings;
  Ended ended_at_start, ended;
  bool knows_ended = false;

  State(WallTime wall, SteadyTime steady) : began(wall), began_steady(steady) {
    for (auto& ring : rings) ring.at_open.resize(cells());
  }

  // Operations, "none"; callers, "other", "none".
  std::size_t cells() const { return operations.size() + 1 + most_callers + 2; }
  std::size_t first_caller() const { return operations.size() + 1; }
  std::size_t durations() const { return Slot::refusals + problems.size() + 1; }
  std::size_t cell_size() const { return durations() + telemetry::duration_buckets; }

  Shard& own_shard() {
    if (mine.instance == instance) [[likely]]
      return *mine.shard;
    // A thread that records for several instances in turn is a test's; it finds the shard it had.
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t thread = ++threads;
    const std::lock_guard lock(mutex);
    auto found = std::ranges::find(shards, thread, &std::pair<std::size_t, std::unique_ptr<Shard>>::first);
    if (found == shards.end()) found = shards.emplace(shards.end(), thread, std::make_unique<Shard>(cells()));
    mine = {instance, found->second.get()};
    return *mine.shard;
  }

  Cell& cell(Shard& shard, std::size_t index) const {
    auto& slot = shard.cells[index];
    Cell* known = slot.load(std::memory_order_relaxed);
    if (!known) [[unlikely]] {
      known = new Cell(cell_size());
      slot.store(known, std::memory_order_release);
    }
    return *known;
  }

  void count(Cell& cell, const Visit& visit, std::size_t refusal) const {
    const auto status_class = visit.status / 100;
    cell.add(Slot::by_class + (status_class < 6 ? status_class : 0), 1);
    if (visit.bytes_in > 0) cell.add(Slot::bytes_in, visit.bytes_in);
    if (visit.bytes_out > 0) cell.add(Slot::bytes_out, visit.bytes_out);
    if (visit.stage != Stage::none) {
      cell.add(Slot::received, 1);
      if (visit.stage == Stage::valid || visit.stage == Stage::accepted) cell.add(Slot::valid, 1);
      if (visit.stage == Stage::accepted) cell.add(Slot::accepted, 1);
      if (visit.stage == Stage::repeated) cell.add(Slot::repeated, 1);
    }
    if (!visit.refusal.empty()) cell.add(Slot::refusals + refusal, 1);
    if (visit.duration.count() > 0) cell.add(Slot::micros, static_cast<Count>(visit.duration.count()));
    cell.add(durations() + telemetry::bucket_of(visit.duration), 1);
  }

  Sums sums() const {
    Sums out(cells());
    for (const auto& [thread, shard] : shards)
      for (std::size_t i = 0; i < out.size(); ++i)
        if (const Cell* cell = shard->cells[i].load(std::memory_order_acquire)) {
          if (out[i].empty()) out[i].resize(cell_size());
          cell->add_to(out[i]);
        }
    return out;
  }

  Traffic traffic(std::string name, const std::vector<Count>& counts) const {
    Traffic out{.name = std::move(name)};
    for (std::size_t c = 0; c < out.by_class.size(); ++c) {
      out.by_class[c] = counts[Slot::by_class + c];
      out.requests += out.by_class[c];
    }
    for (std::size_t i = 0; i <= problems.size(); ++i)
      if (const Count n = counts[Slot::refusals + i])
        out.refused.emplace_back(i < problems.size() ? problems[i] : "other", n);
    out.bytes_in = counts[Slot::bytes_in];
    out.bytes_out = counts[Slot::bytes_out];
    out.received = counts[Slot::received];
    out.valid = counts[Slot::valid];
    out.accepted = counts[Slot::accepted];
    out.repeated = counts[Slot::repeated];
    out.total_duration = Duration(counts[Slot::micros]);
    out.durations.assign(counts.begin() + static_cast<std::ptrdiff_t>(durations()), counts.end());
    return out;
  }

  Report report(const Sums& sums) const {
    Report out;
    std::vector<Count> all(cell_size());
    for (std::size_t i = 0; i < first_caller(); ++i) {
      if (sums[i].empty()) continue;
      for (std::size_t s = 0; s < all.size(); ++s) all[s] += sums[i][s];
      out.operations.push_back(traffic(i < operations.size() ? std::string(operations[i]) : "none", sums[i]));
    }
    auto names = callers.ids();
    names.resize(most_callers);
    names.insert(names.end(), {"other", "none"});
    for (std::size_t i = 0; i < names.size(); ++i)
      if (const auto& counts = sums[first_caller() + i]; !counts.empty())
        out.callers.push_back(traffic(names[i], counts));
    out.all = traffic("all", all);
    return out;
  }
};

constinit thread_local Analytics::State::Mine Analytics::State::mine;

Analytics::Analytics(const Clock& clock)
    : clock_(clock), state_(std::make_unique<State>(clock.wall(), clock.steady())) {}

Analytics::~Analytics() = default;

void Analytics::record(const Visit& visit) {
  State& state = *state_;
  State::Shard& shard = state.own_shard();
  const std::size_t caller = visit.caller.empty() ? most_callers + 1 : state.callers.find(visit.caller);
  const std::size_t refusal = visit.refusal.empty() ? 0 : state.problems.find(visit.refusal);
  state.count(state.cell(shard, state.operations.find(visit.operation)), visit, refusal);
  state.count(state.cell(shard, state.first_caller() + caller), visit, refusal);
}

void Analytics::fold(Ended ended) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->knows_ended) {
    state_->ended_at_start = ended;
    for (auto& ring : state_->rings) ring.ended_at_open = ended;
    state_->knows_ended = true;
  }
  state_->ended = ended;
  const auto age = std::chrono::duration_cast<Duration>(clock_.steady() - state_->began_steady);
  std::optional<Sums> now;
  for (std::size_t i = 0; i < periods.size(); ++i) {
    Ring& ring = state_->rings[i];
    const std::int64_t number = age / periods[i].slot;
    if (number == ring.open) continue;
    if (!now) now = state_->sums();
    ring.closed.push_back({ring.open, changes(ring.at_open, *now), ended - ring.ended_at_open});
    ring.at_open = *now;
    ring.ended_at_open = ended;
    ring.open = number;
    while (ring.closed.front().number < number - periods[i].kept) {
      ring.closed.pop_front();
      if (ring.closed.empty()) break;
    }
  }
}

Report Analytics::report(Window window) const {
  const std::lock_guard lock(state_->mutex);
  const Sums now = state_->sums();
  const WallTime until = clock_.wall();
  if (window == Window::life) {
    Report out = state_->report(now);
    out.from = state_->began;
    out.until = until;
    out.ended = state_->ended - state_->ended_at_start;
    if (state_->knows_ended) out.folded = state_->ended;
    return out;
  }
  const auto at = std::ranges::find(periods, window, &Period::window) - periods.begin();
  const Period& period = periods[static_cast<std::size_t>(at)];
  const Ring& ring = state_->rings[static_cast<std::size_t>(at)];
  const auto age = std::chrono::duration_cast<Duration>(clock_.steady() - state_->began_steady);
  const std::int64_t oldest = std::max<std::int64_t>(age / period.slot - period.kept, 0);

  Sums counted(state_->cells());
  Ended ended = state_->ended - ring.ended_at_open;
  std::int64_t from = ring.open;
  for (const auto& closed : ring.closed) {
    if (closed.number < oldest) continue;
    from = std::min(from, closed.number);
    add(counted, closed.changes, state_->cell_size());
    ended = ended + closed.ended;
  }
  add(counted, changes(ring.at_open, now), state_->cell_size());
  Report out = state_->report(counted);
  out.until = until;
  out.from = until - (age - from * period.slot);
  out.ended = ended;
  if (state_->knows_ended) out.folded = state_->ended;
  return out;
}

std::string_view name(Window window) {
  switch (window) {
    case Window::minute:
      return "1m";
    case Window::quarter:
      return "15m";
    case Window::day:
      return "24h";
    case Window::life:
      break;
  }
  return "life";
}

}  // namespace globogym::gateway
