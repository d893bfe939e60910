#include "audit/files.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "telemetry/log.h"

namespace globogym::audit {
namespace {

constexpr Duration gathering = std::chrono::milliseconds(100);  // what is only noted waits so long for company
constexpr Duration synced_every = std::chrono::seconds(1);
constexpr Duration anchored_every = std::chrono::seconds(2);
constexpr Duration retry_every = std::chrono::milliseconds(500);
constexpr std::size_t batch_at_most = 4096;
constexpr Duration looks_after = std::chrono::seconds(1);

Error trouble(const std::string& what, const std::string& path, int code) {
  std::string message = "the audit trail cannot be written: " + what + " " + path + ": " + std::strerror(code);
  if (code == ENOSPC) message += "; free space there";
  return {Fault::unavailable, std::move(message)};
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool sync_directory(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = ::fsync(descriptor) == 0;
  ::close(descriptor);
  return synced;
}

// Whether the line that ends at `place` is the one that was written there, by its mac.
bool stands_there(const std::string& directory, const Place& place) {
  if (place.file.empty() || place.number == 0) return true;
  constexpr std::string_view after_mac = "\"}\n";
  std::string tail(no_mac.size() + after_mac.size(), '\0');
  if (place.end < tail.size()) return false;
  std::ifstream in(directory + "/" + place.file, std::ios::binary);
  if (!in.is_open() && errno != ENOENT) return true;  // not to be read now, which says nothing
  in.seekg(static_cast<std::streamoff>(place.end - tail.size()));
  in.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  return in && tail == place.mac + std::string(after_mac);
}

bool tells_of_a_change(const Entry& entry) {
  return entry.begun != 0 || entry.deed.event == begun;
}

}  // namespace

// Suspended until its line is on stable storage, or is known not to be.
struct Files::Caller {
  Files& files;
  Entry entry;
  Result<std::uint64_t> result = fail(Fault::unavailable, "the audit trail was closed");
  async::Loop* loop = nullptr;
  std::coroutine_handle<> handle{};

  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    loop = async::Loop::current();
    ASSERT(loop != nullptr);
    handle = caller;
    Files& trail = files;
    {
      std::lock_guard lock(trail.mutex_);
      const bool kept = entry.begun != 0;
      trail.a_change_waits_ |= tells_of_a_change(entry);
      trail.waiting_.push_back({std::move(entry), trail.clock_.wall(), this, kept});
      trail.urgent_ = true;
    }
    if (trail.options_.wake)
      trail.options_.wake();
    else
      trail.wake_.notify_one();
  }
  Result<std::uint64_t> await_resume() { return std::move(result); }
};

Result<std::unique_ptr<Files>> Files::open(FilesOptions options, const Hmac& key, Anchor& anchor, const Clock& clock) {
  std::unique_ptr<Files> files(new Files(std::move(options), key, anchor, clock));
  if (auto found = files->find_end(); !found) return std::unexpected(found.error());
  files->synced_ = files->place_;
  files->look_at_ = clock.steady() + looks_after;
  if (!files->options_.wake) files->thread_ = std::thread([trail = files.get()] { trail->work(); });
  return files;
}

Files::Files(FilesOptions options, const Hmac& key, Anchor& anchor, const Clock& clock)
    : options_(std::move(options)), key_(key), anchor_(anchor), clock_(clock) {}

Files::~Files() {
  if (thread_.joinable()) {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  turn();
  if (!waiting_.empty()) log::error("audit-lines-lost", {{"lines", waiting_.size()}});
  std::lock_guard lock(file_mutex_);
  if (!sync()) log::error("audit-lines-lost", {{"lines", undone_.size()}});
  if (begun_) keep_end(true);
  if (descriptor_ >= 0) ::close(descriptor_);
}

// Goes on where the trail ends. What is not as it was left stays there for everybody to see, and a new file is begun.
Result<void> Files::find_end() {
  auto anchored = anchor_.load();
  if (!anchored) return std::unexpected(anchored.error());
  kept_ = anchored->value_or(Bounds{});
  const auto names = files_in(options_.directory);
  place_ = kept_.last;
  if (!*anchored && names && !names->empty()) {
    found("audit-damaged", "there are files in " + options_.directory + ", though no line was ever written");
    place_ = {};
    return {};
  }
  // From the line the anchor knows to the end.
  Reader reader(options_.directory, key_, kept_, kept_.last);
  while (reader.next()) continue;
  place_ = reader.place();
  std::string wrong = reader.trouble();
  if (reader.could_not_read()) {
    place_ = {.file = {}, .end = 0, .number = kept_.last.number, .mac = kept_.last.mac};
    unreadable_ = wrong;
    log::error("audit-unreadable", {{"detail", wrong}});
    return {};
  }
  if (wrong.empty() && !stands_there(options_.directory, kept_.last))
    wrong = "line number " + std::to_string(kept_.last.number) + " in " + kept_.last.file +
            " is not the one that was written there";
  if (!wrong.empty()) {
    place_.file.clear();  // never go on in a file that somebody has changed
    if (place_.number < kept_.last.number) {
      place_.number = kept_.last.number;
      place_.mac = kept_.last.mac;
    }
    found("audit-damaged", wrong);
    return {};
  }
  if (place_.file.empty()) return {};
  const std::string path = options_.directory + "/" + place_.file;
  if (reader.unfinished() > 0) {
    if (::truncate(path.c_str(), static_cast<off_t>(place_.end)) != 0)
      return std::unexpected(trouble("an unfinished line at the end cannot be cut off", path, errno));
    found("audit-tail-cut", std::to_string(reader.unfinished()) + " bytes that an ended process had not finished");
  }
  return {};
}

void Files::found(std::string event, const std::string& what) {
  if (event == "audit-damaged") {
    damage_ = what;
    log::error(event, {{"detail", what}, {"meaning", "run `globogym audit --verify`; docs/security.md says more"}});
  } else {
    log::info(event, {{"detail", what}});
  }
  Waiting waiting{.entry = {.who = {.by = "trail"}, .deed = {.event = std::move(event)}, .status = 200},
                  .at = clock_.wall(),
                  .kept = true};
  waiting_.push_back(std::move(waiting));
  urgent_ = a_change_waits_ = true;
}

Task<Result<std::uint64_t>> Files::write(Entry entry) {
  auto written = co_await Caller{*this, std::move(entry)};
  co_return written;
}

Result<void> Files::note(Entry entry) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    if (!failure_.empty()) return fail(Fault::unavailable, "the audit trail cannot be written now");
    if (waiting_.size() >= options_.most_waiting) return fail(Fault::unavailable, "too much waits to be audited");
    first = waiting_.empty();
    waiting_.push_back({std::move(entry), clock_.wall(), nullptr, true});
  }
  if (first) {
    if (options_.wake)
      options_.wake();
    else
      wake_.notify_one();
  }
  return {};
}

