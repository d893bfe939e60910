// The ledger straight over a pretended disk: what the engine's contract (test/contract) cannot see from outside.
#include "engine/kv/ledger.h"

#include <gtest/gtest.h>

#include <functional>

#include "async/sim_loop.h"
#include "engine/memory/store.h"

namespace globogym::engine::kv {
namespace {

using namespace std::chrono_literals;

struct World {
  async::SimClock clock;
  memory::Disk disk;
  std::optional<memory::Store> store;
  std::optional<Ledger> ledger;

  World() { EXPECT_TRUE(open()); }

  // The process dies where it stands and comes back.
  Result<void> open() {
    ledger.reset();
    store.emplace(disk);
    ledger.emplace(*store, LedgerOptions{.window_bytes = 2048});
    return ledger->load(clock.wall(), clock.steady());
  }
  Result<void> commit(Commit commit) {
    tell_time();
    if (auto staged = ledger->stage(commit); !staged) return std::unexpected(staged.error());
    return ledger->write();
  }
  Result<void> send(std::string id, Duration delay = {}, std::string queue = "q") {
    Commit commit;
    commit.messages.push_back({std::move(queue), std::move(id), std::string(200, 'x'), "", delay});
    return this->commit(std::move(commit));
  }
  Result<std::vector<Delivery>> take(std::size_t at_most = 1, Duration lease_for = 60s) {
    tell_time();
    ledger->expire_leases();
    auto got = ledger->take({"q", lease_for, at_most, {}});
    if (ledger->attempts_staged())
      if (auto counted = ledger->count_attempts(); !counted) return std::unexpected(counted.error());
    return got;
  }
  Result<void> settle(const Lease& lease, decltype(Settle::how) how = Complete{}) {
    Commit commit;
    commit.settled.push_back({lease, std::move(how)});
    return this->commit(std::move(commit));
  }
  void tell_time() { ledger->tell_time(clock.wall(), clock.steady()); }

