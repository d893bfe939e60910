// What each request of the operations API does, once a door has let it through (console/console.h).
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/audit.h"
#include "console/parts.h"
#include "http/http.h"

namespace globogym::console {

// What may be done beside looking around and repairing: nothing, looking people up, everything.
enum class Standing { visitor, finder, trusted };

using Path = std::vector<std::string>;  // decoded segments

// Nothing when it is no path, or its percent-encoding is broken.
std::optional<Path> segments(std::string_view path);
// Asks with a body, and changes nothing.
bool is_look_up(const Path& path);
// Mends what is kept about somebody: for who may find people and change things.
bool is_mending(const Path& path);

constexpr std::string_view html_type = "text/html; charset=utf-8";
constexpr std::string_view script_type = "text/javascript; charset=utf-8";
constexpr std::string_view style_type = "text/css; charset=utf-8";
constexpr std::string_view icon_type = "image/svg+xml";

http::Response answer(std::string body, std::string_view content_type = "application/json", unsigned status = 200);
// A part of the page, for GET and HEAD.
http::Response page(const http::Request& request, std::string body, std::string_view content_type);
// Nothing when the request's method is one of these.
std::optional<http::Response> unless(const http::Request& request, std::initializer_list<std::string_view> methods);

// `deed` learns what it is that is done, as soon as that is known.
Task<http::Response> route(const Parts& parts, const http::Request& request, const Path& path, Standing standing,
                           const audit::Who& who, audit::Deed& deed);

}  // namespace globogym::console
