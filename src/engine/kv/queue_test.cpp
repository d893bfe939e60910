#include "engine/kv/queue.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/memory/store.h"

namespace globogym::engine::kv {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t window = 4096;

// A queue and the store behind it, as the ledger keeps them.
struct World {
  memory::Disk disk;
  memory::Store store{disk};
  Queue queue{0, "q", window};
  Moment now{1h};

  Held send(const std::string& id, Lane lane = Lane::ready, Moment due = {}) {
    const Place place{lane, due.time_since_epoch().count()};
    MessageRecord record{.enqueued_at = now, .id = id, .body = std::string(200, 'x')};
    store.put(Space::messages, message_key(0, place, id), encode(record));
    if (lane != Lane::ready) store.put(Space::messages, message_key(0, {}, id), stub(place));
    EXPECT_TRUE(store.write(true));
    Held held{.place = place, .record = std::move(record)};
    queue.publish(held);
    return held;
  }
  std::optional<Held> next() {
    auto held = queue.next(store, now);
    EXPECT_TRUE(held) << held.error().message;
    return held ? std::move(*held) : std::nullopt;
  }
  // Takes the next one and holds it.
  std::string lease(std::uint64_t token = 1) {
    auto held = next();
    if (!held) return "";
    std::string id(held->id());
    held->counted_by = token;
    queue.lease(std::move(*held), token);
    return id;
  }
  void come_back(const std::string& id) { queue.come_back(queue.release(id).held); }
  void settle(const std::string& id) {
    auto leased = queue.release(id);
    const auto& place = leased.held.place;
    store.erase_once(Space::messages, message_key(0, place, id));
    if (place.lane != Lane::ready) store.erase_once(Space::messages, message_key(0, {}, id));
    EXPECT_TRUE(store.write(true));
  }
  std::string name(int i) { return std::to_string(1000 + i); }
};

TEST(Queue, holds_no_more_in_memory_than_its_window_however_many_there_are) {
  World world;
  for (int i = 0; i < 200; ++i) {
    world.send(world.name(i));
    world.send("later-" + world.name(i), Lane::delayed, world.now + std::chrono::seconds(1 + (i * 37) % 200));
    ASSERT_LE(world.queue.bytes_in_memory(), 2 * window);
  }
  EXPECT_GT(world.queue.bytes_in_memory(), window);  // both windows are used

  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(world.lease(), world.name(i));
    world.settle(world.name(i));
    ASSERT_LE(world.queue.bytes_in_memory(), 2 * window);
  }
  EXPECT_EQ(world.lease(), "");
}

TEST(Queue, the_delayed_come_when_they_are_due_in_the_order_in_which_they_are_whatever_the_window_holds) {
  World world;
  constexpr int count = 200;
  const Moment start = world.now + 1h;
  for (int i = 0; i < count; ++i)
    world.send(world.name(i), Lane::delayed, start + std::chrono::seconds(i * 37 % count));

  for (int second = 0; second < count; ++second) {
    world.now = start + std::chrono::seconds(second) - 1us;
    ASSERT_EQ(world.queue.next_due(), start + std::chrono::seconds(second));
    ASSERT_FALSE(world.queue.maybe_ready(world.now));
    ASSERT_EQ(world.queue.due_in_memory(world.now), 0u);
    ASSERT_EQ(world.lease(), "");
    world.now += 1us;
    ASSERT_TRUE(world.queue.maybe_ready(world.now));
    const auto id = world.lease();
    ASSERT_NE(id, "");
    ASSERT_EQ((std::stoi(id) - 1000) * 37 % count, second);
    // Some are done, some come back later, when the window has moved on.
    if (second % 3 != 0) world.settle(id);
  }
  EXPECT_EQ(world.queue.leased_count(), (count + 2) / 3u);
  EXPECT_FALSE(world.queue.next_due());
}

// The window shrinks while messages from beyond its new end are handed out; they come back, and the window is read
// again.
TEST(Queue, what_comes_back_beyond_the_end_of_a_window_that_shrank_is_there_once) {
  World world;
  std::vector<std::string> held;
  for (int i = 0; i < 8; ++i) world.send(world.name(i), Lane::delayed, world.now + std::chrono::seconds(100 + i));
  world.now += 200s;
  for (int i = 0; i < 8; ++i) held.push_back(world.lease());
  world.now -= 150s;  // the queue does not mind; its ledger's time only goes on
  for (int i = 0; i < 60; ++i)
    world.send("early-" + world.name(i), Lane::delayed, world.now + std::chrono::seconds(1 + i % 40));
  for (const auto& id : held) world.come_back(id);

  world.now += 200s;
  std::multiset<std::string> seen;
  for (auto id = world.lease(); !id.empty(); id = world.lease()) seen.insert(id);

  EXPECT_EQ(seen.size(), 68u);
  for (const auto& id : held) EXPECT_EQ(seen.count(id), 1u) << id;
  EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 68u);
}

