#include "base/signature.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <string>

#include "base/text.h"

namespace globogym {
namespace {

using enum SignatureAlgorithm;

std::string from64(std::string_view text) {
  auto bytes = parse_base64url(text);
  EXPECT_TRUE(bytes) << text;
  return bytes.value_or("");
}

struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyFree>;

std::string number(EVP_PKEY* key, const char* name, int size = 0) {
  BIGNUM* value = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &value), 1);
  std::string out(static_cast<std::size_t>(size != 0 ? size : BN_num_bytes(value)), '\0');
  BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
  BN_free(value);
  return out;
}

Key rsa_key(unsigned bits, unsigned exponent = 65537) {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  BIGNUM* e = BN_new();
  BN_set_word(e, exponent);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_keygen_init(context);
  EVP_PKEY_CTX_set_rsa_keygen_bits(context, static_cast<int>(bits));
  EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e);
  EXPECT_EQ(EVP_PKEY_generate(context, &key), 1);
  BN_free(e);
  EVP_PKEY_CTX_free(context);
  return Key(key);
}

std::string signed_by(EVP_PKEY* key, std::string_view message, int padding = 0, int salt = RSA_PSS_SALTLEN_DIGEST,
                      const char* digest = "SHA256") {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* options = nullptr;
  EXPECT_EQ(EVP_DigestSignInit_ex(context, &options, digest, nullptr, nullptr, key, nullptr), 1);
  if (padding != 0) EVP_PKEY_CTX_set_rsa_padding(options, padding);
  if (padding == RSA_PKCS1_PSS_PADDING) EVP_PKEY_CTX_set_rsa_pss_saltlen(options, salt);
  std::string out(2048, '\0');
  std::size_t size = out.size();
  EXPECT_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size,
                           reinterpret_cast<const unsigned char*>(message.data()), message.size()),
            1);
  EVP_MD_CTX_free(context);
  out.resize(size);
  return out;
}

