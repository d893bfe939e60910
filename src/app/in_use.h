// A mark in a data directory that a process has it, by which a copy that was made meanwhile is known to be one.
//
// The file DATA/in-use says when it was itself born, and its inode: a file that was copied was born later. It is
// removed when the engine has been closed; what a killed process left behind is still the file that it was, so the
// directory itself starts as always. A snapshot of the file system keeps both; files copied out of one do not.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace globogym::app {

class InUse {
 public:
  // unavailable: the directory is a copy of one that was in use; says what to do.
  static Result<void> check(const std::string& data);
  // Never fails: without the mark only a copy is not noticed. Call it with the engine open.
  static std::unique_ptr<InUse> mark(const std::string& data);
  ~InUse();
  InUse(const InUse&) = delete;

 private:
  explicit InUse(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

}  // namespace globogym::app
