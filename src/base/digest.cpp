// The one-shot SHA256_* functions are deprecated in OpenSSL 3 but skip the provider look-up that would cost more than
// hashing an e-mail address does.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace globogym {

Sha256 sha256(std::string_view bytes) {
  Sha256 out;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out.data());
  return out;
}

struct Sha256Sum::State {
  SHA256_CTX context;
};

Sha256Sum::Sha256Sum() : state_(std::make_unique<State>()) {
  SHA256_Init(&state_->context);
}

Sha256Sum::~Sha256Sum() = default;

void Sha256Sum::add(std::string_view bytes) {
  SHA256_Update(&state_->context, bytes.data(), bytes.size());
}

Sha256 Sha256Sum::sum() const {
  Sha256 out;
  SHA256_CTX context = state_->context;
  SHA256_Final(out.data(), &context);
  return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// RFC 2104, with both padded keys already absorbed: two compressions a message instead of four.
struct Hmac::Prepared {
  SHA256_CTX inner;
  SHA256_CTX outer;
};

Hmac::Hmac(std::string_view key) : prepared_(std::make_unique<Prepared>()) {
  unsigned char block[64] = {};
  if (key.size() > sizeof block) {
    const Sha256 hashed = sha256(key);
    std::copy(hashed.begin(), hashed.end(), block);
  } else {
    std::copy(key.begin(), key.end(), block);
  }
  for (auto& byte : block) byte ^= 0x36;
  SHA256_Init(&prepared_->inner);
  SHA256_Update(&prepared_->inner, block, sizeof block);
  for (auto& byte : block) byte ^= 0x36 ^ 0x5c;
  SHA256_Init(&prepared_->outer);
  SHA256_Update(&prepared_->outer, block, sizeof block);
  OPENSSL_cleanse(block, sizeof block);
}

Hmac::~Hmac() {
  OPENSSL_cleanse(prepared_.get(), sizeof *prepared_);
}

Sha256 Hmac::operator()(std::string_view message) const {
  Sha256 out;
  SHA256_CTX context = prepared_->inner;
  SHA256_Update(&context, message.data(), message.size());
  SHA256_Final(out.data(), &context);
  context = prepared_->outer;
  SHA256_Update(&context, out.data(), out.size());
  SHA256_Final(out.data(), &context);
  return out;
}

}  // namespace globogym