  std::size_t keys(Space space, std::string_view from, std::string_view to) {
    std::size_t count = 0;
    for (auto cursor = store->range(space, from, to); cursor->next();) ++count;
    return count;
  }
  std::size_t lease_records() { return keys(Space::meta, "l", "m"); }
};

// ---- a store that cannot read ---------------------------------------------------------------------------------------

// What somebody could be told: a list of words, or that it cannot be told.
using Answer = Result<std::vector<std::string>>;

// Does `ask` once with all reads working, then again and again with another one failing: each time it must say so, or
// answer as before (it went without that read). Never less.
void fails_or_answers_whole(const std::function<void(World&)>& given, const std::function<Answer(World&)>& ask) {
  Answer whole;
  std::size_t reads = 0;
  {
    World world;
    given(world);
    const auto before = world.disk.reads();
    whole = ask(world);
    reads = world.disk.reads() - before;
    ASSERT_TRUE(whole) << whole.error().message;
  }
  ASSERT_GT(reads, 0u) << "nothing was read: nothing was tried";
  std::size_t failed = 0;
  for (std::size_t n = 1; n <= reads; ++n) {
    World world;
    given(world);
    world.disk.fail_reads(n, 1);
    const auto answer = ask(world);
    if (answer) {
      EXPECT_EQ(*answer, *whole) << "read " << n << " failed and nobody said so";
    } else {
      EXPECT_EQ(answer.error().fault, Fault::damaged);
      ++failed;
    }
  }
  EXPECT_GT(failed, 0u);
}

void with_a_backlog(World& world) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(world.send("ready-" + std::to_string(100 + i)));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(world.send("delayed-" + std::to_string(100 + i), 10s));
  world.clock.advance(11s);
}

void with_dead_letters(World& world) {
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(world.send(std::to_string(i)));
  auto got = world.take(7);
  ASSERT_TRUE(got);
  for (const auto& delivery : *got) ASSERT_TRUE(world.settle(delivery.lease, DeadLetter{"no", ""}));
}

TEST(Ledger, a_queue_that_cannot_be_read_does_not_end_early) {
  fails_or_answers_whole(with_a_backlog, [](World& world) -> Answer {
    std::vector<std::string> ids;
    for (;;) {
      auto got = world.take(3, 1h);
      if (!got) return std::unexpected(got.error());
      if (got->empty()) return ids;
      for (const auto& delivery : *got) ids.push_back(delivery.message.id);
    }
  });
}

TEST(Ledger, dead_letters_that_cannot_be_read_are_not_a_shorter_list) {
  fails_or_answers_whole(with_dead_letters, [](World& world) -> Answer {
    std::vector<std::string> ids;
    std::string after;
    do {
      auto page = world.ledger->messages({.after = after, .limit = 3});
      if (!page) return std::unexpected(page.error());
      for (const auto& letter : page->messages) ids.push_back(letter.message.id);
      after = page->cursor;
    } while (!after.empty());
    return ids;
  });
}

TEST(Ledger, what_cannot_be_read_is_not_absent) {
  fails_or_answers_whole(with_dead_letters, [](World& world) -> Answer {
    auto found = world.ledger->find_message("q", "3");
    if (!found) return std::unexpected(found.error());
    return std::vector<std::string>{*found ? (*found)->dead_reason : "absent"};
  });
}

TEST(Ledger, a_commit_that_cannot_look_up_what_it_expects_is_refused) {
  fails_or_answers_whole(
      [](World& world) {
        with_dead_letters(world);
        Commit commit;
        commit.documents.push_back({{"c", "p", "1"}, "{}", Expect::absent()});
        ASSERT_TRUE(world.commit(std::move(commit)));
        ASSERT_TRUE(world.open());  // so that nothing is known from before
      },
      [](World& world) -> Answer {
        Commit commit;
        commit.documents.push_back({{"c", "p", "2"}, "{}", Expect::absent()});
        commit.erased.push_back({{"c", "p", "1"}, Expect::exactly(15)});
        commit.messages.push_back({"q", "4", "twice", "", {}});
        commit.revived.push_back({"q", "5"});
        commit.discarded.push_back({"q", "6"});
        auto committed = world.commit(std::move(commit));
        if (!committed) return std::unexpected(committed.error());
        return std::vector<std::string>{"committed"};
      });
}

TEST(Ledger, what_cannot_be_read_does_not_open_as_less) {
  fails_or_answers_whole(
      [](World& world) {
        with_a_backlog(world);
        ASSERT_TRUE(world.take(5));
      },
      [](World& world) -> Answer {
        if (auto opened = world.open(); !opened) return std::unexpected(opened.error());
        std::vector<std::string> attempts;
        for (const auto& queue : world.ledger->queues())
          attempts.push_back(std::to_string(queue.ready + queue.delayed) + " waiting");
        for (int i = 0; i < 5; ++i) {
          auto found = world.ledger->find_message("q", "delayed-" + std::to_string(100 + i));
          if (!found) return std::unexpected(found.error());
          attempts.push_back(std::to_string(*found ? (*found)->attempts : -1));
        }
        return attempts;
      });
}

// ---- what is counted ------------------------------------------------------------------------------------------------

TEST(Ledger, a_hand_outs_record_goes_when_the_last_of_its_messages_is_settled) {
  World world;
  ASSERT_TRUE(world.send("a"));
  ASSERT_TRUE(world.send("b"));
  auto got = world.take(2);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 2u);
  EXPECT_EQ(world.lease_records(), 1u);

  ASSERT_TRUE(world.settle((*got)[0].lease));
  EXPECT_EQ(world.lease_records(), 1u);
  ASSERT_TRUE(world.settle((*got)[1].lease));

  EXPECT_EQ(world.lease_records(), 0u);
  EXPECT_EQ(world.keys(Space::messages, "", "\xff"), 0u);
  EXPECT_FALSE(world.ledger->next_expiry());
}

