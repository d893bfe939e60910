// Signatures of other systems, checked with their public keys.
//
// A key is made from the numbers a JSON Web Key carries (RFC 7517, 7518, 8037) and is refused when they are not those
// of a sound key. A key checks the algorithms of its own kind only, so that none can be talked into another's. It
// makes no signatures.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace globogym {

// RFC 7518 and 8037: RSASSA-PKCS1-v1_5, RSASSA-PSS (salt as long as the hash) and ECDSA over P-256, all with SHA-256,
// and Ed25519.
enum class SignatureAlgorithm { rs256, ps256, es256, eddsa };

std::string_view name(SignatureAlgorithm algorithm);  // "RS256" …
// By exactly that name; nothing for any other, "none" and "HS256" among them.
std::optional<SignatureAlgorithm> parse_signature_algorithm(std::string_view name);

class PublicKey {
 public:
  enum class Kind { rsa, p256, ed25519 };

  // Numbers are big-endian bytes.
  //   invalid  not a sound key; the message says what is wrong with it
  // 2048 to 8192 bits; the exponent is odd, 65537 to 2^32 - 1.
  static Result<PublicKey> rsa(std::string_view modulus, std::string_view exponent);
  // Coordinates of 32 bytes each, of a point on the curve.
  static Result<PublicKey> p256(std::string_view x, std::string_view y);
  // 32 bytes as RFC 8032 writes them; no point of small order.
  static Result<PublicKey> ed25519(std::string_view x);

  ~PublicKey();
  PublicKey(PublicKey&&) noexcept;
  PublicKey& operator=(PublicKey&&) noexcept;

  Kind kind() const { return kind_; }
  bool suits(SignatureAlgorithm algorithm) const;
  // Whether `signature` is this key's over `message`. An ECDSA one is r and s, 32 bytes each; DER is refused. False
  // when the key does not suit `algorithm`. Thread-safe.
  bool verifies(SignatureAlgorithm algorithm, std::string_view message, std::string_view signature) const;

 private:
  struct Material;
  PublicKey(Kind kind, std::unique_ptr<Material> material);

  Kind kind_;
  std::unique_ptr<Material> material_;
};

}  // namespace globogym
