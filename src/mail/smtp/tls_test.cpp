// The SMTP mailer over real sockets and real TLS, against a small blocking server on a thread of its own.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <semaphore>
#include <thread>

#include "async/loop.h"
#include "base/result_test.h"
#include "mail/smtp/mailer.h"

namespace globogym::mail::smtp {
namespace {

using namespace std::chrono_literals;

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* t) const {
    destroy(t);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Destroy<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Destroy<X509_free>>;

Key new_key() {
  return Key(EVP_EC_gen("P-256"));
}

void extend(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  ASSERT_NE(extension, nullptr) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// `names` as in "DNS:localhost"; a CA when empty. Signed by `issuer`, or by itself.
Certificate certify(EVP_PKEY* key, const std::string& names, X509* issuer, EVP_PKEY* issuer_key,
                    long valid_for = 3600) {
  static std::atomic<int> serial = 1;
  Certificate out(X509_new());
  X509_set_version(out.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), -7200);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), valid_for);
  const std::string name = names.empty() ? "Test CA " + std::to_string(serial) : "Test server";
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(out.get(), X509_get_subject_name(issuer != nullptr ? issuer : out.get()));
  X509_set_pubkey(out.get(), key);
  if (names.empty()) {
    extend(out.get(), NID_basic_constraints, "critical,CA:TRUE");
  } else {
    extend(out.get(), NID_subject_alt_name, names);
  }
  X509_sign(out.get(), issuer_key, EVP_sha256());
  return out;
}

// An answer that is given when the test says so.
struct HeldAnswer {
  std::binary_semaphore may_be_given{0}, given{0};
};

struct Manners {
  HeldAnswer* to_noop = nullptr;
  std::string names = "DNS:localhost,IP:127.0.0.1";
  bool tls_at_once = false;
  bool offers_starttls = true;
  bool expired = false;
  int newest_tls = 0;
};

class Server {
 public:
  explicit Server(Manners manners) : manners_(std::move(manners)) {
    Key ca_key = new_key(), key = new_key();
    Certificate ca = certify(ca_key.get(), "", nullptr, ca_key.get());
    Certificate own = certify(key.get(), manners_.names, ca.get(), ca_key.get(), manners_.expired ? -60 : 3600);
    ca_file = testing::TempDir() + "mail-ca-" + std::to_string(getpid()) + "-" + std::to_string(next_++) + ".pem";
    FILE* file = fopen(ca_file.c_str(), "w");
    PEM_write_X509(file, ca.get());
    fclose(file);

    context_.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    if (manners_.newest_tls != 0) SSL_CTX_set_max_proto_version(context_.get(), manners_.newest_tls);
    SSL_CTX_use_certificate(context_.get(), own.get());
    SSL_CTX_use_PrivateKey(context_.get(), key.get());

    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    listen(listener_, 8);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    std::filesystem::remove(ca_file);
  }
  std::vector<std::string> lines() {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  std::vector<std::string> contents() {
    std::lock_guard lock(mutex_);
    return contents_;
  }

  std::uint16_t port = 0;
  std::string ca_file;

 private:
  using Ssl = std::unique_ptr<SSL, Destroy<SSL_free>>;

  void serve() {
    for (;;) {
      const int socket = accept(listener_, nullptr, nullptr);
      if (socket < 0) return;
      timeval patience{.tv_sec = 10, .tv_usec = 0};
      setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      const int at_once = 1;
      setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
      Ssl ssl;
      buffer_.clear();
      converse(socket, ssl);
      ssl.reset();
      ::close(socket);
    }
  }
  bool encrypt(int socket, Ssl& ssl) {
    ssl.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), socket);
    return SSL_accept(ssl.get()) == 1;
  }
  void say(int socket, SSL* ssl, std::string_view text) {
    if (ssl != nullptr) {
      SSL_write(ssl, text.data(), static_cast<int>(text.size()));
    } else {
      ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    }
  }
  std::optional<std::string> line(int socket, SSL* ssl) {
    for (;;) {
      if (const auto end = buffer_.find("\r\n"); end != std::string::npos) {
        std::string out = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return out;
      }
      char more[16384];
      const auto size =
          ssl != nullptr ? SSL_read(ssl, more, sizeof more) : static_cast<int>(::recv(socket, more, sizeof more, 0));
      if (size <= 0) return std::nullopt;
      buffer_.append(more, static_cast<std::size_t>(size));
    }
  }
  void converse(int socket, Ssl& ssl) {
    if (manners_.tls_at_once && !encrypt(socket, ssl)) return;
    say(socket, ssl.get(), "220 real\r\n");
    std::string content;
    bool in_content = false;
    while (auto heard = line(socket, ssl.get())) {
      if (in_content) {
        if (*heard != ".") {
          content += *heard + "\n";
          continue;
        }
        in_content = false;
        std::lock_guard lock(mutex_);
        contents_.push_back(std::exchange(content, {}));
        say(socket, ssl.get(), "250 2.0.0 taken\r\n");
        continue;
      }
      {
        std::lock_guard lock(mutex_);
        lines_.push_back((ssl ? "under TLS: " : "") + *heard);
      }
      if (heard->starts_with("EHLO")) {
        say(socket, ssl.get(),
            manners_.offers_starttls && !ssl ? "250-real\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
                                             : "250-real\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n");
      } else if (*heard == "STARTTLS") {
        say(socket, nullptr, "220 go\r\n");
        if (!encrypt(socket, ssl)) return;
      } else if (heard->starts_with("AUTH")) {
        say(socket, ssl.get(), "235 2.7.0 welcome\r\n");
      } else if (*heard == "DATA") {
        in_content = true;
        say(socket, ssl.get(), "354 go\r\n");
      } else if (*heard == "NOOP" && manners_.to_noop != nullptr) {
        manners_.to_noop->may_be_given.acquire();
        say(socket, ssl.get(), "250 ok\r\n");
        manners_.to_noop->given.release();
      } else if (*heard == "QUIT") {
        say(socket, ssl.get(), "221 bye\r\n");
        return;
      } else {
        say(socket, ssl.get(), "250 ok\r\n");
      }
    }
  }

  static inline std::atomic<int> next_ = 0;
  Manners manners_;
  std::unique_ptr<SSL_CTX, Destroy<SSL_CTX_free>> context_;
  int listener_ = -1;
  std::thread thread_;
  std::mutex mutex_;
  std::string buffer_;
  std::vector<std::string> lines_, contents_;
};

