#include "http/parser.h"

#include <algorithm>
#include <array>
#include <boost/beast/http/basic_parser.hpp>
#include <cstring>

#include "base/assert.h"
#include "http/refusals.h"

namespace globogym::http {
namespace {

namespace beast = boost::beast;

constexpr std::size_t max_request_line = 8 * 1024;
constexpr std::size_t max_headers = 128;
constexpr std::size_t max_framing_line = 256;
constexpr std::size_t max_trailers = 16 * 1024;
constexpr unsigned max_blank_lines = 4;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

bool is_decimal(char c) {
  return c >= '0' && c <= '9';
}

bool is_token_char(char c) {
  static constexpr auto table = [] {
    std::array<bool, 256> allowed{};
    for (int c2 = '0'; c2 <= '9'; ++c2) allowed[static_cast<std::size_t>(c2)] = true;
    for (int c2 = 'a'; c2 <= 'z'; ++c2) allowed[static_cast<std::size_t>(c2)] = true;
    for (int c2 = 'A'; c2 <= 'Z'; ++c2) allowed[static_cast<std::size_t>(c2)] = true;
    for (char c2 : std::string_view("!#$%&'*+-.^_`|~")) allowed[static_cast<unsigned char>(c2)] = true;
    return allowed;
  }();
  return table[static_cast<unsigned char>(c)];
}

// Written as a reduction without an early exit, so that the compiler vectorises it.
bool has_control_character(std::string_view text) {
  unsigned char found = 0;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    found |= static_cast<unsigned char>((byte < 0x20 && byte != '\t') | (byte == 0x7f));
  }
  return found != 0;
}

bool same_lower(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower,
                            [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; });
}

bool is_host(std::string_view value) {
  if (value.empty() || value.size() > 255 + 6) return false;
  return std::ranges::all_of(value, [](char c) {
    return is_decimal(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-._~:%[]!$&'()*+;=").contains(c);
  });
}

// A request target taken apart (RFC 9112 section 3.2). All views into the target.
struct Target {
  std::string_view path;
  std::string_view query;
  std::string_view authority;  // of absolute form only
};

std::optional<Target> read_target(std::string_view target, std::string_view method) {
  if (target == "*" && method != "OPTIONS") return std::nullopt;
  if (!std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; })) return std::nullopt;
  Target read;
  std::string_view rest = target;
  if (!target.starts_with('/') && target != "*") {
    const std::size_t slashes = target.find("://");
    if (slashes == std::string_view::npos) return std::nullopt;
    const std::string_view scheme = target.substr(0, slashes);
    if (!same_lower(scheme, "http") && !same_lower(scheme, "https")) return std::nullopt;
    rest.remove_prefix(slashes + 3);
    read.authority = rest.substr(0, rest.find_first_of("/?"));
    if (!is_host(read.authority)) return std::nullopt;
    rest.remove_prefix(read.authority.size());
    // "http://host" means the root. Its slash has to be one of the target's own, like every view into a request.
    if (!rest.starts_with('/')) read.path = target.substr(slashes + 2, 1);
  }
  const std::size_t question = rest.find('?');
  if (read.path.empty()) read.path = rest.substr(0, question);
  read.query = question == std::string_view::npos ? rest.substr(rest.size()) : rest.substr(question + 1);
  return read;
}

// Beast reads the head; this collects what it found, as views into the head, and is stricter where a second reader
// might understand something else.
class HeadReader final : public beast::http::basic_parser<true> {
 public:
  explicit HeadReader(Request& into) : into_(into) {
    header_limit(UINT32_MAX);  // the caller has its own
    body_limit(boost::none);
  }

  const Refusal* refusal = nullptr;
  bool has_length = false;
  bool has_coding = false;
  bool expects_continue = false;
  std::uint64_t length = 0;

  // What can only be told once all headers are known.
  void conclude(bool version_1_0) {
    if (refusal) return;
    if (hosts_ > 1 || (hosts_ == 0 && !version_1_0))
      refusal = &refusals::host;
    else if (has_coding && (has_length || version_1_0))
      refusal = &refusals::two_lengths;
    // Two readings of the framing must agree: ours and Beast's.
    else if (has_coding != chunked())
      refusal = &refusals::transfer_coding;
    else if (has_length && (!content_length() || *content_length() != length))
      refusal = &refusals::content_length;
    // RFC 9112 section 3.2.2: in absolute form the target says whom it is for, and Host is ignored.
    if (host_ && !authority_.empty()) into_.headers[*host_].second = authority_;
  }

 private:
  using error_code = beast::error_code;

