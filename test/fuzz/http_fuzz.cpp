// Arbitrary bytes as a client's: however they are cut into pieces, the same requests and the same refusal come out, and
// what comes out keeps its bounds.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "http/parser.h"

namespace {

using globogym::http::Request;
using globogym::http::RequestParser;

constexpr RequestParser::Limits limits{.head = 2048, .body = 512};

void must(bool held, const char* what) {
  if (held) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

void append(std::string& out, std::string_view text) {
  out += std::to_string(text.size()) + ":";
  out += text;
}

// `cut` chooses the sizes of the pieces; 0 is one piece.
std::string transcript(std::string_view bytes, std::uint32_t cut) {
  RequestParser parser(limits);
  auto request = std::make_unique<Request>();
  std::string out;
  while (!bytes.empty()) {
    cut = cut * 1664525 + (cut ? 1013904223 : 0);
    const std::string piece(bytes.substr(0, cut ? 1 + (cut >> 24) % 61 : bytes.size()));
    bytes.remove_prefix(piece.size());
    std::string_view rest = piece;
    while (!rest.empty()) {
      const auto step = parser.feed(rest, *request);
      if (step == RequestParser::Step::need_more) {
        must(rest.empty(), "a parser that needs more has taken all");
        break;
      }
      if (step == RequestParser::Step::refused) {
        append(out, parser.refusal().detail);
        return out;
      }
      must(request->body.size() <= limits.body, "a body within its limit");
      must(request->bytes.size() <= limits.head + limits.body, "a request within its limits");
      must(!request->method.empty() && !request->path.empty(), "a request has a method and a path");
      append(out, request->method);
      append(out, request->target);
      append(out, request->path);
      append(out, request->query);
      for (auto [name, value] : request->headers) {
        must(!name.empty() && name.find_first_of(" \t\r\n:") == std::string_view::npos, "a clean header name");
        must(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos, "a clean header value");
        append(out, name);
        append(out, value);
      }
      append(out, request->body);
      out += parser.keep_alive() ? '+' : '-';
      request = std::make_unique<Request>();
    }
    must(request->bytes.size() <= limits.head + limits.body + 1, "a request being read within its limits");
  }
  out += parser.in_progress() ? '>' : '.';
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  std::uint32_t cut = 1;
  for (int i = 0; i < 4; ++i) cut = cut << 8 | data[i];
  const std::string_view bytes(reinterpret_cast<const char*>(data + 4), size - 4);
  must(transcript(bytes, 0) == transcript(bytes, cut | 1), "cutting does not change what is read");
  return 0;
}
