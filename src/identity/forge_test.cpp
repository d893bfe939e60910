#include "identity/forge_test.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/assert.h"
#include "base/digest.h"
#include "base/text.h"

namespace globogym::identity {
namespace {

EVP_PKEY* secret(void* key) {
  return static_cast<EVP_PKEY*>(key);
}

EVP_PKEY* made(SecretKey::Kind kind) {
  switch (kind) {
    case SecretKey::Kind::rsa:
      return EVP_RSA_gen(2048);
    case SecretKey::Kind::p256:
      return EVP_EC_gen("P-256");
    case SecretKey::Kind::p384:
      return EVP_EC_gen("P-384");
    case SecretKey::Kind::ed25519:
      break;
  }
  return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
}

std::string digest_signature(EVP_PKEY* key, const char* digest, int padding, std::string_view message) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* options = nullptr;
  ASSERT(EVP_DigestSignInit_ex(context, &options, digest, nullptr, nullptr, key, nullptr) == 1);
  if (padding != 0) EVP_PKEY_CTX_set_rsa_padding(options, padding);
  if (padding == RSA_PKCS1_PSS_PADDING) EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
  std::string out(1024, '\0');
  std::size_t size = out.size();
  ASSERT(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size,
                        reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1);
  EVP_MD_CTX_free(context);
  out.resize(size);
  return out;
}

std::string taken(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string out(bytes, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

}  // namespace

const SecretKey& SecretKey::named(Kind kind, const std::string& name) {
  static auto& keys = *new std::map<std::pair<Kind, std::string>, SecretKey>;  // never destroyed: keys hold pointers
  auto found = keys.find({kind, name});
  if (found == keys.end()) {
    SecretKey key(made(kind));
    key.kind_ = kind;
    found = keys.emplace(std::pair{kind, name}, key).first;
  }
  return found->second;
}

std::string SecretKey::number(const char* name, int size) const {
  BIGNUM* value = nullptr;
  ASSERT(EVP_PKEY_get_bn_param(secret(key_), name, &value) == 1);
  std::string out(static_cast<std::size_t>(size != 0 ? size : BN_num_bytes(value)), '\0');
  BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
  BN_free(value);
  return encoded(out);
}

std::string SecretKey::jwk(std::string_view kid, std::string_view more) const {
  std::string out = "{\"kid\":\"" + std::string(kid) + "\"" + std::string(more);
  if (kind_ == Kind::rsa) {
    out += ",\"kty\":\"RSA\",\"n\":\"" + number("n", 0) + "\",\"e\":\"" + number("e", 0) + "\"";
  } else if (kind_ == Kind::ed25519) {
    std::string raw(32, '\0');
    std::size_t size = raw.size();
    ASSERT(EVP_PKEY_get_raw_public_key(secret(key_), reinterpret_cast<unsigned char*>(raw.data()), &size) == 1);
    out += R"(,"kty":"OKP","crv":"Ed25519","x":")" + encoded(raw) + "\"";
  } else {
    const int size = kind_ == Kind::p256 ? 32 : 48;
    out += std::string(R"(,"kty":"EC","crv":")") + (kind_ == Kind::p256 ? "P-256" : "P-384") + R"(","x":")" +
           number("qx", size) + R"(","y":")" + number("qy", size) + "\"";
  }
  return out + "}";
}

std::string SecretKey::sign(std::string_view algorithm, std::string_view message) const {
  if (kind_ == Kind::ed25519) return digest_signature(secret(key_), nullptr, 0, message);
  if (kind_ == Kind::rsa)
    return digest_signature(secret(key_), "SHA256", algorithm == "PS256" ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING,
                            message);
  const std::string der_form = der(message);
  const auto* at = reinterpret_cast<const unsigned char*>(der_form.data());
  ECDSA_SIG* both = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der_form.size()));
  const int size = kind_ == Kind::p256 ? 32 : 48;
  std::string raw(static_cast<std::size_t>(2 * size), '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(both), reinterpret_cast<unsigned char*>(raw.data()), size);
  BN_bn2binpad(ECDSA_SIG_get0_s(both), reinterpret_cast<unsigned char*>(raw.data()) + size, size);
  ECDSA_SIG_free(both);
  return raw;
}

std::string SecretKey::der(std::string_view message) const {
  return digest_signature(secret(key_), "SHA256", 0, message);
}

std::string SecretKey::public_pem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  ASSERT(PEM_write_bio_PUBKEY(bio, secret(key_)) == 1);
  return taken(bio);
}

std::string SecretKey::public_der() const {
  BIO* bio = BIO_new(BIO_s_mem());
  ASSERT(i2d_PUBKEY_bio(bio, secret(key_)) == 1);
  return taken(bio);
}

std::string encoded(std::string_view bytes) {
  return base64url({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

std::string unsigned_token(std::string_view header, std::string_view claims) {
  return encoded(header) + "." + encoded(claims);
}

std::string signed_token(const SecretKey& key, std::string_view algorithm, std::string_view header,
                         std::string_view claims) {
  const std::string message = unsigned_token(header, claims);
  return message + "." + encoded(key.sign(algorithm, message));
}

std::string mac_token(std::string_view secret_text, std::string_view header, std::string_view claims) {
  const std::string message = unsigned_token(header, claims);
  const Sha256 mac = Hmac(secret_text)(message);
  return message + "." + base64url(mac);
}

}  // namespace globogym::identity