void Files::work() {
  ::pthread_setname_np(::pthread_self(), "audit");
  std::unique_lock lock(mutex_);
  for (;;) {
    if (waiting_.empty()) {
      // What was only written is synced and anchored when nothing more comes, too.
      Duration most = unsynced_.empty() ? anchored_every : synced_every;
      most = std::clamp(look_at_ - clock_.steady(), Duration(), most);
      wake_.wait_for(lock, most, [&] { return stopping_ || !waiting_.empty(); });
    }
    if (stopping_) return;
    look_on(lock);
    if (!failure_.empty())
      wake_.wait_for(lock, retry_every, [&] { return stopping_ || urgent_; });
    else if (!urgent_ && !waiting_.empty())
      wake_.wait_for(lock, gathering, [&] { return stopping_ || urgent_; });
    turn_locked(lock);
  }
}

void Files::turn() {
  std::unique_lock lock(mutex_);
  while (!waiting_.empty() && turn_locked(lock)) continue;
}

// One batch. False when it could not be written.
bool Files::turn_locked(std::unique_lock<std::mutex>& lock) {
  std::deque<Waiting> batch;
  while (!waiting_.empty() && batch.size() < batch_at_most) {
    if (!batch.empty() && waiting_.front().entry.deed.begins_trail) break;
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  urgent_ = !waiting_.empty() && urgent_;
  const bool changes = std::exchange(a_change_waits_, !waiting_.empty() && a_change_waits_);
  lock.unlock();

  std::vector<std::uint64_t> given;
  std::deque<Waiting> undone;
  Result<void> written;
  {
    std::lock_guard file_lock(file_mutex_);
    if (!batch.empty()) written = append(batch, given);
    const SteadyTime now = clock_.steady();
    const bool anchors = changes || now - kept_at_ >= anchored_every;
    // Without a thread nobody comes back for it.
    const bool syncs = anchors || now - synced_at_ >= synced_every || options_.wake;
    if (written && syncs) written = sync();
    if (written && !syncs)
      for (const auto& each : batch) unsynced_.push_back({each.entry, each.at, nullptr, true});
    if (written && anchors && begun_ && synced_.number != kept_.last.number) keep_end(false);
    undone = std::exchange(undone_, {});
  }

  // Whoever is told that nothing can be written now finds it so when something is noted at once.
  lock.lock();
  if (!batch.empty() || !written) failure_ = written ? std::string() : written.error().message;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Caller* caller = std::exchange(batch[i].caller, nullptr);
    if (!caller) continue;
    if (written)
      caller->result = given[i];
    else
      caller->result = std::unexpected(written.error());
    caller->loop->post([handle = caller->handle] { handle.resume(); });
  }
  if (written) return true;
  log::error("audit-not-written", {{"detail", written.error().message}});
  while (!batch.empty()) {
    if (batch.back().kept) waiting_.push_front(std::move(batch.back()));
    batch.pop_back();
  }
  for (; !undone.empty(); undone.pop_back()) waiting_.push_front(std::move(undone.back()));
  // Somebody has to try again, and that for a time nothing could be written should be known.
  if (waiting_.empty())
    waiting_.push_back(
        {{.who = {.by = "trail"}, .deed = {.event = "audit-resumed"}, .status = 200}, clock_.wall(), nullptr, true});
  return false;
}

