// Reads HTTP/1.1 requests out of bytes that arrive in any pieces.
//
// However the same bytes are cut, the same requests and the same refusal come out. What two readers could read in two
// ways is refused (see server.h). Memory is bounded by the limits: a head that is too long, or a body that says it will
// be, is refused before it is kept. Knows nothing of sockets or time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/http.h"

namespace globogym::http {

// Why a request, or a connection, is answered without asking the handler. All literals; nothing of the sender's.
struct Refusal {
  unsigned status;
  std::string_view slug;
  std::string_view title;
  std::string_view detail;
};

class RequestParser {
 public:
  enum class Step { need_more, request, refused };
  struct Limits {
    std::size_t head = 16 * 1024;
    std::size_t body = 16 * 1024;
  };

  explicit RequestParser(Limits limits) : limits_(limits) {}

  // Takes from the front of `bytes` until they are used up, a request is whole or is refused. `into` is empty for a new
  // request and the same object until it is whole. After a refusal nothing more may be fed.
  Step feed(std::string_view& bytes, Request& into);

  // Something of a request has come, but not all of it.
  bool in_progress() const { return phase_ != Phase::head || in_head_; }
  // The sender waits for "100 Continue" before it sends the body. Answered at most once.
  bool expects_continue() const { return expects_continue_; }
  void continued() { expects_continue_ = false; }

  // Of the request that has just become whole.
  bool keep_alive() const { return keep_alive_; }
  bool version_1_0() const { return version_1_0_; }

  // Valid after Step::refused.
  const Refusal& refusal() const { return *refusal_; }

 private:
  enum class Phase : std::uint8_t { head, body, chunk_size, chunk_data, chunk_end, trailers, refused };

  Step feed_head(std::string_view& bytes, Request& into);
  Step line(std::string_view with_break, bool first);
  Step head_is_whole(Request& into);
  Step feed_body(std::string_view& bytes, Request& into);
  Step feed_chunk_size(std::string_view& bytes, const Request& into);
  Step feed_chunk_end(std::string_view& bytes);
  Step feed_trailers(std::string_view& bytes, Request& into);
  Step whole(Request& into);
  Step refuse(const Refusal& why);

  Limits limits_;
  Phase phase_ = Phase::head;
  bool in_head_ = false;
  bool keep_alive_ = false;
  bool version_1_0_ = false;
  bool expects_continue_ = false;
  bool chunked_ = false;
  std::uint8_t blank_lines_ = 0;  // before a request line
  std::uint32_t line_begin_ = 0;  // of the line being read, in Request::bytes
  std::uint32_t searched_ = 0;    // no line break before this
  std::uint32_t head_size_ = 0;
  std::uint32_t remaining_ = 0;  // of the body, or of the chunk
  std::uint32_t overhead_ = 0;   // bytes of trailers
  std::string framing_;          // a chunk-size or trailer line that has not ended
  const Refusal* refusal_ = nullptr;
};

// A header of a request of which only `bytes` have come, when exactly one whole line of them is it. For what is said to
// a request that is refused before it could be read.
std::optional<std::string_view> header_so_far(std::string_view bytes, std::string_view lower_name);

}  // namespace globogym::http
