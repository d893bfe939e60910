#include "gateway/analytics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "telemetry/quantiles.h"

namespace globogym::gateway {
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
  Analytics analytics{clock};

  // Every five seconds of it what was counted is folded, as the service does it.
  void pass(Duration time, Ended ended = {}) {
    for (const Duration end = clock.passed + time; clock.passed < end;) {
      clock.passed += 5s;
      analytics.fold(ended);
    }
  }
  void accepted_from(std::string_view key, Duration took = 1ms) {
    analytics.record({.operation = "signUp",
                      .caller = std::string(key),
                      .status = 202,
                      .stage = Stage::accepted,
                      .bytes_in = 300,
                      .bytes_out = 150,
                      .duration = took});
  }
};

const Traffic* named(const std::vector<Traffic>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &Traffic::name);
  return found == all.end() ? nullptr : &*found;
}

Duration quantile_of(const Traffic& traffic, double share) {
  return telemetry::quantile(
      std::span<const std::uint64_t, telemetry::duration_buckets>(traffic.durations.data(), traffic.durations.size()),
      share);
}

TEST(Analytics, tells_of_an_operation_and_a_caller_what_they_sent_and_got) {
  World world;

  world.accepted_from("crm", 800us);
  world.analytics.record({.operation = "signUp",
                          .caller = "crm",
                          .status = 422,
                          .refusal = "invalid-fields",
                          .stage = Stage::received,
                          .bytes_in = 20,
                          .bytes_out = 400,
                          .duration = 100us});
  const Report report = world.analytics.report(Window::life);

  for (const Traffic* traffic : {named(report.operations, "signUp"), named(report.callers, "crm"), &report.all}) {
    ASSERT_TRUE(traffic);
    EXPECT_EQ(traffic->requests, 2u);
    EXPECT_EQ(traffic->by_class[2], 1u);
    EXPECT_EQ(traffic->by_class[4], 1u);
    EXPECT_EQ(traffic->bytes_in, 320u);
    EXPECT_EQ(traffic->bytes_out, 550u);
    EXPECT_EQ(traffic->total_duration, 900us);
    ASSERT_EQ(traffic->refused.size(), 1u);
    EXPECT_EQ(traffic->refused[0].first, "invalid-fields");
    EXPECT_EQ(traffic->refused[0].second, 1u);
    EXPECT_NEAR(static_cast<double>(quantile_of(*traffic, 0.99).count()), 800, 25);
  }
  EXPECT_EQ(report.operations.size(), 1u);
  EXPECT_EQ(report.callers.size(), 1u);
}

TEST(Analytics, narrows_from_received_to_accepted_and_keeps_repeats_apart) {
  World world;
  const auto reaching = [&](Stage stage) {
    world.analytics.record({.operation = "signUp", .caller = "crm", .status = 202, .stage = stage});
  };

  reaching(Stage::received);
  reaching(Stage::valid);
  reaching(Stage::accepted);
  reaching(Stage::repeated);
  reaching(Stage::none);
  const Report report = world.analytics.report(Window::life);

  EXPECT_EQ(report.all.received, 4u);
  EXPECT_EQ(report.all.valid, 2u);
  EXPECT_EQ(report.all.accepted, 1u);
  EXPECT_EQ(report.all.repeated, 1u);
}

TEST(Analytics, counts_whom_and_what_it_does_not_know_under_none_and_other) {
  World world;

  world.analytics.record({.operation = "", .caller = "", .status = 404, .refusal = "not-found"});
  world.analytics.record({.operation = "nothing-of-ours", .caller = "", .status = 799, .refusal = "a-new-reason"});
  const Report report = world.analytics.report(Window::life);

  ASSERT_EQ(report.operations.size(), 1u);
  EXPECT_EQ(report.operations[0].name, "none");
  EXPECT_EQ(report.operations[0].requests, 2u);
  EXPECT_EQ(report.operations[0].by_class[0], 1u);
  ASSERT_EQ(report.callers.size(), 1u);
  EXPECT_EQ(report.callers[0].name, "none");
  EXPECT_EQ(report.callers[0].refused.back().first, "other");
}

