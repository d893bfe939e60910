// What a browser finds at the public address: the sign-up page, the API reference, and the files these load.
//
// All of it is in the binary, each file plain and compressed. Every answer says how long it may be kept, has an entity
// tag, and carries the policies that keep strangers' scripts, frames and trackers out. Reads nothing from disk, knows
// no person, never changes while running.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "http/http.h"

namespace globogym::gateway {

// One way to send one file.
struct PageFile {
  std::string_view path;          // "/", "/docs", "/assets/signup-B3xk2.js"
  std::string_view language;      // "de"; empty when the file is the same for everybody
  std::string_view content_type;  // as in the header
  std::string_view encoding;      // "identity", "br" or "gzip"
  std::string_view tag;           // of these very bytes; without quotes
  std::string_view bytes;
};

// What web/ was built into. Of each path and language the identity comes first.
std::span<const PageFile> built_pages();

class Pages {
 public:
  // `files` must outlive this; grouped by path and language, the identity of each first.
  explicit Pages(std::span<const PageFile> files = built_pages()) : files_(files) {}

  // The page at request.path in the language of `?lang=` or Accept-Language, in the smallest encoding the browser
  // prefers; 304 when it has it already; nullopt when nothing has this path. The method is not looked at.
  std::optional<http::Response> answer(const http::Request& request) const;

 private:
  std::span<const PageFile> files_;
};

// The smallest of these that the client prefers; it accepts at least the first, which must be the identity.
const PageFile& in_encoding(std::span<const PageFile> files, const http::Request& request);

// Whether the client has what has this entity tag (without quotes) and asks only for something newer (If-None-Match;
// RFC 9110, section 13.1.2: compared weakly).
bool has_already(const http::Request& request, std::string_view tag);

}  // namespace globogym::gateway
