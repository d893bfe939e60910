#include "http/parser.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "http/refusals.h"

namespace globogym::http {
namespace {

using Step = RequestParser::Step;

// All that is in `bytes`, as text: one line a request, and the refusal at the end. Fed in pieces of `piece` bytes, the
// first one of `first`.
std::string read_all(std::string_view bytes, std::size_t first, std::size_t piece,
                     RequestParser::Limits limits = {.head = 1024, .body = 64}) {
  RequestParser parser(limits);
  std::string out;
  auto request = std::make_unique<Request>();
  std::size_t size = first;
  while (!bytes.empty()) {
    // A copy of its own, so that a view into bytes that are gone is found by the sanitizer.
    const std::string part(bytes.substr(0, size));
    bytes.remove_prefix(part.size());
    size = piece;
    std::string_view rest = part;
    while (!rest.empty()) {
      const Step step = parser.feed(rest, *request);
      if (step == Step::need_more) break;
      if (step == Step::refused) return out + std::to_string(parser.refusal().status);
      out += std::string(request->method) + "|" + std::string(request->path) + "|" + std::string(request->query) + "|";
      for (auto [name, value] : request->headers) out += std::string(name) + "=" + std::string(value) + ",";
      out += "|" + std::string(request->body) + (parser.keep_alive() ? "|stays\n" : "|closes\n");
      request = std::make_unique<Request>();
    }
  }
  return out + (parser.in_progress() ? "more" : "end");
}

std::string read_all(std::string_view bytes) {
  return read_all(bytes, bytes.size(), 1);
}

TEST(RequestParser, a_request_is_taken_apart) {
  const auto read = read_all("POST /v1/x?a=%20b HTTP/1.1\r\nHost: h:1\r\nX-A:  b \r\nContent-Length: 3\r\n\r\nabc");

  EXPECT_EQ(read, "POST|/v1/x|a=%20b|Host=h:1,X-A=b,Content-Length=3,|abc|stays\nend");
}

TEST(RequestParser, pipelined_requests_come_one_after_the_other) {
  const auto read = read_all(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3\r\nabc\r\n0A\r\n0123456789\r\n000\r\nTrailer: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: "
      "close\r\n\r\n");

  EXPECT_EQ(read,
            "GET|/1||Host=a,||stays\nPOST|/2||Host=a,Transfer-Encoding=Chunked,|abc0123456789|stays\n"
            "GET|/3||Host=a,Connection=close,||closes\nend");
}

TEST(RequestParser, version_1_0_closes_unless_it_asks_to_stay) {
  EXPECT_EQ(read_all("GET / HTTP/1.0\r\n\r\n"), "GET|/||||closes\nend");
  EXPECT_EQ(read_all("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "GET|/||Connection=keep-alive,||stays\nend");
}

struct Case {
  const char* what;
  std::string bytes;
  const char* answer;
};

std::string with(const std::string& headers, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n" + body;
}

const std::vector<Case>& torture() {
  using namespace std::string_literals;
  static const std::vector<Case> cases = {
      {"conflicting lengths", with("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), "400"},
      {"the same length twice", with("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), "400"},
      {"a list of lengths", with("Content-Length: 3, 3\r\n", "abc"), "400"},
      {"a signed length", with("Content-Length: +3\r\n", "abc"), "400"},
      {"a negative length", with("Content-Length: -1\r\n"), "400"},
      {"a hexadecimal length", with("Content-Length: 0x3\r\n", "abc"), "400"},
      {"an empty length", with("Content-Length:\r\n"), "400"},
      {"a length beyond 64 bits", with("Content-Length: 18446744073709551617\r\n", "a"), "413"},
      {"a length far beyond 64 bits", with("content-length:  99999999999999999999999 \r\n", "a"), "413"},
      {"a length just within 64 bits", with("Content-Length: 18446744073709551615\r\n", "a"), "413"},
      {"many zeros before a length", with("Content-Length: 0000000000000000000000003\r\n", "abc"), "400"},
      {"a list of lengths beyond 64 bits", with("Content-Length: 99999999999999999999999, 99999999999999999999999\r\n"),
       "400"},
      {"two lengths beyond 64 bits",
       with("Content-Length: 99999999999999999999999\r\nContent-Length: 99999999999999999999999\r\n"), "400"},
      {"a length beyond 64 bits and another",
       with("Content-Length: 99999999999999999999999\r\nContent-Length: 3\r\n", "abc"), "400"},
      {"a length beyond 64 bits and coding",
       with("Content-Length: 99999999999999999999999\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"},
      {"a length beyond 64 bits that is not all digits", with("Content-Length: 99999999999999999999999x\r\n"), "400"},
      {"a length beyond the limit", with("Content-Length: 65\r\n"), "413"},
      {"length and coding", with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"},
      {"coding and length", with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), "400"},
      {"another coding", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "501"},
      {"chunked twice", with("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), "501"},
      {"two codings", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"), "400"},
      {"a disguised coding", with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), "501"},
      {"a quoted coding", with("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), "501"},
      {"a vertical tab before the coding", with("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), "400"},
      {"a space before the colon", with("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), "400"},
      {"a folded coding", with("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), "400"},
      {"a coding in version 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", "400"},
      {"one bare line feed", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "400"},
      {"a bare carriage return", "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", "400"},
      {"folding", with("X: a\r\n b\r\n"), "400"},
      {"a tab as folding", with("X: a\r\n\tb\r\n"), "400"},
      {"a space before the first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"},
      {"NUL in a value", with("X: a\0b\r\n"s), "400"},
      {"NUL in a name", with("X\0: a\r\n"s), "400"},
      {"no colon", with("X\r\n"), "400"},
      {"no name", with(": a\r\n"), "400"},
      {"absolute form of another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"absolute form of no scheme", "GET ://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"absolute form of a scheme that only begins like ours", "GET httpx://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"absolute form with one slash", "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"absolute form without a host", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"absolute form that is a query", "GET http://?x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"absolute form with a user", "GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"absolute form with a backslash", "GET http://a\\@b/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"absolute form with a fragment", "GET http://a/#x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"absolute form with bytes beyond ASCII", "GET http://\xc3\xa4/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"absolute form and no Host", "GET http://a/ HTTP/1.1\r\n\r\n", "400"},
      {"absolute form and two Hosts", "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"},
      {"absolute form and a Host with a path", "GET http://a/ HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"},
      {"absolute form with a conflict of lengths",
       "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"a relative target", "GET v1/enrollments HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"an asterisk with more behind it", "OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"authority form", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"an asterisk that is not for OPTIONS", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"a fragment", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"bytes beyond ASCII in the target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"a space at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "400"},
      {"no version", "GET /\r\n\r\n", "400"},
      {"another protocol", "GET / HTTPS/1.1\r\nHost: a\r\n\r\n", "400"},
      {"a lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", "400"},
      {"version 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
      {"version 0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", "505"},
      {"version 3.1", "GET / HTTP/3.1\r\nHost: a\r\n\r\n", "505"},
      {"a minor version of two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", "400"},
      {"a minor version that is no digit", "GET / HTTP/1.x\r\nHost: a\r\n\r\n", "400"},
      {"a coding in a later version, with a length",
       "POST / HTTP/1.9\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400"},
      {"no host in a later version", "GET / HTTP/1.2\r\n\r\n", "400"},
      {"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"},
      {"an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"},
      {"a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"},
      {"a host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "400"},
      {"another expectation", with("Expect: the-moon\r\n"), "417"},
      {"many empty lines", "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"a long target", "GET /" + std::string(1024, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "414"},
      {"long headers", with("X: " + std::string(1024, 'a') + "\r\n"), "431"},
      {"endless headers", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(4096, 'a'), "431"},
      {"a long method", std::string(4096, 'A'), "414"},
      {"a chunk size that is no number", with("Transfer-Encoding: chunked\r\n", "x\r\n"), "400"},
      {"an empty chunk size", with("Transfer-Encoding: chunked\r\n", "\r\n"), "400"},
      {"a chunk size after a space", with("Transfer-Encoding: chunked\r\n", " 3\r\nabc\r\n0\r\n\r\n"), "400"},
      {"a chunk size before a space", with("Transfer-Encoding: chunked\r\n", "3 \r\nabc\r\n0\r\n\r\n"), "400"},
      {"a chunk size with 0x", with("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n"), "400"},
      {"a signed chunk size", with("Transfer-Encoding: chunked\r\n", "-3\r\nabc\r\n0\r\n\r\n"), "400"},
      {"a chunk size that overflows", with("Transfer-Encoding: chunked\r\n", "100000003\r\nabc\r\n0\r\n\r\n"), "400"},
      {"a chunk size without carriage return", with("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n"), "400"},
      {"a chunk longer than it says", with("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"), "400"},
      {"a chunk that ends in a line feed", with("Transfer-Encoding: chunked\r\n", "3\r\nabc\n0\r\n\r\n"), "400"},
      {"a chunk with two other bytes where its line ends",
       with("Transfer-Encoding: chunked\r\n", "3\r\nabcde0\r\n\r\n"), "400"},
      {"an extension", with("Transfer-Encoding: chunked\r\n", "3;x=y\r\nabc\r\n0\r\n\r\n"), "400"},
      {"an extension with a space", with("Transfer-Encoding: chunked\r\n", "3 ; x\r\nabc\r\n0\r\n\r\n"), "400"},
      {"an extension of the last chunk", with("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0;x\r\n\r\n"), "400"},
      {"an extension without a name", with("Transfer-Encoding: chunked\r\n", "3;\r\nabc\r\n0\r\n\r\n"), "400"},
      {"a line feed in an extension", with("Transfer-Encoding: chunked\r\n", "3;a\nabc\r\n0\r\n\r\n"), "400"},
      {"a carriage return in an extension", with("Transfer-Encoding: chunked\r\n", "3;a\rb\r\nabc\r\n0\r\n\r\n"),
       "400"},
      {"an endless extension", with("Transfer-Encoding: chunked\r\n", "3;" + std::string(999, 'a')), "400"},
      {"chunks beyond the limit", with("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n3E\r\n"), "413"},
      {"a length as a trailer", with("Transfer-Encoding: chunked\r\n", "0\r\ncontent-Length: 3\r\n\r\n"), "400"},
      {"a coding as a trailer", with("Transfer-Encoding: chunked\r\n", "0\r\nTransfer-Encoding: x\r\n\r\n"), "400"},
      {"a host as a trailer", with("Transfer-Encoding: chunked\r\n", "0\r\nHost: b\r\n\r\n"), "400"},
      {"a malformed trailer", with("Transfer-Encoding: chunked\r\n", "0\r\nX : y\r\n\r\n"), "400"},
      {"a trailer that ends in a line feed", with("Transfer-Encoding: chunked\r\n", "0\r\nX: y\n\r\n"), "400"},
      {"DEL in a trailer", with("Transfer-Encoding: chunked\r\n", "0\r\nX: y\x7f\r\n\r\n"), "400"},
      {"DEL in a value", with("X: a\x7f\r\n"), "400"},
      {"a folded trailer", with("Transfer-Encoding: chunked\r\n", "0\r\nX: y\r\n z\r\n\r\n"), "400"},
      {"an endless trailer", with("Transfer-Encoding: chunked\r\n", "0\r\nX: " + std::string(999, 'a')), "431"},
      {"garbage", "\x16\x03\x01\x02\x00\x01\r\n"s, "400"},
  };
  return cases;
}

std::string_view why_refused(std::string_view bytes) {
  RequestParser parser({.head = 1024, .body = 64});
  Request request;
  return parser.feed(bytes, request) == Step::refused ? parser.refusal().detail : "it is not";
}

TEST(RequestParser, whoever_is_refused_is_told_what_it_is) {
  EXPECT_EQ(why_refused(with("X: a\r\n b\r\n")), refusals::folded.detail);
  EXPECT_EQ(why_refused(with("X: a\r\n\tb\r\n")), refusals::folded.detail);
  EXPECT_EQ(why_refused("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"), refusals::bare_line_feed.detail);
  EXPECT_EQ(why_refused(with("X: a\x7f\r\n")), refusals::control_character.detail);
  EXPECT_EQ(why_refused(with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")), refusals::two_lengths.detail);
  EXPECT_EQ(why_refused(with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")), refusals::two_lengths.detail);
}

TEST(RequestParser, what_can_be_read_in_two_ways_is_refused) {
  for (const Case& c : torture()) EXPECT_EQ(read_all(c.bytes), c.answer) << c.what;
}

TEST(RequestParser, a_refusal_ends_what_follows_a_good_request) {
  const std::string good = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const Case& c : torture())
    EXPECT_EQ(read_all(good + c.bytes), std::string("GET|/1||Host=a,||stays\n") + c.answer) << c.what;
}

TEST(RequestParser, in_absolute_form_the_target_says_whom_it_is_for) {
  const auto read = [](const std::string& target, const std::string& method = "GET") {
    return read_all(method + " " + target + " HTTP/1.1\r\nX: y\r\nHost: other\r\n\r\n");
  };

  EXPECT_EQ(read("http://gym.example:8080/v1/x?a=b"), "GET|/v1/x|a=b|X=y,Host=gym.example:8080,||stays\nend");
  EXPECT_EQ(read("HTTPS://[::1]/x"), "GET|/x||X=y,Host=[::1],||stays\nend");
  EXPECT_EQ(read("http://gym.example"), "GET|/||X=y,Host=gym.example,||stays\nend");
  EXPECT_EQ(read("http://gym.example?a=/b?c"), "GET|/|a=/b?c|X=y,Host=gym.example,||stays\nend");
  EXPECT_EQ(read("http://gym.example", "OPTIONS"), "OPTIONS|/||X=y,Host=gym.example,||stays\nend");
  EXPECT_EQ(read("http://a//b/http://c"), "GET|//b/http://c||X=y,Host=a,||stays\nend");
  EXPECT_EQ(read("/http://gym.example/"), "GET|/http://gym.example/||X=y,Host=other,||stays\nend") << "that is a path";
  EXPECT_EQ(read_all("GET http://a/x HTTP/1.0\r\n\r\n"), "GET|/x||||closes\nend");
}

TEST(RequestParser, what_is_read_of_an_absolute_form_moves_with_a_long_body) {
  const std::string body(8000, 'b');

  EXPECT_EQ(read_all("POST http://a?q HTTP/1.1\r\nHost: other\r\nContent-Length: 8000\r\n\r\n" + body, 10, 700,
                     {.head = 1024, .body = 8000}),
            "POST|/|q|Host=a,Content-Length=8000,|" + body + "|stays\nend");
}

TEST(RequestParser, options_may_be_for_the_server_as_a_whole) {
  EXPECT_EQ(read_all("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), "OPTIONS|*||Host=a,||stays\nend");
}

TEST(RequestParser, a_later_minor_version_is_read_as_ours) {
  for (const char* version : {"HTTP/1.2", "HTTP/1.9"})
    EXPECT_EQ(read_all(std::string("POST / ") + version +
                       "\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "2\r\nhi\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
              "POST|/||Host=a,Transfer-Encoding=chunked,|hi|stays\nGET|/||Host=a,||stays\nend")
        << version;
}

TEST(RequestParser, more_headers_than_a_reader_should_hold_are_refused) {
  std::string many;
  for (int i = 0; i < 200; ++i) many += "a:\r\n";

  EXPECT_EQ(read_all(with(many)), "431");
}

TEST(RequestParser, what_came_of_a_head_can_be_asked_for_one_header) {
  const std::string_view head = "POST / HTTP/1.1\r\nHost: a\r\noRIGIN: \t https://club.example \r\nX: y\r\n";

  EXPECT_EQ(header_so_far(head, "origin"), "https://club.example");
  EXPECT_EQ(header_so_far(head, "x"), "y");
  EXPECT_EQ(header_so_far(head.substr(0, head.find(" \r\nX")), "origin"), std::nullopt) << "it may go on";
  EXPECT_EQ(header_so_far(std::string(head) + "Origin: b\r\n", "origin"), std::nullopt) << "which of the two?";
  EXPECT_EQ(header_so_far(std::string(head) + "\r\nZ: body\r\n", "z"), std::nullopt) << "that is no header";
  EXPECT_EQ(header_so_far("Origin\r\nOrigin:\r\n", "origin"), std::nullopt);
  EXPECT_EQ(header_so_far("", "origin"), std::nullopt);
}

TEST(RequestParser, a_head_of_exactly_the_limit_passes) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n";
  const std::string filled = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1024 - head.size(), 'x') + "\r\n\r\n";
  ASSERT_EQ(filled.size(), 1024);

  EXPECT_TRUE(read_all(filled).ends_with("stays\nend"));
  EXPECT_EQ(read_all("GET / HTTP/1.1\r\nHost: a\r\nX: x" + filled.substr(28)), "431");
}

TEST(RequestParser, however_the_bytes_are_cut_the_same_comes_out) {
  std::vector<std::string> all;
  for (const Case& c : torture()) all.push_back("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + c.bytes);
  all.push_back(with("Content-Length: 5\r\n", "hello") + "\r\n" + with("Transfer-Encoding: chunked\r\n") +
                "5\r\nhello\r\n2\r\n, \r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n");

  all.push_back("OPTIONS http://a.example:1?x HTTP/1.7\r\nHost: b\r\nContent-Length: 5\r\n\r\nhello");

  for (const std::string& bytes : all) {
    const std::string whole = read_all(bytes);
    for (std::size_t first = 1; first < bytes.size(); ++first)
      ASSERT_EQ(read_all(bytes, first, bytes.size()), whole) << "cut at " << first << " of " << bytes;
    for (std::size_t piece : {1, 2, 3, 7}) ASSERT_EQ(read_all(bytes, piece, piece), whole) << "pieces of " << piece;
  }
}

TEST(RequestParser, only_a_body_that_is_waited_for_is_asked_for) {
  RequestParser parser({});
  Request request;
  std::string_view head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";

  ASSERT_EQ(parser.feed(head, request), Step::need_more);
  EXPECT_TRUE(parser.expects_continue());

  std::string_view body = "a";
  ASSERT_EQ(parser.feed(body, request), Step::need_more);
  EXPECT_FALSE(parser.expects_continue());
}

TEST(Query, values_are_decoded_and_malformed_ones_are_not_there) {
  EXPECT_EQ(query_value("a=1&b=x%20y+z&c=%4", "b"), "x y z");
  EXPECT_EQ(query_value("a=1&b=x%20y+z&c=%4", "c"), std::nullopt);
  EXPECT_EQ(query_value("a", "a"), "");
  EXPECT_EQ(query_value("ab=1", "a"), std::nullopt);
  EXPECT_EQ(percent_decoded("a+b%2F", false), "a+b/");
  EXPECT_EQ(percent_decoded("%g0", false), std::nullopt);
}

}  // namespace
}  // namespace globogym::http
