// What one function makes is the next one's work: how far the first may run ahead.
#include "functions/world_test.h"

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

// Thousands to be processed, each of which is then to be mailed; of letters 64 fit in memory.
struct Pipeline {
  explicit Pipeline(bool apart) {
    w.on_loop([&] {
      w.host.reset();
      w.engine.emplace(w.disk, engine::memory::Options{.window_bytes = 64 << 10});
      w.host.emplace(*w.engine, w.loop.clock(), w.random, w.metrics, w.options);
      if (apart) next_door.emplace(*w.engine, w.loop.clock(), w.random, w.metrics, w.options);
    });
    processing = &w.add({.name = "processing", .goes_on_to = "mailing", .max_concurrency = 64});
    auto mails =
        std::make_unique<Scripted>(FunctionOptions{.name = "mailing", .dependency = "mail", .max_concurrency = 4});
    mailing = mails.get();
    mailers().add(std::move(mails));
    if (next_door) w.host->continues_in(*next_door);
    processing->takes = 1ms;
    w.put_many("processing", 0, 5000);
  }
  ~Pipeline() {
    w.stop_host();
    if (next_door && started) w.loop.run(next_door->stop());
  }
  void start() {
    started = true;
    w.start();
    if (next_door) w.on_loop([&] { next_door->start(); });
  }
  Host& mailers() { return next_door ? *next_door : *w.host; }
  // Until nothing is left to be processed; how many letters waited at most.
  std::uint64_t most_waiting(Duration at_most) {
    std::uint64_t most = 0;
    const auto end = w.loop.clock().steady() + at_most;
    while (w.queue("processing").ready > 0 && w.loop.clock().steady() < end) {
      w.loop.advance(10ms);
      most = std::max(most, w.queue("mailing").ready);
    }
    return most;
  }

  World w;
  std::optional<Host> next_door;
  bool started = false;
  Scripted* processing = nullptr;
  Scripted* mailing = nullptr;
};

// One host with both functions, and a host each.
constexpr bool both_ways[] = {false, true};

TEST(Pipeline, no_more_is_made_than_memory_holds_while_the_next_function_is_quick) {
  for (const bool apart : both_ways) {
    Pipeline p(apart);
    p.start();
    EXPECT_LE(p.most_waiting(1min), 600u) << apart;

    EXPECT_TRUE(p.w.drain("mailing", 1min));
    EXPECT_EQ(p.w.tally("done"), 10'000);
    EXPECT_GE(p.mailing->most_running, 4u) << "and it always had something to do";
  }
}

TEST(Pipeline, everything_is_made_soon_while_the_next_function_is_slow) {
  for (const bool apart : both_ways) {
    Pipeline p(apart);
    p.mailing->takes = 1s;
    p.start();

    EXPECT_GE(p.most_waiting(10s), 4000u) << apart;
    EXPECT_EQ(p.w.queue("processing").ready, 0u);
  }
}

TEST(Pipeline, everything_is_made_while_the_next_function_rests_or_has_nothing_to_work_with) {
  for (const auto& [pauses, apart] : {std::pair(true, false), {true, true}, {false, false}, {false, true}}) {
    Pipeline p(apart);
    p.start();
    p.w.loop.advance(300ms);
    ASSERT_GT(p.w.queue("processing").ready, 4000u) << "held back while mail serves";
    if (pauses)
      p.mailers().pause("mailing");
    else
      p.mailing->script = [](const Invocation&) { return fails_with(Fault::unavailable); };

    EXPECT_GE(p.most_waiting(20s), 3500u) << pauses << apart;
    EXPECT_EQ(p.w.queue("processing").ready, 0u);
  }
}

}  // namespace
}  // namespace globogym::functions
