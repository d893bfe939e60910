#include "base/signature.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "base/assert.h"

namespace globogym {
namespace {

template <auto release>
struct Free {
  void operator()(auto* thing) const { release(thing); }
};
using KeyPointer = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;

constexpr int least_rsa_bits = 2048;
constexpr int most_rsa_bits = 8192;
constexpr std::size_t coordinate_size = 32;

const unsigned char* data(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Number number(std::string_view big_endian) {
  return Number(BN_bin2bn(data(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

std::string_view without_leading_zeros(std::string_view bytes) {
  return bytes.substr(std::min(bytes.find_first_not_of('\0'), bytes.size()));
}

KeyPointer made_key(const char* type, OSSL_PARAM* parameters) {
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
    return nullptr;
  return KeyPointer(key);
}

bool passes_public_check(EVP_PKEY* key) {
  KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context && EVP_PKEY_public_check(context.get()) == 1;
}

// Points of order 1, 2, 4 and 8: for such a "key" a signature over anything can be made by anybody. With the sign bit
// cleared their encodings are these; a y of the field's prime or more is no canonical encoding of any point.
bool is_weak_ed25519(std::string_view encoded) {
  std::array<unsigned char, 32> y{};
  std::copy(encoded.begin(), encoded.end(), y.begin());
  y[31] &= 0x7f;
  constexpr std::array<unsigned char, 32> of_order_8[] = {
      {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
       0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
      {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
       0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05}};
  if (std::ranges::find(of_order_8, y) != std::end(of_order_8)) return true;
  const bool middle_is_one_byte =
      std::all_of(y.begin() + 2, y.end() - 1, [&](unsigned char byte) { return byte == y[1]; });
  if (!middle_is_one_byte) return false;
  if (y[1] == 0 && y[31] == 0) return y[0] <= 1;           // 0 and 1
  if (y[1] == 0xff && y[31] == 0x7f) return y[0] >= 0xec;  // p - 1, p and beyond
  return false;
}

}  // namespace

std::string_view name(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::rs256:
      return "RS256";
    case SignatureAlgorithm::ps256:
      return "PS256";
    case SignatureAlgorithm::es256:
      return "ES256";
    case SignatureAlgorithm::eddsa:
      break;
  }
  return "EdDSA";
}

std::optional<SignatureAlgorithm> parse_signature_algorithm(std::string_view text) {
  using enum SignatureAlgorithm;
  for (const auto algorithm : {rs256, ps256, es256, eddsa})
    if (name(algorithm) == text) return algorithm;
  return std::nullopt;
}

struct PublicKey::Material {
  KeyPointer key;
};

PublicKey::PublicKey(Kind kind, std::unique_ptr<Material> material) : kind_(kind), material_(std::move(material)) {}
PublicKey::~PublicKey() = default;
PublicKey::PublicKey(PublicKey&&) noexcept = default;
PublicKey& PublicKey::operator=(PublicKey&&) noexcept = default;

Result<PublicKey> PublicKey::rsa(std::string_view modulus, std::string_view exponent) {
  modulus = without_leading_zeros(modulus);
  exponent = without_leading_zeros(exponent);
  if (modulus.size() > most_rsa_bits / 8 || modulus.size() < least_rsa_bits / 8)
    return fail(Fault::invalid, "an RSA key must have 2048 to 8192 bits");
  if (std::bit_width(static_cast<unsigned char>(modulus.front())) + (modulus.size() - 1) * 8 < least_rsa_bits)
    return fail(Fault::invalid, "an RSA key must have 2048 to 8192 bits");
  if (modulus.back() % 2 == 0) return fail(Fault::invalid, "an RSA modulus must be odd");
  std::uint64_t e = 0;
  if (exponent.size() <= 4)
    for (char byte : exponent) e = (e << 8) | static_cast<unsigned char>(byte);
  if (e < 65537 || e % 2 == 0) return fail(Fault::invalid, "an RSA exponent must be odd, 65537 to 4294967295");

  const Number n = number(modulus);
  const Number exponent_number = number(exponent);
  const Builder builder(OSSL_PARAM_BLD_new());
  ASSERT(n && exponent_number && builder);
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent_number.get());
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  auto material = std::make_unique<Material>(made_key("RSA", parameters.get()));
  // Finds small factors among others.
  const bool sound = material->key && passes_public_check(material->key.get());
  ERR_clear_error();
  if (!sound) return fail(Fault::invalid, "the RSA key is not a sound one");
  return PublicKey(Kind::rsa, std::move(material));
}

Result<PublicKey> PublicKey::p256(std::string_view x, std::string_view y) {
  if (x.size() != coordinate_size || y.size() != coordinate_size)
    return fail(Fault::invalid, "coordinates on P-256 must have 32 bytes each");
  const std::string point = std::string(1, '\x04').append(x).append(y);
  char group[] = "P-256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<char*>(point.data()), point.size()),
      OSSL_PARAM_construct_end()};
  auto material = std::make_unique<Material>(made_key("EC", parameters));
  const bool sound = material->key && passes_public_check(material->key.get());
  ERR_clear_error();
  if (!sound) return fail(Fault::invalid, "the point is not on P-256");
  return PublicKey(Kind::p256, std::move(material));
}

Result<PublicKey> PublicKey::ed25519(std::string_view x) {
  if (x.size() != coordinate_size) return fail(Fault::invalid, "an Ed25519 key must have 32 bytes");
  if (is_weak_ed25519(x)) return fail(Fault::invalid, "the Ed25519 key is a point of small order or no canonical one");
  auto material =
      std::make_unique<Material>(KeyPointer(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, data(x), x.size())));
  ERR_clear_error();
  if (!material->key) return fail(Fault::invalid, "the Ed25519 key is not a sound one");
  return PublicKey(Kind::ed25519, std::move(material));
}

bool PublicKey::suits(SignatureAlgorithm algorithm) const {
  switch (algorithm) {
    case SignatureAlgorithm::rs256:
    case SignatureAlgorithm::ps256:
      return kind_ == Kind::rsa;
    case SignatureAlgorithm::es256:
      return kind_ == Kind::p256;
    case SignatureAlgorithm::eddsa:
      return kind_ == Kind::ed25519;
  }
  return false;
}

namespace {

// r and s as the DER that OpenSSL reads. Nothing when they are not two numbers of 32 bytes above zero; that they are
// below the group's order is OpenSSL's check.
std::string der_of(std::string_view raw) {
  if (raw.size() != 2 * coordinate_size) return {};
  Number r = number(raw.substr(0, coordinate_size));
  Number s = number(raw.substr(coordinate_size));
  EcdsaSignature signature(ECDSA_SIG_new());
  ASSERT(r && s && signature);
  if (BN_is_zero(r.get()) || BN_is_zero(s.get())) return {};
  ECDSA_SIG_set0(signature.get(), r.release(), s.release());
  std::array<unsigned char, 80> out{};
  unsigned char* end = out.data();
  const int size = i2d_ECDSA_SIG(signature.get(), &end);
  ASSERT(size > 0 && static_cast<std::size_t>(size) <= out.size());
  return std::string(reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(size));
}

}  // namespace

bool PublicKey::verifies(SignatureAlgorithm algorithm, std::string_view message, std::string_view signature) const {
  if (!suits(algorithm)) return false;
  std::string der;
  if (algorithm == SignatureAlgorithm::es256) {
    der = der_of(signature);
    if (der.empty()) return false;
    signature = der;
  }
  if (algorithm == SignatureAlgorithm::eddsa && signature.size() != 64) return false;

  const DigestContext context(EVP_MD_CTX_new());
  ASSERT(context != nullptr);
  EVP_PKEY_CTX* options = nullptr;  // the context's own
  const char* digest = algorithm == SignatureAlgorithm::eddsa ? nullptr : "SHA256";
  bool good =
      EVP_DigestVerifyInit_ex(context.get(), &options, digest, nullptr, nullptr, material_->key.get(), nullptr) == 1;
  if (good && algorithm == SignatureAlgorithm::rs256)
    good = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PADDING) == 1;
  if (good && algorithm == SignatureAlgorithm::ps256)
    good = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
  good = good && EVP_DigestVerify(context.get(), data(signature), signature.size(), data(message), message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace globogym
