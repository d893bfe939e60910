#include "app/in_use.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "telemetry/log.h"

namespace globogym::app {
namespace {

std::string mark_file(const std::string& data) {
  return data + "/in-use";
}

// Which file it is, in one line: when it was born, as far as the file system knows that, and its inode where it does
// not. Inodes alone would not do: a copy on a fresh disk may get the same.
std::optional<std::string> birth_of(const std::string& path) {
  struct statx found{};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &found) != 0) return std::nullopt;
  if (found.stx_mask & STATX_BTIME)
    return "born " + std::to_string(found.stx_btime.tv_sec) + " " + std::to_string(found.stx_btime.tv_nsec);
  return "inode " + std::to_string(found.stx_ino);
}

std::string first_word(const std::string& text) {
  return text.substr(0, text.find(' '));
}

}  // namespace

Result<void> InUse::check(const std::string& data) {
  const std::string path = mark_file(data);
  std::ifstream in(path);
  std::string said;
  // Nothing in it: the power went before it was written. No claim, no copy.
  if (!in || !std::getline(in, said) || said.empty()) return {};
  const auto is = birth_of(path);
  if (!is || first_word(*is) != first_word(said) || *is == said) return {};
  return fail(
      Fault::unavailable,
      data +
          " is a copy that was made while a server was using the original (or after it had been killed): it may mix "
          "two moments and lack what was promised. Start with the original, or with a backup made by "
          "`globogym backup`. If it was copied out of an atomic snapshot of the file system, or while no "
          "server ran: check it with `globogym verify --data " +
          data + "`, then remove " + path);
}

std::unique_ptr<InUse> InUse::mark(const std::string& data) {
  std::unique_ptr<InUse> mark(new InUse(mark_file(data)));
  ::unlink(mark->path_.c_str());
  const int descriptor = ::open(mark->path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  const auto birth = descriptor >= 0 ? birth_of(mark->path_) : std::nullopt;
  const std::string text = birth.value_or("") + "\n";
  const bool written = birth && ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int why = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!written)
    log::warning("not-marked-in-use", {{"file", mark->path_}, {"reason", std::string_view(std::strerror(why))}});
  return mark;
}

InUse::~InUse() {
  ::unlink(path_.c_str());
}

}  // namespace globogym::app
