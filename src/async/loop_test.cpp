#include "async/loop.h"

#include <gtest/gtest.h>

#include <string>

#include "async/sim_loop.h"

namespace globogym::async {
namespace {

using namespace std::chrono_literals;

Task<void> tell_whether_slept(std::stop_token stop, std::string* story) {
  const bool slept = co_await sleep_for(1h, std::move(stop));
  *story += slept ? "slept" : "stopped";
}

Task<void> wait_for(Signal* signal, std::string* story) {
  co_await signal->wait();
  *story += 'w';
}

Task<void> sleep(Duration duration) {
  co_await sleep_for(duration);
}

Task<void> join_and_tell(Scope* scope, std::string* story) {
  co_await scope->join();
  *story += "joined";
}

TEST(Loop, a_stop_ends_a_sleep_and_says_so) {
  SimLoop loop;
  Scope scope;
  std::stop_source stop;
  std::string story;
  const SteadyTime start = loop.clock().steady();
  loop.post([&] { scope.start(tell_whether_slept(stop.get_token(), &story)); });
  loop.advance(1min);

  loop.post([&] { stop.request_stop(); });
  EXPECT_TRUE(loop.run_until_idle());

  EXPECT_EQ(story, "stopped");
  EXPECT_EQ(loop.clock().steady(), start + 1min);
}

TEST(SimLoop, time_passes_whether_something_happens_or_not) {
  SimLoop loop;
  const SteadyTime start = loop.clock().steady();
  int ran = 0;
  loop.at(start + 1s, [&] { ++ran; });

  loop.advance(1s);  // to the very moment
  EXPECT_EQ(ran, 1);
  loop.advance(5s);

  EXPECT_EQ(ran, 1);
  EXPECT_EQ(loop.clock().steady(), start + 6s);
}

TEST(Loop, a_sleep_that_was_stopped_before_it_began_is_none) {
  SimLoop loop;
  Scope scope;
  std::stop_source stop;
  std::string story;
  stop.request_stop();

  loop.post([&] { scope.start(tell_whether_slept(stop.get_token(), &story)); });
  loop.settle();

  EXPECT_EQ(story, "stopped");
}

TEST(Signal, everybody_who_waits_is_woken_once) {
  SimLoop loop;
  Scope scope;
  Signal signal;
  std::string story;
  loop.post([&] {
    for (int i = 0; i < 3; ++i) scope.start(wait_for(&signal, &story));
  });
  loop.settle();
  EXPECT_EQ(story, "");

  loop.post([&] { signal.notify_all(); });
  loop.post([&] { signal.notify_all(); });
  loop.settle();

  EXPECT_EQ(story, "www");
  EXPECT_EQ(scope.running(), 0u);
}

Task<int> number_after(Duration wait, int number) {
  co_await sleep_for(wait);
  co_return number;
}

TEST(Scope, several_tasks_run_side_by_side_and_what_they_return_keeps_their_order) {
  SimLoop loop;
  const auto began = loop.clock().steady();
  std::vector<Task<int>> tasks;
  tasks.push_back(number_after(3s, 1));
  tasks.push_back(number_after(1s, 2));
  tasks.push_back(number_after(Duration(0), 3));

  const auto numbers = loop.run(all(std::move(tasks)));
  const auto pair = loop.run(both(number_after(2s, 4), number_after(2s, 5)));

  EXPECT_EQ(numbers, (std::vector{1, 2, 3}));
  EXPECT_EQ(pair, std::pair(4, 5));
  EXPECT_EQ(loop.clock().steady() - began, 5s);
  EXPECT_EQ(loop.run(all(std::vector<Task<int>>())), std::vector<int>());
}

TEST(Scope, joining_waits_for_the_last_one) {
  SimLoop loop;
  Scope work, joiner;
  std::string story;
  loop.post([&] {
    work.start(sleep(1s));
    work.start(sleep(5s));
    joiner.start(join_and_tell(&work, &story));
  });

  loop.advance(4s);
  EXPECT_EQ(story, "");
  loop.advance(1s);

  EXPECT_EQ(story, "joined");
  EXPECT_EQ(joiner.running(), 0u);
}

// The machine's own clock: nothing here waits longer than it must.
TEST(AsioLoop, the_earliest_timer_goes_first_whenever_it_was_set) {
  AsioLoop loop;
  std::string story;
  const SteadyTime start = loop.clock().steady();
  loop.at(start + 20s, [&] { loop.stop(); });
  loop.at(start + 2ms, [&] {
    story += 'b';
    loop.stop();
  });
  loop.at(start + 1ms, [&] { story += 'a'; });
  const auto cancelled = loop.at(start, [&] { story += 'x'; });

  EXPECT_TRUE(loop.cancel(cancelled));
  EXPECT_FALSE(loop.cancel(cancelled));
  loop.run();

  EXPECT_EQ(story, "ab");
  EXPECT_GE(loop.clock().steady(), start + 2ms);
  EXPECT_LT(loop.clock().steady(), start + 20s);
}

}  // namespace
}  // namespace globogym::async
