#include "base/pace_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"

namespace globogym {
namespace {

using namespace std::chrono_literals;

constexpr SteadyTime start{1h};
constexpr PaceTable::Options small{.clients = 1, .groups = 1};  // 512 places each: the least there is

std::string numbered(std::uint64_t number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// Sanitizers keep books of every byte beside it.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::size_t books = 9;
#else
constexpr std::size_t books = 1;
#endif

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  statm >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// What a client would be allowed if it alone had a place, for ever.
struct Oracle {
  const Pace& pace;
  std::map<std::uint64_t, std::vector<Duration>> passed;

  // Every window of one client, by its definition.
  void expect_kept() const {
    const std::int64_t interval = pace.interval() / 1000;  // the paces here are whole microseconds
    for (const auto& [client, times] : passed) {
      std::int64_t greatest = std::numeric_limits<std::int64_t>::min();
      for (std::size_t j = 0; j < times.size(); ++j) {
        const std::int64_t here = times[j].count() - static_cast<std::int64_t>(j) * interval;
        greatest = std::max(greatest, here);
        ASSERT_GE(here, greatest - (pace.burst() - 1) * interval) << "client " << client << ", its pass " << j;
      }
    }
  }
};

TEST(PaceTable, everybody_has_a_pace_of_their_own) {
  PaceTable table(Pace(1, 3), {}, KeyedHash(1, 2));
  for (std::uint64_t client = 0; client < 1000; ++client) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(table.take(numbered(client), "", start).passed);
    EXPECT_FALSE(table.take(numbered(client), "", start).passed);
  }
  for (std::uint64_t client = 0; client < 1000; ++client) {
    EXPECT_TRUE(table.take(numbered(client), "", start + 1s).passed);
    EXPECT_FALSE(table.take(numbered(client), "", start + 1s).passed);
  }
  EXPECT_EQ(table.size().used, 1000u);
  EXPECT_EQ(table.size().shared, 0u);
}

TEST(PaceTable, a_place_is_given_to_another_only_when_its_burst_is_whole_again) {
  PaceTable table(Pace(1, 2), small, KeyedHash(1, 2));
  EXPECT_TRUE(table.take("one", "", start).passed);
  EXPECT_TRUE(table.take("one", "", start).passed);
  for (std::uint64_t other = 0; other < 100'000; ++other) table.take(numbered(other), "", start + 500ms);

  EXPECT_FALSE(table.take("one", "", start + 500ms).passed);
  EXPECT_FALSE(table.take("one", "", start + 999ms).passed);

  // A millisecond before it is whole one of the two has come back, and the place is still its own.
  for (std::uint64_t other = 0; other < 100'000; ++other) table.take(numbered(other), "", start + 1999ms);
  EXPECT_TRUE(table.take("one", "", start + 1999ms).passed);
  EXPECT_FALSE(table.take("one", "", start + 1999ms).passed);
}

// The heart of it. More clients than places, groups that overflow too, every kind of schedule: nobody is given more.
TEST(PaceTable, no_schedule_gets_more_than_burst_and_rate_in_any_window_however_full_it_is) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SeededRandom random(seed);
    const Pace pace(1.0 / static_cast<double>(1 + random.below(20)), 1.0 + static_cast<double>(random.below(5)));
    PaceTable table(pace, small, KeyedHash(random));
    Oracle oracle{pace, {}};
    const std::uint64_t clients = 400 + random.below(6000);
    const std::uint64_t group_size = 1 + random.below(40);
    Duration now{};
    for (int i = 0; i < 60'000; ++i) {
      // Most of the time a crowd, now and then the same few again and again, sometimes a rest in which places empty.
      const std::uint64_t client = random.below(4) == 0 ? random.below(10) : random.below(clients);
      if (random.below(200) == 0) now += Duration(static_cast<std::int64_t>(random.below(10'000'000)));
      if (random.below(5'000) == 0) now += 10min;
      now += Duration(static_cast<std::int64_t>(random.below(400)));
      const std::string group = seed % 3 == 0 ? "" : numbered(client / group_size);
      if (table.take("c" + numbered(client), group, start + now).passed) oracle.passed[client].push_back(now);
    }
    oracle.expect_kept();
    if (clients > 3000) {
      EXPECT_GT(table.size().shared, 0u) << seed;
    }
  }
}

// Just about as many as there are places: they come to rest and are given away all the time, on every level.
TEST(PaceTable, nobody_gets_more_by_moving_between_a_place_a_group_and_everybody) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRandom random(seed);
    const Pace pace(1, 1.0 + static_cast<double>(random.below(4)));
    PaceTable table(pace, small, KeyedHash(random));
    Oracle oracle{pace, {}};
    const std::uint64_t clients = 900 + random.below(1500);
    Duration now{};
    for (int i = 0; i < 40'000; ++i) {
      const std::uint64_t client = random.below(clients);
      now += Duration(static_cast<std::int64_t>(random.below(2'000'000 / clients)));
      for (std::uint64_t n = 1 + random.below(4); n > 0; --n)
        if (table.take("c" + numbered(client), numbered(client), start + now).passed)
          oracle.passed[client].push_back(now);
    }
    oracle.expect_kept();
  }
}

TEST(PaceTable, while_there_is_room_nobody_gets_less) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SeededRandom random(seed);
    const Pace pace(10.0, 1.0 + static_cast<double>(random.below(5)));
    PaceTable table(pace, {}, KeyedHash(random));
    std::map<std::uint64_t, std::int64_t> alone;  // everybody's own schedule
    Duration now{};
    for (int i = 0; i < 50'000; ++i) {
      const std::uint64_t client = random.below(2000);
      now += Duration(static_cast<std::int64_t>(random.below(200)));
      const bool should = pace.take(alone[client], in_nanoseconds(start + now)).passed;
      ASSERT_EQ(table.take(numbered(client), numbered(client / 16), start + now).passed, should);
    }
    EXPECT_EQ(table.size().shared, 0u);
  }
}

