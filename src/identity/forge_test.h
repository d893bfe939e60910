// The forger's workshop, for tests: keys with their secret part, and tokens signed with them whatever they say.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace globogym::identity {

class SecretKey {
 public:
  enum class Kind { rsa, p256, ed25519, p384 };

  // Made once a process for each name; slow for RSA.
  static const SecretKey& named(Kind kind, const std::string& name = "the issuer's");

  // As JSON; `more` is further members, each with a comma before it.
  std::string jwk(std::string_view kid, std::string_view more = {}) const;
  // What JOSE puts behind the second dot. `algorithm` is "RS256", "PS256", "ES256" or "EdDSA".
  std::string sign(std::string_view algorithm, std::string_view message) const;
  std::string der(std::string_view message) const;  // an ES256 signature in the form that JOSE does not use
  std::string public_pem() const;
  std::string public_der() const;

 private:
  explicit SecretKey(void* key) : key_(key) {}
  std::string number(const char* name, int size) const;

  void* key_;  // an EVP_PKEY; lives as long as the process
  Kind kind_{};
};

std::string encoded(std::string_view bytes);  // base64url

// header.claims, both JSON, ready to be signed.
std::string unsigned_token(std::string_view header, std::string_view claims);
std::string signed_token(const SecretKey& key, std::string_view algorithm, std::string_view header,
                         std::string_view claims);
std::string mac_token(std::string_view secret, std::string_view header, std::string_view claims);

}  // namespace globogym::identity
