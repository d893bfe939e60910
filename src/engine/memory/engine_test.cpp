#include "engine/memory/engine.h"

#include <gtest/gtest.h>

#include "async/sim_loop.h"
#include "base/result_test.h"

namespace globogym::engine::memory {
namespace {

using namespace std::chrono_literals;

TEST(MemoryEngine, what_a_failed_write_may_have_kept_is_not_read_before_the_disk_has_been_asked) {
  async::SimLoop loop;
  Disk disk;
  std::optional<Engine> engine;
  loop.post([&] { engine.emplace(disk); });
  loop.settle();
  disk.fail_writes(1, 1, true);
  engine::Commit commit;
  commit.documents.push_back({{"c", "p", "1"}, "{}", Expect::absent()});
  ASSERT_EQ(ending_of(loop.run(engine->commit(std::move(commit)))), Fault::unavailable);

  const auto at_once = loop.run(engine->get({"c", "p", "1"}));
  const auto page_at_once = loop.run(engine->scan({.container = "c"}));
  loop.advance(1s);
  const auto later = loop.run(engine->get({"c", "p", "1"}));

  ASSERT_FALSE(at_once.has_value());
  EXPECT_EQ(at_once.error().fault, Fault::unavailable);
  EXPECT_FALSE(page_at_once.has_value());
  // What it answers from now on it can keep.
  ASSERT_TRUE(later.has_value());
  engine->die();
  loop.advance(1s);
  engine.reset();
  SeededRandom random(1);
  disk.lose_power(random);
  loop.post([&] { engine.emplace(disk); });
  loop.settle();
  EXPECT_EQ(loop.run(engine->get({"c", "p", "1"}))->has_value(), (*later).has_value());
}

// Who opens it again has not stopped meanwhile, and knows how much time has passed.
TEST(MemoryEngine, a_wall_clock_set_while_the_disk_does_not_serve_ends_no_delay_and_makes_nothing_older) {
  async::SimLoop loop;
  Disk disk;
  std::optional<Engine> engine;
  loop.post([&] { engine.emplace(disk); });
  loop.settle();
  engine::Commit commit;
  commit.messages.push_back({.queue = "q", .id = "m", .body = "{}", .delay = 60s});
  ASSERT_TRUE(loop.run(engine->commit(std::move(commit))).has_value());
  disk.set_full(true);
  engine::Commit in_vain;
  in_vain.tallies.push_back({"t", 1});
  ASSERT_EQ(ending_of(loop.run(engine->commit(std::move(in_vain)))), Fault::unavailable);

  loop.step_wall(24h);
  loop.advance(5s);
  disk.set_full(false);
  loop.advance(5s);
  const auto early = loop.run(engine->receive({.queue = "q", .lease_for = 60s, .wait_for = 40s}));
  const auto in_time = loop.run(engine->receive({.queue = "q", .lease_for = 60s, .wait_for = 20s}));

  ASSERT_TRUE(early && in_time);
  EXPECT_TRUE(early->empty());
  ASSERT_EQ(in_time->size(), 1u);
  EXPECT_LT((*in_time)[0].age, 61s);
}

}  // namespace
}  // namespace globogym::engine::memory
