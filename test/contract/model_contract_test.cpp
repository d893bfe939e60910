// The engine against a model of itself that keeps everything in plain maps: whatever is done to both, in whatever
// order, they agree. engine/engine.h's contract, tried on every adapter.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random.h"
#include "engine_contract.h"

namespace globogym::engine {
namespace {

using namespace std::chrono_literals;

struct ModelMessage {
  std::string body;
  Duration due{};       // by the world's time since its start
  Duration since{};     // when that was decided: when both are the same it was due at once
  Duration enqueued{};  // likewise
  int attempts = 0;
  std::vector<std::pair<int, std::string>> history;
  bool dead = false;
  std::optional<Lease> lease;
  Duration lease_ends{};
};

// Does at random what anybody could do, and compares. Steps of the wall clock are among it, and change nothing.
template <class T>
class Player {
 public:
  Player(EngineContract<T>& test, std::uint64_t seed)
      : test_(test), random_(seed), mine_("-" + std::to_string(seed)), start_(test.world_.now()) {}

  void play(int moves) {
    for (int i = 0; i < moves && !testing::Test::HasFailure(); ++i) move();
    if (!testing::Test::HasFailure()) finish();
  }

 private:
  using Id = std::pair<std::string, std::string>;  // queue, id

  void move() {
    leave_no_doubt();
    const auto roll = random_.below(100);
    if (roll < 35) {
      send();
    } else if (roll < 65) {
      receive(1 + random_.below(12));
    } else if (roll < 85) {
      settle_some();
    } else if (roll < 90) {
      test_.world_.advance(std::chrono::seconds(random_.below(200)));
    } else if (roll < 93) {
      const Duration step = random_.below(2) == 0 ? Duration(-1h) : Duration(25h);
      test_.world_.step_wall(step);
      stepped_ += step;
    } else if (roll < 95) {
      test_.world_.restart();
      restarted_ = true;
      for (auto& [id, message] : messages_) message.lease.reset();
    } else if (roll < 97) {
      put_documents();
    } else {
      revive_or_discard();
    }
    leave_no_doubt();
    compare_counts();
  }

  Duration now() { return test_.world_.now() - start_ - stepped_; }
  std::string some_queue() { return (random_.below(4) == 0 ? "b" : "a") + mine_; }
  DocumentKey some_document() { return EngineContract<T>::key(std::to_string(random_.below(5)) + mine_); }

  // A world on a real disk takes real time: nothing is asked about what ends or comes due in this moment.
  void leave_no_doubt() {
    const Duration doubt = std::is_same_v<T, MemoryWorld> ? Duration(1s) : Duration(20s);
    auto soon = [&](Duration time) { return std::chrono::abs(time - now()) <= doubt; };
    while (std::ranges::any_of(messages_, [&](const auto& each) {
      const auto& message = each.second;
      if (message.dead) return false;
      return message.lease ? soon(message.lease_ends) : soon(message.due) && message.due != message.since;
    }))
      test_.world_.advance(3 * doubt);
    for (auto& [id, message] : messages_)
      if (message.lease && message.lease_ends <= now()) message.lease.reset();
  }

  void send() {
    Commit commit;
    const Duration sent = now();
    const auto count = 1 + random_.below(8);
    std::map<Id, ModelMessage> added;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto queue = some_queue();
      // Mostly in the order of time, as enrollment ids are; some before all others, some again.
      const auto id =
          random_.below(10) == 0 ? std::to_string(10'000 + random_.below(500)) : std::to_string(20'000 + next_++);
      const Duration delay =
          random_.below(3) == 0 ? Duration(std::chrono::seconds(10 + 20 * random_.below(60))) : Duration(0);
      const auto body = id + std::string(random_.below(400), 'x');
      commit.messages.push_back({queue, id, body, "", delay});
      if (!messages_.contains({queue, id}))
        added.try_emplace({queue, id},
                          ModelMessage{.body = body, .due = sent + delay, .since = sent, .enqueued = sent});
    }
    commit.tallies.push_back({"sent" + mine_, static_cast<std::int64_t>(count)});
    sent_ += static_cast<std::int64_t>(count);
    ASSERT_TRUE(test_.commit(std::move(commit)));
    messages_.merge(added);
  }

