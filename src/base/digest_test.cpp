#include "base/digest.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/text.h"

namespace globogym {
namespace {

TEST(Digest, sha256_has_the_values_of_fips_180_4) {
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex(sha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Digest, hmac_has_the_values_of_rfc_4231) {
  std::string counting;
  for (char c = 1; c <= 25; ++c) counting += c;

  EXPECT_EQ(hex(Hmac(std::string(20, '\x0b'))("Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex(Hmac("Jefe")("what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(Hmac(std::string(20, '\xaa'))(std::string(50, '\xdd'))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(hex(Hmac(counting)(std::string(50, '\xcd'))),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  EXPECT_EQ(hex(Hmac(std::string(131, '\xaa'))("Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hex(Hmac(std::string(131, '\xaa'))("This is a test using a larger than block-size key and a larger than "
                                               "block-size data. The key needs to be hashed before being used by the "
                                               "HMAC algorithm.")),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

// Computed with Python's hmac.
TEST(Digest, a_key_of_one_block_is_taken_as_it_is_and_a_longer_one_hashed) {
  const auto of_key = [](char size) {
    std::string key;
    for (char c = 0; c < size; ++c) key += c;
    return hex(Hmac(key)("what do ya want for nothing?"));
  };

  EXPECT_EQ(of_key(63), "029f327b3c5f4b59bcd1d5cd77bafa863c866f4e9c890b9540a8dfb3fcef5b50");
  EXPECT_EQ(of_key(64), "5431cc41830bee7889a6b5d04b33877387ea9b8170759f4dca4323cfb5725508");
  EXPECT_EQ(of_key(65), "b8510ec6c86f16d7c86061bd02266a93ffa7add59683bd03dc645ba1f238c38c");
}

TEST(Digest, one_hmac_answers_alike_again_and_from_every_thread) {
  const Hmac hmac("Jefe");
  const auto expected = hmac("message");
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (int& count : wrong)
    threads.emplace_back([&hmac, &expected, &count] {
      for (int i = 0; i < 2000; ++i) count += hmac("message") != expected;
    });
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(Digest, comparing_in_constant_time_still_compares) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secreT"));
  EXPECT_FALSE(equal_in_constant_time("secret", "Secret"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secre"));
  EXPECT_FALSE(equal_in_constant_time("secre", "secret"));
  EXPECT_FALSE(equal_in_constant_time("", "secret"));
  EXPECT_FALSE(equal_in_constant_time(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

}  // namespace
}  // namespace globogym
