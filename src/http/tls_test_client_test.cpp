#include "http/tls_test_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>

#include "base/assert.h"

namespace globogym::http::test {
namespace {

template <class Write>
std::string pem(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  ASSERT(write(bio) == 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

EVP_PKEY* key_of(const std::string& text) {
  BIO* bio = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  ASSERT(key != nullptr);
  return key;
}

X509* certificate_of(const std::string& text) {
  BIO* bio = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  ASSERT(certificate != nullptr);
  return certificate;
}

void extend(X509* certificate, int which, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, which, value.c_str());
  ASSERT(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::string words() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "the connection ended";
}

}  // namespace

TestIdentity make_identity(const TestCertificate& wanted) {
  EVP_PKEY* key = wanted.small_key ? EVP_RSA_gen(1024) : EVP_EC_gen("P-256");
  ASSERT(key != nullptr);
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), wanted.serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60L * 24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.days * 24L * 3600);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(wanted.name.c_str()), -1,
                             -1, 0);
  X509_set_pubkey(certificate, key);
  extend(certificate, NID_basic_constraints, wanted.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!wanted.authority) extend(certificate, NID_subject_alt_name, "DNS:" + wanted.name);
  if (wanted.signed_by != nullptr) {
    X509* authority = certificate_of(wanted.signed_by->certificate);
    EVP_PKEY* signing = key_of(wanted.signed_by->key);
    X509_set_issuer_name(certificate, X509_get_subject_name(authority));
    X509_sign(certificate, signing, EVP_sha256());
    X509_free(authority);
    EVP_PKEY_free(signing);
  } else {
    X509_set_issuer_name(certificate, name);
    X509_sign(certificate, key, EVP_sha256());
  }
  TestIdentity made;
  made.certificate = pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
  made.key = pem([&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
  X509_free(certificate);
  EVP_PKEY_free(key);
  return made;
}

std::string encrypted(const std::string& key) {
  EVP_PKEY* plain = key_of(key);
  const std::string text = pem([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, plain, EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr);
  });
  EVP_PKEY_free(plain);
  return text;
}

void TlsClient::Free::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

TlsClient::TlsClient(const std::string& address, Options options) : Client(address) {
  ::signal(SIGPIPE, SIG_IGN);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (options.version != 0) {
    SSL_CTX_set_min_proto_version(context, options.version);
    SSL_CTX_set_max_proto_version(context, options.version);
  }
  if (options.any_security) SSL_CTX_set_security_level(context, 0);
  if (!options.ciphers.empty()) SSL_CTX_set_cipher_list(context, options.ciphers.c_str());
  if (!options.protocols.empty()) {
    const std::string list = static_cast<char>(options.protocols.size()) + options.protocols;
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(list.data()),
                            static_cast<unsigned>(list.size()));
  }
  if (options.identity != nullptr) {
    X509* certificate = certificate_of(options.identity->certificate);
    EVP_PKEY* key = key_of(options.identity->key);
    SSL_CTX_use_certificate(context, certificate);
    SSL_CTX_use_PrivateKey(context, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ssl_.reset(SSL_new(context));
  SSL_CTX_free(context);
  SSL_set_fd(ssl_.get(), descriptor_);
  if (options.resume) SSL_set_session(ssl_.get(), options.resume.get());
  ERR_clear_error();
  if (SSL_connect(ssl_.get()) != 1) failure_ = words();
}

TlsClient::~TlsClient() {
  if (failure_.empty() && descriptor_ >= 0) SSL_shutdown(ssl_.get());
}

std::string TlsClient::version() const {
  return SSL_get_version(ssl_.get());
}

std::string TlsClient::cipher() const {
  return SSL_get_cipher_name(ssl_.get());
}

std::string TlsClient::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsClient::serial() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return "";
  return std::to_string(ASN1_INTEGER_get(X509_get0_serialNumber(certificate)));
}

bool TlsClient::resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

std::shared_ptr<ssl_session_st> TlsClient::session() const {
  return {SSL_get1_session(ssl_.get()), [](ssl_session_st* session) { SSL_SESSION_free(session); }};
}

bool TlsClient::update_keys() {
  return SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(ssl_.get()) == 1;
}

bool TlsClient::renegotiate() {
  return SSL_renegotiate(ssl_.get()) == 1 && SSL_do_handshake(ssl_.get()) == 1;
}

long TlsClient::put(std::string_view bytes) {
  ERR_clear_error();
  return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
}

long TlsClient::get(char* into, std::size_t size) {
  ERR_clear_error();
  const int got = SSL_read(ssl_.get(), into, static_cast<int>(size));
  if (got > 0) return got;
  const int why = SSL_get_error(ssl_.get(), got);
  if (why == SSL_ERROR_ZERO_RETURN) return 0;
  failure_ = words();
  errno = why == SSL_ERROR_WANT_READ ? EAGAIN : ECONNRESET;
  return -1;
}

}  // namespace globogym::http::test
