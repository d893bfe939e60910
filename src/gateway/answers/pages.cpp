#include "gateway/answers/pages.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace globogym::gateway {
namespace {

constexpr std::string_view default_language = "en";

// The pages need nothing but what stands here, so nothing else is let in.
constexpr std::string_view policies =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; font-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types globogym\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Permissions-Policy: camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Embedder-Policy: require-corp\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

constexpr std::string_view kept_for_ever = "Cache-Control: public, max-age=31536000, immutable\r\n";
constexpr std::string_view asked_every_time = "Cache-Control: no-cache\r\n";

using Files = std::span<const PageFile>;

Files at_path(Files files, std::string_view path);
Files in_language(Files files, const http::Request& request);

}  // namespace

std::optional<http::Response> Pages::answer(const http::Request& request) const {
  Files files = at_path(files_, request.path);
  if (files.empty()) return std::nullopt;
  const bool translated = !files.front().language.empty();
  if (translated) files = in_language(files, request);
  const PageFile& file = in_encoding(files, request);

  std::string headers = "ETag: \"";
  headers.append(file.tag).append("\"\r\n");
  // A name under /assets/ holds a hash of what it names.
  headers.append(file.path.starts_with("/assets/") ? kept_for_ever : asked_every_time);
  headers.append(translated ? "Vary: Accept-Encoding, Accept-Language\r\n" : "Vary: Accept-Encoding\r\n");
  if (translated) headers.append("Content-Language: ").append(file.language).append("\r\n");
  if (file.encoding != "identity") headers.append("Content-Encoding: ").append(file.encoding).append("\r\n");
  headers.append(policies);
  if (has_already(request, file.tag)) return http::Response{.status = 304, .extra_headers = std::move(headers)};
  return http::Response{
      .content_type = file.content_type, .body = std::string(file.bytes), .extra_headers = std::move(headers)};
}

namespace {

// An element of Accept-Encoding or Accept-Language.
struct Wish {
  std::string_view name;
  int thousandths;  // its q-value
};

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t");
  return from == std::string_view::npos ? "" : text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

// RFC 9110, section 12.4.2; what is not of this form is not a wish (0).
int thousandths(std::string_view weight) {
  if (weight.empty() || weight.size() > 5 || (weight[0] != '0' && weight[0] != '1')) return 0;
  if (weight.size() > 1 && weight[1] != '.') return 0;
  int value = weight[0] - '0';
  for (std::size_t i = 2; i < 5; ++i) {
    const char c = i < weight.size() ? weight[i] : '0';
    if (c < '0' || c > '9') return 0;
    value = value * 10 + (c - '0');
  }
  return std::min(value, 1000);
}

// The next element of a comma-separated list; takes it off.
std::string_view next_element(std::string_view& list) {
  const auto comma = list.find(',');
  const auto element = trimmed(list.substr(0, comma));
  list = comma == std::string_view::npos ? "" : list.substr(comma + 1);
  return element;
}

Wish wish(std::string_view element) {
  const auto semicolon = element.find(';');
  if (semicolon == std::string_view::npos) return {element, 1000};
  const auto parameter = trimmed(element.substr(semicolon + 1));
  if (!parameter.starts_with("q=") && !parameter.starts_with("Q="))
    return {trimmed(element.substr(0, semicolon)), 1000};
  return {trimmed(element.substr(0, semicolon)), thousandths(parameter.substr(2))};
}

Files at_path(Files files, std::string_view path) {
  const auto found = std::ranges::equal_range(files, path, {}, &PageFile::path);
  return {found.begin(), found.end()};
}

Files only(Files files, std::string_view language) {
  const auto from = std::ranges::find(files, language, &PageFile::language);
  const auto to = std::find_if(from, files.end(), [&](const PageFile& file) { return file.language != language; });
  return {from, to};
}

Files in_language(Files files, const http::Request& request) {
  if (const auto chosen = http::query_value(request.query, "lang"))
    if (const Files found = only(files, *chosen); !found.empty()) return found;

  // RFC 4647's look-up, with the first subtag alone: of "de-AT" we have "de".
  Files best;
  int best_weight = 0;
  std::string_view list = request.header("Accept-Language").value_or("");
  while (!list.empty()) {
    const auto [name, weight] = wish(next_element(list));
    if (weight <= best_weight) continue;
    const std::string_view language = name.substr(0, name.find('-'));
    const auto ours = std::ranges::find_if(files, [&](const PageFile& file) {
      return same_word(file.language, language == "*" ? default_language : language);
    });
    if (ours == files.end()) continue;
    best = only(files, ours->language);
    best_weight = weight;
  }
  if (best.empty()) best = only(files, default_language);
  return best.empty() ? only(files, files.front().language) : best;
}

}  // namespace

const PageFile& in_encoding(Files files, const http::Request& request) {
  const PageFile* best = &files.front();
  const auto accepted = request.header("Accept-Encoding");
  if (!accepted) return *best;  // who does not ask gets what everybody can read
  int best_weight = -1;
  for (const PageFile& file : files) {
    std::optional<int> named, starred;
    std::string_view list = *accepted;
    while (!list.empty()) {
      const auto [name, weight] = wish(next_element(list));
      if (same_word(name, file.encoding)) named = weight;
      if (name == "*") starred = weight;
    }
    const bool identity = file.encoding == "identity";
    // RFC 9110, section 12.5.3: unless named, the identity is welcome after everything that is.
    const int weight = named.value_or(starred.value_or(0));
    if (weight == 0) continue;
    if (identity && !named) continue;
    if (weight > best_weight || (weight == best_weight && file.bytes.size() < best->bytes.size())) {
      best = &file;
      best_weight = weight;
    }
  }
  return *best;
}

bool has_already(const http::Request& request, std::string_view tag) {
  std::string_view list = request.header("If-None-Match").value_or("");
  while (!list.empty()) {
    std::string_view element = next_element(list);
    if (element == "*") return true;
    if (element.starts_with("W/")) element.remove_prefix(2);
    if (element.size() == tag.size() + 2 && element.front() == '"' && element.back() == '"' &&
        element.substr(1, tag.size()) == tag)
      return true;
  }
  return false;
}

}  // namespace globogym::gateway
