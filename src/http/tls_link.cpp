#include "http/tls_link.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace globogym::http {
namespace {

constexpr std::size_t max_subject = 512;

TlsLink& link_of(BIO* bio) {
  return *static_cast<TlsLink*>(BIO_get_data(bio));
}

int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  for (;;) {
    const ssize_t sent =
        ::send(link_of(bio).descriptor(), data, static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
  }
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const int got = link_of(bio).take_brought(into, size);
  if (got < 0) BIO_set_retry_read(bio);
  return got;
}

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* link_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "connection");
    ASSERT(made != nullptr);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

std::string subject_of(SSL* ssl) {
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return {};
  BIO* text = BIO_new(BIO_s_mem());
  if (text == nullptr) return {};
  X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text, &bytes);
  std::string subject(bytes, std::min(static_cast<std::size_t>(size), max_subject));
  BIO_free(text);
  return subject;
}

}  // namespace

void TlsLink::Free::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

TlsLink::TlsLink(const Tls& tls, int descriptor) : tls_(tls), descriptor_(descriptor), ssl_(tls.new_session()) {
  BIO* bio = ssl_ ? BIO_new(link_method()) : nullptr;
  if (bio == nullptr) {  // no memory: the connection ends at its first step
    ssl_.reset();
    return;
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_accept_state(ssl_.get());
}

TlsLink::~TlsLink() = default;

void TlsLink::bring(std::string_view bytes, bool more) {
  ASSERT(brought_.empty());
  brought_ = bytes;
  may_bring_more_ = more;
}

int TlsLink::take_brought(char* into, int size) {
  if (!brought_.empty()) {
    const std::size_t taken = std::min(brought_.size(), static_cast<std::size_t>(size));
    std::memcpy(into, brought_.data(), taken);
    brought_.remove_prefix(taken);
    return static_cast<int>(taken);
  }
  if (!may_bring_more_) return -1;
  const ssize_t got = ::recv(descriptor_, into, static_cast<std::size_t>(size), MSG_DONTWAIT);
  // An end or an error is met again by whoever waits for the socket.
  if (got <= 0) may_bring_more_ = false;
  return got > 0 ? static_cast<int>(got) : -1;
}

TlsLink::Step TlsLink::step_of(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return Step::wants_write;
    case SSL_ERROR_ZERO_RETURN:
      ended_ = true;
      return Step::ended;
    default:
      broken_ = true;
      ERR_clear_error();
      return Step::failed;
  }
}

TlsLink::Step TlsLink::handshake() {
  if (!ssl_ || broken_) return Step::failed;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) return step_of(result);
  established_ = true;
  client_subject_ = tls_.demands_client_certificate() ? subject_of(ssl_.get()) : std::string();
  tls_.count_handshake(SSL_version(ssl_.get()) == TLS1_3_VERSION ? "1.3" : "1.2", SSL_session_reused(ssl_.get()) == 1);
  return Step::done;
}

TlsLink::Read TlsLink::read(std::span<char> into) {
  ASSERT(established_);
  if (broken_) return {Step::failed};
  std::size_t size = 0;
  while (size < into.size()) {
    ERR_clear_error();
    std::size_t got = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data() + size, into.size() - size, &got);
    if (result != 1) {
      const Step step = step_of(result);
      if (size == 0) return {step};
      break;  // has_more() tells of an end
    }
    size += got;
  }
  return {Step::done, size};
}

bool TlsLink::has_more() const {
  // Not SSL_has_pending: that counts half a record too, of which nothing can be read yet.
  return ended_ || broken_ || !brought_.empty() || (ssl_ && SSL_pending(ssl_.get()) > 0);
}

std::optional<std::size_t> TlsLink::write(std::string_view bytes) {
  if (broken_ || !established_) return std::nullopt;
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    ERR_clear_error();
    std::size_t sent = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data() + taken, bytes.size() - taken, &sent);
    if (result == 1) {
      taken += sent;
      continue;
    }
    const Step step = step_of(result);
    if (step == Step::wants_write) break;
    broken_ = true;  // after the handshake there is nothing that writing could want to read for
    return std::nullopt;
  }
  return taken;
}

void TlsLink::end_sending() {
  if (!ssl_ || broken_ || !established_ || (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

}  // namespace globogym::http