// All of the batch is in the file, or none of it.
Result<void> Files::append(const std::deque<Waiting>& batch, std::vector<std::uint64_t>& given) {
  if (batch.front().entry.deed.begins_trail)
    if (auto anew = begin_anew(); !anew) return anew;
  // The anchor knows that there is a trail before there is one, and that it is not closed.
  if (!begun_) {
    kept_.final = false;
    if (auto kept = anchor_.keep(kept_); !kept)
      return fail(Fault::unavailable, "the audit trail cannot be begun: " + kept.error().message);
    begun_ = true;
  }
  if (auto file = have_file(); !file) return file;
  std::string bytes;
  Place place = place_;
  for (const auto& waiting : batch) {
    std::string text = line(key_, place.mac, place.number + 1, waiting.at, waiting.entry);
    place.mac = text.substr(text.size() - 3 - no_mac.size(), no_mac.size());
    given.push_back(++place.number);
    bytes += text;
  }
  const std::string path = options_.directory + "/" + place_.file;
  struct stat before{};
  ::fstat(descriptor_, &before);
  if (write_all(descriptor_, bytes)) {
    place.end = static_cast<std::uint64_t>(before.st_size) + bytes.size();
    place_ = std::move(place);
    return {};
  }
  const Error why = trouble("writing", path, errno);
  // What of it stands there is taken back, so that the file ends with a whole line.
  if (::ftruncate(descriptor_, before.st_size) != 0) log::error("audit-tail-not-cut", {{"file", path}});
  return std::unexpected(why);
}

// All that was written is on stable storage, or what was not synced before is no longer in the file.
Result<void> Files::sync() {
  synced_at_ = clock_.steady();
  if (descriptor_ < 0 || place_.number == synced_.number) return {};
  if (::fdatasync(descriptor_) == 0) {
    synced_ = place_;
    unsynced_.clear();
    return {};
  }
  const std::string path = options_.directory + "/" + place_.file;
  const Error why = trouble("syncing", path, errno);
  if (::ftruncate(descriptor_, static_cast<off_t>(synced_.end)) != 0)
    log::error("audit-tail-not-cut", {{"file", path}});
  place_ = synced_;
  undone_ = std::exchange(unsynced_, {});
  return std::unexpected(why);
}