  void refuse(const Refusal& why, error_code& error) {
    if (!refusal) refusal = &why;
    error = beast::http::error::bad_value;
  }

  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target, int,
                       error_code& error) override {
    into_.method = view(method);
    into_.target = view(target);
    const auto read = read_target(into_.target, into_.method);
    if (!read) return refuse(refusals::target, error);
    into_.path = read->path;
    into_.query = read->query;
    authority_ = read->authority;
  }

  void on_field_impl(beast::http::field field, beast::string_view name, beast::string_view text,
                     error_code& error) override {
    const std::string_view value = view(text);
    if (into_.headers.size() == max_headers) return refuse(refusals::long_head, error);
    into_.headers.emplace_back(view(name), value);
    switch (field) {
      case beast::http::field::host:
        ++hosts_;
        host_ = into_.headers.size() - 1;
        if (!is_host(value)) refuse(refusals::host, error);
        break;
      case beast::http::field::content_length:
        // Beast has refused what does not fit into 64 bits; what is longer than that by leading zeros is no length.
        if (has_length || value.empty() || !std::ranges::all_of(value, is_decimal) ||
            (value.size() > 18 && value.front() == '0'))
          return refuse(refusals::content_length, error);
        has_length = true;
        for (char c : value) length = length * 10 + static_cast<unsigned>(c - '0');
        break;
      case beast::http::field::transfer_encoding:
        if (has_coding) return refuse(refusals::two_lengths, error);
        if (!same_lower(value, "chunked")) return refuse(refusals::transfer_coding, error);
        has_coding = true;
        break;
      case beast::http::field::expect:
        if (!same_lower(value, "100-continue")) return refuse(refusals::expectation, error);
        expects_continue = true;
        break;
      default:
        break;
    }
  }

  void on_header_impl(error_code&) override {}
  void on_finish_impl(error_code&) override {}
  // The body never reaches Beast, and responses are not read.
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, error_code&) override { return 0; }

  Request& into_;
  unsigned hosts_ = 0;
  std::optional<std::size_t> host_;  // which header it is
  std::string_view authority_;
};

// Whether the head has exactly one length and no coding, and the length is nothing but digits.
bool has_one_length_in_digits(std::string_view head) {
  bool found = false;
  for (std::size_t end = head.find("\r\n"); end != std::string_view::npos; end = head.find("\r\n")) {
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    if (same_lower(name, "transfer-encoding")) return false;
    if (!same_lower(name, "content-length")) continue;
    const std::size_t from = line.find_first_not_of(" \t", colon + 1);
    if (found || from == std::string_view::npos) return false;
    const std::string_view value = line.substr(from, line.find_last_not_of(" \t") + 1 - from);
    if (!std::ranges::all_of(value, is_decimal)) return false;
    found = true;
  }
  return found;
}

// Whether a header line is one that must not come as a trailer: it says where a message ends, or for whom it is.
bool frames_a_message(std::string_view line) {
  const std::string_view name = line.substr(0, line.find(':'));
  return same_lower(name, "content-length") || same_lower(name, "transfer-encoding") || same_lower(name, "host");
}

// Makes room for `more` bytes. The views into the bytes move with them.
void make_room(Request& request, std::size_t more) {
  const std::size_t needed = request.bytes.size() + more;
  if (needed <= request.bytes.capacity()) return;
  std::string bigger;
  bigger.reserve(std::max(needed, 2 * request.bytes.size()));
  bigger = request.bytes;
  const auto move = [from = request.bytes.data(), to = bigger.data()](std::string_view& text) {
    if (text.data()) text = {to + (text.data() - from), text.size()};
  };
  move(request.method);
  move(request.target);
  move(request.path);
  move(request.query);
  for (auto& [name, value] : request.headers) {
    move(name);
    move(value);
  }
  request.bytes.swap(bigger);
}

// Takes bytes up to and including a line feed into `line`. False when there is none yet, or the line is too long.
bool take_line(std::string_view& bytes, std::string& line) {
  const std::size_t room = max_framing_line - line.size();
  const std::size_t end = bytes.substr(0, room).find('\n');
  const std::size_t taken = end == std::string_view::npos ? std::min(room, bytes.size()) : end + 1;
  line.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  return end != std::string_view::npos;
}

// chunk-size without the line break (RFC 9112 section 7.1). An extension makes it none: nobody sends them in earnest,
// and a proxy that ends one elsewhere sees other requests than we do.
std::optional<std::uint32_t> chunk_size(std::string_view line) {
  std::uint32_t size = 0;
  std::size_t digits = 0;
  for (; digits < line.size(); ++digits) {
    const char c = line[digits];
    unsigned value;
    if (is_decimal(c))
      value = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = static_cast<unsigned>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      value = static_cast<unsigned>(c - 'A' + 10);
    else
      break;
    if (digits == 7) return std::nullopt;  // 28 bits are more than any body we take
    size = size * 16 + value;
  }
  if (digits == 0 || digits != line.size()) return std::nullopt;
  return size;
}

}  // namespace