Letter letter(std::string body = "Hello\r\n") {
  return {.from = "a@example.com",
          .recipient = Personal<std::string>("b@example.com"),
          .message_id = "1@example.com",
          .content = "Subject: Hi\r\n\r\n" + body};
}

Task<void> send_and_close(mail::Mailer& mailer, Letter one, int times, std::optional<Result<Receipt>>& into) {
  for (int i = 0; i < times; ++i) {
    auto outcome = co_await mailer.send(one, {});
    into.emplace(std::move(outcome));
    if (!into->has_value()) break;
  }
  co_await mailer.close();
}

struct Attempt {
  std::string url_front = "smtp://";
  std::string host = "localhost";
  std::string options = "?tls=require";
  std::string ca_file = {};  // empty: the server's
  Letter what = letter();
  int times = 1;
};

Result<Receipt> send(Server& server, Attempt attempt = {}) {
  const auto url =
      parse_mail_url(attempt.url_front + attempt.host + ":" + std::to_string(server.port) + attempt.options);
  async::AsioLoop loop;
  telemetry::Metrics metrics;
  auto connector = async::tcp_connector({.ca_file = attempt.ca_file.empty() ? server.ca_file : attempt.ca_file});
  Options options;
  options.url = std::get<SmtpUrl>(*url);
  options.client_name = "client.example";
  auto mailer = smtp::open(options, *connector, metrics);
  std::optional<Result<Receipt>> outcome;
  async::run_until_done(loop, send_and_close(*mailer, attempt.what, attempt.times, outcome));
  return *outcome;
}

TEST(SmtpOverTls, STARTTLS_hides_everything_after_it_and_the_password_too) {
  Server server({});

  const auto outcome = send(server, {.url_front = "smtp://me:secret@"});

  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_EQ(server.lines(),
            (std::vector<std::string>{"EHLO client.example", "STARTTLS", "under TLS: EHLO client.example",
                                      "under TLS: AUTH PLAIN AG1lAHNlY3JldA==", "under TLS: MAIL FROM:<a@example.com>",
                                      "under TLS: RCPT TO:<b@example.com>", "under TLS: DATA", "under TLS: QUIT"}));
  EXPECT_EQ(server.contents(), std::vector<std::string>{"Subject: Hi\n\nHello\n"});
}

TEST(SmtpOverTls, smtps_speaks_TLS_from_the_first_byte) {
  Server server({.tls_at_once = true});

  const auto outcome = send(server, {.url_front = "smtps://", .host = "127.0.0.1", .options = "", .times = 50});

  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_EQ(server.contents().size(), 50u);
}

