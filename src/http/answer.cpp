#include "http/answer.h"

#include <charconv>
#include <ctime>

#include "base/assert.h"

namespace globogym::http {
namespace {

std::string_view reason(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

void append_number(std::string& out, std::size_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

bool has_body(unsigned status) {
  return status >= 200 && status != 204 && status != 304;
}

}  // namespace

std::string_view DateLine::at(SteadyTime now) {
  if (now < until_) return line_;
  const std::time_t wall = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&wall, &utc);
  // Not strftime: its names follow the process's locale.
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto two = [](int number) {
    return std::string{static_cast<char>('0' + number / 10 % 10), static_cast<char>('0' + number % 10)};
  };
  line_ = std::string("Date: ") + days[utc.tm_wday] + ", " + two(utc.tm_mday) + " " + months[utc.tm_mon] + " " +
          std::to_string(utc.tm_year + 1900) + " " + two(utc.tm_hour) + ":" + two(utc.tm_min) + ":" + two(utc.tm_sec) +
          " GMT\r\n";
  until_ = now + std::chrono::seconds(1);
  return line_;
}

void append_head(std::string& out, const Response& response, const Request& request, Head head, std::string_view date) {
  ASSERT(response.status >= 200 && response.status <= 599);
  ASSERT(response.extra_headers.empty() || response.extra_headers.ends_with("\r\n"));
  if (response.status == 202) {
    out += "HTTP/1.1 202 Accepted\r\n";
  } else {
    out += "HTTP/1.1 ";
    append_number(out, response.status);
    out += ' ';
    out += reason(response.status);
    out += "\r\n";
  }
  out += date;
  out += "X-Content-Type-Options: nosniff\r\nX-Request-Id: ";
  out += request.request_id;
  out += "\r\ntraceparent: ";
  out += request.traceparent;
  out += "\r\n";
  if (has_body(response.status)) {
    if (!response.content_type.empty()) {
      out += "Content-Type: ";
      out += response.content_type;
      out += "\r\n";
    }
    if (head.framing == Framing::sized) {
      out += "Content-Length: ";
      append_number(out, response.body.size());
      out += "\r\n";
    } else if (head.framing == Framing::chunked) {
      out += "Transfer-Encoding: chunked\r\n";
    }
  }
  // A proxy that collects what it passes on (nginx does, unless told) would make a live feed a late one.
  if (response.feed) out += "X-Accel-Buffering: no\r\n";
  if (head.close)
    out += "Connection: close\r\n";
  else if (head.keep_alive_1_0)
    out += "Connection: keep-alive\r\n";
  out += head.hsts;
  out += response.extra_headers;
  out += "\r\n";
}

Response problem(const Refusal& why) {
  Response response;
  response.status = why.status;
  response.content_type = "application/problem+json";
  response.refusal = why.slug;
  response.close = true;
  if (why.status == 503) response.extra_headers = "Retry-After: 1\r\n";
  // The texts are literals without anything that JSON would escape but quotation marks.
  const auto quoted = [](std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
      if (c == '"') out += '\\';
      out += c;
    }
    return out + '"';
  };
  response.body = "{\"type\":" + quoted("https://globogym.example/problems/" + std::string(why.slug)) +
                  ",\"title\":" + quoted(why.title) + ",\"status\":" + std::to_string(why.status) +
                  ",\"detail\":" + quoted(why.detail) + "}";
  return response;
}

}  // namespace globogym::http
