#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <fstream>

#include "base/digest.h"
#include "base/time_text.h"
#include "telemetry/log.h"

namespace globogym::http {
namespace {

constexpr std::size_t max_file = 1024 * 1024;
constexpr int max_client_chain = 4;
constexpr long max_client_certificates = 32 * 1024;  // bytes a client may send of them
constexpr Duration warn_before_expiry = std::chrono::days(14);
constexpr Duration warn_every = std::chrono::days(1);

// Forward secrecy and authenticated encryption, nothing else. AES-128 first: fast everywhere, and as strong as P-256.
constexpr const char* ciphers_1_2 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* ciphers_1_3 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";

template <auto release>
struct Releases {
  template <class T>
  void operator()(T* what) const {
    release(what);
  }
};
using Context = std::unique_ptr<SSL_CTX, Releases<SSL_CTX_free>>;
using Bio = std::unique_ptr<BIO, Releases<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Releases<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Releases<EVP_PKEY_free>>;

// What OpenSSL has to say, as a phrase. Empties its queue.
std::string openssl_words() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

std::unexpected<Error> cannot_use(const std::string& path, const std::string& why) {
  return fail(Fault::invalid, "cannot use " + path + " for TLS: " + why);
}

Result<std::string> contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return cannot_use(path, std::strerror(errno));
  std::string bytes(max_file + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (bytes.size() > max_file) return cannot_use(path, "it is longer than a mebibyte");
  return bytes;
}

Bio reading(const std::string& bytes) {
  return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// All certificates of a PEM file, in order; at least one.
Result<std::vector<Certificate>> certificates(const std::string& path, const std::string& bytes) {
  const Bio bio = reading(bytes);
  std::vector<Certificate> found;
  ERR_clear_error();
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) found.emplace_back(one);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end) return cannot_use(path, "a certificate in it is malformed (" + openssl_words() + ")");
  ERR_clear_error();
  if (found.empty()) return cannot_use(path, "it holds no certificate (PEM, BEGIN CERTIFICATE)");
  return found;
}

// Asked when a key is encrypted. There is nobody to ask.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

Result<Key> private_key(const std::string& path, std::string bytes) {
  const Bio bio = reading(bytes);
  ERR_clear_error();
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  const bool encrypted = bytes.contains("ENCRYPTED");
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (key) return key;
  if (encrypted)
    return cannot_use(path, "the key in it is encrypted; store it decrypted, readable by the service only");
  return cannot_use(path, "it holds no private key that can be read (" + openssl_words() + ")");
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return WallTime(std::chrono::seconds(::timegm(&parts)));
}

std::string names_of(X509* certificate) {
  std::string out;
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    const Bio text(BIO_new(BIO_s_mem()));
    GENERAL_NAME_print(text.get(), const_cast<GENERAL_NAME*>(name));
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(text.get(), &bytes);
    out += (out.empty() ? "" : ", ") + std::string(bytes, static_cast<std::size_t>(size));
  }
  GENERAL_NAMES_free(names);
  if (!out.empty()) return out;
  char subject[256] = "";
  X509_NAME_oneline(X509_get_subject_name(certificate), subject, sizeof subject);
  return subject;
}

CertificateFacts facts_of(X509* certificate) {
  CertificateFacts facts;
  BIGNUM* serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr);
  char* digits = serial != nullptr ? BN_bn2hex(serial) : nullptr;
  if (digits != nullptr) facts.serial = digits;
  OPENSSL_free(digits);
  BN_free(serial);
  facts.names = names_of(certificate);
  if (const EVP_PKEY* key = X509_get0_pubkey(certificate)) {
    char group[64] = "";
    facts.key = EVP_PKEY_get0_type_name(key);
    facts.key += EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) == 1
                     ? " " + std::string(group)
                     : " " + std::to_string(EVP_PKEY_get_bits(key));
  }
  facts.not_before = time_of(X509_get0_notBefore(certificate));
  facts.not_after = time_of(X509_get0_notAfter(certificate));
  return facts;
}

// The client names the protocols it speaks; ours is HTTP/1.1, and a client that speaks only others is told so.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  static constexpr std::string_view ours = "http/1.1";
  for (unsigned at = 0; at < offered_size; at += offered[at] + 1u) {
    if (std::string_view(reinterpret_cast<const char*>(offered) + at + 1, offered[at]) != ours) continue;
    *chosen = offered + at + 1;
    *size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Result<Context> strict_context() {
  Context context(SSL_CTX_new(TLS_server_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), ciphers_1_2) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), ciphers_1_3) != 1 || SSL_CTX_set1_groups_list(context.get(), groups) != 1)
    return fail(Fault::unavailable, "TLS cannot be set up: " + openssl_words());
  SSL_CTX_set_security_level(context.get(), 2);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  // Sessions live in the clients' tickets; here nothing is kept of them.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 1);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  SSL_CTX_set_max_cert_list(context.get(), max_client_certificates);
  return context;
}