TEST(Ledger, the_record_of_a_hand_out_whose_time_is_over_stays_until_the_next_one_counts_for_it) {
  World world;
  ASSERT_TRUE(world.send("a"));
  ASSERT_TRUE(world.take(1, 60s));
  world.clock.advance(60s);
  world.tell_time();
  EXPECT_TRUE(world.ledger->expire_leases());
  EXPECT_FALSE(world.ledger->expire_leases());
  EXPECT_EQ(world.lease_records(), 1u);

  auto again = world.take(1, 60s);

  ASSERT_TRUE(again);
  ASSERT_EQ(again->size(), 1u);
  EXPECT_EQ((*again)[0].attempt, 2);
  EXPECT_EQ(world.lease_records(), 1u);
  ASSERT_TRUE(world.settle((*again)[0].lease));
  EXPECT_EQ(world.lease_records(), 0u);
}

TEST(Ledger, a_lease_ends_at_its_end_and_not_a_moment_before) {
  World world;
  ASSERT_TRUE(world.send("a"));
  ASSERT_TRUE(world.take(1, 60s));
  EXPECT_EQ(world.ledger->next_expiry(), world.clock.steady() + 60s);

  world.clock.advance(60s - 1us);
  world.tell_time();
  EXPECT_FALSE(world.ledger->expire_leases());
  world.clock.advance(1us);
  world.tell_time();
  EXPECT_TRUE(world.ledger->expire_leases());
}

TEST(Ledger, the_highest_count_of_a_running_attempt_is_found_after_a_crash) {
  World world;
  ASSERT_TRUE(world.send("a"));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(world.take(1, 60s));
    world.clock.advance(61s);
  }
  // Hand-outs of other lives that are remembered out of order.
  LeaseRecord low, high;
  low.entries.push_back({0, "a", 1});
  high.entries.push_back({0, "a", 7});
  world.store->put(Space::meta, lease_key(1), encode(high));
  world.store->put(Space::meta, lease_key(2), encode(low));
  ASSERT_TRUE(world.store->write(true));

  ASSERT_TRUE(world.open());

  EXPECT_EQ(world.lease_records(), 0u);
  auto got = world.take();
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 1u);
  EXPECT_EQ((*got)[0].attempt, 8);
}

TEST(Ledger, tokens_of_another_life_are_worth_nothing) {
  World world;
  ASSERT_TRUE(world.send("a"));
  auto before = world.take();
  ASSERT_TRUE(before && before->size() == 1);
  ASSERT_TRUE(world.open());
  auto after = world.take();
  ASSERT_TRUE(after && after->size() == 1);

  EXPECT_GT((*after)[0].lease.token, (*before)[0].lease.token);
  EXPECT_FALSE(world.settle((*before)[0].lease));
  EXPECT_TRUE(world.settle((*after)[0].lease));
}

TEST(Ledger, the_backlog_is_what_is_not_settled) {
  World world;
  with_a_backlog(world);
  auto got = world.take(2);
  ASSERT_TRUE(got && got->size() == 2);
  EXPECT_EQ(world.ledger->backlog(), 40u);

  ASSERT_TRUE(world.settle((*got)[0].lease));
  ASSERT_TRUE(world.settle((*got)[1].lease, DeadLetter{"no", ""}));

  EXPECT_EQ(world.ledger->backlog(), 38u);
}

// ---- the version of a message ---------------------------------------------------------------------------------------

Version version_of(Result<std::vector<Delivery>> got) {
  EXPECT_TRUE(got && got->size() == 1);
  return got && got->size() == 1 ? (*got)[0].version : 999;
}

