// A directory of a test's own, an engine in it, and what is often done with the two. For tests of this folder only.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "async/loop.h"
#include "engine/rocksdb/engine.h"

namespace globogym::engine::rocksdb::trial {

namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    // Hundreds of thousands of small writes: in memory when the machine has such a file system.
    const fs::path shared = "/dev/shm";
    std::string name =
        ((fs::is_directory(shared) ? shared : fs::temp_directory_path()) / "globogym-engine-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// On a loop of its own.
template <class T>
T wait_for(async::Task<T> task) {
  async::AsioLoop loop;
  return async::run_until_done(loop, std::move(task));
}

// For what happens on other threads. Says in the test that it did not.
template <class Condition>
bool comes_true(Condition condition, std::chrono::seconds within = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

inline SystemClock system_clock;

inline std::unique_ptr<engine::Engine> opened(const std::string& directory, telemetry::Metrics& metrics,
                                              std::size_t window_bytes = 8u << 20) {
  auto engine = open({.directory = directory, .disk_reserve = 0, .window_bytes = window_bytes}, system_clock, metrics);
  EXPECT_TRUE(engine) << engine.error().message;
  return engine ? std::move(*engine) : nullptr;
}

// One document, one message and one count, as a sign-up makes them.
inline Commit numbered(int i) {
  Commit commit;
  commit.documents.push_back(
      {{"members", "p", "member-" + std::to_string(1000 + i)}, R"({"n":)" + std::to_string(i) + "}", {}});
  commit.messages.push_back({"mail", "m" + std::to_string(1000 + i), "body " + std::to_string(i), "", {}});
  commit.tallies.push_back({"members", 1});
  return commit;
}

inline async::Task<void> fill(engine::Engine& engine, int from, int to) {
  for (int i = from; i < to; ++i) {
    auto done = co_await engine.commit(numbered(i));
    EXPECT_TRUE(done) << (done ? "" : done.error().message);
  }
}

inline bool has_document(engine::Engine& engine, int i) {
  auto found = wait_for(engine.get({"members", "p", "member-" + std::to_string(1000 + i)}));
  return found && found->has_value();
}

inline std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// In place, as a disk does it: whoever has the file open sees the new bytes.
inline void overwrite(const fs::path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
}

inline std::vector<fs::path> files(const std::string& directory) {
  std::vector<fs::path> all;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.is_regular_file() && entry.file_size() > 0) all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  return all;
}

inline std::map<std::string, std::string> contents_of_all(const std::string& directory) {
  std::map<std::string, std::string> all;
  for (const auto& path : files(directory)) all[path.filename().string()] = contents(path);
  return all;
}

}  // namespace globogym::engine::rocksdb::trial