Result<void> demand_client_certificates(SSL_CTX* context, const std::string& path, const std::string& bytes) {
  auto authorities = certificates(path, bytes);
  if (!authorities) return std::unexpected(authorities.error());
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const Certificate& authority : *authorities)
    if (X509_STORE_add_cert(store, authority.get()) != 1 || SSL_CTX_add_client_CA(context, authority.get()) != 1)
      return cannot_use(path, openssl_words());
  // Whatever the file names is trusted, also when it is no root.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context, max_client_chain);
  return {};
}

std::string hsts(Duration keeps) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(keeps).count();
  return seconds == 0 ? "" : "Strict-Transport-Security: max-age=" + std::to_string(seconds) + "\r\n";
}

}  // namespace

struct Tls::Loaded {
  Context context;
  CertificateFacts facts;
};

// What is known of the files without reading them.
struct Tls::Stamps {
  struct One {
    ino_t file = 0;
    off_t size = -1;
    std::int64_t changed = 0;
    bool operator==(const One&) const = default;
  };
  std::array<One, 3> files;
  bool operator==(const Stamps&) const = default;
};

Tls::Tls(TlsFiles files, TlsOptions options, telemetry::Metrics& metrics)
    : files_(std::move(files)),
      options_(std::move(options)),
      hsts_line_(hsts(options_.hsts)),
      metrics_(metrics),
      expires_in_(metrics.gauge("globogym_tls_certificate_expires_in_seconds",
                                "Until the certificate in force is no longer valid; negative once it is not.",
                                {{"listener", options_.listener}})),
      in_force_(std::make_unique<Stamps>()) {}

Result<std::shared_ptr<Tls>> Tls::open(TlsFiles files, TlsOptions options, telemetry::Metrics& metrics) {
  std::shared_ptr<Tls> tls(new Tls(std::move(files), std::move(options), metrics));
  const Stamps seen = tls->look();
  auto loaded = load(tls->files_, &tls->tickets_);
  if (!loaded) return std::unexpected(loaded.error());
  tls->loaded_ = std::move(*loaded);
  *tls->in_force_ = seen;
  tls->tell_expiry();
  if (tls->options_.look_every > Duration::zero()) tls->watcher_ = std::thread([self = tls.get()] { self->watch(); });
  return tls;
}

Result<CertificateFacts> Tls::examine(const TlsFiles& files) {
  auto loaded = load(files, nullptr);
  if (!loaded) return std::unexpected(loaded.error());
  return (*loaded)->facts;
}

Tls::~Tls() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (watcher_.joinable()) watcher_.join();
}

Result<std::shared_ptr<const Tls::Loaded>> Tls::load(const TlsFiles& files, TicketKeys* tickets) {
  if (files.certificate.empty() || files.key.empty())
    return fail(Fault::invalid, "TLS needs both a certificate and a key");
  auto context = strict_context();
  if (!context) return std::unexpected(context.error());
  SSL_CTX* raw = context->get();

  const auto chain_bytes = contents(files.certificate);
  if (!chain_bytes) return std::unexpected(chain_bytes.error());
  const auto chain = certificates(files.certificate, *chain_bytes);
  if (!chain) return std::unexpected(chain.error());
  auto key_bytes = contents(files.key);
  if (!key_bytes) return std::unexpected(key_bytes.error());
  const auto key = private_key(files.key, std::move(*key_bytes));
  if (!key) return std::unexpected(key.error());

  X509* own = chain->front().get();
  if (X509_check_private_key(own, key->get()) != 1) {
    ERR_clear_error();
    return cannot_use(files.key, "the key does not belong to the first certificate in " + files.certificate);
  }
  if (SSL_CTX_use_certificate(raw, own) != 1 || SSL_CTX_use_PrivateKey(raw, key->get()) != 1)
    return cannot_use(files.certificate, openssl_words());
  for (std::size_t i = 1; i < chain->size(); ++i)
    if (SSL_CTX_add1_chain_cert(raw, (*chain)[i].get()) != 1) return cannot_use(files.certificate, openssl_words());

  std::string told_apart_by = "globogym";
  if (!files.client_ca.empty()) {
    const auto bytes = contents(files.client_ca);
    if (!bytes) return std::unexpected(bytes.error());
    if (auto demanded = demand_client_certificates(raw, files.client_ca, *bytes); !demanded)
      return std::unexpected(demanded.error());
    told_apart_by += *bytes;
  }
  // A session begun under other authorities is not resumed: its client must show its certificate again.
  const Sha256 id = sha256(told_apart_by);
  SSL_CTX_set_session_id_context(raw, id.data(), id.size());
  if (tickets != nullptr) tickets->serve(raw);
  return std::make_shared<const Loaded>(std::move(*context), facts_of(own));
}

