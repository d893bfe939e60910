// Which web pages may call the API from a browser (CORS, WHATWG Fetch), and use a publishable key.
//
// Pages of ours always may; others when gateway.allowed_origins or a publishable key names their origin. Nothing here
// authenticates anybody: a browser tells the truth about its page, anybody else writes what they like. There are no
// cookies to be abused, so no answer allows credentials. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/callers/api_keys.h"
#include "gateway/requests/request_headers.h"
#include "http/http.h"

namespace globogym::gateway {

class Origins {
 public:
  Origins(std::vector<std::string> allowed, const ApiKeys& keys) : allowed_(std::move(allowed)), keys_(keys) {}

  // Whether the holder of a publishable key may send this. What changes something must say where it comes from.
  // `forwarded_host` is the name we are known by in front of a trusted proxy.
  bool may_use_key(const Caller& caller, const RequestHeaders& headers, std::optional<std::string_view> forwarded_host,
                   bool changes_something) const;

  // A browser asks before it sends (OPTIONS with Access-Control-Request-Method).
  static bool is_preflight(const http::Request& request, const RequestHeaders& headers);
  // `methods` is an Allow header's value.
  http::Response preflight(const RequestHeaders& headers, std::string_view methods) const;
  // Lets the page that asked read the answer, if it may.
  void allow(http::Response& response, std::string_view origin) const;
  // Of a request that was refused before it said where it comes from: whatever page sent it may read the refusal, which
  // says nothing but that it was refused. Only where pages elsewhere may call at all.
  void allow_unknown(http::Response& response) const;

 private:
  static bool is_ours(std::string_view origin, std::optional<std::string_view> host);
  bool is_allowed(std::string_view origin) const;
  static void name_in(http::Response& response, std::string_view origin);

  const std::vector<std::string> allowed_;
  const ApiKeys& keys_;
};

}  // namespace globogym::gateway