std::optional<std::string_view> header_so_far(std::string_view bytes, std::string_view lower_name) {
  std::optional<std::string_view> found;
  for (std::size_t end = bytes.find("\r\n"); end != std::string_view::npos && end != 0; end = bytes.find("\r\n")) {
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !same_lower(line.substr(0, colon), lower_name)) continue;
    const std::size_t from = line.find_first_not_of(" \t", colon + 1);
    if (found || from == std::string_view::npos) return std::nullopt;
    found = line.substr(from, line.find_last_not_of(" \t") + 1 - from);
  }
  return found;
}

RequestParser::Step RequestParser::feed(std::string_view& bytes, Request& into) {
  ASSERT(phase_ != Phase::refused);
  for (;;) {
    Step step = Step::need_more;
    const Phase before = phase_;
    switch (phase_) {
      case Phase::head:
        step = feed_head(bytes, into);
        break;
      case Phase::body:
      case Phase::chunk_data:
        step = feed_body(bytes, into);
        break;
      case Phase::chunk_size:
        step = feed_chunk_size(bytes, into);
        break;
      case Phase::chunk_end:
        step = feed_chunk_end(bytes);
        break;
      case Phase::trailers:
        step = feed_trailers(bytes, into);
        break;
      case Phase::refused:
        break;
    }
    if (step != Step::need_more) return step;
    if (phase_ == before && bytes.empty()) return step;
  }
}

RequestParser::Step RequestParser::feed_head(std::string_view& bytes, Request& into) {
  std::string& all = into.bytes;
  const std::size_t first_limit = std::min(max_request_line, limits_.head);
  while (!bytes.empty()) {
    // A small piece first: what is behind the head is given back, and most heads are short.
    const std::size_t taken = std::min({bytes.size(), all.empty() ? 1024uz : 4096uz, limits_.head + 1 - all.size()});
    all.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    in_head_ = true;
    for (;;) {
      const std::size_t limit = line_begin_ == 0 ? first_limit : limits_.head;
      const std::size_t end = std::string_view(all).substr(0, limit).find('\n', searched_);
      if (end == std::string_view::npos) {
        searched_ = static_cast<std::uint32_t>(std::min(all.size(), limit));
        if (all.size() > limit) return refuse(line_begin_ == 0 ? refusals::long_target : refusals::long_head);
        break;
      }
      const std::string_view text = std::string_view(all).substr(line_begin_, end + 1 - line_begin_);
      if (text == "\r\n") {
        if (line_begin_ != 0) {
          head_size_ = static_cast<std::uint32_t>(end + 1);
          const std::size_t surplus = all.size() - head_size_;
          ASSERT(surplus <= taken);
          bytes = {bytes.data() - surplus, bytes.size() + surplus};
          all.resize(head_size_);
          return head_is_whole(into);
        }
        // RFC 9112 section 2.2: an empty line before the request line is ignored.
        if (++blank_lines_ > max_blank_lines) return refuse(refusals::request_line);
        all.erase(0, 2);
        searched_ = 0;
        in_head_ = !all.empty();
        continue;
      }
      const bool first = line_begin_ == 0;
      const Step step = line(text, first);
      if (step == Step::refused) return step;
      // A minor version that is higher than ours is spoken to as ours (RFC 9110 section 2.5): so Beast reads it, too.
      if (first && !version_1_0_) all[end - 2] = '1';
      line_begin_ = searched_ = static_cast<std::uint32_t>(end + 1);
    }
  }
  return Step::need_more;
}

// Refuses what makes a line readable in two ways, before anything is read out of it.
RequestParser::Step RequestParser::line(std::string_view with_break, bool first) {
  if (!with_break.ends_with("\r\n")) return refuse(refusals::bare_line_feed);
  const std::string_view text = with_break.substr(0, with_break.size() - 2);
  if (has_control_character(text)) return refuse(refusals::control_character);
  if (!first) {
    if (text.starts_with(' ') || text.starts_with('\t')) return refuse(refusals::folded);
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || !std::ranges::all_of(text.substr(0, colon), is_token_char))
      return refuse(refusals::header_line);
    return Step::need_more;
  }
  const std::size_t one = text.find(' ');
  const std::size_t two = one == std::string_view::npos ? one : text.find(' ', one + 1);
  if (two == std::string_view::npos || one == 0 || two == one + 1 ||
      !std::ranges::all_of(text.substr(0, one), is_token_char))
    return refuse(refusals::request_line);
  const std::string_view version = text.substr(two + 1);
  const bool some_version = version.size() == 8 && version.starts_with("HTTP/") && is_decimal(version[5]) &&
                            version[6] == '.' && is_decimal(version[7]);
  if (!some_version) return refuse(refusals::request_line);
  if (version[5] != '1') return refuse(refusals::version);
  version_1_0_ = version[7] == '0';
  return Step::need_more;
}

