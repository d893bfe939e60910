#include "gateway/callers/proof.h"

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

  ProofVerdict judge(std::optional<std::string> header, const std::string& key, WallTime at,
                     const std::string& caller = "page") {
    return proofs.check(claim(header, key, caller), at).verdict;
  }
  static Claim claim(const std::optional<std::string>& header, const std::string& key,
                     const std::string& caller = "page") {
    return {.header = header, .caller = caller, .idempotency_key = key};
  }

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

  EXPECT_EQ(judge(proof, "key-1", now), ProofVerdict::early);
  EXPECT_EQ(judge(proof, "key-1", now + Proofs::wait - 1ms), ProofVerdict::early);
  EXPECT_EQ(judge(proof, "key-1", now + Proofs::wait), ProofVerdict::right);
  EXPECT_EQ(judge(proof, "key-1", now + Proofs::life - 1ms), ProofVerdict::right);
  EXPECT_EQ(judge(proof, "key-1", now + Proofs::life), ProofVerdict::expired);
  EXPECT_EQ(challenge.expires, now + Proofs::life);
}

TEST_F(ProofTest, a_solution_counts_for_one_idempotency_key) {
  const Challenge challenge = proofs.issue(now);
  const std::string proof = solved(challenge.token, "key-1", challenge.bits);

  int others_right = 0;
  for (int i = 2; i < 102; ++i)
    if (judge(proof, "key-" + std::to_string(i), now + 5s) == ProofVerdict::right) ++others_right;

  EXPECT_LT(others_right, 10);  // one in 256 by chance
  EXPECT_EQ(judge(proof, "key-1", now + 5s), ProofVerdict::right);
}

TEST_F(ProofTest, one_bit_short_is_wrong) {
  const Challenge challenge = proofs.issue(now);
  // Of those with seven bits every other one has eight; of twenty all would have them once in a million.
  for (int i = 0, short_of_it = 0; short_of_it == 0; ++i) {
    ASSERT_LT(i, 20);
    const std::string key = "key-" + std::to_string(i);
    const std::string proof = solved(challenge.token, key, challenge.bits - 1);
    if (proof == solved(challenge.token, key, challenge.bits)) continue;
    EXPECT_EQ(judge(proof, key, now + 5s), ProofVerdict::wrong);
    ++short_of_it;
  }
}

TEST_F(ProofTest, what_cannot_be_read_is_missing_and_what_is_not_ours_is_wrong) {
  const std::string token = proofs.issue(now).token;
  const std::string good = solved(token, "k", 8);

  EXPECT_EQ(judge(std::nullopt, "k", now + 5s), ProofVerdict::missing);
  for (const std::string& header :
       {std::string(), std::string("token="), "token=" + token, std::string("nonce=5"), "token=" + token + ", nonce=x",
        "token=" + token + ", nonce=", "token=" + token + ", nonce=-1", "token=" + token + ", nonce=1, other=1",
        "token=" + token + ", nonce=123456789012345678901", "token=" + token + ", token=" + token + ", nonce=1",
        std::string(600, 'x'), std::string(",,,,"), std::string("=")})
    EXPECT_EQ(judge(header, "k", now + 5s), ProofVerdict::missing) << header;
  for (const std::string& header :
       {good + ", trap=1", std::string("token=x, nonce=1"), std::string("token=..., nonce=1"),
        "token=" + token + "A, nonce=1", "token=9" + token + ", nonce=1"})
    EXPECT_EQ(judge(header, "k", now + 5s), ProofVerdict::wrong) << header;
  EXPECT_EQ(judge(good, "k", now + 5s), ProofVerdict::right);
}

TEST_F(ProofTest, no_token_can_be_changed_to_ask_for_less) {
  const std::string token = proofs.issue(now).token;

  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_EQ(judge("token=" + changed + ", nonce=1", "k", now + 5s), ProofVerdict::wrong) << changed;
  }
}

TEST_F(ProofTest, a_token_of_another_installation_is_wrong) {
  Hmac other("another key");
  Proofs theirs(0, other, random);

  EXPECT_EQ(judge("token=" + theirs.issue(now).token + ", nonce=1", "k", now + 5s), ProofVerdict::wrong);
}

TEST_F(ProofTest, the_token_keeps_the_difficulty_it_was_issued_with) {
  Proofs easy(0, secret, random);

  EXPECT_EQ(judge("token=" + easy.issue(now).token + ", nonce=1", "k", now + 5s), ProofVerdict::right);
}

TEST_F(ProofTest, a_challenge_leads_to_one_enrollment_and_to_that_one_as_often_as_it_is_asked) {
  const std::string token = proofs.issue(now).token;
  const std::string first = solved(token, "one", 8), second = solved(token, "two", 8);
  EXPECT_EQ(judge(second, "two", now + 5s), ProofVerdict::right);

  proofs.spend(claim(first, "one"), now + 5s);

  EXPECT_EQ(judge(first, "one", now + 6s), ProofVerdict::right);
  EXPECT_EQ(judge(second, "two", now + 6s), ProofVerdict::expired);
  EXPECT_EQ(judge(first, "one", now + 6s, "another key"), ProofVerdict::expired);
}

TEST_F(ProofTest, what_was_spent_is_remembered_for_as_long_as_it_could_be_used) {
  const std::string early = proofs.issue(now).token, late = proofs.issue(now + 1h).token;
  proofs.spend(claim(solved(early, "one", 8), "one"), now + 5s);
  proofs.spend(claim(solved(late, "one", 8), "one"), now + 2h + 10s);  // turns the generation

  EXPECT_EQ(judge(solved(late, "two", 8), "two", now + 2h + 20s), ProofVerdict::expired);
  EXPECT_EQ(judge(solved(early, "two", 8), "two", now + Proofs::life - 1s), ProofVerdict::expired);
}

TEST_F(ProofTest, when_more_is_demanded_challenges_cost_more_for_a_while) {
  EXPECT_EQ(proofs.issue(now).bits, 8u);

  proofs.demand_more(now);

  const Challenge hard = proofs.issue(now + 1s);
  EXPECT_EQ(hard.bits, 8u + Proofs::more_bits);
  const std::string proof = solved(hard.token, "k", hard.bits);
  EXPECT_TRUE(proofs.check(claim(proof, "k"), now + 5s).hard);
  const Challenge usual = proofs.issue(now + 11min);
  EXPECT_EQ(usual.bits, 8u);
  EXPECT_FALSE(proofs.check(claim(solved(usual.token, "k", 8), "k"), now + 12min).hard);
}

TEST_F(ProofTest, challenges_differ) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(proofs.issue(now).token);
  EXPECT_EQ(seen.size(), 100u);
}

}  // namespace
}  // namespace globogym::gateway
