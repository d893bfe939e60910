// The host and a dependency that serves some destinations and not others.
#include <algorithm>

#include "functions/host.h"
#include "functions/world_test.h"

namespace globogym::functions {
namespace {

using namespace std::chrono_literals;

// A message is for the destination its id begins with: "bad17" for "bad".
class Mailing final : public World {
 public:
  explicit Mailing(std::uint64_t seed = 7) : World(seed), function(add_mailing()) {
    function.script = [this](const Invocation& invocation) {
      return is_bad(invocation.message.id) && fault ? fails_with(*fault) : Result<void>();
    };
    start();
  }
  ~Mailing() { stop_host(); }

  static bool is_bad(std::string_view id) { return id.starts_with("bad"); }
  void put_all(const std::string& destination, int from, int to) {
    for (int i = from; i < to; ++i) put("mailing", destination + std::to_string(i));
  }
  std::vector<Scripted::Start> starts_of(std::string_view destination) const {
    std::vector<Scripted::Start> out;
    for (const auto& start : function.starts)
      if (start.id.starts_with(destination)) out.push_back(start);
    return out;
  }

  Scripted& function;
  std::optional<Fault> fault = Fault::deferred;

 private:
  Scripted& add_mailing() {
    auto& scripted = add({.name = "mailing",
                          .dependency = "mail",
                          .max_attempts = 1000,
                          .deferrals = Backoff{.first_delay = 1min, .max_delay = 1h},
                          .give_up_after = 96h});
    scripted.destination_of = [](const engine::Message& message) {
      return std::hash<std::string>()(message.id.substr(0, message.id.find_first_of("0123456789")));
    };
    return scripted;
  }
};

class OneBadDestination : public testing::TestWithParam<Fault> {};

TEST_P(OneBadDestination, does_not_keep_the_others_waiting) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Mailing w(seed);
    w.fault = GetParam();
    w.put_all("bad", 0, 10);
    w.loop.advance(1min);
    Duration slowest{};
    for (int i = 0; i < 60; ++i) {
      w.put("mailing", "good" + std::to_string(i));
      const auto put_at = w.loop.clock().steady();
      const bool done =
          w.loop.run_until([&] { return w.starts_of("good").size() > static_cast<std::size_t>(i); }, 2min);
      EXPECT_TRUE(done) << i;
      if (i > 0) slowest = std::max(slowest, w.loop.clock().steady() - put_at);
      w.loop.advance(20s);
    }

    EXPECT_EQ(w.tally("done"), 60) << seed;
    // An attempt that ends without an answer looks like an outage until others have been served often enough meanwhile:
    // then the breaker's longest pause is what others wait.
    EXPECT_LE(slowest, GetParam() == Fault::deferred ? 10s : BreakerOptions{}.max_open_for) << seed;
    EXPECT_EQ(w.host->queues()[0].breaker, Breaker::State::closed);
    w.loop.advance(10h);
    EXPECT_LT(w.starts_of("bad").size(), 400u) << "they are not tried again and again";
  }
}

INSTANTIATE_TEST_SUITE_P(, OneBadDestination, testing::Values(Fault::deferred, Fault::unavailable, Fault::timed_out));

TEST(HostAndDestinations, after_an_outage_nobody_waits_as_if_the_destination_had_put_him_off) {
  for (const Fault fault : {Fault::unavailable, Fault::timed_out}) {
    Mailing w;
    w.fault = fault;
    w.put_all("bad", 0, 500);  // all for one, which is down with everything else
    w.loop.advance(10min);
    ASSERT_EQ(w.host->queues()[0].breaker, Breaker::State::open);

    w.fault.reset();
    w.function.most_running = 0;

    EXPECT_TRUE(w.loop.run_until([&] { return w.function.most_running > 1; }, BreakerOptions{}.max_open_for * 2));
    // The last probe that failed is away for as long.
    EXPECT_TRUE(w.drain("mailing", BreakerOptions{}.max_open_for * 2)) << name(fault);
    EXPECT_EQ(w.tally("done"), 500);
  }
}

