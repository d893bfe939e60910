#include "console/sessions.h"

#include <gtest/gtest.h>

#include <set>

namespace globogym::console {
namespace {

using namespace std::chrono_literals;

class HandClock final : public Clock {
 public:
  WallTime wall() const override { return WallTime(1'764'000'000s) + passed; }
  SteadyTime steady() const override { return SteadyTime(1'000s) + passed; }
  Duration passed{};
};

struct World {
  HandClock clock;
  SeededRandom random{3};
  Sessions sessions{clock, random};
};

TEST(Sessions, an_id_is_256_bits_and_never_the_same) {
  World world;
  std::set<std::string> ids;

  for (int i = 0; i < 100; ++i) ids.insert(world.sessions.open("key"));

  EXPECT_EQ(ids.size(), 100u);
  EXPECT_EQ(ids.begin()->size(), 43u);
}

TEST(Sessions, one_belongs_to_the_key_that_opened_it) {
  World world;

  const auto id = world.sessions.open("night-shift");

  ASSERT_TRUE(world.sessions.find(id, true));
  EXPECT_EQ(world.sessions.find(id, true)->key_id, "night-shift");
  EXPECT_FALSE(world.sessions.find(id.substr(1), true));
  EXPECT_FALSE(world.sessions.find("", true));
}

TEST(Sessions, one_that_is_ended_is_over) {
  World world;
  const auto id = world.sessions.open("key"), other = world.sessions.open("key");

  world.sessions.end(id);
  world.sessions.end("unknown");

  EXPECT_FALSE(world.sessions.find(id, true));
  EXPECT_TRUE(world.sessions.find(other, true));
}

TEST(Sessions, one_lives_half_an_hour_longer_with_every_use) {
  World world;
  const auto id = world.sessions.open("key");

  for (int i = 0; i < 5; ++i) {
    world.clock.passed += 29min;
    ASSERT_TRUE(world.sessions.find(id, true)) << i;
  }
  world.clock.passed += 30min;

  EXPECT_FALSE(world.sessions.find(id, true));
}

TEST(Sessions, being_looked_at_is_no_use) {
  World world;
  const auto id = world.sessions.open("key");

  world.clock.passed += 20min;
  EXPECT_TRUE(world.sessions.find(id, false));
  world.clock.passed += 10min;

  EXPECT_FALSE(world.sessions.find(id, false));
}

TEST(Sessions, none_lives_longer_than_twelve_hours) {
  World world;
  const auto id = world.sessions.open("key");

  for (int i = 0; i < 12 * 6 - 1; ++i) {
    world.clock.passed += 10min;
    ASSERT_TRUE(world.sessions.find(id, true)) << i;
  }
  EXPECT_EQ(world.sessions.find(id, true)->ends, world.clock.wall() + 10min);
  world.clock.passed += 10min;

  EXPECT_FALSE(world.sessions.find(id, true));
}

TEST(Sessions, a_key_that_opens_too_many_loses_the_one_least_used) {
  World world;
  std::vector<std::string> ids;
  for (int i = 0; i < 16; ++i) {
    ids.push_back(world.sessions.open("busy"));
    world.clock.passed += 1s;
  }
  const auto others = world.sessions.open("other");
  EXPECT_TRUE(world.sessions.find(ids[0], true));

  const auto another = world.sessions.open("busy");

  EXPECT_TRUE(world.sessions.find(ids[0], true));
  EXPECT_FALSE(world.sessions.find(ids[1], true));
  EXPECT_TRUE(world.sessions.find(another, true));
  EXPECT_TRUE(world.sessions.find(others, true));
}

TEST(Sessions, there_are_only_so_many) {
  World world;
  for (int i = 0; i < 5000; ++i) world.sessions.open("key-" + std::to_string(i));

  EXPECT_EQ(world.sessions.count(), 1024u);
}

}  // namespace
}  // namespace globogym::console