// RFC 7515, appendix A.3.
TEST(PublicKey, checks_the_example_of_es256) {
  const auto key = PublicKey::p256(from64("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
                                   from64("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"));
  ASSERT_TRUE(key) << key.error().message;
  const std::string message =
      "eyJhbGciOiJFUzI1NiJ9"
      ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  const std::string signature =
      from64("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");

  EXPECT_TRUE(key->verifies(es256, message, signature));

  EXPECT_FALSE(key->verifies(es256, message + "x", signature));
  EXPECT_FALSE(key->verifies(rs256, message, signature));
  EXPECT_FALSE(key->verifies(eddsa, message, signature));
}

// RFC 8037, appendix A.4.
TEST(PublicKey, checks_the_example_of_eddsa) {
  const auto key = PublicKey::ed25519(from64("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
  ASSERT_TRUE(key) << key.error().message;
  const std::string message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  const std::string signature =
      from64("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");

  EXPECT_TRUE(key->verifies(eddsa, message, signature));

  EXPECT_FALSE(key->verifies(eddsa, message + "x", signature));
  EXPECT_FALSE(key->verifies(es256, message, signature));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    auto damaged = signature;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(key->verifies(eddsa, message, damaged)) << i;
  }
}

TEST(PublicKey, an_rsa_key_tells_its_two_algorithms_apart) {
  const Key secret = rsa_key(2048);
  const auto key = PublicKey::rsa(number(secret.get(), "n"), number(secret.get(), "e"));
  ASSERT_TRUE(key) << key.error().message;
  const std::string pkcs1 = signed_by(secret.get(), "message", RSA_PKCS1_PADDING);
  const std::string pss = signed_by(secret.get(), "message", RSA_PKCS1_PSS_PADDING);

  EXPECT_TRUE(key->verifies(rs256, "message", pkcs1));
  EXPECT_TRUE(key->verifies(ps256, "message", pss));

  EXPECT_FALSE(key->verifies(ps256, "message", pkcs1));
  EXPECT_FALSE(key->verifies(rs256, "message", pss));
  EXPECT_FALSE(key->verifies(rs256, "message", signed_by(secret.get(), "message", RSA_PKCS1_PADDING, 0, "SHA512")));
  EXPECT_FALSE(key->verifies(rs256, "message", signed_by(secret.get(), "message", RSA_PKCS1_PADDING, 0, "SHA1")));
  EXPECT_FALSE(key->verifies(ps256, "message", signed_by(secret.get(), "message", RSA_PKCS1_PSS_PADDING, 20)));
  EXPECT_FALSE(key->verifies(ps256, "message", signed_by(secret.get(), "message", RSA_PKCS1_PSS_PADDING, 0)));
  EXPECT_FALSE(key->verifies(rs256, "message", pkcs1.substr(1)));
  EXPECT_FALSE(key->verifies(rs256, "message", std::string(1, '\0') + pkcs1));
  EXPECT_FALSE(key->verifies(rs256, "message", ""));
  EXPECT_FALSE(key->verifies(rs256, "message", std::string(256, '\0')));
}

TEST(PublicKey, only_sound_rsa_keys_are_taken) {
  const Key good = rsa_key(2048);
  const std::string n = number(good.get(), "n"), e = number(good.get(), "e");
  const auto even = [&] {
    auto text = n;
    text.back() = static_cast<char>(text.back() & ~1);
    return text;
  }();
  EXPECT_TRUE(PublicKey::rsa(std::string(1, '\0') + n, e)) << "a leading zero changes no number";

  EXPECT_FALSE(PublicKey::rsa(number(rsa_key(1024).get(), "n"), e));
  EXPECT_FALSE(PublicKey::rsa(number(rsa_key(2040).get(), "n"), e));
  EXPECT_FALSE(PublicKey::rsa(std::string(1025, '\xff'), e)) << "more than 8192 bits";
  EXPECT_FALSE(PublicKey::rsa(even, e));
  EXPECT_FALSE(PublicKey::rsa(n, "\x01"));
  EXPECT_FALSE(PublicKey::rsa(n, "\x03"));
  EXPECT_FALSE(PublicKey::rsa(n, std::string("\x01\x00\x02", 3)));
  EXPECT_FALSE(PublicKey::rsa(n, n));
  EXPECT_FALSE(PublicKey::rsa(n, ""));
  EXPECT_FALSE(PublicKey::rsa("", e));
  EXPECT_FALSE(PublicKey::rsa(std::string(256, '\xff'), e)) << "divisible by three";
}

TEST(PublicKey, only_points_on_the_curve_are_taken) {
  const Key secret(EVP_EC_gen("P-256"));
  const std::string x = number(secret.get(), "qx", 32), y = number(secret.get(), "qy", 32);
  ASSERT_TRUE(PublicKey::p256(x, y));
  const std::string zero(32, '\0');

  EXPECT_FALSE(PublicKey::p256(y, x));
  EXPECT_FALSE(PublicKey::p256(zero, zero));
  EXPECT_FALSE(PublicKey::p256(x, zero));
  EXPECT_FALSE(PublicKey::p256(std::string(32, '\xff'), y));
  EXPECT_FALSE(PublicKey::p256(x.substr(1), y));
  EXPECT_FALSE(PublicKey::p256(std::string(1, '\0') + x, y));
  const Key other(EVP_EC_gen("secp256k1"));
  EXPECT_FALSE(PublicKey::p256(number(other.get(), "qx", 32), number(other.get(), "qy", 32)));
}

TEST(PublicKey, an_es256_signature_has_one_form) {
  const Key secret(EVP_EC_gen("P-256"));
  const auto key = PublicKey::p256(number(secret.get(), "qx", 32), number(secret.get(), "qy", 32));
  ASSERT_TRUE(key);
  const std::string der = signed_by(secret.get(), "message");
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* both = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  std::string raw(64, '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(both), reinterpret_cast<unsigned char*>(raw.data()), 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(both), reinterpret_cast<unsigned char*>(raw.data()) + 32, 32);
  ECDSA_SIG_free(both);
  ASSERT_TRUE(key->verifies(es256, "message", raw));
  const std::string r = raw.substr(0, 32), s = raw.substr(32), zero(32, '\0');
  const std::string order = from64("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE");  // of P-256: zero in disguise

  EXPECT_FALSE(key->verifies(es256, "message", der));
  EXPECT_FALSE(key->verifies(es256, "message", zero + zero)) << "CVE-2022-21449";
  EXPECT_FALSE(key->verifies(es256, "message", r + zero));
  EXPECT_FALSE(key->verifies(es256, "message", zero + s));
  EXPECT_FALSE(key->verifies(es256, "message", order + order));
  EXPECT_FALSE(key->verifies(es256, "message", s + r));
  EXPECT_FALSE(key->verifies(es256, "message", std::string(1, '\0') + r + std::string(1, '\0') + s));
  EXPECT_FALSE(key->verifies(es256, "message", r + std::string(1, '\0') + s)) << "the same numbers";
  EXPECT_FALSE(key->verifies(es256, "message", raw.substr(0, 63)));
  EXPECT_FALSE(key->verifies(es256, "message", ""));
}

TEST(PublicKey, ed25519_keys_for_which_anything_verifies_are_refused) {
  const std::string zero(32, '\0');
  const auto with = [](std::string_view text, std::size_t at, int byte) {
    std::string out(text);
    out[at] = static_cast<char>(byte);
    return out;
  };
  const std::string prime = with(with(std::string(32, '\xff'), 0, 0xed), 31, 0x7f);
  for (const std::string& weak :
       {zero, with(zero, 0, 1), with(zero, 31, 0x80), with(with(zero, 0, 1), 31, 0x80), prime, with(prime, 0, 0xec),
        with(prime, 0, 0xee), with(prime, 31, 0xff), std::string(32, '\xff'),
        from64("JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU"), from64("xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"),
        from64("xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA_o")})
    EXPECT_FALSE(PublicKey::ed25519(weak)) << base64url({reinterpret_cast<const unsigned char*>(weak.data()), 32});
  EXPECT_FALSE(PublicKey::ed25519(std::string(31, 'a')));
  EXPECT_FALSE(PublicKey::ed25519(std::string(33, 'a')));
}

TEST(SignatureAlgorithm, only_four_names_are_known) {
  for (const auto algorithm : {rs256, ps256, es256, eddsa})
    EXPECT_EQ(parse_signature_algorithm(name(algorithm)), algorithm);
  for (const char* other :
       {"none", "None", "NONE", "", "HS256", "rs256", "RS384", "ES256K", "Ed25519", "RS256 ", "RSA1_5"})
    EXPECT_EQ(parse_signature_algorithm(other), std::nullopt) << other;
}

}  // namespace
}  // namespace globogym
