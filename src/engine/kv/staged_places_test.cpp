#include "engine/kv/staged_places.h"

#include <gtest/gtest.h>

namespace globogym::engine::kv {
namespace {

TEST(StagedPlaces, the_last_that_was_said_of_a_message_counts) {
  StagedPlaces places;
  EXPECT_EQ(places.find(0, "a"), nullptr);
  places.add(0, "a", Place{});
  places.add(0, "b", Place{Lane::dead, 0});
  places.add(0, "a", std::nullopt);
  ASSERT_NE(places.find(0, "a"), nullptr);
  EXPECT_EQ(*places.find(0, "a"), std::nullopt);
  places.add(0, "a", Place{Lane::delayed, 7});

  EXPECT_EQ(*places.find(0, "a"), (Place{Lane::delayed, 7}));
  EXPECT_EQ(*places.find(0, "b"), (Place{Lane::dead, 0}));
  places.clear();
  EXPECT_EQ(places.find(0, "a"), nullptr);
}

TEST(StagedPlaces, a_message_is_its_queue_and_its_whole_id) {
  StagedPlaces places;
  places.add(1, "ab", Place{});
  for (const auto& [queue, id] :
       {std::pair<QueueNumber, std::string_view>{0, "ab"}, {2, "ab"}, {1, "a"}, {1, "abc"}, {1, ""}})
    EXPECT_EQ(places.find(queue, id), nullptr) << queue << " " << id;
  EXPECT_NE(places.find(1, "ab"), nullptr);
}

}  // namespace
}  // namespace globogym::engine::kv