TEST(Ledger, a_message_carries_the_version_of_its_commit_through_all_that_becomes_of_it) {
  World world;
  ASSERT_TRUE(world.send("before"));
  ASSERT_TRUE(world.settle(world.take()->at(0).lease));
  Commit commit;
  commit.documents.push_back({{"c", "p", "1"}, "{}", Expect::absent()});
  commit.messages.push_back({.queue = "q", .id = "a"});
  world.tell_time();
  const auto committed = world.ledger->stage(commit);
  ASSERT_TRUE(committed && world.ledger->write());
  const Version version = committed->version;
  EXPECT_EQ(version, 3u);

  EXPECT_EQ(version_of(world.take(1, 60s)), version);
  world.clock.advance(60s);
  auto got = world.take();
  EXPECT_EQ(version_of(got), version) << "its lease was over";
  ASSERT_TRUE(world.settle((*got)[0].lease, GiveBack{1h, "451 later", true}));
  ASSERT_TRUE(world.open());
  Commit hasten;
  hasten.hastened.push_back({"q", "a"});
  ASSERT_TRUE(world.commit(std::move(hasten)));
  EXPECT_EQ(version_of(world.take()), version) << "it was given back, read from the disk and hastened";
  ASSERT_TRUE(world.open());
  EXPECT_EQ(version_of(world.take()), version) << "the process died";
}

TEST(Ledger, a_message_brought_back_from_the_dead_letters_has_no_version) {
  World world;
  ASSERT_TRUE(world.send("a"));
  ASSERT_TRUE(world.settle(world.take()->at(0).lease, DeadLetter{"no", ""}));
  Commit revive;
  revive.revived.push_back({"q", "a"});
  ASSERT_TRUE(world.commit(std::move(revive)));
  EXPECT_EQ(version_of(world.take()), 0u);
}

TEST(Ledger, a_message_that_takes_anothers_place_has_a_version_of_its_own) {
  World world;
  ASSERT_TRUE(world.send("a", 1h));
  ASSERT_TRUE(world.send("b", 1h));
  Commit replace;
  replace.messages.push_back({.queue = "q", .id = "a", .replaces = true});
  ASSERT_TRUE(world.commit(std::move(replace)));
  EXPECT_EQ(version_of(world.take()), 3u);
}

TEST(Ledger, a_message_that_an_older_build_has_left_is_handed_out_without_a_version) {
  World world;
  ASSERT_TRUE(world.send("a"));
  const auto key = message_key(0, {}, "a");
  auto old = **world.store->get(Space::messages, key);
  ASSERT_EQ(old[0], 2);
  old[0] = 1;
  old.erase(2 + 1, sizeof(Version));  // after its id
  world.store->erase_once(Space::messages, key);
  world.store->put(Space::messages, key, old);
  ASSERT_TRUE(world.store->write(true));
  ASSERT_TRUE(world.open());

  auto got = world.take();
  EXPECT_EQ(version_of(got), 0u);
  EXPECT_EQ((*got)[0].message.body, std::string(200, 'x'));
  ASSERT_TRUE(world.settle((*got)[0].lease, GiveBack{{}, "451 later", true}));
  EXPECT_EQ(version_of(world.take()), 0u);
}

// ---- what is not looked for -----------------------------------------------------------------------------------------

TEST(Ledger, a_message_whose_id_has_just_been_drawn_and_a_document_put_lately_cost_no_look_into_the_store) {
  World world;
  ASSERT_TRUE(world.send("there"));
  Commit first;
  first.documents.push_back({{"c", "p", "1"}, "{}", Expect::anything()});
  const auto reads = world.disk.reads();
  first.messages.push_back({.queue = "q", .id = "drawn", .fresh = true});
  ASSERT_TRUE(world.commit(std::move(first)));

  Commit second;
  second.documents.push_back({{"c", "p", "1"}, "{}", Expect::exactly(2)});
  ASSERT_TRUE(world.commit(std::move(second)));
  EXPECT_EQ(world.disk.reads(), reads);

  Commit third;
  third.documents.push_back({{"c", "p", "1"}, "{}", Expect::exactly(2)});
  EXPECT_EQ(world.commit(std::move(third)).error().fault, Fault::conflict);
}

