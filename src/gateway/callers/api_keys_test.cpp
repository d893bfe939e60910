#include "gateway/callers/api_keys.h"

#include <algorithm>
#include <regex>
#include <thread>

#include "gateway/world_test.h"

namespace globogym::gateway {
namespace {

using testing::World;
using namespace std::chrono_literals;

Fault fault_of(const Result<Caller>& caller) {
  return caller ? Fault::unknown_outcome : caller.error().fault;
}

TEST(ApiKeys, a_created_key_is_known_at_once_with_its_scopes) {
  World world;

  auto created = world.loop.run(world.keys.create(
      {.name = "front desk", .scopes = {"enrollments:write", "members:read"}, .rate = "50/s", .expires_in = 24h}));

  ASSERT_TRUE(created.has_value());
  EXPECT_TRUE(std::regex_match(created->text, std::regex("ggk_[A-Za-z0-9_-]+"))) << created->text;
  auto caller = world.keys.authenticate(created->text, world.loop.clock().wall());
  ASSERT_TRUE(caller.has_value());
  EXPECT_EQ(caller->id, created->key.id);
  EXPECT_EQ(names(caller->scopes), (std::vector<std::string>{"enrollments:write", "members:read"}));
  EXPECT_NE(caller->rate, nullptr);
}

TEST(ApiKeys, every_keys_id_has_the_form_of_one) {
  World world;
  world.keys.add_page_key(Hmac("a key for tests, of 32 characters"));
  for (int i = 0; i < 200; ++i) world.key({"enrollments:read"});

  const auto keys = world.keys.list();

  EXPECT_GE(keys.size(), 200u);
  for (const auto& key : keys) EXPECT_TRUE(is_key_id(key.id)) << key.id;
  for (const auto* text :
       {"", "vHOQb_z73a", "vHOQb_z73aQQ", "-HOQb_z73aQ", "_HOQb_z73aQ", "vHOQb z73aQ", "vHOQb@z73aQ"})
    EXPECT_FALSE(is_key_id(text)) << text;
}

TEST(ApiKeys, only_a_hash_of_the_secret_is_stored) {
  World world;
  const std::string text = world.writer();
  const std::string secret = text.substr(text.size() - 43);

  auto page = world.loop.run(world.engine.scan({.container = "keys", .after = "", .limit = 10}));

  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->documents.size(), 1u);
  EXPECT_EQ(page->documents[0].body.find(secret), std::string::npos);
  EXPECT_NE(page->documents[0].body.find("\"hash\":\""), std::string::npos);
}

TEST(ApiKeys, a_key_with_one_character_changed_anywhere_is_nobodys) {
  World world;
  const std::string text = world.writer();
  const auto now = world.loop.clock().wall();
  ASSERT_TRUE(world.keys.authenticate(text, now).has_value());

  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    EXPECT_EQ(fault_of(world.keys.authenticate(changed, now)), Fault::refused) << i;
  }
  for (const auto& other : {std::string(), text + "a", text.substr(0, text.size() - 1), std::string(10'000, 'g')})
    EXPECT_EQ(fault_of(world.keys.authenticate(other, now)), Fault::refused);
}

TEST(ApiKeys, an_unknown_key_and_a_wrong_secret_are_told_the_same) {
  World world;
  const std::string text = world.writer();
  std::string wrong_secret = text, unknown = text;
  wrong_secret.back() = wrong_secret.back() == 'A' ? 'B' : 'A';
  unknown[4] = unknown[4] == 'A' ? 'B' : 'A';

  auto first = world.keys.authenticate(wrong_secret, world.loop.clock().wall());
  auto second = world.keys.authenticate(unknown, world.loop.clock().wall());

  EXPECT_EQ(said(first), said(second));
}

TEST(ApiKeys, a_key_ends_when_its_time_is_over) {
  World world;
  const std::string text = world.key({"ops:read"}, {}, 1h);
  const auto expires = world.keys.list().front().expires;
  ASSERT_TRUE(expires.has_value());

  EXPECT_TRUE(world.keys.authenticate(text, *expires - 1ms).has_value());
  EXPECT_EQ(fault_of(world.keys.authenticate(text, *expires)), Fault::refused);
}

TEST(ApiKeys, a_revoked_key_is_refused_at_once_and_stays_listed) {
  World world;
  auto created =
      world.loop.run(world.keys.create({.name = "gone soon", .scopes = {"ops:read"}, .rate = {}, .expires_in = {}}));
  ASSERT_TRUE(created.has_value());

  auto revoked = world.loop.run(world.keys.revoke(created->key.id));

  ASSERT_TRUE(revoked.has_value());
  EXPECT_EQ(fault_of(world.keys.authenticate(created->text, world.loop.clock().wall())), Fault::refused);
  ASSERT_EQ(world.keys.list().size(), 1u);
  EXPECT_TRUE(world.keys.list()[0].revoked.has_value());
  EXPECT_TRUE(world.loop.run(world.keys.revoke(created->key.id)).has_value()) << "revoking twice changes nothing";
}

TEST(ApiKeys, revoking_what_is_not_there_says_so) {
  World world;

  for (const auto& id : {std::string("AAAAAAAAAAA"), std::string(), std::string(300, 'a'), std::string(11, '\0')}) {
    auto revoked = world.loop.run(world.keys.revoke(id));
    EXPECT_EQ(ending_of(revoked), Fault::not_found);
  }
}

TEST(ApiKeys, keys_are_found_again_after_a_restart) {
  World world;
  const std::string kept = world.key({"enrollments:read"}, "7/s", 48h);
  auto gone =
      world.loop.run(world.keys.create({.name = "gone", .scopes = {"ops:write"}, .rate = {}, .expires_in = {}}));
  ASSERT_TRUE(gone.has_value());
  ASSERT_TRUE(world.loop.run(world.keys.revoke(gone->key.id)).has_value());

  ApiKeys after(world.engine, world.loop.clock(), world.random);
  const bool known_before_loading = after.authenticate(kept, world.loop.clock().wall()).has_value();
  ASSERT_TRUE(world.loop.run(after.load()).has_value());

  EXPECT_FALSE(known_before_loading);
  auto caller = after.authenticate(kept, world.loop.clock().wall());
  ASSERT_TRUE(caller.has_value());
  EXPECT_EQ(names(caller->scopes), (std::vector<std::string>{"enrollments:read"}));
  EXPECT_NE(caller->rate, nullptr);
  EXPECT_FALSE(after.authenticate(gone->text, world.loop.clock().wall()).has_value());
  ASSERT_EQ(after.list().size(), 2u);
  const auto listed = after.list(), before = world.keys.list();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(listed[i].id, before[i].id);
    EXPECT_EQ(listed[i].created, before[i].created);
    EXPECT_EQ(listed[i].expires, before[i].expires);
    EXPECT_EQ(listed[i].revoked, before[i].revoked);
    EXPECT_EQ(listed[i].rate, before[i].rate);
  }
}

TEST(ApiKeys, what_changes_while_keys_are_loaded_again_stays_changed) {
  World world;
  const std::string kept = world.writer();
  auto ended = world.loop.run(world.keys.create({.name = "ended", .scopes = {"ops:write"}, .rate = "5/s"}));
  ASSERT_TRUE(ended.has_value());
  std::string made;
  // The page has been read already: what it says of the one is old, and of the other it says nothing.
  world.engine.after_scan = [&]() -> Task<void> {
    const auto revoked = co_await world.keys.revoke(ended->key.id);
    EXPECT_TRUE(revoked.has_value());
    const auto created = co_await world.keys.create({.name = "made", .scopes = {"ops:read"}});
    EXPECT_TRUE(created.has_value());
    if (created) made = created->text;
  };

  ASSERT_TRUE(world.loop.run(world.keys.load()).has_value());

  const WallTime now = world.loop.clock().wall();
  EXPECT_EQ(ending_of(world.keys.authenticate(ended->text, now)), Fault::refused);
  EXPECT_FALSE(world.keys.in_force(ended->key.id, now));
  EXPECT_TRUE(world.keys.authenticate(made, now).has_value());
  EXPECT_TRUE(world.keys.authenticate(kept, now).has_value());
  const auto listed = world.keys.list();
  const auto found = std::ranges::find(listed, "ended", &ApiKey::name);
  ASSERT_NE(found, listed.end());
  EXPECT_TRUE(found->revoked.has_value());
}

TEST(ApiKeys, loading_them_again_gives_nobody_a_fresh_rate) {
  World world;
  const std::string text = world.key({"ops:read"}, "5/s");
  const WallTime now = world.loop.clock().wall();
  const auto before = world.keys.authenticate(text, now);
  ASSERT_TRUE(before.has_value());

  ASSERT_TRUE(world.loop.run(world.keys.load()).has_value());

  const auto after = world.keys.authenticate(text, now);
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->rate, before->rate);
}

TEST(ApiKeys, a_key_has_as_many_origins_and_as_long_a_name_as_it_may) {
  World world;
  const auto made = [&](std::size_t origins, std::size_t name) {
    NewKey wanted{.name = std::string(name, 'n'), .publishable = true};
    for (std::size_t i = 0; i < origins; ++i) wanted.origins.push_back("https://club" + std::to_string(i) + ".example");
    return world.loop.run(world.keys.create(std::move(wanted))).has_value();
  };

  EXPECT_TRUE(made(20, 100));
  EXPECT_FALSE(made(21, 100));
  EXPECT_FALSE(made(20, 101));
}

TEST(ApiKeys, more_keys_than_a_page_holds_are_all_loaded) {
  World world;
  for (int i = 0; i < 1100; ++i) {
    engine::Commit commit;
    const std::string id = "key" + std::to_string(10'000'000 + i);
    commit.documents.push_back({.key = {"keys", id, id},
                                .body = R"({"id":")" + id + R"(","name":"n","hash":")" + std::string(64, 'a') +
                                        R"(","scopes":["ops:read"],"created":"2026-01-01T00:00:00.000Z"})",
                                .expect = {}});
    world.commit(std::move(commit));
  }

  ASSERT_TRUE(world.loop.run(world.keys.load()).has_value());

  EXPECT_EQ(world.keys.list().size(), 1100u);
}

