#include "gateway/proof.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "base/time_text.h"

namespace globogym::gateway {
namespace {

using namespace std::chrono_literals;

class ProofTest : public ::testing::Test {
 protected:
  SeededRandom random{7};
  Hmac secret{"a key of this test"};
  Proofs proofs{8, secret, random};
  const WallTime now = *parse_rfc3339("2026-11-22T13:30:05.123Z");

  // What a page does: counts up until the hash is small enough.
  static std::string solved(const std::string& token, const std::string& key, unsigned bits) {
    for (int nonce = 0;; ++nonce) {
      const Sha256 hash = sha256(token + "." + key + "." + std::to_string(nonce));
      unsigned zeros = 0;
      for (const unsigned char byte : hash) {
        zeros += static_cast<unsigned>(std::countl_zero(byte));
        if (byte != 0) break;
      }
      if (zeros >= bits) return "token=" + token + ", nonce=" + std::to_string(nonce);
    }
  }
};

TEST_F(ProofTest, a_solved_challenge_is_right_from_its_wait_to_its_end) {
  const Challenge challenge = proofs.issue(now);
  const std::string proof = solved(challenge.token, "key-1", challenge.bits);

  EXPECT_EQ(proofs.check(proof, "key-1", now), ProofVerdict::early);
  EXPECT_EQ(proofs.check(proof, "key-1", now + Proofs::wait - 1ms), ProofVerdict::early);
  EXPECT_EQ(proofs.check(proof, "key-1", now + Proofs::wait), ProofVerdict::right);
  EXPECT_EQ(proofs.check(proof, "key-1", now + Proofs::life - 1ms), ProofVerdict::right);
  EXPECT_EQ(proofs.check(proof, "key-1", now + Proofs::life), ProofVerdict::expired);
  EXPECT_EQ(challenge.expires, now + Proofs::life);
}

TEST_F(ProofTest, a_solution_counts_for_one_idempotency_key) {
  const Challenge challenge = proofs.issue(now);
  const std::string proof = solved(challenge.token, "key-1", challenge.bits);

  int others_right = 0;
  for (int i = 2; i < 102; ++i)
    if (proofs.check(proof, "key-" + std::to_string(i), now + 5s) == ProofVerdict::right) ++others_right;

  EXPECT_LT(others_right, 10);  // one in 256 by chance
}

TEST_F(ProofTest, what_cannot_be_read_is_missing_and_what_is_not_ours_is_wrong) {
  const std::string token = proofs.issue(now).token;
  const std::string good = solved(token, "k", 8);

  EXPECT_EQ(proofs.check(std::nullopt, "k", now + 5s), ProofVerdict::missing);
  for (const std::string& header :
       {std::string(), std::string("token="), "token=" + token, std::string("nonce=5"), "token=" + token + ", nonce=x",
        "token=" + token + ", nonce=", "token=" + token + ", nonce=-1", "token=" + token + ", nonce=1, other=1",
        "token=" + token + ", nonce=123456789012345678901", "token=" + token + ", token=" + token + ", nonce=1",
        std::string(600, 'x'), std::string(",,,,"), std::string("=")})
    EXPECT_EQ(proofs.check(header, "k", now + 5s), ProofVerdict::missing) << header;
  for (const std::string& header :
       {good + ", trap=1", std::string("token=x, nonce=1"), std::string("token=..., nonce=1"),
        "token=" + token + "A, nonce=1", "token=9" + token + ", nonce=1"})
    EXPECT_EQ(proofs.check(header, "k", now + 5s), ProofVerdict::wrong) << header;
  EXPECT_EQ(proofs.check(good, "k", now + 5s), ProofVerdict::right);
}

TEST_F(ProofTest, no_token_can_be_changed_to_ask_for_less) {
  const std::string token = proofs.issue(now).token;

  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_EQ(proofs.check("token=" + changed + ", nonce=1", "k", now + 5s), ProofVerdict::wrong) << changed;
  }
}

TEST_F(ProofTest, a_token_of_another_installation_is_wrong) {
  Hmac other("another key");
  Proofs theirs(0, other, random);

  EXPECT_EQ(proofs.check("token=" + theirs.issue(now).token + ", nonce=1", "k", now + 5s), ProofVerdict::wrong);
}

TEST_F(ProofTest, the_token_keeps_the_difficulty_it_was_issued_with) {
  Proofs easy(0, secret, random);

  EXPECT_EQ(proofs.check("token=" + easy.issue(now).token + ", nonce=1", "k", now + 5s), ProofVerdict::right);
}

TEST_F(ProofTest, challenges_differ) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(proofs.issue(now).token);
  EXPECT_EQ(seen.size(), 100u);
}

}  // namespace
}  // namespace globogym::gateway