// The file to append to is the one at its path, and not full.
Result<void> Files::have_file() {
  struct stat at_path{}, opened{};
  if (descriptor_ >= 0) {
    const std::string path = options_.directory + "/" + place_.file;
    const bool same = ::stat(path.c_str(), &at_path) == 0 && ::fstat(descriptor_, &opened) == 0 &&
                      at_path.st_ino == opened.st_ino && at_path.st_dev == opened.st_dev;
    if (same && place_.end < options_.file_bytes) return {};
    if (auto synced = sync(); !synced) return synced;
    if (!same) {
      log::error("audit-file-gone", {{"file", path}});
      std::lock_guard lock(mutex_);
      if (damage_.empty()) damage_ = path + " was taken away or exchanged while it was written to";
      look_.reset();
      look_at_ = clock_.steady() + looks_after;
    }
    ::close(std::exchange(descriptor_, -1));
    place_.file.clear();
  }
  if (!place_.file.empty() && place_.end < options_.file_bytes) {
    const std::string path = options_.directory + "/" + place_.file;
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor_ < 0) return std::unexpected(trouble("opening", path, errno));
    return {};
  }
  if (::mkdir(options_.directory.c_str(), 0700) != 0 && errno != EEXIST)
    return std::unexpected(trouble("making", options_.directory, errno));
  // In the place of one that somebody has changed there may be a file of this name.
  while (::access((options_.directory + "/" + file_name(place_.number + 1)).c_str(), F_OK) == 0) ++place_.number;
  const std::string name = file_name(place_.number + 1), path = options_.directory + "/" + name;
  const std::string fresh = path + ".new", head = head_line(key_, place_.mac, place_.number + 1);
  // Complete before it has its name: a file without a beginning would be a trail that was tampered with.
  const int descriptor = ::open(fresh.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return std::unexpected(trouble("making", fresh, errno));
  if (!write_all(descriptor, head) || ::fsync(descriptor) != 0 || ::link(fresh.c_str(), path.c_str()) != 0) {
    const Error why = trouble("beginning", path, errno);
    ::close(descriptor);
    ::unlink(fresh.c_str());
    return std::unexpected(why);
  }
  ::unlink(fresh.c_str());
  if (!sync_directory(options_.directory)) {
    const Error why = trouble("keeping", path, errno);
    ::close(descriptor);
    return std::unexpected(why);
  }
  descriptor_ = descriptor;
  place_.file = name;
  place_.end = head.size();
  synced_ = place_;
  return {};
}

// What is written next begins a file, and nothing that is there counts any more. The anchor knows so before any of it
// is put aside.
Result<void> Files::begin_anew() {
  if (auto synced = sync(); !synced) return synced;
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  place_ = {.file = {}, .end = 0, .number = place_.number, .mac = place_.mac};
  synced_ = place_;
  Bounds bounds{.before_first = place_.number, .mac_before_first = place_.mac, .last = place_, .final = false};
  if (auto kept = anchor_.keep(bounds); !kept) return kept;
  kept_ = std::move(bounds);
  begun_ = true;
  const std::string aside = options_.directory + "/left-behind-" + std::to_string(place_.number);
  if (::mkdir(options_.directory.c_str(), 0700) != 0 && errno != EEXIST)
    return std::unexpected(trouble("making", options_.directory, errno));
  if (::mkdir(aside.c_str(), 0700) != 0 && errno != EEXIST) return std::unexpected(trouble("making", aside, errno));
  const auto names = files_in(options_.directory);
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names)
    if (::rename((options_.directory + "/" + name).c_str(), (aside + "/" + name).c_str()) != 0)
      return std::unexpected(trouble("putting aside", options_.directory + "/" + name, errno));
  if (!sync_directory(aside) || !sync_directory(options_.directory))
    return std::unexpected(trouble("keeping", aside, errno));
  look_.reset();
  look_at_ = clock_.steady();
  std::lock_guard lock(mutex_);
  damage_.clear();
  return {};
}

void Files::keep_end(bool final) {
  Bounds bounds = kept_;
  bounds.last = synced_;
  bounds.final = final;
  kept_at_ = clock_.steady();
  // Where it cannot be kept now (no disk has room), it is with the next line.
  if (anchor_.keep(bounds)) kept_ = std::move(bounds);
}

}  // namespace globogym::audit
