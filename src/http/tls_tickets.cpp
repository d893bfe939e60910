#include "http/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>

namespace globogym::http {

TicketKeys::~TicketKeys() {
  OPENSSL_cleanse(keys_, sizeof keys_);
}

TicketKeys::Key TicketKeys::present(SteadyTime now) {
  std::lock_guard lock(mutex_);
  turn(now);
  return keys_[0];
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const unsigned char> name, SteadyTime now) {
  std::lock_guard lock(mutex_);
  turn(now);
  for (int i = 0; i < 2; ++i)
    if (has_[i] && std::ranges::equal(keys_[i].name, name)) return Found{.key = keys_[i], .present = i == 0};
  return std::nullopt;
}

void TicketKeys::turn(SteadyTime now) {
  if (has_[0] && now - made_ < lifetime) return;
  has_[1] = has_[0] && now - made_ < 2 * lifetime;
  keys_[1] = keys_[0];
  random_.fill(keys_[0].name);
  random_.fill(keys_[0].cipher);
  random_.fill(keys_[0].mac);
  has_[0] = true;
  made_ = now;
}

namespace {

int index_of_keys() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool prepare(const TicketKeys::Key& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int seal) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key.mac.data()), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, seal) == 1 &&
         EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// OpenSSL's contract: negative is an error, 0 no such key (a full handshake follows), 1 done, 2 done but renew.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int seal) {
  auto* keys = static_cast<TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), index_of_keys()));
  const SteadyTime now = SystemClock().steady();
  if (seal == 1) {
    const TicketKeys::Key key = keys->present(now);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    std::ranges::copy(key.name, name);
    return prepare(key, iv, cipher, mac, 1) ? 1 : -1;
  }
  const auto found = keys->find({name, 16}, now);
  if (!found) return 0;
  if (!prepare(found->key, iv, cipher, mac, 0)) return -1;
  return found->present ? 1 : 2;
}

}  // namespace

void TicketKeys::serve(ssl_ctx_st* context) {
  SSL_CTX_set_ex_data(context, index_of_keys(), this);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
  SSL_CTX_set_timeout(context, std::chrono::duration_cast<std::chrono::seconds>(lifetime).count());
}

}  // namespace globogym::http
