// The trail in files: DIRECTORY/audit-<number of its first line>.jsonl, each up to 64 MiB, only ever appended to.
//
// One writer takes what waits, appends it in one write and lets the callers go on: whoever changes something once the
// line is on stable storage, whoever reads once it is written, which is synced within a second. How far the trail goes
// is also kept where it cannot be edited with the files, in the Anchor: at once after a change, within two seconds
// after what was read or noted. So a line that is changed, taken out, added, or missing at the end is noticed. What a
// process that was ended left unfinished is cut off, which is no line of the trail.
//
// Opening looks at the end only, and goes on there. The writer looks through all there is, from a second later on and
// then once a day, or every ten minutes while something is wrong, a piece at a time between what it writes: 25 MB a
// second when there is nothing to write. What cannot be read now is no damage, and is looked at again a little later.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "async/loop.h"
#include "audit/audit.h"
#include "audit/reader.h"
#include "base/clock.h"
#include "base/digest.h"

namespace globogym::audit {

// Where the end of the trail is kept besides. Called by one thread at a time; may wait.
class Anchor {
 public:
  virtual ~Anchor() = default;
  // Nothing when there was no trail yet.
  virtual Result<std::optional<Bounds>> load() = 0;
  virtual Result<void> keep(const Bounds& bounds) = 0;
};

struct FilesOptions {
  std::string directory;                 // made when the first line comes
  std::uint64_t file_bytes = 64u << 20;  // no line is begun in a file that has as many
  std::size_t most_waiting = 65'536;     // notes
  std::function<void()> wake = {};       // told that turn() has something to do; empty: a thread of its own
};

class Files final : public Trail {
 public:
  // Everything outlives it. A trail that is not as it was left is said in the log, in the trail and in condition(), and
  // gone on with.
  //   unavailable  the directory or the anchor cannot be read
  static Result<std::unique_ptr<Files>> open(FilesOptions options, const Hmac& key, Anchor& anchor, const Clock& clock);
  // Writes what waits.
  ~Files() override;

  Task<Result<std::uint64_t>> write(Entry entry) override;
  Result<void> note(Entry entry) override;
  Result<Page> read(std::string after, std::size_t at_most, std::optional<WallTime> since) override;
  Condition condition() const override;

  // Writes what waits, when there is no thread for it.
  void turn();

 private:
  struct Caller;
  struct Waiting {
    Entry entry;
    WallTime at{};
    Caller* caller = nullptr;  // whom to tell; null: nobody waits
    bool kept = false;         // tried again when it could not be written
  };

  Files(FilesOptions options, const Hmac& key, Anchor& anchor, const Clock& clock);
  Result<void> find_end();
  void found(std::string event, const std::string& what);
  void look_on(std::unique_lock<std::mutex>& lock);
  void work();
  bool turn_locked(std::unique_lock<std::mutex>& lock);
  Result<void> append(const std::deque<Waiting>& batch, std::vector<std::uint64_t>& given);
  Result<void> sync();
  Result<void> have_file();
  Result<void> begin_anew();
  std::string added() const;
  void keep_end(bool final);

  const FilesOptions options_;
  const Hmac& key_;
  Anchor& anchor_;
  const Clock& clock_;

  mutable std::mutex mutex_;  // guards the queue; taken last
  std::condition_variable wake_;
  std::deque<Waiting> waiting_;
  bool urgent_ = false;          // somebody waits for what is in it
  bool a_change_waits_ = false;  // a change is told in it, which is anchored before anybody goes on
  std::string failure_;          // why nothing can be written; empty: it can
  std::string damage_;
  bool stopping_ = false;
  std::optional<Reader> look_;    // through what there was when it was begun
  std::uint64_t look_until_ = 0;  // the number of the last line then
  SteadyTime look_at_{};          // when it is gone on with, or begun
  bool looked_through_ = false;
  bool look_wanted_ = false;  // somebody who read it found something
  std::string unreadable_;    // why it could not be looked at the last time

  mutable std::mutex file_mutex_;  // guards what follows; held while a batch is written
  Place place_;                    // behind the last line that was written
  Place synced_;                   // behind the last one on stable storage
  std::deque<Waiting> unsynced_;   // what is between the two
  std::deque<Waiting> undone_;     // what was, and did not get there: to be written again
  SteadyTime synced_at_{};
  Bounds kept_;  // what the anchor has
  int descriptor_ = -1;
  bool begun_ = false;  // a line was written since it was opened
  SteadyTime kept_at_{};
  std::thread thread_;
};

}  // namespace globogym::audit
