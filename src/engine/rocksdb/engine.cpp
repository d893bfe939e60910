#include "engine/rocksdb/engine.h"

#include <pthread.h>
#include <sys/statvfs.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <thread>

#include "base/random.h"
#include "engine/kv/engine.h"
#include "engine/kv/ledger.h"
#include "telemetry/log.h"

namespace globogym::engine::rocksdb {
namespace {

constexpr Duration health_period = std::chrono::milliseconds(200);
constexpr Duration reopen_period = std::chrono::milliseconds(500);
constexpr Duration say_again_period = std::chrono::minutes(1);
// How long finished work waits for company, and how much of it goes together: when nobody is at the door, and when
// somebody is.
constexpr Duration gather_time = std::chrono::milliseconds(4);
constexpr Duration gather_time_at_the_door = std::chrono::milliseconds(1);
constexpr std::size_t group_of_work = 256;
constexpr std::size_t group_of_work_at_the_door = 16;
constexpr Duration door_quiet_after = std::chrono::milliseconds(5);
// With this many new promises in each round the machine is busy with them. Work then goes on at a trickle: of each
// queue 1,600 messages a second, so that what waits at the door is taken in first and the backlog still moves.
constexpr double crowded = 12;
constexpr std::size_t hand_out_when_crowded = 16;
constexpr Duration hand_out_period = std::chrono::milliseconds(10);
constexpr Duration reclaim_period = std::chrono::seconds(5);
// What finishing one accepted message takes at most: the member, what the letter says and the enrollment's end, their
// log and their tables.
constexpr std::uint64_t bytes_to_finish_a_message = 6'144;
// A letter of 11 kB, in whole blocks.
constexpr std::uint64_t bytes_of_a_letters_file = 12'288;
// For the engine's own files a few dozen would do. The rest is what a crowd can send in between two looks.
constexpr std::uint64_t inode_reserve = 4096;

class Engine final : public kv::Engine {
 public:
  Engine(Options options, const Clock& clock, telemetry::Metrics& metrics)
      : options_(std::move(options)),
        clock_(clock),
        sequencer_(clock),
        commits_(metrics.counter("globogym_engine_commits_total", "Commits written and synced.")),
        syncs_(metrics.counter("globogym_engine_syncs_total", "Syncs of the log; commits per sync is the group size.")),
        failures_(metrics.counter("globogym_engine_write_failures_total", "Writes the disk refused.")),
        round_seconds_(metrics.histogram("globogym_engine_round_seconds", "Time of one group commit, sync included.",
                                         telemetry::latency_bounds_seconds())),
        free_bytes_metric_(metrics.gauge("globogym_engine_disk_free_bytes", "Free space on the engine's disk.")),
        free_inodes_metric_(metrics.gauge("globogym_engine_disk_free_inodes", "Free inodes on the engine's disk.")),
        damaged_metric_(metrics.gauge("globogym_engine_damaged", "1 when stored bytes were met that do not check.")),
        up_(metrics.gauge("globogym_engine_up", "1 when the engine can commit.")) {}

  // Everything is answered before the threads end, so no caller is left waiting.
  ~Engine() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (committer_.joinable()) committer_.join();
    {
      std::lock_guard lock(read_mutex_);
      reads_stopping_ = true;
    }
    read_wake_.notify_all();
    if (reader_.joinable()) reader_.join();
    if (copier_.joinable()) copier_.join();
    sequencer_.fail_with({Fault::cancelled, "the engine is closed"});
    if (store_) {
      if (auto closed = store_->close(); !closed)
        log::warning("engine-closed-uncleanly", {{"reason", closed.error().message}});
    }
  }