TEST(ApiKeys, a_damaged_record_stops_the_loading_with_its_name) {
  World world;
  engine::Commit commit;
  commit.documents.push_back({.key = {"keys", "broken", "broken"}, .body = R"({"id":"broken"})", .expect = {}});
  world.commit(std::move(commit));

  auto loaded = world.loop.run(world.keys.load());

  EXPECT_EQ(ending_of(loaded), Fault::damaged);
  EXPECT_NE(said(loaded).find("broken"), std::string::npos);
}

TEST(ApiKeys, what_cannot_be_a_key_is_refused_with_what_can) {
  World world;
  const auto refused = [&](std::string name, std::vector<std::string> scopes, std::optional<std::string> rate,
                           std::optional<Duration> expires_in) {
    auto created =
        world.loop.run(world.keys.create({.name = name, .scopes = scopes, .rate = rate, .expires_in = expires_in}));
    EXPECT_EQ(ending_of(created), Fault::invalid);
    return said(created);
  };

  EXPECT_EQ(refused("n", {"enrollments:wirte"}, {}, {}),
            "unknown scope 'enrollments:wirte'; the scopes are enrollments:write, enrollments:read, members:read, "
            "members:write, ops:read, ops:write, members:find");
  refused("n", {}, {}, {});
  refused("", {"ops:read"}, {}, {});
  refused(std::string(101, 'n'), {"ops:read"}, {}, {});
  refused("line\nbreak", {"ops:read"}, {}, {});
  refused("\xff", {"ops:read"}, {}, {});
  refused("n", {"ops:read"}, {}, Duration{0});
  for (const auto* rate : {"", "0/s", "-1/s", "1/m", "/s", "1.5/s", "1000001/s", "99999999999999999999/s", "5", "5/s "})
    refused("n", {"ops:read"}, rate, {});
  EXPECT_TRUE(world.keys.list().empty());
}

