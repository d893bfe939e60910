#include "console/guesses.h"

#include <gtest/gtest.h>

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
  Guesses guesses{clock};

  // How many of `tries` wrong ones are looked at.
  int guess(const std::string& address, int tries) {
    int looked_at = 0;
    for (int i = 0; i < tries; ++i) {
      if (guesses.wait(address)) continue;
      ++looked_at;
      guesses.failed(address);
    }
    return looked_at;
  }
};

TEST(Guesses, ten_are_looked_at_then_one_every_six_seconds) {
  World world;

  EXPECT_EQ(world.guess("192.0.2.1", 100), 10);
  EXPECT_LE(*world.guesses.wait("192.0.2.1"), 6s);
  world.clock.passed += 6s;
  EXPECT_EQ(world.guess("192.0.2.1", 100), 1);
  world.clock.passed += 18s;
  EXPECT_EQ(world.guess("192.0.2.1", 100), 3);
}

TEST(Guesses, one_address_does_not_slow_down_another) {
  World world;

  world.guess("192.0.2.1", 100);

  EXPECT_FALSE(world.guesses.wait("192.0.2.2"));
}

TEST(Guesses, a_network_of_version_6_counts_as_one_address) {
  World world;

  EXPECT_EQ(world.guess("2001:db8::1", 5) + world.guess("2001:db8::2", 10), 10);
  EXPECT_FALSE(world.guesses.wait("2001:db8:0:1::1"));
}

TEST(Guesses, are_forgiven_with_time) {
  World world;
  world.guess("192.0.2.1", 100);

  world.clock.passed += 1min;

  EXPECT_EQ(world.guess("192.0.2.1", 100), 10);
}

TEST(Guesses, of_one_who_guesses_most_are_remembered_while_very_many_guess_once) {
  World world;
  world.guess("192.0.2.1", 100);

  for (int i = 0; i < 5000; ++i) {
    world.guess("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), 1);
    world.clock.passed += 1ms;
  }

  EXPECT_TRUE(world.guesses.wait("192.0.2.1"));
}

TEST(Guesses, of_very_many_addresses_take_bounded_memory) {
  World world;

  for (int i = 0; i < 5000; ++i) {
    world.guess("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), 1);
    world.clock.passed += 1ms;
  }

  EXPECT_EQ(world.guesses.addresses(), 1024u);
}

}  // namespace
}  // namespace globogym::console
