// How many connections each group of addresses holds, so that one cannot take them all.
//
// Memory is one entry for each group that holds a connection. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

namespace globogym::http {

class ConnectionGroups {
 public:
  explicit ConnectionGroups(std::size_t most) : most_(most) {}
  // False when the group holds as many as it may: then nothing is counted.
  bool enter(const std::string& group);
  void leave(const std::string& group);
  std::size_t size() const;

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> held_;
};

}  // namespace globogym::http