TEST(SmtpOverTls, a_letter_larger_than_any_buffer_arrives_whole) {
  Server plain({}), encrypted({.tls_at_once = true});
  std::string body;
  while (body.size() < 3'000'000) body += std::string(70, static_cast<char>('a' + body.size() % 26)) + "\r\n";

  const auto without = send(plain, {.options = "?tls=off", .what = letter(body)});
  const auto with = send(encrypted, {.url_front = "smtps://", .options = "", .what = letter(body)});

  ASSERT_TRUE(without.has_value()) << without.error().message;
  ASSERT_TRUE(with.has_value()) << with.error().message;
  EXPECT_EQ(plain.contents(), encrypted.contents());
  EXPECT_GT(plain.contents().at(0).size(), 2'900'000u);
}

Task<void> read_for(async::Stream& stream, Duration time_limit, std::string& into) {
  std::array<char, 100> buffer{};
  auto got = co_await stream.read_some(buffer, time_limit);
  into = got ? std::string(buffer.data(), *got) : said(got);
}

// What a process finds that was held: its deadline is over, and so is what it waited for.
Task<void> read_after_a_pause(Server& server, HeldAnswer& answer, async::AsioLoop& loop, std::string& got) {
  auto connector = async::tcp_connector({.ca_file = server.ca_file});
  auto stream = co_await connector->connect({.host = "localhost", .port = server.port}, 5s);
  EXPECT_EQ(said(stream), "");
  if (!stream) co_return;
  auto encrypted = co_await (*stream)->start_tls("localhost", 5s);
  EXPECT_EQ(said(encrypted), "");
  co_await read_for(**stream, 5s, got);
  EXPECT_EQ(got, "220 real\r\n");
  auto written = co_await (*stream)->write_all("NOOP\r\n", 5s);
  EXPECT_EQ(said(written), "");
  async::Scope scope;
  scope.start(read_for(**stream, 20ms, got));
  // Due with the read's deadline and behind it: the answer comes after the time-out was decided, and before it is told.
  loop.at(loop.clock().steady() + 20ms, [&answer] {
    answer.may_be_given.release();
    answer.given.acquire();
  });

  std::this_thread::sleep_for(60ms);
  co_await scope.join();
}

TEST(SmtpOverTls, what_has_come_by_the_deadline_is_read_before_a_time_out_is_believed) {
  HeldAnswer answer;
  Server server({.to_noop = &answer, .tls_at_once = true});
  async::AsioLoop loop;
  std::string got;

  async::run_until_done(loop, read_after_a_pause(server, answer, loop, got));

  EXPECT_EQ(got, "250 ok\r\n");
}

void expect_not_trusted(Server& server, const Attempt& attempt, const std::string& why) {
  const auto outcome = send(server, attempt);

  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().fault, Fault::unavailable);
  EXPECT_NE(outcome.error().message.find(why), std::string::npos) << outcome.error().message;
  EXPECT_TRUE(server.contents().empty());
  for (const auto& line : server.lines()) EXPECT_EQ(line.find("AUTH"), std::string::npos);
}

TEST(SmtpOverTls, a_certificate_for_another_host_is_refused) {
  Server other({.names = "DNS:other.example"}), address({.names = "IP:127.0.0.2"}),
      name_only({.names = "DNS:localhost"});

  expect_not_trusted(other, {.url_front = "smtp://me:secret@"}, "hostname mismatch");
  expect_not_trusted(address, {.host = "127.0.0.1"}, "IP address mismatch");
  expect_not_trusted(name_only, {.host = "127.0.0.1"}, "IP address mismatch");
}

TEST(SmtpOverTls, a_certificate_of_an_unknown_authority_is_refused) {
  Server server({}), stranger({});

  expect_not_trusted(server, {.ca_file = stranger.ca_file}, "certificate");
}

TEST(SmtpOverTls, an_expired_certificate_is_refused) {
  Server server({.expired = true});

  expect_not_trusted(server, {}, "expired");
}

TEST(SmtpOverTls, TLS_older_than_1_2_is_refused) {
  Server server({.newest_tls = TLS1_1_VERSION});

  expect_not_trusted(server, {}, "TLS");
}

TEST(SmtpOverTls, a_server_from_whose_offer_STARTTLS_was_taken_gets_neither_letter_nor_password) {
  Server server({.offers_starttls = false});

  expect_not_trusted(server, {.url_front = "smtp://me:secret@"}, "does not offer STARTTLS");
}

TEST(SmtpOverTls, a_trust_file_that_is_not_there_is_a_sentence) {
  Server server({});

  expect_not_trusted(server, {.ca_file = "/no/such/file.pem"},
                     "cannot load /no/such/file.pem to check certificates with: No such file");
}

}  // namespace
}  // namespace globogym::mail::smtp
