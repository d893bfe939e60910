#include "app/workshop.h"

#include <gtest/gtest.h>

namespace globogym::app {
namespace {

TEST(Workshop, letters_have_a_thread_of_their_own_where_there_are_cores_for_it) {
  EXPECT_EQ(workshop_threads(0, 1), 1u);
  EXPECT_EQ(workshop_threads(0, 2), 1u);
  EXPECT_EQ(workshop_threads(0, 3), 2u);
  EXPECT_EQ(workshop_threads(0, 0), 1u) << "not known";
  EXPECT_EQ(workshop_threads(1, 64), 1u);
  EXPECT_EQ(workshop_threads(2, 1), 2u);
}

}  // namespace
}  // namespace globogym::app
