// The directory a store lives in: held for this process, and known again when it is somewhere else.
//
// Its files are opened through a descriptor of it and not by the name it was found under. Whoever moves it away,
// unmounts it or puts another one in its place then neither stops a write half-way nor makes us change, or delete,
// files of another store. still_there() tells that it has happened.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace globogym::engine::rocksdb {

class Directory {
 public:
  enum class Missing { is_made, is_an_error };

  // Opens and locks it.
  //   unavailable  it is not there, cannot be used, or another process has it
  static Result<std::unique_ptr<Directory>> hold(const std::string& path, Missing missing);
  ~Directory();
  Directory(const Directory&) = delete;

  // As people know it.
  const std::string& path() const { return path_; }
  // What to open its files under.
  const std::string& files() const { return files_; }
  std::uint64_t inode() const { return inode_; }
  // Puts path() in the place of files(), for messages of those who know it by the latter. May outlive the directory.
  std::function<std::string(std::string)> naming() const;
  Error named(Error error) const { return {error.fault, naming()(std::move(error.message))}; }

  // Call once the store's own files stand: which lock file it is that has to stay.
  void remember_lock_file();
  // A few system calls that wait for no disk. unavailable: at path() stands nothing or something else by now, or one of
  // the files without which the store cannot be opened again is gone.
  Result<void> still_there() const;

 private:
  Directory(std::string path, int descriptor);

  const std::string path_;
  const int descriptor_;
  std::string files_;
  dev_t device_ = 0;
  std::uint64_t inode_ = 0;
  std::uint64_t lock_file_ = 0;  // its inode; 0: not known yet
};

}  // namespace globogym::engine::rocksdb