TEST(PaceTable, one_who_is_known_keeps_its_pace_while_the_table_overflows) {
  PaceTable table(Pace(1, 4), small, KeyedHash(3, 4));
  const SteadyTime later = start + 10s;
  EXPECT_TRUE(table.take("one", "its network", later).passed);
  for (std::uint64_t other = 0; other < 50'000; ++other) table.take(numbered(other), "crowded", later);
  ASSERT_GT(table.size().shared, 0u);

  for (int i = 0; i < 3; ++i) EXPECT_TRUE(table.take("one", "its network", later).passed);
  EXPECT_FALSE(table.take("one", "its network", later).passed);
}

TEST(PaceTable, without_room_a_network_shares_one_pace_and_another_network_has_its_own) {
  PaceTable table(Pace(1, 4), small, KeyedHash(3, 4));
  for (std::uint64_t other = 0; other < 10'000; ++other) table.take(numbered(other), numbered(other % 200), start);
  const std::uint64_t shared = table.size().shared;

  int passed = 0, refused = 0;
  for (std::uint64_t client = 100'000; client < 100'020; ++client)
    (table.take(numbered(client), "another", start).passed ? passed : refused)++;

  EXPECT_EQ(passed, 4);
  EXPECT_EQ(refused, 16);
  EXPECT_EQ(table.size().shared, shared + 20);
}

TEST(PaceTable, a_million_addresses_and_more_take_no_more_memory) {
  PaceTable table(Pace(50, 200), {}, KeyedHash(5, 6));
  const std::size_t before = resident_bytes();
  const std::size_t bytes = table.size().bytes;
  std::uint64_t passed = 0;

  for (std::uint64_t client = 0; client < 3'000'000; ++client)
    passed += table.take(numbered(client), numbered(client / 256), start + client * 1us).passed;

  EXPECT_EQ(passed, 3'000'000u);  // none of them asked twice
  EXPECT_EQ(table.size().bytes, bytes);
  EXPECT_LE(bytes, 5u << 20);
  EXPECT_LE(table.size().used, table.size().capacity);
  const std::size_t after = resident_bytes();
  EXPECT_LE(after, before + books * (6u << 20)) << "resident memory grew by " << (after - before);
  RecordProperty("table_bytes", static_cast<int>(bytes));
}

// One a hour, and a million who all ask twice at once: far more than there are places for.
TEST(PaceTable, a_strict_pace_holds_for_a_million_addresses_at_once) {
  PaceTable table(Pace(1.0 / 3600, 1), {}, KeyedHash(5, 6));
  const std::size_t before = resident_bytes();
  std::vector<std::uint8_t> passed(1'000'000);
  std::size_t admitted = 0;
  for (int round = 0; round < 2; ++round)
    for (std::uint64_t client = 0; client < passed.size(); ++client)
      if (table.take(numbered(client), numbered(client / 256), start + round * 1min).passed) {
        ++admitted;
        ASSERT_EQ(++passed[client], 1) << client;
      }

  // Nine places in ten were used before anybody went without; from then on newcomers start with what their network has.
  EXPECT_GT(admitted, (1u << 18) * 90 / 100);
  EXPECT_LE(admitted, table.size().capacity + 1);
  EXPECT_LE(resident_bytes(), before + books * (7u << 20));
}

TEST(PaceTable, threads_together_give_nobody_more) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Pace pace(1000, 3);
    PaceTable table(pace, seed % 2 ? small : PaceTable::Options{}, KeyedHash(seed, 1));
    constexpr std::uint64_t clients = 2000;
    std::vector<std::atomic<std::int64_t>> passed(clients);
    std::atomic<std::int64_t> clock{0};
    std::vector<std::thread> threads;
    for (std::uint64_t number = 0; number < 4; ++number)
      threads.emplace_back([&, number] {
        SeededRandom random(seed * 10 + number);
        for (int i = 0; i < 50'000; ++i) {
          const std::uint64_t client = random.below(3) == 0 ? random.below(5) : random.below(clients);
          const SteadyTime now = start + Duration(clock.fetch_add(1));
          if (table.take(numbered(client), numbered(client / 8), now).passed) ++passed[client];
        }
      });
    for (auto& thread : threads) thread.join();
    for (const auto& count : passed) {
      EXPECT_LE(count.load(), 3 + clock.load() / 1000);
      EXPECT_GT(count.load(), 0) << "or the bound above says nothing";
    }
  }
}

}  // namespace
}  // namespace globogym
