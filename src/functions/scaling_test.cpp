#include "functions/scaling.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

// A dependency that serves `side_by_side` at a time, each in `service`; the rest queue up in it.
Duration latency_of(std::size_t running, std::size_t side_by_side, Duration service) {
  const auto rounds = std::max<std::size_t>(1, (running + side_by_side - 1) / side_by_side);
  return service * static_cast<Duration::rep>(rounds);
}

void run(Concurrency& concurrency, std::size_t side_by_side, Duration service, int answers) {
  for (int i = 0; i < answers; ++i) {
    concurrency.wanted_more();
    concurrency.answered(latency_of(concurrency.limit(), side_by_side, service));
  }
}

TEST(Concurrency, grows_quickly_while_answers_stay_quick) {
  Concurrency concurrency(8, 256);

  run(concurrency, 1000, 5ms, 600);

  EXPECT_EQ(concurrency.limit(), 256u);
}

TEST(Concurrency, settles_where_more_would_only_wait_longer) {
  Concurrency concurrency(8, 1000);

  run(concurrency, 20, 50ms, 20'000);

  EXPECT_GE(concurrency.limit(), 20u);
  EXPECT_LE(concurrency.limit(), 80u);
}

TEST(Concurrency, shrinks_when_the_dependency_slows_down_and_comes_back) {
  Concurrency concurrency(8, 256);
  run(concurrency, 1000, 5ms, 1000);

  run(concurrency, 4, 50ms, 5000);
  EXPECT_LE(concurrency.limit(), 32u);

  run(concurrency, 1000, 5ms, 5000);
  EXPECT_EQ(concurrency.limit(), 256u);
}

TEST(Concurrency, does_not_grow_when_there_is_no_more_to_do) {
  Concurrency concurrency(8, 256);

  for (int i = 0; i < 1000; ++i) concurrency.answered(5ms);

  EXPECT_EQ(concurrency.limit(), 8u);
}

}  // namespace
}  // namespace globogym::functions
