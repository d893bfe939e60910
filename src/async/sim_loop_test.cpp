#include "async/sim_loop.h"

#include <gtest/gtest.h>

#include <string>

namespace globogym::async {
namespace {

using namespace std::chrono_literals;

Task<void> note_after(Duration delay, std::string word, std::string* story) {
  const bool slept = co_await sleep_for(delay);
  *story += slept ? word : "!";
}

Task<int> answer() {
  const bool slept = co_await sleep_for(10s);
  co_return slept ? 42 : 0;
}

TEST(SimLoop, timers_run_in_the_order_of_their_time_and_move_the_clock_exactly_there) {
  SimLoop loop;
  std::string story;
  const SteadyTime start = loop.clock().steady();
  loop.at(start + 20ms, [&] { story += "b"; });
  loop.at(start + 10ms, [&] { story += "a"; });
  loop.at(start + 20ms, [&] { story += "c"; });

  loop.advance(15ms);
  EXPECT_EQ(story, "a");
  EXPECT_EQ(loop.clock().steady(), start + 15ms);

  EXPECT_TRUE(loop.run_until_idle());
  EXPECT_EQ(story, "abc");
  EXPECT_EQ(loop.clock().steady(), start + 20ms);
}

TEST(SimLoop, a_cancelled_timer_never_runs) {
  SimLoop loop;
  bool ran = false;
  const auto timer = loop.at(loop.clock().steady() + 1s, [&] { ran = true; });

  EXPECT_TRUE(loop.cancel(timer));
  EXPECT_FALSE(loop.cancel(timer));

  EXPECT_TRUE(loop.run_until_idle());
  EXPECT_FALSE(ran);
}

TEST(SimLoop, sleeping_coroutines_interleave_on_virtual_time) {
  SimLoop loop;
  std::string story;
  Scope scope;
  loop.post([&] {
    scope.start(note_after(2h, "late", &story));
    scope.start(note_after(1ms, "early ", &story));
  });

  EXPECT_TRUE(loop.run_until_idle());

  EXPECT_EQ(story, "early late");
  EXPECT_EQ(scope.running(), 0u);
}

TEST(SimLoop, a_task_is_run_to_its_end_and_its_value_returned) {
  SimLoop loop;
  const WallTime before = loop.clock().wall();

  EXPECT_EQ(loop.run(answer()), 42);

  EXPECT_EQ(loop.clock().wall() - before, 10s);
  EXPECT_EQ(Loop::current(), nullptr);
}

}  // namespace
}  // namespace globogym::async