Result<void> Tls::reload() {
  std::lock_guard lock(reloading_);
  return take_up(look());
}

Tls::Stamps Tls::look() const {
  Stamps stamps;
  const std::string* paths[] = {&files_.certificate, &files_.key, &files_.client_ca};
  for (std::size_t i = 0; i < stamps.files.size(); ++i) {
    struct stat file{};
    if (paths[i]->empty() || ::stat(paths[i]->c_str(), &file) != 0) continue;
    stamps.files[i] = {
        .file = file.st_ino,
        .size = file.st_size,
        .changed = static_cast<std::int64_t>(file.st_mtim.tv_sec) * 1'000'000'000 + file.st_mtim.tv_nsec};
  }
  return stamps;
}

// `seen` was looked at before the files are read here: what changes in between is a change again.
Result<void> Tls::take_up(const Stamps& seen) {
  auto loaded = load(files_, &tickets_);
  const WallTime now = SystemClock().wall();
  if (loaded && (*loaded)->facts.not_after <= now && certificate().not_after > now)
    loaded = cannot_use(files_.certificate, "it has expired, and the one in force has not");
  *in_force_ = seen;
  const auto count = [this](const char* result) {
    metrics_
        .counter("globogym_tls_reloads_total", "Times the certificate was loaded again, by how it went.",
                 {{"listener", options_.listener}, {"result", result}})
        .add();
  };
  if (!loaded) {
    count("failed");
    log::error(
        "tls-certificate-not-replaced",
        {{"listener", options_.listener}, {"reason", loaded.error().message}, {"inForce", certificate().serial}});
    return std::unexpected(loaded.error());
  }
  const CertificateFacts facts = (*loaded)->facts;
  {
    std::lock_guard lock(mutex_);
    loaded_.swap(*loaded);
  }
  warned_of_expiry_ = {};
  count("ok");
  log::info("tls-certificate-loaded", {{"listener", options_.listener},
                                       {"serial", facts.serial},
                                       {"key", facts.key},
                                       {"notAfter", rfc3339(facts.not_after)}});
  tell_expiry();
  return {};
}

void Tls::watch() {
  ::pthread_setname_np(::pthread_self(), "tls-files");
  Stamps before = look();
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (stop_.wait_for(lock, options_.look_every, [this] { return stopping_; })) return;
    }
    const Stamps seen = look();
    // Whoever writes the files writes one after the other: a change counts once it has stood still for a look.
    const bool still = seen == before;
    before = seen;
    std::lock_guard lock(reloading_);
    if (still && seen != *in_force_) (void)take_up(seen);
    tell_expiry();
  }
}

void Tls::tell_expiry() {
  const CertificateFacts facts = certificate();
  const WallTime now = SystemClock().wall();
  const Duration left = facts.not_after - now;
  expires_in_.set(std::chrono::duration<double>(left).count());
  if (left > warn_before_expiry || now - warned_of_expiry_ < warn_every) return;
  warned_of_expiry_ = now;
  log::warning("tls-certificate-expires", {{"listener", options_.listener},
                                           {"serial", facts.serial},
                                           {"notAfter", rfc3339(facts.not_after)},
                                           {"expired", left <= Duration::zero()}});
}

CertificateFacts Tls::certificate() const {
  std::lock_guard lock(mutex_);
  return loaded_->facts;
}

ssl_st* Tls::new_session() const {
  std::shared_ptr<const Loaded> loaded;
  {
    std::lock_guard lock(mutex_);
    loaded = loaded_;
  }
  return SSL_new(loaded->context.get());  // holds on to the context itself
}

void Tls::count_handshake(std::string_view version, bool resumed) const {
  metrics_
      .counter(
          "globogym_tls_handshakes_total", "TLS handshakes that ended well, by version and whether resumed.",
          {{"listener", options_.listener}, {"version", std::string(version)}, {"resumed", resumed ? "yes" : "no"}})
      .add();
}

}  // namespace globogym::http