// One full mailbox in a domain with few letters: the next one for somebody else there tells the two apart.
TEST(HostAndDestinations, a_bad_box_keeps_nobody_else_at_its_destination_waiting) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Mailing w(seed);
    w.function.script = [](const Invocation& invocation) {
      return invocation.message.id == "small0" ? fails_with(Fault::deferred) : Result<void>();
    };
    w.put("mailing", "small0");
    for (int i = 0; i < 300; ++i) {
      w.put("mailing", "good" + std::to_string(i));
      w.loop.advance(1min);
    }
    w.put("mailing", "small1");
    w.loop.advance(1s);

    EXPECT_EQ(w.tally("done"), 301) << seed;
  }
}

// The full mailbox has been tried again and again, and a neighbour's letter is told "later" at first, twice.
TEST(HostAndDestinations, a_first_later_beside_a_bad_box_keeps_fresh_letters_waiting_for_seconds) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Mailing w(seed);
    w.function.script = [](const Invocation& invocation) {
      const auto& id = invocation.message.id;
      return id == "small0" || id == "small1" || id == "small2" ? fails_with(Fault::deferred) : Result<void>();
    };
    w.put("mailing", "small0");
    for (int i = 0; i < 300; ++i) {
      w.put("mailing", "good" + std::to_string(i));
      w.loop.advance(1min);
    }
    for (int i = 1; i <= 2; ++i) {
      w.put("mailing", "small" + std::to_string(i));
      w.loop.advance(1s);
      w.put("mailing", "good" + std::to_string(300 + i));
      w.loop.advance(1s);
    }
    w.put("mailing", "small3");
    w.loop.advance(10s);

    EXPECT_EQ(w.tally("done"), 303) << seed;
  }
}

// As when our own name is refused at RCPT, and everybody has one of two big providers.
TEST(HostAndDestinations, that_nobody_of_a_few_is_served_is_said_soon) {
  Mailing w;
  w.function.script = [](const Invocation&) { return Result<void>(fail(Fault::deferred, "554 relaying denied")); };
  testing::internal::CaptureStderr();
  w.put_all("good", 0, 6);
  w.put_all("bad", 0, 6);
  w.loop.advance(10s);
  const std::string said = testing::internal::GetCapturedStderr();

  const auto line = said.find("put-off-again-and-again");
  ASSERT_NE(line, std::string::npos) << said;
  EXPECT_NE(said.find("554 relaying denied", line), std::string::npos) << said;
  EXPECT_EQ(said.find("put-off-again-and-again", line + 1), std::string::npos) << "once";
}

TEST(HostAndDestinations, those_whose_answer_does_not_come_do_not_keep_all_others_waiting) {
  Mailing w;
  const auto few = static_cast<int>(w.options.first_concurrency);
  w.function.takes = 55s;
  w.put_all("slow", 0, few);
  w.loop.advance(1s);
  w.function.takes = 5ms;

  w.put_all("good", 0, 20);
  w.loop.advance(20s);
  EXPECT_EQ(w.starts_of("good").size(), 0u) << "they may be slow because of us";
  w.loop.advance(15s);

  EXPECT_EQ(w.tally("done"), 20);
}

// All but one of a destination's letters could be served again, and have failed before.
TEST(HostAndDestinations, whoever_has_tried_in_vain_leaves_the_next_turn_to_the_others) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Mailing w(seed);
    bool mended = false;
    std::vector<std::string> tries;
    w.function.script = [&](const Invocation& invocation) {
      if (!Mailing::is_bad(invocation.message.id)) return Result<void>();
      if (mended) tries.push_back(invocation.message.id);
      return mended && invocation.message.id != "bad0" ? Result<void>() : fails_with(Fault::deferred);
    };
    w.put_all("bad", 0, 3);
    for (int i = 0; i < 300; ++i) {
      w.put("mailing", "good" + std::to_string(i));
      w.loop.advance(1min);
    }
    mended = true;
    w.loop.advance(6h);

    EXPECT_EQ(w.tally("done"), 302) << seed;
    const auto in_vain = std::ranges::find(tries, "bad0");
    if (in_vain != tries.begin()) continue;
    ASSERT_GT(tries.size(), 1u);
    EXPECT_NE(tries[1], "bad0") << seed;
  }
}

