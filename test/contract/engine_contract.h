// The verbs in which the engine's contract is told (engine/engine.h), on every adapter there is.
//
// Adding an adapter: give it a World in engine_worlds.h and name it in Worlds.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine_worlds.h"

namespace globogym::engine {

template <class T>
class EngineContract : public testing::Test {
 public:
  T world_;

  Result<Committed> commit(Commit commit) { return world_.run(world_.engine().commit(std::move(commit))); }
  std::vector<Delivery> receive(const std::string& queue, std::size_t at_most = 1, Duration wait = Duration(0),
                                Duration lease = std::chrono::seconds(30)) {
    auto got = world_.run(world_.engine().receive({queue, lease, at_most, wait}));
    EXPECT_TRUE(got) << got.error().message;
    return got ? std::move(*got) : std::vector<Delivery>();
  }
  std::optional<Document> get(const DocumentKey& key) {
    auto got = world_.run(world_.engine().get(key));
    EXPECT_TRUE(got) << got.error().message;
    return got ? *got : std::nullopt;
  }
  QueueStats stats(const std::string& queue) {
    auto all = world_.run(world_.engine().queues());
    EXPECT_TRUE(all);
    if (all)
      for (const auto& each : *all)
        if (each.name == queue) return each;
    return {.name = queue};
  }
  std::optional<KeptMessage> find(const std::string& queue, const std::string& id) {
    auto found = world_.run(world_.engine().find_message(queue, id));
    EXPECT_TRUE(found);
    return found ? *found : std::nullopt;
  }
  Result<Committed> send(const std::string& queue, const std::string& id, std::string body = "body",
                         Duration delay = {}) {
    Commit commit;
    commit.messages.push_back({queue, id, std::move(body), "", delay});
    return this->commit(std::move(commit));
  }
  Result<Committed> settle(const Lease& lease, decltype(Settle::how) how = Complete{}) {
    Commit commit;
    commit.settled.push_back({lease, std::move(how)});
    return this->commit(std::move(commit));
  }
  static DocumentKey key(std::string id) { return {"things", "p", std::move(id)}; }
  static Commit putting(std::string id, std::string body, Expect expect = {}) {
    Commit commit;
    commit.documents.push_back({key(std::move(id)), std::move(body), expect});
    return commit;
  }
};

// What went wrong; nothing when nothing did.
template <class T>
std::optional<Fault> fault_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().fault);
}

using Worlds = testing::Types<MemoryWorld, RocksWorld>;

}  // namespace globogym::engine
