#include "mail/outbox/mailer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "async/loop.h"
#include "base/digest.h"
#include "base/text.h"
#include "mail/send_metrics.h"
#include "telemetry/log.h"

namespace globogym::mail::outbox {
namespace {

constexpr std::size_t longest_name = 200;

// A file descriptor that closes itself.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

// It is on another file system than its parent.
bool is_mount_point(int directory) {
  struct stat own{}, parents{};
  return ::fstat(directory, &own) == 0 && ::fstatat(directory, "..", &parents, 0) == 0 && own.st_dev != parents.st_dev;
}

// One name for one message id, whatever bytes it holds.
std::string file_name(std::string_view message_id) {
  std::string out;
  constexpr char digits[] = "0123456789ABCDEF";
  for (char c : message_id) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '@' || (c == '.' && !out.empty());
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[static_cast<unsigned char>(c) & 15];
    }
  }
  if (out.size() > longest_name) out = "id-" + hex(sha256(message_id));
  return out + ".eml";
}

class Mailer final : public mail::Mailer {
 public:
  Mailer(Options options, bool is_mount_point, telemetry::Metrics& metrics)
      : options_(std::move(options)), was_mount_point_(is_mount_point), metrics_(metrics) {}

  Task<Result<Receipt>> send(Letter letter, std::stop_token stop) override {
    const Clock& clock = async::Loop::current()->clock();
    const SteadyTime started = clock.steady();
    Result<Receipt> outcome = stop.stop_requested() ? fail(Fault::cancelled, "the send was called off") : keep(letter);
    tell(outcome);
    metrics_.count(outcome, clock.steady() - started);
    co_return outcome;
  }
  // None waits for another: each is written within its send().
  std::size_t most_at_once() const override { return 10'000; }
  Duration longest_send() const override { return std::chrono::minutes(1); }

 private:
  // Opened anew for each letter: it may have been taken away, and another put in its place.
  Result<File> directory() const {
    File opened(::open(options_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened.open() && errno == ENOENT)
      return fail(Fault::unavailable, "the outbox directory " + options_.directory +
                                          " is gone: it was there when this service started. Put it back, or make it; "
                                          "letters wait until then");
    if (!opened.open()) return failed("open the directory");
    if (was_mount_point_ && !is_mount_point(opened.fd()))
      return fail(Fault::unavailable,
                  "the outbox directory " + options_.directory +
                      " is on another file system than when this service started: its volume is not "
                      "mounted. Letters wait until it is");
    return opened;
  }

  // The first failure, a new one, and the end of them: a letter that waits comes back often.
  void tell(const Result<Receipt>& outcome) {
    const std::string reason =
        !outcome && outcome.error().fault == Fault::unavailable ? outcome.error().message : std::string();
    if (reason == told_) return;
    if (reason.empty()) {
      log::info("outbox-restored", {{"directory", options_.directory}});
    } else {
      log::warning("outbox-failed", {{"directory", options_.directory}, {"reason", reason}});
    }
    told_ = reason;
  }

  Result<Receipt> keep(const Letter& letter) {
    if (letter.message_id.empty()) return fail(Fault::refused, "the letter has no message id to name its file by");
    auto opened = directory();
    if (!opened) return std::unexpected(std::move(opened.error()));
    const int directory = opened->fd();
    const std::string name = file_name(letter.message_id);
    const std::string unfinished = "." + name.substr(0, name.size() - 4) + ".tmp";
    auto kept = write(directory, unfinished, letter.content);
    if (kept && ::renameat(directory, unfinished.c_str(), directory, name.c_str()) != 0) kept = failed("rename a file");
    if (!kept) {
      ::unlinkat(directory, unfinished.c_str(), 0);
      return std::unexpected(std::move(kept.error()));
    }
    if (options_.sync && ::fsync(directory) != 0) return failed("sync the directory");
    return Receipt{"kept as " + name};
  }

  Result<void> write(int directory, const std::string& name, std::string_view content) {
    const File file(
        ::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
    if (!file.open()) return failed("make a file");
    while (!content.empty()) {
      const ssize_t size = ::write(file.fd(), content.data(), content.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return failed("write a file");
      content.remove_prefix(static_cast<std::size_t>(size));
    }
    if (options_.sync && ::fdatasync(file.fd()) != 0) return failed("sync a file");
    return {};
  }

  std::unexpected<Error> failed(const char* what) const {
    return fail(Fault::unavailable,
                std::string("cannot ") + what + " in the outbox " + options_.directory + ": " + std::strerror(errno));
  }

  Options options_;
  const bool was_mount_point_;
  SendMetrics metrics_;
  std::string told_;  // what the operator was told last; empty: that all is well
};

}  // namespace

Result<std::unique_ptr<mail::Mailer>> open(Options options, telemetry::Metrics& metrics) {
  auto failed = [&](const char* what) {
    return fail(Fault::unavailable, std::string("cannot ") + what + " the outbox directory " + options.directory +
                                        ": " + std::strerror(errno));
  };
  if (::mkdir(options.directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) return failed("make");
  File directory(::open(options.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open()) return failed("open");
  if (::faccessat(directory.fd(), ".", W_OK | X_OK, 0) != 0) return failed("write to");
  return std::make_unique<Mailer>(std::move(options), is_mount_point(directory.fd()), metrics);
}

}  // namespace globogym::mail::outbox