TEST(HostAndDestinations, the_letters_of_a_bad_one_use_up_their_time_and_are_parked) {
  Mailing w;
  w.put_all("bad", 0, 30);
  for (int i = 0; i < 98; ++i) {
    w.put("mailing", "good" + std::to_string(i));
    w.loop.advance(1h);
  }
  w.loop.advance(8h);

  EXPECT_EQ(w.tally("done"), 98);
  EXPECT_EQ(w.queue("mailing").dead_lettered, 30u);
}

TEST(HostAndDestinations, a_bad_one_is_tried_by_one_letter_at_a_time_and_with_growing_pauses) {
  Mailing w;
  w.function.takes = 10s;
  w.put_all("bad", 0, 40);
  for (int i = 0; i < 400; ++i) {
    w.put("mailing", "good" + std::to_string(i));
    w.loop.advance(1min);
  }
  w.function.starts.clear();
  for (int i = 400; i < 800; ++i) {
    w.put("mailing", "good" + std::to_string(i));
    w.loop.advance(1min);
  }

  const auto tries = w.starts_of("bad");
  EXPECT_GE(tries.size(), 3u);
  EXPECT_LE(tries.size(), 40u);
  for (std::size_t i = 1; i < tries.size(); ++i) EXPECT_GE(tries[i].at - tries[i - 1].at, 10s);
}

TEST(HostAndDestinations, once_a_bad_one_is_served_all_that_waits_for_it_goes_out) {
  Mailing w;
  w.put_all("bad", 0, 40);
  for (int i = 0; i < 300; ++i) {
    w.put("mailing", "good" + std::to_string(i));
    w.loop.advance(1min);
  }
  ASSERT_EQ(w.tally("done"), 300);

  w.fault.reset();

  EXPECT_TRUE(w.drain("mailing", 5h));
  EXPECT_EQ(w.tally("done"), 340);
}

TEST(HostAndDestinations, one_that_greylists_gets_all_its_letters_soon) {
  Mailing w;
  std::map<std::string, SteadyTime> first_seen;
  w.function.script = [&](const Invocation& invocation) {
    const SteadyTime now = w.loop.clock().steady();
    const auto [seen, is_new] = first_seen.try_emplace(invocation.message.id, now);
    return Mailing::is_bad(invocation.message.id) && now - seen->second < 300s ? fails_with(Fault::deferred)
                                                                               : Result<void>();
  };
  w.put_all("bad", 0, 300);
  for (int i = 0; i < 60; ++i) {
    w.put("mailing", "good" + std::to_string(i));
    w.loop.advance(1min);
  }

  EXPECT_TRUE(w.drain("mailing", 30min));
  EXPECT_EQ(w.tally("done"), 360);
}

TEST(HostAndDestinations, a_probe_is_a_letter_that_has_not_failed_yet) {
  Mailing w;
  // Ten at work when the dependency goes away, and they fail for good.
  w.fault = Fault::timed_out;
  w.put_all("bad", 0, 10);
  w.loop.run_until([&] { return w.host->queues()[0].breaker == Breaker::State::open; }, 1min);
  ASSERT_EQ(w.host->queues()[0].breaker, Breaker::State::open);
  w.put("mailing", "zz1");  // behind the others by its id
  w.function.starts.clear();

  w.loop.run_until([&] { return !w.function.starts.empty(); }, 1min);

  EXPECT_EQ(w.function.starts[0].id, "zz1");
  w.loop.advance(1s);
  EXPECT_EQ(w.tally("done"), 1);
  EXPECT_EQ(w.message("mailing", "bad9")->attempts, 0) << "those that went back were not tried";
}

}  // namespace
}  // namespace globogym::functions
