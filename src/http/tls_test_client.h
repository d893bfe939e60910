// For tests: certificates made on the spot, and a client that speaks TLS the way a test wants.
#pragma once

#include <memory>
#include <string>

#include "http/test_client.h"

struct ssl_st;
struct ssl_session_st;

namespace globogym::http::test {

// A certificate and its key, as PEM.
struct TestIdentity {
  std::string certificate;
  std::string key;
};

struct TestCertificate {
  std::string name = "localhost";
  long serial = 1;
  int days = 30;                            // that it is still valid; negative: no longer
  bool authority = false;                   // may sign others
  bool small_key = false;                   // RSA of 1024 bits instead of EC P-256
  const TestIdentity* signed_by = nullptr;  // null: by itself
};

TestIdentity make_identity(const TestCertificate& wanted);

// `key`, encrypted under a passphrase.
std::string encrypted(const std::string& key);

class TlsClient final : public Client {
 public:
  struct Options {
    int version = 0;        // 0x0303 or 0x0304 only; 0: what both like best
    std::string protocols;  // ALPN, one name; empty: not offered
    const TestIdentity* identity = nullptr;
    std::shared_ptr<ssl_session_st> resume;
    std::string ciphers;        // of TLS 1.2; empty: OpenSSL's
    bool any_security = false;  // offers what no one should
  };

  // Connects and agrees on TLS; failure() says what went wrong.
  TlsClient(const std::string& address, Options options);
  explicit TlsClient(const std::string& address) : TlsClient(address, Options()) {}
  ~TlsClient() override;

  const std::string& failure() const { return failure_; }
  std::string version() const;
  std::string cipher() const;
  std::string protocol() const;  // agreed on by ALPN
  std::string serial() const;    // of the server's certificate
  bool resumed() const;
  // To be resumed; there once an answer has been read.
  std::shared_ptr<ssl_session_st> session() const;
  // Asks for new keys on the same connection (TLS 1.3), or to begin again (TLS 1.2). False when that failed.
  bool update_keys();
  bool renegotiate();
  // Bytes as they are, without TLS around them.
  void send_beneath(std::string_view bytes) { Client::put(bytes); }

 private:
  long put(std::string_view bytes) override;
  long get(char* into, std::size_t size) override;

  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  std::unique_ptr<ssl_st, Free> ssl_;
  std::string failure_;
};

}  // namespace globogym::http::test
