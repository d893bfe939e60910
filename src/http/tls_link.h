// The server's side of TLS on one connected socket: never blocking, knows nothing of loops.
//
// Somebody else waits for the socket and hands over what it brought (`bring`); what TLS wants beyond that, and all it
// has to say, goes to the descriptor directly. Owned by one loop.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/tls.h"

namespace globogym::http {

class TlsLink {
 public:
  enum class Step { done, wants_read, wants_write, ended, failed };
  struct Read {
    Step step = Step::done;
    std::size_t size = 0;  // with Step::done
  };

  // `tls` must outlive the link.
  TlsLink(const Tls& tls, int descriptor);
  ~TlsLink();
  TlsLink(const TlsLink&) = delete;

  bool is_established() const { return established_; }
  // What the client's certificate says it is (RFC 2253); empty when it showed none. Known once established.
  const std::string& client_subject() const { return client_subject_; }

  // Bytes the socket has brought: they stay valid until a step wants to read. `more`: there may be more in the socket.
  void bring(std::string_view bytes, bool more);
  // Goes on until it is established, or needs the socket.
  Step handshake();
  Read read(std::span<char> into);
  // read() would bring something, or tell the end, without the socket having become readable.
  bool has_more() const;
  // How many bytes were taken; nullopt when the connection is broken. The same bytes must be offered again.
  std::optional<std::size_t> write(std::string_view bytes);
  // Tells the peer that nothing more comes.
  void end_sending();

  // For the BIO below OpenSSL.
  int take_brought(char* into, int size);
  int descriptor() const { return descriptor_; }

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  Step step_of(int result);

  const Tls& tls_;
  const int descriptor_;
  std::string_view brought_;
  bool may_bring_more_ = true;
  bool established_ = false;
  bool ended_ = false;   // the peer has said its last
  bool broken_ = false;  // nothing may be said any more, not even goodbye
  std::string client_subject_;
  std::unique_ptr<ssl_st, Free> ssl_;
};

}  // namespace globogym::http