TEST(ApiKeys, a_key_that_could_not_be_stored_does_not_exist) {
  World world;
  world.engine.commit_fails = Error{Fault::unavailable, "no disk"};

  auto created = world.loop.run(world.keys.create({.name = "n", .scopes = {"ops:read"}, .rate = {}, .expires_in = {}}));

  ASSERT_FALSE(created.has_value());
  EXPECT_TRUE(world.keys.list().empty());
}

TEST(ApiKeys, one_is_found_by_its_id_whatever_has_become_of_it) {
  World world;
  auto created = world.loop.run(world.keys.create({.name = "till", .scopes = {"enrollments:write"}}));
  ASSERT_TRUE(created.has_value());

  const auto before = world.keys.find(created->key.id);
  ASSERT_TRUE(world.loop.run(world.keys.revoke(created->key.id)).has_value());
  const auto after = world.keys.find(created->key.id);

  ASSERT_TRUE(before && after);
  EXPECT_EQ(before->name, "till");
  EXPECT_FALSE(before->revoked);
  EXPECT_TRUE(after->revoked);
  EXPECT_FALSE(world.keys.find("nobody"));
  EXPECT_FALSE(world.keys.find(""));
}

TEST(ApiKeys, no_id_looks_like_a_flag_on_a_command_line) {
  World world;

  for (int i = 0; i < 200; ++i) world.key({"ops:read"});

  EXPECT_TRUE(std::ranges::none_of(world.keys.list(), [](const ApiKey& key) { return key.id.front() == '-'; }));
}