TEST(Ledger, one_id_twice_in_a_commit_is_one_message_also_when_it_has_just_been_drawn) {
  World world;
  ASSERT_TRUE(world.send("there"));
  Commit commit;
  for (const char* body : {"first", "second"})
    commit.messages.push_back({.queue = "q", .id = "drawn", .body = body, .fresh = true});
  ASSERT_TRUE(world.commit(std::move(commit)));
  EXPECT_EQ(world.ledger->backlog(), 2u);
}

TEST(Ledger, a_message_that_replaces_looks_for_the_other_whatever_it_says_of_its_id) {
  World world;
  ASSERT_TRUE(world.send("a"));
  Commit replace;
  replace.messages.push_back({.queue = "q", .id = "a", .body = "new", .replaces = true, .fresh = true});
  ASSERT_TRUE(world.commit(std::move(replace)));
  auto got = world.take(2);
  ASSERT_TRUE(got && got->size() == 1);
  EXPECT_EQ((*got)[0].message.body, "new");
}

TEST(Ledger, within_a_batch_later_commits_see_what_earlier_ones_do_to_documents) {
  World world;
  const auto stage = [&](std::optional<Expect> put, std::optional<Expect> erase) {
    Commit commit;
    if (put) commit.documents.push_back({{"c", "p", "1"}, "{}", *put});
    if (erase) commit.erased.push_back({{"c", "p", "1"}, *erase});
    return world.ledger->stage(commit);
  };
  world.tell_time();
  const auto first = stage(Expect::absent(), {});
  ASSERT_TRUE(first);
  EXPECT_FALSE(stage(Expect::absent(), {}));
  ASSERT_TRUE(stage({}, Expect::exactly(first->version)));
  EXPECT_FALSE(stage(Expect::exactly(first->version), {}));
  const auto again = stage(Expect::absent(), {});
  ASSERT_TRUE(again);
  EXPECT_FALSE(stage({}, Expect::exactly(first->version)));
  ASSERT_TRUE(stage({}, Expect::exactly(again->version)));
  ASSERT_TRUE(world.ledger->write());

  EXPECT_FALSE(stage(Expect::exactly(again->version), {}));
  EXPECT_TRUE(stage(Expect::absent(), {}));
}

TEST(Ledger, within_a_batch_later_commits_see_what_earlier_ones_do_to_messages) {
  World world;
  ASSERT_TRUE(world.send("a"));
  auto got = world.take();
  ASSERT_TRUE(got && got->size() == 1);
  const auto stage = [&](auto add) {
    Commit commit;
    add(commit);
    const auto staged = world.ledger->stage(commit);
    EXPECT_TRUE(staged) << staged.error().message;
  };
  stage([&](Commit& c) { c.settled.push_back({(*got)[0].lease, DeadLetter{"no", "why"}}); });
  stage([](Commit& c) { c.messages.push_back({.queue = "q", .id = "a", .body = "a duplicate"}); });
  stage([](Commit& c) { c.revived.push_back({"q", "a"}); });
  stage([](Commit& c) { c.messages.push_back({.queue = "q", .id = "b", .body = "b", .delay = 1h}); });
  stage([](Commit& c) { c.hastened.push_back({"q", "b"}); });
  ASSERT_TRUE(world.ledger->write());

  auto both = world.take(3);
  ASSERT_TRUE(both && both->size() == 2);
  EXPECT_EQ((*both)[0].message.id, "b") << "hastened: ahead of what waits";
  EXPECT_EQ((*both)[1].message.body, std::string(200, 'x'));
  EXPECT_EQ((*both)[1].attempt, 1);
  EXPECT_EQ((*both)[1].history.at(0).error, "why");
  EXPECT_EQ(world.ledger->backlog(), 2u);
}

// ---- time -----------------------------------------------------------------------------------------------------------

