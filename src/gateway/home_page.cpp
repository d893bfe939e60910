#include "gateway/home_page.h"

namespace globogym::gateway {
namespace {

constexpr std::string_view page = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GloboGym Enrollment</title>
</head>
<body>
<h1>GloboGym Enrollment</h1>
<p>This service takes sign-ups. Programs post them to <code>/v1/enrollments</code>.</p>
<ul>
<li><a href="/openapi.json">Description of the API</a> (OpenAPI 3.1)</li>
<li><a href="/readyz">Whether sign-ups can be taken now</a></li>
</ul>
</body>
</html>
)";

// The page needs nothing but itself, so nothing else is let in.
constexpr std::string_view headers =
    "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n";

}  // namespace

http::Response home_page() {
  return {.content_type = "text/html; charset=utf-8", .body = std::string(page), .extra_headers = std::string(headers)};
}

}  // namespace globogym::gateway
