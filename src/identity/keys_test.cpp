#include "identity/keys.h"

#include <gtest/gtest.h>

#include "identity/forge_test.h"

namespace globogym::identity {
namespace {

using enum SignatureAlgorithm;

const SecretKey& p256() {
  return SecretKey::named(SecretKey::Kind::p256);
}

Result<std::shared_ptr<const KeySet>> set_of(const std::string& keys) {
  return KeySet::read("{\"keys\":[" + keys + "]}", nullptr);
}

TEST(KeySet, tells_keys_apart_by_id_kind_and_algorithm) {
  const auto set = set_of(SecretKey::named(SecretKey::Kind::rsa).jwk("r") + "," +
                          SecretKey::named(SecretKey::Kind::rsa, "another").jwk("p", R"(,"alg":"PS256","use":"sig")") +
                          "," + p256().jwk("e", R"(,"use":"sig","key_ops":["verify"])") + "," +
                          SecretKey::named(SecretKey::Kind::ed25519).jwk("o", R"(,"alg":"EdDSA")"));
  ASSERT_TRUE(set) << set.error().message;
  const auto found = [&](SignatureAlgorithm algorithm, std::optional<std::string> id = {}) {
    return (*set)->candidates(algorithm, id).size();
  };

  EXPECT_EQ((*set)->size(), 4u);
  EXPECT_EQ(found(rs256, "r"), 1u);
  EXPECT_EQ(found(ps256, "r"), 1u) << "nothing says that it may not";
  EXPECT_EQ(found(rs256, "p"), 0u) << "its alg says so";
  EXPECT_EQ(found(ps256, "p"), 1u);
  EXPECT_EQ(found(es256, "e"), 1u);
  EXPECT_EQ(found(es256, "o"), 0u);
  EXPECT_EQ(found(rs256), 1u);
  EXPECT_EQ(found(ps256), 2u);
  EXPECT_EQ(found(es256, "r "), 0u);
  EXPECT_TRUE((*set)->knows("p"));
  EXPECT_FALSE((*set)->knows("P"));
}

TEST(KeySet, leaves_out_what_cannot_be_used_here) {
  const std::string good = p256().jwk("good");
  const SecretKey& rsa = SecretKey::named(SecretKey::Kind::rsa);
  for (const std::string& other : {p256().jwk("x", R"(,"use":"enc")"),
                                   p256().jwk("x", R"(,"alg":"ECDH-ES")"),
                                   p256().jwk("x", R"(,"alg":"RS256")"),
                                   p256().jwk("x", R"(,"alg":"none")"),
                                   p256().jwk("x", R"(,"alg":1)"),
                                   p256().jwk("x", R"(,"key_ops":["sign"])"),
                                   p256().jwk("x", R"(,"d":"AAAA")"),
                                   p256().jwk("x", R"(,"kid":"y")"),
                                   p256().jwk(""),
                                   SecretKey::named(SecretKey::Kind::p384).jwk("x"),
                                   rsa.jwk("x", R"(,"alg":"RS512")"),
                                   rsa.jwk("x", R"(,"p":"AAAA")"),
                                   std::string(R"({"kid":"x","kty":"oct","k":"c2VjcmV0"})"),
                                   std::string(R"({"kid":"x","kty":"RSA","n":"AQAB","e":"AQAB"})"),
                                   std::string(R"({"kid":"x","kty":"EC","crv":"P-256","x":"AA","y":"AA"})"),
                                   std::string(R"({"kid":"x","kty":"EC"})"),
                                   std::string(R"({"kid":"x","kty":"OKP","crv":"X25519","x":"AA"})"),
                                   std::string(R"({"kid":"x"})"),
                                   std::string(R"({"kid":7,"kty":"EC"})"),
                                   std::string("[]"),
                                   std::string("null"),
                                   std::string("\"x\"")}) {
    const auto both = set_of(other + "," + good);
    ASSERT_TRUE(both) << other << both.error().message;
    EXPECT_EQ((*both)->size(), 1u) << other;
    EXPECT_FALSE(set_of(other)) << other;
  }
}

TEST(KeySet, a_key_that_was_withdrawn_and_comes_back_is_another_one) {
  const auto before = set_of(p256().jwk("e")), without = set_of(p256().jwk("another name"));
  ASSERT_TRUE(before && without);
  (*before)->withdraw_what_is_not_in(**without);

  const auto back = KeySet::read("{\"keys\":[" + p256().jwk("e") + "]}", before->get());

  ASSERT_TRUE(back);
  const auto candidates = (*back)->candidates(es256, "e");
  ASSERT_EQ(candidates.size(), 1u);
  EXPECT_FALSE(candidates[0]->withdrawn);
}

TEST(KeySet, is_bounded_and_read_whole_or_not_at_all) {
  std::string many = p256().jwk("e");
  for (int i = 0; i < 63; ++i) many += ",{}";
  EXPECT_TRUE(set_of(many));
  EXPECT_FALSE(set_of(many + ",{}"));
  EXPECT_FALSE(set_of(p256().jwk("e", ",\"x5c\":\"" + std::string(KeySet::longest, 'x') + "\"")));
  for (const char* not_a_set :
       {"", "[]", "{}", "null", "{\"keys\":null}", "{\"keys\":\"x\"}", "<html>", "{\"keys\":[]"})
    EXPECT_FALSE(KeySet::read(not_a_set, nullptr)) << not_a_set;
}

}  // namespace
}  // namespace globogym::identity