TEST(Queue, a_message_whose_attempts_are_known_here_only_is_not_let_go_of) {
  World world;
  for (int i = 0; i < 8; ++i) world.send(world.name(i), Lane::delayed, world.now + 100s);
  world.now += 100s;
  std::vector<std::string> held;
  for (int i = 0; i < 8; ++i) held.push_back(world.lease(7));
  for (const auto& id : held) world.come_back(id);
  world.now -= 50s;
  for (int i = 0; i < 60; ++i) world.send("early-" + world.name(i), Lane::delayed, world.now + 1s);

  world.now += 100s;
  std::size_t counted = 0;
  while (auto next = world.next()) {
    counted += next->counted_by == 7;
    world.queue.lease(std::move(*next), 8);
  }

  EXPECT_EQ(counted, 8u);
  EXPECT_EQ(world.queue.leased_count(), 68u);
}

TEST(Queue, what_came_back_goes_first_and_stragglers_are_not_forgotten) {
  World world;
  for (int i = 0; i < 100; ++i) world.send(world.name(i));
  EXPECT_EQ(world.lease(), "1000");
  for (int i = 1; i < 40; ++i) ASSERT_EQ(world.lease(), world.name(i));
  world.send("0500");  // before all that has been read
  world.come_back("1007");

  EXPECT_EQ(world.lease(), "1007");
  std::set<std::string> seen;
  for (auto id = world.lease(); !id.empty(); id = world.lease()) EXPECT_TRUE(seen.insert(id).second) << id;
  EXPECT_TRUE(seen.contains("0500"));
  EXPECT_EQ(seen.size(), 61u);
}

TEST(Queue, stragglers_that_memory_does_not_hold_come_in_another_round_and_what_is_held_meanwhile_does_not) {
  World world;
  for (int i = 0; i < 100; ++i) world.send(world.name(i));
  std::set<std::string> seen;
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(seen.insert(world.lease()).second);
  for (int i = 0; i < 60; ++i) world.send("0" + world.name(i));  // before all that has been read
  ASSERT_LE(world.queue.bytes_in_memory(), 3 * window);

  for (auto id = world.lease(); !id.empty(); id = world.lease()) EXPECT_TRUE(seen.insert(id).second) << id;

  EXPECT_EQ(seen.size(), 160u);
  EXPECT_EQ(world.queue.leased_count(), 160u);
}

TEST(Queue, after_opening_everything_is_read_but_what_is_no_longer_ready) {
  World world;
  for (int i = 0; i < 50; ++i) world.send(world.name(i), i % 5 == 0 ? Lane::delayed : Lane::ready, world.now + 10s);
  Queue opened(0, "q", window);
  opened.expect_on_disk({40, world.now}, {10, world.now});
  EXPECT_TRUE(opened.maybe_ready(world.now));
  EXPECT_EQ(opened.oldest(), world.now);

  std::size_t ready = 0, later = 0;
  for (;;) {
    auto held = opened.next(world.store, world.now);
    ASSERT_TRUE(held);
    if (!*held) break;
    EXPECT_EQ((*held)->place.lane, Lane::ready);
    opened.lease(std::move(**held), 1);
    ++ready;
  }
  EXPECT_EQ(opened.next_due(), world.now + 10s);
  world.now += 10s;
  for (;;) {
    auto held = opened.next(world.store, world.now);
    ASSERT_TRUE(held);
    if (!*held) break;
    opened.lease(std::move(**held), 1);
    ++later;
  }
  EXPECT_EQ(ready, 40u);
  EXPECT_EQ(later, 10u);
  EXPECT_EQ(opened.leased_from(Lane::ready), 40u);
  EXPECT_EQ(opened.leased_from(Lane::delayed), 10u);
  EXPECT_FALSE(opened.maybe_ready(world.now));
}

TEST(Queue, the_oldest_is_the_oldest_wherever_it_is) {
  World world;
  EXPECT_FALSE(world.queue.oldest());
  const Moment first = world.now;
  world.send("old", Lane::delayed, world.now + 1h);
  world.now += 1min;
  for (int i = 0; i < 50; ++i) world.send(world.name(i));
  EXPECT_EQ(world.queue.oldest(), first);

  world.now += 1h;
  EXPECT_EQ(world.lease(), "old");
  EXPECT_EQ(world.queue.oldest(), first);
  world.settle("old");
  EXPECT_EQ(world.queue.oldest(), first + 1min);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(world.lease(), world.name(i));
    world.settle(world.name(i));
  }
  EXPECT_FALSE(world.queue.oldest());
}

TEST(Queue, a_record_in_another_ones_place_is_damage) {
  World world;
  auto record = encode(MessageRecord{.id = "somebody", .body = "x"});
  world.store.put(Space::messages, message_key(0, {}, "else"), record);
  ASSERT_TRUE(world.store.write(true));
  Queue opened(0, "q", window);
  opened.expect_on_disk({1, std::nullopt}, {});

  auto next = opened.next(world.store, world.now);

  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().fault, Fault::damaged);
}

}  // namespace
}  // namespace globogym::engine::kv