  void receive(std::size_t at_most) {
    const auto queue = some_queue();
    const Duration lease_for = std::chrono::seconds(60 + 60 * random_.below(10));
    const Duration asked = now();
    const auto available = static_cast<std::size_t>(std::ranges::count_if(messages_, [&](const auto& each) {
      const auto& message = each.second;
      return each.first.first == queue && !message.dead && !message.lease && message.due <= asked;
    }));
    auto got = test_.receive(queue, at_most, 0s, lease_for);
    EXPECT_EQ(got.size(), std::min(at_most, available));
    for (auto& delivery : got) {
      auto found = messages_.find({queue, delivery.message.id});
      ASSERT_TRUE(found != messages_.end()) << "nobody sent " << delivery.message.id;
      auto& message = found->second;
      EXPECT_FALSE(message.dead);
      EXPECT_FALSE(message.lease) << "somebody else holds " << delivery.message.id;
      EXPECT_LE(message.due, asked) << delivery.message.id << " came too early";
      EXPECT_EQ(delivery.message.body, message.body);
      // A crash may count an attempt that was given back uncounted: its hand-out's record goes with the last of its
      // messages.
      ++message.attempts;
      if (restarted_) message.attempts = std::max(message.attempts, delivery.attempt);
      EXPECT_EQ(delivery.attempt, message.attempts) << delivery.message.id;
      const Duration age = test_.world_.now() - delivery.enqueued_at;
      EXPECT_LT(std::chrono::abs(age - (now() - message.enqueued)), 60s) << delivery.message.id;
      ASSERT_EQ(delivery.history.size(), message.history.size());
      for (std::size_t i = 0; i < message.history.size(); ++i) {
        EXPECT_EQ(delivery.history[i].number, message.history[i].first);
        EXPECT_EQ(delivery.history[i].error, message.history[i].second);
      }
      message.lease = delivery.lease;
      message.lease_ends = asked + lease_for;
    }
  }

  void settle_some() {
    Commit commit;
    std::vector<Id> done;
    const Duration settled = now();
    for (auto& [id, message] : messages_) {
      if (!message.lease || random_.below(2) == 0 || commit.settled.size() == 8) continue;
      Settle settle{*message.lease, Complete{}};
      const auto how = random_.below(10);
      const auto error = random_.below(3) == 0 ? std::string() : "error " + std::to_string(message.attempts);
      if (how < 5) {
        done.push_back(id);
      } else if (how < 9) {
        const Duration delay =
            random_.below(2) == 0 ? Duration(0) : Duration(std::chrono::seconds(20 * random_.below(30)));
        const bool counts = random_.below(3) > 0;
        settle.how = GiveBack{delay, error, counts};
        remember(message, error);
        if (!counts) --message.attempts;
        message.due = settled + delay;
        message.since = settled;
      } else {
        settle.how = DeadLetter{"reason", error};
        remember(message, error);
        message.dead = true;
      }
      message.lease.reset();
      commit.settled.push_back(std::move(settle));
    }
    for (const auto& id : done) messages_.erase(id);
    EXPECT_EQ(fault_of(test_.commit(std::move(commit))), std::nullopt);
  }

  static void remember(ModelMessage& message, const std::string& error) {
    if (error.empty()) return;
    message.history.emplace_back(message.attempts, error);
    if (message.history.size() > 16) message.history.erase(message.history.begin());
  }

  void revive_or_discard() {
    Commit commit;
    std::vector<Id> gone;
    for (auto& [id, message] : messages_) {
      if (!message.dead || random_.below(2) == 0) continue;
      if (random_.below(3) == 0) {
        commit.discarded.push_back({id.first, id.second});
        gone.push_back(id);
      } else {
        commit.revived.push_back({id.first, id.second});
        message.dead = false;
        message.attempts = 0;
        message.due = message.since = now();
      }
    }
    for (const auto& id : gone) messages_.erase(id);
    EXPECT_EQ(fault_of(test_.commit(std::move(commit))), std::nullopt);
  }

