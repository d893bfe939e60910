#include "engine/rocksdb/directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace globogym::engine::rocksdb {
namespace {

std::unexpected<Error> gone(const std::string& path) {
  return fail(Fault::unavailable,
              "the data directory " + path +
                  " is not there: has it been moved, or is its disk not mounted? Put it back, and all goes on by "
                  "itself");
}

Result<void> make(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != EEXIST)
    return fail(Fault::unavailable, "cannot create the data directory " + path + ": " + std::strerror(errno));
  return {};
}

}  // namespace

Result<std::unique_ptr<Directory>> Directory::hold(const std::string& path, Missing missing) {
  if (missing == Missing::is_made) {
    if (auto made = make(path); !made) return std::unexpected(made.error());
  }
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0 && errno == ENOENT) return gone(path);
  if (found.st_mode != 0 && !S_ISDIR(found.st_mode)) return fail(Fault::unavailable, path + " is not a directory");
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0 && errno == EACCES)
    return fail(Fault::unavailable, "no permission to write in the data directory " + path +
                                        "; it should belong to the user that runs the service, with mode 0700");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(Fault::unavailable, "cannot open the data directory " + path + ": " + std::strerror(errno));
  std::unique_ptr<Directory> directory(new Directory(path, descriptor));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0)
    return fail(Fault::unavailable,
                "another process is using " + path + "; stop it first, or give this one another --data");
  return directory;
}

Directory::Directory(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {
  struct stat found{};
  ::fstat(descriptor_, &found);
  device_ = found.st_dev;
  inode_ = found.st_ino;
  files_ = "/proc/self/fd/" + std::to_string(descriptor_);
  // Without /proc the name has to do.
  if (::access(files_.c_str(), X_OK) != 0) files_ = path_;
}

Directory::~Directory() {
  ::close(descriptor_);
}

std::function<std::string(std::string)> Directory::naming() const {
  return [seen = files_ + "/", name = path_ + "/"](std::string text) {
    for (std::size_t at = 0; (at = text.find(seen, at)) != std::string::npos; at += name.size())
      text.replace(at, seen.size(), name);
    return text;
  };
}

void Directory::remember_lock_file() {
  struct stat found{};
  if (::fstatat(descriptor_, "LOCK", &found, 0) == 0) lock_file_ = found.st_ino;
}

Result<void> Directory::still_there() const {
  struct stat found{};
  if (::stat(path_.c_str(), &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return gone(path_);
    return fail(Fault::unavailable, "cannot see the data directory " + path_ + ": " + std::strerror(errno));
  }
  if (found.st_dev != device_ || found.st_ino != inode_)
    return fail(Fault::unavailable, "at " + path_ + " stands another directory than the one that was opened");
  for (const char* name : {"CURRENT", "IDENTITY", "SEAL", "SYNCED", "LOCK"}) {
    if (::fstatat(descriptor_, name, &found, 0) != 0)
      return fail(Fault::unavailable, path_ + "/" + name + " is missing or cannot be seen: " + std::strerror(errno));
  }
  if (lock_file_ != 0 && found.st_ino != lock_file_)
    return fail(Fault::unavailable, path_ + "/LOCK is another file than the one this process holds");
  return {};
}

}  // namespace globogym::engine::rocksdb
