// The trail's tests' world: a trail in a directory of its own, and what is done to its files.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "async/loop.h"
#include "audit/files.h"
#include "base/json_reader.h"
#include "base/result_test.h"

namespace globogym::audit::testing {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Memory final : public Anchor {
 public:
  Result<std::optional<Bounds>> load() override { return kept; }
  Result<void> keep(const Bounds& bounds) override {
    if (refusing) return fail(Fault::unavailable, "no room");
    kept = bounds;
    return {};
  }
  std::optional<Bounds> kept;
  bool refusing = false;
};

class World {
 public:
  World() {
    std::string name = (fs::temp_directory_path() / "globogym-audit-XXXXXX").string();
    root = ::mkdtemp(name.data());
  }
  ~World() {
    trail.reset();
    fs::remove_all(root);
  }
  void open(std::uint64_t file_bytes = 64u << 20, std::size_t most_waiting = 65'536) {
    trail.reset();
    auto opened = Files::open({.directory = directory(), .file_bytes = file_bytes, .most_waiting = most_waiting}, key,
                              anchor, clock);
    ASSERT_TRUE(opened) << opened.error().message;
    trail = std::move(*opened);
  }
  std::string directory() const { return root + "/audit"; }
  std::vector<std::string> files() const { return value_of(files_in(directory())); }
  std::string only_file() const { return directory() + "/" + files().at(0); }

  Result<std::uint64_t> write(std::string event, unsigned status = 200, std::uint64_t begun_by = 0) {
    async::AsioLoop loop;
    return async::run_until_done(
        loop, trail->write({{.by = "control-socket", .uid = 7}, {.event = std::move(event)}, status, "r", begun_by}));
  }
  void write_some(int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(write("member-shown"));
  }
  // Everything, page by page; what is wrong with it first.
  std::string read(std::vector<std::string>& lines, std::size_t at_most = 1000) {
    std::string trouble, after;
    do {
      auto page = trail->read(after, at_most, std::nullopt);
      if (!page) return page.error().message;
      lines.insert(lines.end(), page->lines.begin(), page->lines.end());
      if (trouble.empty()) trouble = page->trouble;
      after = page->next;
    } while (!after.empty());
    return trouble;
  }
  std::string trouble() {
    std::vector<std::string> lines;
    return read(lines);
  }

  std::string root;
  Hmac key{"a key of this test"};
  Memory anchor;
  SystemClock clock;
  std::unique_ptr<Files> trail;
};

inline std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline void put(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}
inline std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  return lines;
}
inline std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line;
  return out;
}
inline std::string event_of(const std::string& line) {
  const auto json = JsonDocument::parse(line);
  return json ? json->root().text("event") : "not JSON";
}

// A directory that cannot be written to, without being root or not.
inline void block(const World& world) {
  fs::remove_all(world.directory());
  put(world.directory(), "in its place");
}
inline void unblock(const World& world) {
  fs::remove(world.directory());
}

template <class Condition>
void wait_until(Condition holds) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!holds()) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace globogym::audit::testing