TEST(Analytics, keeps_only_so_many_callers_apart) {
  World world;

  for (std::size_t i = 0; i < 10'000; ++i) world.accepted_from("key-" + std::to_string(i));
  world.accepted_from("key-0");
  const Report report = world.analytics.report(Window::life);

  EXPECT_EQ(report.callers.size(), Analytics::most_callers + 1);
  EXPECT_EQ(named(report.callers, "key-0")->requests, 2u);
  EXPECT_TRUE(named(report.callers, "key-255"));
  EXPECT_FALSE(named(report.callers, "key-256"));
  EXPECT_EQ(named(report.callers, "other")->requests, 10'000 - Analytics::most_callers);
  EXPECT_EQ(report.all.requests, 10'001u);
}

TEST(Analytics, a_window_forgets_what_is_older_and_the_life_does_not) {
  World world;

  world.accepted_from("crm");
  world.pass(30s);
  world.accepted_from("crm");
  const auto in_half_a_minute = world.analytics.report(Window::minute).all.accepted;
  world.pass(45s);
  const auto later = world.analytics.report(Window::minute);
  world.pass(65s);

  EXPECT_EQ(in_half_a_minute, 2u);
  EXPECT_EQ(later.all.accepted, 1u);
  EXPECT_EQ(world.analytics.report(Window::minute).all.accepted, 0u);
  EXPECT_TRUE(world.analytics.report(Window::minute).callers.empty());
  EXPECT_EQ(world.analytics.report(Window::quarter).all.accepted, 2u);
  EXPECT_EQ(world.analytics.report(Window::day).all.accepted, 2u);
  world.pass(16min);
  EXPECT_EQ(world.analytics.report(Window::quarter).all.accepted, 0u);
  EXPECT_EQ(world.analytics.report(Window::day).all.accepted, 2u);
  world.pass(25h);
  EXPECT_EQ(world.analytics.report(Window::day).all.accepted, 0u);
  EXPECT_EQ(world.analytics.report(Window::life).all.accepted, 2u);
}

TEST(Analytics, says_which_time_a_window_really_covers) {
  World world;

  world.pass(20s);
  const auto young = world.analytics.report(Window::minute);
  world.pass(1h);
  const auto grown = world.analytics.report(Window::minute);

  EXPECT_EQ(young.until - young.from, 20s);
  EXPECT_EQ(young.until, world.clock.wall() - 1h);
  EXPECT_EQ(grown.until - grown.from, 60s);
}

TEST(Analytics, nobody_folding_for_long_makes_a_window_coarse_but_loses_nothing) {
  World world;

  world.accepted_from("crm");
  world.clock.passed += 50h;
  world.accepted_from("crm");

  EXPECT_EQ(world.analytics.report(Window::minute).all.accepted, 2u);
  EXPECT_EQ(world.analytics.report(Window::life).all.accepted, 2u);
  world.pass(65s);
  EXPECT_EQ(world.analytics.report(Window::minute).all.accepted, 0u);
}

TEST(Analytics, enrollments_that_ended_before_the_start_are_not_counted) {
  World world;

  world.analytics.fold({.completed = 1000, .rejected = 7});
  world.pass(2min, {.completed = 1003, .rejected = 7});
  world.pass(5s, {.completed = 1004, .rejected = 8});

  EXPECT_EQ(world.analytics.report(Window::life).ended.completed, 4);
  EXPECT_EQ(world.analytics.report(Window::life).ended.rejected, 1);
  EXPECT_EQ(world.analytics.report(Window::minute).ended.completed, 1);
}

TEST(Analytics, many_threads_lose_no_visit) {
  World world;
  constexpr int threads = 4, visits = 20'000;

  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t)
    running.emplace_back([&world] {
      for (int i = 0; i < visits; ++i) world.accepted_from("key-" + std::to_string(i % 300));
    });
  for (int i = 0; i < 50; ++i) world.pass(5s);
  for (auto& thread : running) thread.join();

  EXPECT_EQ(world.analytics.report(Window::life).all.accepted, std::uint64_t{threads * visits});
}

TEST(Analytics, instances_on_one_thread_do_not_mix) {
  World one, two;

  one.accepted_from("crm");
  two.accepted_from("crm");
  one.accepted_from("crm");

  EXPECT_EQ(one.analytics.report(Window::life).all.accepted, 2u);
  EXPECT_EQ(two.analytics.report(Window::life).all.accepted, 1u);
}

}  // namespace
}  // namespace globogym::gateway
