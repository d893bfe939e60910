// Exactly the bound passes, and one more does not.
#include <gtest/gtest.h>

#include "http/parser.h"

namespace globogym::http {
namespace {

using Step = RequestParser::Step;

constexpr RequestParser::Limits limits{.head = 16 * 1024, .body = 64};

// The body of the one request in `bytes`, or the status it is refused with.
std::string body_or_status(std::string_view bytes) {
  RequestParser parser(limits);
  Request request;
  while (!bytes.empty()) {
    const Step step = parser.feed(bytes, request);
    if (step == Step::refused) return std::to_string(parser.refusal().status);
    if (step == Step::request) return std::string(request.body);
  }
  return "more";
}

std::string post(const std::string& headers, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n" + body;
}

std::string repeated(int times, const std::string& text) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(ParserBounds, a_request_has_128_headers_and_not_129) {
  EXPECT_EQ(body_or_status(post(repeated(126, "x: y\r\n") + "Content-Length: 2\r\n", "ok")), "ok");
  EXPECT_EQ(body_or_status(post(repeated(127, "x: y\r\n") + "Content-Length: 2\r\n", "ok")), "431");
}

TEST(ParserBounds, a_body_has_exactly_its_bound_however_it_is_sent) {
  const std::string most(64, 'a');

  EXPECT_EQ(body_or_status(post("Content-Length: 64\r\n", most)), most);
  EXPECT_EQ(body_or_status(post("Content-Length: 65\r\n", most + "a")), "413");
  const std::string two_chunks = "20\r\n" + most.substr(0, 32) + "\r\n20\r\n" + most.substr(32) + "\r\n";
  EXPECT_EQ(body_or_status(post("Transfer-Encoding: chunked\r\n", two_chunks + "0\r\n\r\n")), most);
  EXPECT_EQ(body_or_status(post("Transfer-Encoding: chunked\r\n", two_chunks + "1\r\na\r\n0\r\n\r\n")), "413");
}

TEST(ParserBounds, trailers_together_have_a_bound) {
  const std::string trailer = "x: " + std::string(251, 'y') + "\r\n";
  ASSERT_EQ(trailer.size(), 256u);

  EXPECT_EQ(body_or_status(post("Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n" + repeated(64, trailer) + "\r\n")),
            "ok");
  EXPECT_EQ(body_or_status(post("Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n" + repeated(65, trailer) + "\r\n")),
            "431");
}

TEST(ParserBounds, four_empty_lines_before_a_request_are_overlooked_and_not_five) {
  EXPECT_EQ(body_or_status(repeated(4, "\r\n") + post("Content-Length: 2\r\n", "ok")), "ok");
  EXPECT_EQ(body_or_status(repeated(5, "\r\n") + post("Content-Length: 2\r\n", "ok")), "400");
}

}  // namespace
}  // namespace globogym::http