TEST(ApiKeys, threads_that_authenticate_see_a_revocation_as_soon_as_it_returns) {
  World world;
  auto created =
      world.loop.run(world.keys.create({.name = "busy", .scopes = {"ops:read"}, .rate = {}, .expires_in = {}}));
  ASSERT_TRUE(created.has_value());
  const std::string kept = world.writer();
  const auto now = world.loop.clock().wall();
  std::atomic<bool> revoked = false, stop = false;
  std::atomic<int> wrong = 0, rounds = 0;

  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      while (!stop) {
        const bool already = revoked;
        if (already && world.keys.authenticate(created->text, now)) ++wrong;
        if (!world.keys.authenticate(kept, now)) ++wrong;
        ++rounds;
      }
    });
  while (rounds < 1000) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) world.key({"ops:read"});
  ASSERT_TRUE(world.loop.run(world.keys.revoke(created->key.id)).has_value());
  revoked = true;
  const int seen = rounds;
  while (rounds < seen + 1000) std::this_thread::yield();
  stop = true;
  threads.clear();

  EXPECT_EQ(wrong, 0);
}

TEST(ApiKeys, a_quota_and_a_rate_are_kept_and_come_with_the_caller) {
  World world;
  auto created = world.loop.run(
      world.keys.create({.name = "crm", .scopes = {"enrollments:write"}, .rate = "7/s", .quota = "10000/month"}));
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->key.quota, "10000/month");

  ApiKeys reloaded(world.engine, world.loop.clock(), world.random);
  const auto loaded = world.loop.run(reloaded.load());
  ASSERT_TRUE(loaded) << loaded.error().message;
  for (const ApiKeys* keys : {&world.keys, &reloaded}) {
    auto caller = keys->authenticate(created->text, world.loop.clock().wall());
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->quota, 10'000);
    EXPECT_EQ(caller->rate->pace().burst(), 7);
    EXPECT_EQ(keys->list().front().quota, "10000/month");
  }

  auto refused =
      world.loop.run(world.keys.create({.name = "crm", .scopes = {"enrollments:write"}, .quota = "10000/year"}));
  EXPECT_NE(said(refused).find("10000/month"), std::string::npos);
}

// What a store of this engine tells of the only key, loaded as after a start.
std::optional<WallTime> last_used_after_a_start(World& world) {
  ApiKeys again(world.engine, world.loop.clock(), world.random);
  EXPECT_TRUE(world.loop.run(again.load()).has_value());
  return again.list().at(0).last_used;
}

TEST(ApiKeys, when_a_key_was_last_used_is_known_to_the_minute) {
  World world;
  const std::string text = world.writer();
  EXPECT_FALSE(world.keys.list().at(0).last_used);
  const auto now = world.loop.clock().wall();
  ASSERT_FALSE(world.keys.authenticate(text.substr(0, text.size() - 1) + "?", now));
  EXPECT_FALSE(world.keys.list().at(0).last_used) << "who guesses does not use it";

  ASSERT_TRUE(world.keys.authenticate(text, now));
  ASSERT_TRUE(world.keys.authenticate(text, now + 30s));
  EXPECT_EQ(*world.keys.list().at(0).last_used, std::chrono::floor<std::chrono::seconds>(now));
  ASSERT_TRUE(world.keys.authenticate(text, now + 90s));
  EXPECT_EQ(*world.keys.list().at(0).last_used, std::chrono::floor<std::chrono::seconds>(now + 90s));
}

TEST(ApiKeys, when_a_key_was_used_is_written_down_seldom_and_at_the_end) {
  World world;
  const std::string text = world.writer();
  const auto now = std::chrono::floor<std::chrono::seconds>(world.loop.clock().wall());
  ASSERT_TRUE(world.keys.authenticate(text, now));
  ASSERT_TRUE(world.loop.run(world.keys.write_down_use(false)));
  EXPECT_EQ(last_used_after_a_start(world), now);

  ASSERT_TRUE(world.keys.authenticate(text, now + 200s));
  ASSERT_TRUE(world.loop.run(world.keys.write_down_use(false)));
  EXPECT_EQ(last_used_after_a_start(world), now) << "not worth a commit yet";

  ASSERT_TRUE(world.loop.run(world.keys.write_down_use(true)));
  EXPECT_EQ(last_used_after_a_start(world), now + 200s);
}

TEST(ApiKeys, a_revoked_key_still_tells_when_it_was_used) {
  World world;
  const std::string text = world.writer();
  ASSERT_TRUE(world.keys.authenticate(text, world.loop.clock().wall()));

  ASSERT_TRUE(world.loop.run(world.keys.revoke(world.keys.list().at(0).id)));

  EXPECT_TRUE(world.keys.list().at(0).last_used);
  EXPECT_TRUE(world.keys.list().at(0).revoked);
}

}  // namespace
}  // namespace globogym::gateway
