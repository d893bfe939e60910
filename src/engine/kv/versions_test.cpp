#include "engine/kv/versions.h"

#include <gtest/gtest.h>

namespace globogym::engine::kv {
namespace {

std::string key(int i) {
  return "container" + std::string(1, '\0') + std::to_string(i);
}

struct World {
  Versions versions{KeyedHash(1, 2)};
  Version newest = 0;

  Version put(int i, bool first = true) {
    versions.put(key(i), ++newest, first);
    return newest;
  }
};

TEST(Versions, what_was_put_is_known_by_its_newest_version_and_nothing_else_is) {
  World world;
  EXPECT_FALSE(world.versions.find(key(1)));
  world.put(1);
  const Version newer = world.put(1);
  world.put(2);
  EXPECT_EQ(world.versions.find(key(1)), newer);
  world.versions.written();
  EXPECT_EQ(world.versions.find(key(1)), newer);
  EXPECT_FALSE(world.versions.find(key(3)));
}

TEST(Versions, of_a_batch_all_is_known_however_many_documents_it_puts) {
  constexpr int many = 600'000;  // more than there is room for
  World world;
  for (int i = 0; i < many; ++i) world.put(i);
  const Version again = world.put(7);

  for (int i = 0; i < many; i += 101)
    ASSERT_EQ(world.versions.find(key(i)), i == 7 ? again : static_cast<Version>(i + 1)) << i;
  EXPECT_EQ(world.versions.find(key(7)), again);
}

TEST(Versions, once_they_are_written_the_oldest_give_way) {
  constexpr int many = 600'000;
  World world;
  for (int i = 0; i < many; ++i) {
    world.put(i);
    if (i % 100 == 99) world.versions.written();
  }

  const auto known = [&](int from, int to) {
    int count = 0;
    for (int i = from; i < to; ++i) count += world.versions.find(key(i)).has_value();
    return count;
  };
  EXPECT_GT(known(many - 100'000, many), 97'000) << "the last 100,000 are nearly all there";
  EXPECT_LT(known(0, 100'000), 10'000);
}

TEST(Versions, what_the_batch_has_erased_is_known_to_be_absent_and_then_the_store_is_asked) {
  World world;
  world.put(1);
  world.versions.written();

  world.versions.erase(key(1));
  EXPECT_EQ(world.versions.find(key(1)), 0u);
  EXPECT_FALSE(world.versions.find(key(2)));
  world.versions.written();

  EXPECT_FALSE(world.versions.find(key(1)));
}

TEST(Versions, in_one_batch_the_last_of_putting_and_erasing_counts) {
  World world;
  world.put(1);
  world.versions.erase(key(1));
  EXPECT_EQ(world.versions.find(key(1)), 0u);
  const Version again = world.put(1);
  EXPECT_EQ(world.versions.find(key(1)), again);
  world.versions.written();
  EXPECT_EQ(world.versions.find(key(1)), again);

  world.put(1);
  world.versions.erase(key(1));
  world.versions.written();
  EXPECT_FALSE(world.versions.find(key(1)));
}

TEST(Versions, a_document_stands_until_it_is_put_again_or_erased) {
  World world;
  const Version one = world.put(1), two = world.put(2), three = world.put(3);
  world.put(2, false);
  world.versions.erase(key(3));
  world.versions.written();

  EXPECT_TRUE(world.versions.has_stood_since(key(1), one));
  EXPECT_FALSE(world.versions.has_stood_since(key(2), two));
  EXPECT_FALSE(world.versions.has_stood_since(key(3), three));
  EXPECT_FALSE(world.versions.has_stood_since(key(1), world.newest + 1)) << "no commit has had it yet";
}

TEST(Versions, of_what_was_put_before_it_began_nothing_is_known) {
  World world;
  world.newest = 100;
  world.versions.begin(100);
  const Version later = world.put(1);

  EXPECT_TRUE(world.versions.has_stood_since(key(1), later));
  EXPECT_FALSE(world.versions.has_stood_since(key(2), 100));
  EXPECT_FALSE(world.versions.has_stood_since(key(2), 1));
}

TEST(Versions, none_that_was_changed_is_taken_for_one_that_was_not_and_few_the_other_way_round) {
  constexpr int many = 900'000;
  World world;
  std::vector<Version> given;
  for (int i = 0; i < many; ++i) {
    given.push_back(world.put(i));
    if (i % 2 == 0) world.put(i, false);
    if (i % 100 == 99) world.versions.written();
  }

  int wrongly = 0;
  for (int i = 0; i < many; ++i) {
    const bool stands = world.versions.has_stood_since(key(i), given[static_cast<std::size_t>(i)]);
    if (i % 2 == 0)
      ASSERT_FALSE(stands) << i;
    else
      wrongly += !stands;
  }
  EXPECT_LT(wrongly, many / 2 / 1000);
}

TEST(Versions, when_too_many_have_changed_what_was_before_is_not_known_and_what_comes_is) {
  World world;
  const Version before = world.put(-1);
  for (int i = 0; i < 2'000'001; ++i) {
    world.put(i, false);
    if (i % 100 == 99) world.versions.written();
  }
  const Version after = world.put(-2);

  EXPECT_FALSE(world.versions.has_stood_since(key(-1), before));
  EXPECT_TRUE(world.versions.has_stood_since(key(-2), after));
}

}  // namespace
}  // namespace globogym::engine::kv