RequestParser::Step RequestParser::head_is_whole(Request& into) {
  in_head_ = false;
  HeadReader reader(into);
  beast::error_code error;
  const std::size_t used = reader.put(boost::asio::const_buffer(into.bytes.data(), head_size_), error);
  if (reader.refusal) return refuse(*reader.refusal);
  // One length in digits that is no length to Beast has more than 64 bits.
  if (error == beast::http::error::bad_content_length && has_one_length_in_digits({into.bytes.data(), head_size_}))
    return refuse(refusals::long_body);
  // Beast looks at a header before it shows it to us.
  if ((error == beast::http::error::bad_content_length && reader.has_coding) ||
      (error == beast::http::error::bad_transfer_encoding && reader.has_length))
    return refuse(refusals::two_lengths);
  if (error || used != head_size_ || !reader.is_header_done()) return refuse(refusals::header_line);
  reader.conclude(version_1_0_);
  if (reader.refusal) return refuse(*reader.refusal);

  keep_alive_ = reader.keep_alive();
  if (reader.length > limits_.body) return refuse(refusals::long_body);
  chunked_ = reader.has_coding;
  remaining_ = static_cast<std::uint32_t>(reader.length);
  overhead_ = 0;
  if (!chunked_ && remaining_ == 0) return whole(into);
  expects_continue_ = reader.expects_continue && !version_1_0_;
  phase_ = chunked_ ? Phase::chunk_size : Phase::body;
  return Step::need_more;
}

RequestParser::Step RequestParser::feed_body(std::string_view& bytes, Request& into) {
  if (bytes.empty()) return Step::need_more;
  expects_continue_ = false;  // it did not wait for it
  const std::size_t taken = std::min<std::size_t>(bytes.size(), remaining_);
  make_room(into, taken);
  into.bytes.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  remaining_ -= static_cast<std::uint32_t>(taken);
  if (remaining_ > 0) return Step::need_more;
  if (!chunked_) return whole(into);
  phase_ = Phase::chunk_end;
  return Step::need_more;
}

RequestParser::Step RequestParser::feed_chunk_size(std::string_view& bytes, const Request& into) {
  if (bytes.empty()) return Step::need_more;
  expects_continue_ = false;
  if (!take_line(bytes, framing_))
    return framing_.size() == max_framing_line ? refuse(refusals::chunk) : Step::need_more;
  if (!framing_.ends_with("\r\n")) return refuse(refusals::chunk);
  const auto size = chunk_size(std::string_view(framing_).substr(0, framing_.size() - 2));
  if (!size) return refuse(refusals::chunk);
  framing_.clear();
  if (*size == 0) {
    phase_ = Phase::trailers;
    return Step::need_more;
  }
  if (into.bytes.size() - head_size_ + *size > limits_.body) return refuse(refusals::long_body);
  remaining_ = *size;
  phase_ = Phase::chunk_data;
  return Step::need_more;
}

RequestParser::Step RequestParser::feed_chunk_end(std::string_view& bytes) {
  while (!bytes.empty()) {
    framing_ += bytes.front();
    bytes.remove_prefix(1);
    if (!std::string_view("\r\n").starts_with(framing_)) return refuse(refusals::chunk);
    if (framing_.size() == 2) {
      framing_.clear();
      phase_ = Phase::chunk_size;
      break;
    }
  }
  return Step::need_more;
}

// Trailers are checked like headers, and dropped: nothing here may depend on them.
RequestParser::Step RequestParser::feed_trailers(std::string_view& bytes, Request& into) {
  while (!bytes.empty()) {
    if (!take_line(bytes, framing_)) {
      if (framing_.size() == max_framing_line) return refuse(refusals::long_head);
      continue;
    }
    if (framing_ == "\r\n") return whole(into);
    overhead_ += static_cast<std::uint32_t>(framing_.size());
    if (overhead_ > max_trailers) return refuse(refusals::long_head);
    const Step step = line(framing_, false);
    if (step == Step::refused) return step;
    if (frames_a_message(framing_)) return refuse(refusals::trailer);
    framing_.clear();
  }
  return Step::need_more;
}

RequestParser::Step RequestParser::whole(Request& into) {
  into.body = std::string_view(into.bytes).substr(head_size_);
  phase_ = Phase::head;
  in_head_ = false;
  expects_continue_ = false;
  blank_lines_ = 0;
  line_begin_ = searched_ = 0;
  framing_ = {};
  return Step::request;
}

RequestParser::Step RequestParser::refuse(const Refusal& why) {
  phase_ = Phase::refused;
  expects_continue_ = false;
  refusal_ = &why;
  return Step::refused;
}

}  // namespace globogym::http