  void put_documents() {
    const auto key = some_document();
    const auto stands = documents_.find(key.id);
    const Version version = stands == documents_.end() ? 0 : stands->second;
    const bool holds = random_.below(2) == 0;
    const Version expected = holds ? version : version + 1;
    const auto expect = expected == 0 ? Expect::absent() : Expect::exactly(expected);
    const auto outcome = holds ? std::nullopt : std::optional(Fault::conflict);
    Commit commit;
    if (random_.below(3) == 0) {
      commit.erased.push_back({key, expect});
      EXPECT_EQ(fault_of(test_.commit(std::move(commit))), outcome);
      if (holds) documents_.erase(key.id);
    } else {
      commit.documents.push_back({key, "x", expect});
      auto committed = test_.commit(std::move(commit));
      EXPECT_EQ(fault_of(committed), outcome);
      if (committed) documents_[key.id] = committed->version;
    }
    auto document = test_.get(key);
    EXPECT_EQ(document ? document->version : 0, documents_.contains(key.id) ? documents_[key.id] : 0);
  }

  void compare_counts() {
    for (std::string queue : {"a" + mine_, "b" + mine_}) {
      std::uint64_t waiting = 0, dead = 0, leased = 0;
      std::optional<Duration> oldest;
      for (const auto& [id, message] : messages_) {
        if (id.first != queue) continue;
        (message.dead ? dead : message.lease ? leased : waiting) += 1;
        if (!message.dead && (!oldest || message.enqueued < *oldest)) oldest = message.enqueued;
      }
      const auto stats = test_.stats(queue);
      EXPECT_EQ(stats.ready + stats.delayed, waiting) << queue;
      EXPECT_EQ(stats.leased, leased) << queue;
      EXPECT_EQ(stats.dead_lettered, dead) << queue;
      ASSERT_EQ(stats.oldest.has_value(), oldest.has_value()) << queue;
    }
    auto tallies = test_.world_.run(test_.world_.engine().tallies());
    ASSERT_TRUE(tallies);
    EXPECT_EQ((*tallies)["sent" + mine_], sent_);
  }

  // Everything comes to an end, each once.
  void finish() {
    test_.world_.advance(24h);
    std::set<Id> seen;
    for (std::string queue : {"a" + mine_, "b" + mine_})
      for (;;) {
        auto got = test_.receive(queue, 7, 0s, 240h);
        if (got.empty()) break;
        Commit commit;
        for (auto& delivery : got) {
          EXPECT_TRUE(seen.emplace(queue, delivery.message.id).second) << delivery.message.id << " came twice";
          commit.settled.push_back({delivery.lease, Complete{}});
        }
        ASSERT_TRUE(test_.commit(std::move(commit)));
      }
    std::size_t alive = 0;
    for (const auto& [id, message] : messages_) alive += !message.dead;
    EXPECT_EQ(seen.size(), alive);
  }

  EngineContract<T>& test_;
  SeededRandom random_;
  const std::string mine_;  // what this one's queues and documents are called, so that several can play in one world
  const WallTime start_;
  Duration stepped_{};
  bool restarted_ = false;
  std::map<Id, ModelMessage> messages_;
  std::map<std::string, Version> documents_;
  std::uint64_t next_ = 0;
  std::int64_t sent_ = 0;
};

TYPED_TEST_SUITE(EngineContract, Worlds);

TYPED_TEST(EngineContract, agrees_with_its_model_whatever_is_done) {
  const auto first = std::is_same_v<TypeParam, MemoryWorld> ? 1u : 101u;
  const auto seeds = std::is_same_v<TypeParam, MemoryWorld> ? 40u : 1u;
  for (std::uint64_t seed = first; seed < first + seeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Player<TypeParam>(*this, seed).play(300);
  }
}

}  // namespace
}  // namespace globogym::engine
