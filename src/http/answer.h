// The bytes of an answer: its head, and what a refusal says.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/http.h"
#include "http/parser.h"

namespace globogym::http {

enum class Framing { sized, chunked, until_close };

struct Head {
  Framing framing = Framing::sized;
  bool close = false;
  bool keep_alive_1_0 = false;  // tells an HTTP/1.0 client that the connection stays
  std::string_view hsts = {};   // a whole line, or nothing
};

// "Date: Sun, 22 Nov 2026 13:30:05 GMT\r\n", made once a second.
class DateLine {
 public:
  std::string_view at(SteadyTime now);

 private:
  SteadyTime until_{};
  std::string line_;
};

// Appends status line and headers, with the empty line. `request` gives the ids.
void append_head(std::string& out, const Response& response, const Request& request, Head head, std::string_view date);

// The response that tells a refusal, as problem+json. It closes the connection.
Response problem(const Refusal& why);

}  // namespace globogym::http
