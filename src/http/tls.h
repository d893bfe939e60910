// Who a listener is under TLS: its certificate and key, and whether clients must show one too.
//
// The certificate can be replaced while connections are open: new ones get the new certificate, open ones go on. It is
// looked for on request (reload) and whenever one of the files changes. A replacement that does not load, or whose key
// does not fit, changes nothing: the old one stays in force, the log and a metric say so, and the next change is tried
// again. TLS 1.2 and 1.3 only, forward secrecy and authenticated encryption only; no renegotiation, no compression, no
// early data; session tickets under keys that change every hour and are never written down. ALPN: http/1.1.
// Thread-safe; connections hold on to what they began with.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "http/tls_tickets.h"
#include "telemetry/metrics.h"

struct ssl_st;
struct ssl_ctx_st;

namespace globogym::http {

// PEM files. `client_ca` empty: clients need no certificate; else they must show one that it signed.
struct TlsFiles {
  std::string certificate;  // the chain: the listener's own first
  std::string key;          // not encrypted
  std::string client_ca;
};

struct TlsOptions {
  std::string listener = "public";                       // the metrics' label
  Duration hsts = std::chrono::hours(24 * 365);          // browsers keep to TLS for so long; zero: they are not told
  Duration look_every = std::chrono::milliseconds(500);  // at the files; zero: never. A change is taken up when it has
                                                         // stood still for one look
};

// What a certificate says of itself.
struct CertificateFacts {
  std::string serial;  // hexadecimal, as `openssl x509 -serial` prints it
  std::string names;   // "DNS:api.globogym.example, IP Address:192.0.2.1"; the subject when it has none
  std::string key;     // "RSA 2048", "EC P-256"
  WallTime not_before{};
  WallTime not_after{};
};

class Tls {
 public:
  // invalid: a file is missing or malformed, or certificate and key do not fit; the message names it and says why.
  static Result<std::shared_ptr<Tls>> open(TlsFiles files, TlsOptions options, telemetry::Metrics& metrics);
  // Loads the files and lets go of them again: for a check beforehand. The same errors.
  static Result<CertificateFacts> examine(const TlsFiles& files);

  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  // Takes up what the files hold now. On an error what was in force stays so; it is also logged and counted.
  Result<void> reload();

  bool demands_client_certificate() const { return !files_.client_ca.empty(); }
  // The header line every answer under TLS carries, with its line break; empty when it is off.
  const std::string& hsts_line() const { return hsts_line_; }
  CertificateFacts certificate() const;

  // For sockets: a session of the server's side under the certificate in force; the caller frees it. Null when memory
  // has run out.
  ssl_st* new_session() const;
  // A handshake has ended well; `version` is a literal.
  void count_handshake(std::string_view version, bool resumed) const;

 private:
  struct Loaded;
  struct Stamps;

  Tls(TlsFiles files, TlsOptions options, telemetry::Metrics& metrics);
  static Result<std::shared_ptr<const Loaded>> load(const TlsFiles& files, TicketKeys* tickets);
  Stamps look() const;
  Result<void> take_up(const Stamps& seen);
  void watch();
  void tell_expiry();

  const TlsFiles files_;
  const TlsOptions options_;
  const std::string hsts_line_;
  telemetry::Metrics& metrics_;
  telemetry::Gauge& expires_in_;
  TicketKeys tickets_;

  std::mutex reloading_;
  std::unique_ptr<Stamps> in_force_;  // what the files were when last loaded, well or not
  WallTime warned_of_expiry_{};

  mutable std::mutex mutex_;
  std::shared_ptr<const Loaded> loaded_;
  bool stopping_ = false;
  std::condition_variable stop_;
  std::thread watcher_;
};

}  // namespace globogym::http