// What a release before 0.2.0 has written: no note of the time, due times by the wall clock.
void forget_the_time(World& world) {
  auto stored = world.store->get(Space::meta, totals_key);
  ASSERT_TRUE(stored && *stored);
  auto totals = decode_totals(**stored);
  ASSERT_TRUE(totals && totals->time);
  totals->time.reset();
  world.store->put(Space::meta, totals_key, encode(*totals));
  ASSERT_TRUE(world.store->write(true));
}

TEST(Ledger, a_directory_of_an_earlier_release_goes_on) {
  World world;
  ASSERT_TRUE(world.send("a", 60s));
  ASSERT_TRUE(world.send("b", 120s));
  forget_the_time(world);
  world.clock.advance(61s);

  ASSERT_TRUE(world.open());

  auto got = world.take(10);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 1u);
  EXPECT_EQ((*got)[0].message.id, "a");
  EXPECT_EQ((*got)[0].enqueued_at, world.clock.wall() - 61s);
  world.clock.advance(60s);
  EXPECT_EQ(world.take(10, 1h)->size(), 2u) << "the other, and the one whose lease has ended";
}

TEST(Ledger, a_directory_of_an_earlier_release_whose_clock_was_set_back_waits_no_longer_than_it_was_to) {
  World world;
  ASSERT_TRUE(world.send("new", 60s));
  ASSERT_TRUE(world.send("again"));
  auto got = world.take();
  ASSERT_TRUE(got && got->size() == 1);
  ASSERT_TRUE(world.settle((*got)[0].lease, GiveBack{50s, "451 later", true}));
  forget_the_time(world);
  world.clock.step_wall(-24h);

  ASSERT_TRUE(world.open());

  EXPECT_TRUE(world.take(10)->empty());
  world.clock.advance(61s);
  EXPECT_EQ(world.take(10)->size(), 2u);
}

TEST(Ledger, a_step_of_the_clock_is_written_down_by_itself) {
  World world;
  ASSERT_TRUE(world.send("a", 60s));
  EXPECT_FALSE(world.ledger->staged());
  world.clock.step_wall(24h);
  world.tell_time();
  EXPECT_TRUE(world.ledger->staged());
  ASSERT_TRUE(world.ledger->write());
  world.tell_time();
  EXPECT_FALSE(world.ledger->staged());

  ASSERT_TRUE(world.open());

  EXPECT_TRUE(world.take()->empty());
  EXPECT_EQ((*world.ledger->find_message("q", "a"))->due, world.clock.wall() + 60s);
}

TEST(Ledger, clocks_that_differ_by_less_than_a_second_have_not_been_set) {
  World world;
  ASSERT_TRUE(world.send("a", 60s));
  const auto due = (*world.ledger->find_message("q", "a"))->due;
  for (int i = 0; i < 5; ++i) {
    world.clock.step_wall(i % 2 ? 900ms : -900ms);
    world.tell_time();
    EXPECT_FALSE(world.ledger->staged());
    EXPECT_EQ((*world.ledger->find_message("q", "a"))->due, due);
  }
}

TEST(Ledger, who_waits_is_told_when_something_is_due) {
  World world;
  EXPECT_FALSE(world.ledger->next_due("q"));
  EXPECT_FALSE(world.ledger->maybe_ready({.queue = "q"}));
  ASSERT_TRUE(world.send("late", 60s));
  ASSERT_TRUE(world.send("soon", 10s));
  EXPECT_EQ(world.ledger->next_due("q"), world.clock.steady() + 10s);
  world.clock.step_wall(-24h);
  world.clock.advance(10s - 1us);
  world.tell_time();
  EXPECT_FALSE(world.ledger->maybe_ready({.queue = "q"}));
  EXPECT_EQ(world.ledger->queues()[0].delayed, 2u);
  world.clock.advance(1us);
  world.tell_time();
  EXPECT_TRUE(world.ledger->maybe_ready({.queue = "q"}));
  EXPECT_EQ(world.ledger->queues()[0].ready, 1u);
  EXPECT_EQ(world.ledger->queues()[0].delayed, 1u);
}

}  // namespace
}  // namespace globogym::engine::kv
