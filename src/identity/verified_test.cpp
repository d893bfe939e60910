#include "identity/verified.h"

#include <gtest/gtest.h>

#include "base/result_test.h"
#include "identity/forge_test.h"

namespace globogym::identity {
namespace {

std::shared_ptr<const KeySet> set_of(const std::string& key, const KeySet* before = nullptr) {
  return value_of(KeySet::read("{\"keys\":[" + key + "]}", before));
}

std::shared_ptr<const Key> only_key(const KeySet& set) {
  return set.candidates(SignatureAlgorithm::es256, std::nullopt).at(0);
}

std::shared_ptr<const Verified> verified(std::shared_ptr<const Key> key) {
  return std::make_shared<const Verified>(Claims{}, Validity{}, std::move(key));
}

TEST(VerifiedTokens, never_holds_more_than_it_may) {
  const auto keys = set_of(SecretKey::named(SecretKey::Kind::p256).jwk("e"));
  const auto one = verified(only_key(*keys));
  VerifiedTokens tokens(1000);

  for (int i = 0; i < 100'000; ++i) {
    tokens.keep(sha256(std::to_string(i)), one);
    ASSERT_TRUE(tokens.find(sha256(std::to_string(i))));
  }

  EXPECT_LE(tokens.size(), 1000u);
  EXPECT_GE(tokens.size(), 400u);
  EXPECT_FALSE(tokens.find(sha256("0")));
}

TEST(VerifiedTokens, what_is_asked_for_stays) {
  const auto keys = set_of(SecretKey::named(SecretKey::Kind::p256).jwk("e"));
  const auto one = verified(only_key(*keys));
  VerifiedTokens tokens(1000);
  tokens.keep(sha256("mine"), one);

  for (int i = 0; i < 10'000; ++i) {
    tokens.keep(sha256(std::to_string(i)), one);
    if (i % 100 == 0) {
      ASSERT_TRUE(tokens.find(sha256("mine"))) << i;
    }
  }
  tokens.forget(sha256("mine"));

  EXPECT_FALSE(tokens.find(sha256("mine")));
}

TEST(VerifiedTokens, what_a_withdrawn_key_signed_is_forgotten) {
  const SecretKey& secret = SecretKey::named(SecretKey::Kind::p256);
  const auto before = set_of(secret.jwk("e"));
  VerifiedTokens tokens(1000);
  tokens.keep(sha256("a"), verified(only_key(*before)));
  tokens.keep(sha256("b"), verified(only_key(*before)));

  const auto same = set_of(secret.jwk("e"), before.get());
  before->withdraw_what_is_not_in(*same);
  ASSERT_EQ(only_key(*same), only_key(*before)) << "the same key is the same object";
  ASSERT_TRUE(tokens.find(sha256("a")));
  const auto other = set_of(secret.jwk("another name"), before.get());
  before->withdraw_what_is_not_in(*other);

  EXPECT_FALSE(tokens.find(sha256("a")));
  tokens.forget_withdrawn();
  EXPECT_EQ(tokens.size(), 0u);
}

}  // namespace
}  // namespace globogym::identity
