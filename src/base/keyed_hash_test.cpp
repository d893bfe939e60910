#include "base/keyed_hash.h"

#include <gtest/gtest.h>

#include <string>

namespace globogym {
namespace {

TEST(KeyedHash, the_published_vectors_come_out) {
  const KeyedHash hash(0x0706050403020100, 0x0f0e0d0c0b0a0908);
  std::string message;
  for (char c = 0; c < 15; ++c) message += c;

  EXPECT_EQ(hash(message), 0xa129ca6149be45e5u);  // the paper's example
  EXPECT_EQ(hash(""), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(hash(message.substr(0, 8)), 0x93f5f5799a932462u);
}

TEST(KeyedHash, another_key_is_another_hash) {
  EXPECT_NE(KeyedHash(1, 2)("one"), KeyedHash(1, 3)("one"));
  EXPECT_NE(KeyedHash(1, 2)("one"), KeyedHash(1, 2)("two"));
}

}  // namespace
}  // namespace globogym
