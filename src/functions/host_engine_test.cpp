// The host and an engine that does not serve.
#include "functions/host.h"
#include "functions/world_test.h"

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

TEST(HostAndEngine, one_that_goes_on_failing_is_not_asked_again_after_the_lease) {
  World w;
  auto& function = w.add({.name = "storing", .attempt_time = 10s});
  w.start();
  w.put("storing", "m");
  w.disk.fail_writes(1, 1'000'000, false);
  w.loop.advance(1s);
  ASSERT_GE(function.starts.size(), 1u);
  ASSERT_EQ(w.host->queues()[0].in_flight, 1u);

  w.loop.advance(1min);  // a lease of 10 s and some margin has ended

  EXPECT_EQ(w.host->queues()[0].in_flight, 0u);
  w.disk.fail_writes(1, 0, false);
  EXPECT_TRUE(w.drain("storing", 5min));
  EXPECT_EQ(w.tally("done"), 1);
}

}  // namespace
}  // namespace globogym::functions