  Result<void> start() {
    if (auto opened = open_store(false); !opened) return opened;
    look_at_disk();
    committer_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "committer");
      commit_rounds();
    });
    reader_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "reader");
      serve_reads();
    });
    return {};
  }

  Task<Result<std::optional<Document>>> get(DocumentKey key) override {
    {
      std::shared_lock lock(store_mutex_);
      if (!store_) co_return fail(Fault::unavailable, "the engine is being opened again");
      auto value = store_->get_from_memory(kv::Space::documents, kv::document_key(key));
      if (value || value.error().fault != Fault::unavailable) {
        if (!value) co_return std::unexpected(value.error());
        if (!*value) co_return std::nullopt;
        auto parsed = kv::parse_document_value(**value);
        if (parsed) co_return Document{key, std::string(parsed->second), parsed->first};
      }
    }
    std::optional<Result<std::optional<Document>>> answer;
    auto read = [&](kv::Store& store) { answer = kv::read_document(store, key); };
    co_await OnReader{*this, read};
    if (!answer) co_return fail(Fault::unavailable, "the engine is being opened again");
    co_return std::move(*answer);
  }

  Task<Result<ScanPage>> scan(Scan scan) override {
    std::optional<Result<ScanPage>> answer;
    auto read = [&](kv::Store& store) { answer = kv::read_page(store, scan); };
    co_await OnReader{*this, read};
    if (!answer) co_return fail(Fault::unavailable, "the engine is being opened again");
    co_return std::move(*answer);
  }

  // On a thread of its own: it may take seconds, and neither commits nor reads wait for it.
  Task<Result<void>> copy_into(std::string directory) override {
    if (copying_.exchange(true)) co_return fail(Fault::unavailable, "another copy is being made; try again later");
    Result<void> copied = fail(Fault::unavailable, "the engine is being opened again; try again later");
    co_await OnCopier{*this, directory, copied};
    copying_ = false;
    co_return copied;
  }

  Health health() const override {
    std::lock_guard lock(health_mutex_);
    return health_;
  }

  void close_receivers() override {
    {
      std::lock_guard lock(mutex_);
      close_receivers_ = true;
    }
    wake_.notify_all();
  }

 protected:
  void submit(kv::Request& request) override {
    const bool work = is_work(request);
    bool wake;
    {
      std::lock_guard lock(mutex_);
      inbox_.push_back(&request);
      // While work is gathered only a full group or somebody who must not wait ends the sleep.
      wake = sleeping_ && (!gathering_ || !work || inbox_.size() >= group_of_work);
      if (wake) sleeping_ = false;
    }
    if (wake) wake_.notify_one();
  }

 private:
  // ---- the committer ------------------------------------------------------------------------------------------------

  // A commit that settles a message finishes work already promised; nobody waits for it at the door.
  static bool is_work(const kv::Request& request) {
    return request.kind == kv::Request::Kind::commit &&
           !static_cast<const kv::CommitRequest&>(request).commit.settled.empty();
  }

  // New promises go first: a round takes all that wait, and only a few finished pieces of work with them. Work alone is
  // gathered for a moment when there is much of it, because a sync costs the same for one commit as for a hundred.
  void commit_rounds() {
    std::vector<kv::Request*> arrived, finished;
    std::deque<kv::Request*> work;
    SteadyTime gather_until{}, last_promise{}, hand_out_at{};
    double crowd = 0;
    for (;;) {
      arrived.clear();
      finished.clear();
      bool stopping;
      {
        std::unique_lock lock(mutex_);
        auto until = clock_.steady() + health_period;
        if (auto next = sequencer_.next_round(); next && *next < until) until = *next;
        const bool gathering = clock_.steady() < gather_until;
        if (gathering || !work.empty()) until = std::min(until, gather_until);
        if (crowd > 0) until = std::min(until, clock_.steady() + door_quiet_after);
        if (inbox_.empty() && !stopping_ && !close_receivers_ && clock_.steady() < until) {
          sleeping_ = true;
          gathering_ = gathering;
          wake_.wait_until(lock, until, [&] { return !sleeping_ || stopping_ || close_receivers_; });
          sleeping_ = gathering_ = false;
        }
        std::swap(arrived, inbox_);
        stopping = stopping_;
        if (stopping || std::exchange(close_receivers_, false)) sequencer_.close_receivers();
      }
      const auto now = clock_.steady();
      if (!sequencer_.working() && now >= reopen_at_) open_again();
      if (now >= look_at_disk_at_) {
        look_at_directory();
        look_at_disk();
      }

      std::size_t promises = 0;
      std::erase_if(arrived, [&](kv::Request* request) {
        if (is_work(*request)) {
          work.push_back(request);
          return true;
        }
        promises += request->kind == kv::Request::Kind::commit;
        return false;
      });
      std::size_t pieces = 0;
      if (promises > 0) last_promise = now;
      // Whoever has just had an answer may be about to ask again, and should not wait behind a long round.
      const bool door_is_busy = now - last_promise < door_quiet_after;
      if (promises > 0) {
        pieces = 4 + promises / 32;
      } else if (stopping || now >= gather_until || work.size() >= group_of_work) {
        pieces = door_is_busy && !stopping ? group_of_work_at_the_door : group_of_work;
      }
      pieces = std::min(pieces, work.size());
      arrived.insert(arrived.end(), work.begin(), work.begin() + static_cast<std::ptrdiff_t>(pieces));
      work.erase(work.begin(), work.begin() + static_cast<std::ptrdiff_t>(pieces));

      // How crowded the door is: new promises a round, over the last dozen rounds; nobody for a while clears it.
      if (promises > 0) crowd += (static_cast<double>(promises) - crowd) / 8;
      if (!door_is_busy) crowd = 0;
      std::size_t hand_out = SIZE_MAX;
      if (crowd >= crowded) {
        hand_out = now >= hand_out_at ? hand_out_when_crowded : 0;
        if (hand_out > 0) hand_out_at = now + hand_out_period;
      }

      const std::size_t commits = promises + pieces;
      if (auto outcome = sequencer_.round(arrived, finished, hand_out); !outcome) {
        failures_.add();
        fell_over(outcome.error());
      } else if (commits > 0) {
        commits_.add(static_cast<double>(commits));
        syncs_.add();
        round_seconds_.observe(std::chrono::duration<double>(clock_.steady() - now).count());
      }
      kv::resume_callers(finished);
      if (pieces > 0) {
        const Duration longest = door_is_busy ? gather_time_at_the_door : gather_time;
        gather_until = clock_.steady() + (pieces >= 4 ? longest : Duration(0));
      }
      if (stopping && finished.empty() && work.empty()) {
        std::lock_guard lock(mutex_);
        if (inbox_.empty()) return;
      }
    }
  }

  // After a failed write nothing is known but what the disk says. Recovered changes are written to tables and synced
  // anew: the log's bytes may be in the kernel's memory only, marked clean by the sync that failed.
  void fell_over(const Error& why) {
    log::error("engine-failed", {{"reason", why.message}, {"next", "closing and opening again until the disk serves"}});
    set_problem(why.message);
    {
      std::unique_lock lock(store_mutex_);
      if (store_) identity_ = store_->identity();
      store_.reset();
    }
    reopen_at_ = clock_.steady() + reopen_period;
  }

  // The store this process has had, or none: an empty one in its place would forget every promise.
  void open_again() {
    if (auto opened = open_store(true); !opened) {
      const auto& why = opened.error().message;
      // Somebody has to mend it; until then the same sentence twice a second tells nobody more.
      if (const auto now = clock_.steady(); why != said_ || now >= say_again_at_) {
        log::warning("engine-still-failed", {{"reason", why}});
        said_ = why;
        say_again_at_ = now + say_again_period;
      }
      set_problem(why);
      sequencer_.fail_with({Fault::unavailable, why});
      reopen_at_ = clock_.steady() + reopen_period;
      return;
    }
    said_.clear();
    log::info("engine-recovered");
    look_at_disk();
  }

  Result<void> open_store(bool flush_recovered) {
    auto opened = Store::open({.directory = options_.directory,
                               .memtable_bytes = options_.memtable_bytes,
                               .cache_bytes = options_.cache_bytes,
                               .flush_recovered = flush_recovered,
                               .same_as = identity_,
                               .on_damage = [this](const Error& damage) { met(damage); }});
    if (!opened) return std::unexpected(opened.error());
    SecureRandom random;
    auto ledger = std::make_unique<kv::Ledger>(
        **opened, kv::LedgerOptions{.window_bytes = options_.window_bytes, .hash = KeyedHash(random)});
    if (auto loaded = ledger->load(clock_.wall(), clock_.steady(), sequencer_.time()); !loaded) return loaded;
    {
      std::unique_lock lock(store_mutex_);
      store_ = std::move(*opened);
    }
    sequencer_.use(std::move(ledger));
    set_problem("");
    return {};
  }

  // Also when nobody asks for anything: who is told that we are ready is about to.
  void look_at_directory() {
    if (!sequencer_.working()) return;
    if (auto there = store_->still_there(); !there) {
      sequencer_.fail_with(there.error());
      failures_.add();
      fell_over(there.error());
    }
  }

  // ---- health -------------------------------------------------------------------------------------------------------

  // Damage that was met stays said until a person has looked: opening again does not mend it. What is whole is served,
  // and new promises can be kept.
  void met(const Error& damage) {
    damaged_metric_.set(1);
    {
      std::lock_guard lock(health_mutex_);
      damage_ = damage.message;
      say_problem();
    }
    log::error("engine-damaged", {{"reason", damage.message}});
  }

  void set_problem(std::string problem) {
    up_.set(problem.empty() ? 1 : 0);
    std::lock_guard lock(health_mutex_);
    health_.can_commit = problem.empty();
    engine_problem_ = std::move(problem);
    say_problem();
  }

  void look_at_disk() {
    look_at_disk_at_ = clock_.steady() + health_period;
    struct statvfs disk{};
    if (::statvfs(options_.directory.c_str(), &disk) != 0) return;
    const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    free_bytes_metric_.set(static_cast<double>(free));
    // Some file systems make inodes as they are needed, and say that they have none.
    const bool counts_inodes = disk.f_files > 0;
    if (counts_inodes) free_inodes_metric_.set(static_cast<double>(disk.f_favail));
    std::lock_guard lock(health_mutex_);
    // A reserve that did not grow with the backlog would be used up before a deep one is finished; then the disk is
    // full and nothing but a person making room would help. A reserve of nothing is somebody's wish to have none.
    if (const auto* ledger = sequencer_.ledger(); ledger && options_.disk_reserve > 0) {
      const auto each = bytes_to_finish_a_message + options_.files_to_finish_a_message * bytes_of_a_letters_file;
      kept_free_ = options_.disk_reserve + ledger->backlog() * each;
      kept_inodes_ = inode_reserve + ledger->backlog() * options_.files_to_finish_a_message;
    }
    free_inodes_ = disk.f_favail;
    const bool below = free < kept_free_ || (counts_inodes && free_inodes_ < kept_inodes_);
    if (below != health_.below_reserve)
      log::warning(below ? "disk-reserve-reached" : "disk-reserve-restored", {{"freeBytes", free},
                                                                              {"reserveBytes", kept_free_},
                                                                              {"freeInodes", free_inodes_},
                                                                              {"reserveInodes", kept_inodes_}});
    health_.free_bytes = free;
    health_.below_reserve = below;
    say_problem();
    // When little is written, nothing else would ever drop what finished work has left behind.
    if (below && sequencer_.working() && clock_.steady() >= reclaim_at_) {
      store_->reclaim();
      reclaim_at_ = clock_.steady() + reclaim_period;
    }
  }

  // With health_mutex_ held.
  void say_problem() {
    health_.problem = engine_problem_;
    if (health_.problem.empty() && health_.below_reserve) {
      const bool bytes = health_.free_bytes < kept_free_;
      health_.problem =
          "disk reserve reached: " +
          (bytes ? std::to_string(health_.free_bytes >> 20) + " MiB" : std::to_string(free_inodes_) + " inodes") +
          " free on " + options_.directory + ", " +
          (bytes ? std::to_string(kept_free_ >> 20) + " MiB" : std::to_string(kept_inodes_) + " inodes") +
          " kept for finishing work; new sign-ups get 503";
    }
    if (health_.problem.empty()) health_.problem = damage_;
  }

  // ---- reads that need the disk -------------------------------------------------------------------------------------

  struct OnReader {
    Engine& engine;
    std::function<void(kv::Store&)> read;
    async::Loop* loop = nullptr;
    std::coroutine_handle<> caller{};

    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      loop = async::Loop::current();
      ASSERT(loop != nullptr);
      caller = handle;
      {
        std::lock_guard lock(engine.read_mutex_);
        engine.reads_.push_back(this);
      }
      engine.read_wake_.notify_one();
    }
    void await_resume() {}
  };

  struct OnCopier {
    Engine& engine;
    const std::string& directory;
    Result<void>& copied;

    bool await_ready() { return false; }
    bool await_suspend(std::coroutine_handle<> caller) {
      auto* loop = async::Loop::current();
      ASSERT(loop != nullptr);
      if (engine.copier_.joinable()) engine.copier_.join();
      try {
        engine.copier_ = std::thread([this, loop, caller] {
          {
            std::shared_lock lock(engine.store_mutex_);
            if (engine.store_) copied = engine.store_->copy_into(directory);
          }
          loop->post([caller] { caller.resume(); });
        });
      } catch (const std::system_error& error) {
        copied = fail(Fault::unavailable, std::string("no thread is to be had for it: ") + error.what());
        return false;
      }
      return true;
    }
    void await_resume() {}
  };

  void serve_reads() {
    std::vector<OnReader*> batch;
    for (;;) {
      {
        std::unique_lock lock(read_mutex_);
        read_wake_.wait(lock, [&] { return !reads_.empty() || reads_stopping_; });
        if (reads_.empty()) return;
        std::swap(batch, reads_);
      }
      for (auto* each : batch) {
        {
          std::shared_lock lock(store_mutex_);
          if (store_) each->read(*store_);
        }
        each->loop->post([caller = each->caller] { caller.resume(); });
      }
      batch.clear();
    }
  }

  const Options options_;
  const Clock& clock_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<kv::Request*> inbox_;
  bool sleeping_ = false;   // the committer waits for somebody to set this to false
  bool gathering_ = false;  // it sleeps to let work gather
  bool stopping_ = false;
  bool close_receivers_ = false;

  // The committer's own, once it runs.
  kv::Sequencer sequencer_;
  SteadyTime reopen_at_{};
  SteadyTime look_at_disk_at_{};
  SteadyTime reclaim_at_{};
  std::optional<Identity> identity_;  // of the store that was open last
  std::string said_;                  // why it was not opened again
  SteadyTime say_again_at_{};

  std::shared_mutex store_mutex_;  // the committer swaps the store under it; readers share it
  std::unique_ptr<Store> store_;

  std::mutex read_mutex_;
  std::condition_variable read_wake_;
  std::vector<OnReader*> reads_;
  bool reads_stopping_ = false;

  mutable std::mutex health_mutex_;
  Health health_;
  std::string engine_problem_;
  std::string damage_;
  std::uint64_t kept_free_ = 0;  // bytes of the disk: the reserve and what the backlog needs
  std::uint64_t kept_inodes_ = 0;
  std::uint64_t free_inodes_ = 0;

  telemetry::Counter& commits_;
  telemetry::Counter& syncs_;
  telemetry::Counter& failures_;
  telemetry::Histogram& round_seconds_;
  telemetry::Gauge& free_bytes_metric_;
  telemetry::Gauge& free_inodes_metric_;
  telemetry::Gauge& damaged_metric_;
  telemetry::Gauge& up_;

  std::thread committer_;
  std::thread reader_;
  std::thread copier_;
  std::atomic<bool> copying_ = false;
};

}  // namespace

Result<std::unique_ptr<engine::Engine>> open(Options options, const Clock& clock, telemetry::Metrics& metrics) {
  auto engine = std::make_unique<Engine>(std::move(options), clock, metrics);
  if (auto started = engine->start(); !started) return std::unexpected(started.error());
  return engine;
}

}  // namespace globogym::engine::rocksdb
