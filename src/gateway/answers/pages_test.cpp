#include "gateway/answers/pages.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace globogym::gateway {
namespace {

constexpr std::string_view html = "text/html; charset=utf-8";
constexpr std::array<PageFile, 8> some_files = {{
    {"/", "de", html, "identity", "de-plain", "<p>Werde Mitglied</p>"},
    {"/", "de", html, "br", "de-br", "brDE"},
    {"/", "en", html, "identity", "en-plain", "<p>Become a member</p>"},
    {"/", "en", html, "br", "en-br", "brEN"},
    {"/", "en", html, "gzip", "en-gzip", "gzipEN"},
    {"/assets/a-1.js", "", "text/javascript; charset=utf-8", "identity", "js-plain", "let a = 1; // as written"},
    {"/assets/a-1.js", "", "text/javascript; charset=utf-8", "gzip", "js-gzip", "gzipJS"},
    {"/docs", "", html, "identity", "docs-plain", "<h1>Reference</h1>"},
}};

using Headers = std::vector<std::pair<std::string_view, std::string_view>>;

std::optional<http::Response> asks(std::string_view target, Headers headers = {}) {
  http::Request request;
  request.method = "GET";
  request.target = target;
  request.path = target.substr(0, target.find('?'));
  request.query = target.find('?') == std::string_view::npos ? "" : target.substr(target.find('?') + 1);
  request.headers = std::move(headers);
  return Pages(some_files).answer(request);
}

std::string body(std::string_view target, Headers headers = {}) {
  const auto response = asks(target, std::move(headers));
  return response ? response->body : "nothing";
}

bool says(const http::Response& response, std::string_view line) {
  return ("\r\n" + response.extra_headers).find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
}

TEST(Pages, every_page_and_asset_is_found_and_nothing_else) {
  EXPECT_EQ(body("/"), "<p>Become a member</p>");
  EXPECT_EQ(body("/docs"), "<h1>Reference</h1>");
  EXPECT_EQ(body("/assets/a-1.js"), "let a = 1; // as written");

  for (const char* path : {"", "/docs/", "/assets/", "/assets/a-2.js", "/assets/../docs", "/index.html", "//"})
    EXPECT_FALSE(asks(path)) << path;
}

TEST(Pages, the_smallest_encoding_among_the_most_wanted_is_sent) {
  const std::pair<const char*, const char*> wishes[] = {
      {"gzip, deflate, br, zstd", "brEN"},
      {"br;q=0.5, gzip", "gzipEN"},
      {"BR", "brEN"},
      {"gzip ; q=0.3 ,br; q=0.30", "brEN"},
      {"*", "brEN"},
      {"*;q=0.5, br;q=0", "gzipEN"},
      {"identity", "<p>Become a member</p>"},
      {"gzip;q=0.5, identity", "<p>Become a member</p>"},
      {"br;q=0, gzip;q=0.000", "<p>Become a member</p>"},
      {"br;q=2, gzip;q=-1, identity;q=x", "<p>Become a member</p>"},
      {"br;q=0.0001", "<p>Become a member</p>"},
      {"deflate", "<p>Become a member</p>"},
      {"", "<p>Become a member</p>"},
      {",;,=,q=1;q", "<p>Become a member</p>"},
      {"identity;q=0, *;q=0", "<p>Become a member</p>"},  // there is nothing better to say
  };
  for (const auto& [wish, expected] : wishes) EXPECT_EQ(body("/", {{"accept-encoding", wish}}), expected) << wish;

  const auto compressed = asks("/", {{"Accept-Encoding", "br"}});
  EXPECT_TRUE(says(*compressed, "Content-Encoding: br"));
  EXPECT_FALSE(says(*asks("/"), "Content-Encoding: identity"));
}

TEST(Pages, the_language_is_the_chosen_one_or_else_the_most_wanted_of_ours) {
  const std::pair<const char*, const char*> wishes[] = {
      {"de", "de"},
      {"de-AT, en;q=0.5", "de"},
      {"DE", "de"},
      {"fi, sv;q=0.9, de;q=0.1", "de"},
      {"en;q=0.4, de;q=0.5", "de"},
      {"de;q=0.4, en;q=0.5", "en"},
      {"*, de;q=0.5", "en"},
      {"fi", "en"},
      {"de;q=0", "en"},
      {"", "en"},
      {"deutsch", "en"},
  };
  for (const auto& [wish, expected] : wishes)
    EXPECT_TRUE(says(*asks("/", {{"Accept-Language", wish}}), "Content-Language: " + std::string(expected))) << wish;

  EXPECT_TRUE(says(*asks("/?lang=de", {{"Accept-Language", "en"}}), "Content-Language: de"));
  EXPECT_TRUE(says(*asks("/?a=b&lang=en", {{"Accept-Language", "de"}}), "Content-Language: en"));
  EXPECT_TRUE(says(*asks("/?lang=../de", {{"Accept-Language", "de"}}), "Content-Language: de"));
  EXPECT_TRUE(says(*asks("/?lang="), "Content-Language: en"));
}

TEST(Pages, what_is_named_by_its_hash_is_kept_for_ever_and_a_page_is_asked_for_again) {
  EXPECT_TRUE(says(*asks("/assets/a-1.js"), "Cache-Control: public, max-age=31536000, immutable"));
  EXPECT_TRUE(says(*asks("/assets/a-1.js"), "Vary: Accept-Encoding"));
  EXPECT_TRUE(says(*asks("/"), "Cache-Control: no-cache"));
  EXPECT_TRUE(says(*asks("/"), "Vary: Accept-Encoding, Accept-Language"));
  EXPECT_TRUE(says(*asks("/docs"), "Cache-Control: no-cache"));
}

TEST(Pages, a_browser_that_has_the_very_bytes_is_not_sent_them_again) {
  for (const char* tags : {"\"en-br\"", "W/\"en-br\"", "\"other\" , \"en-br\"", "*"}) {
    const auto response = asks("/", {{"Accept-Encoding", "br"}, {"If-None-Match", tags}});
    EXPECT_EQ(response->status, 304) << tags;
    EXPECT_EQ(response->body, "");
    EXPECT_TRUE(says(*response, "ETag: \"en-br\"")) << tags;
    EXPECT_TRUE(says(*response, "Cache-Control: no-cache"));
  }
  // Those of another encoding or language are other bytes.
  for (const char* tags : {"\"en-gzip\"", "\"de-br\"", "en-br", "\"en-br", "\"\"", ""})
    EXPECT_EQ(asks("/", {{"Accept-Encoding", "br"}, {"If-None-Match", tags}})->status, 200) << tags;
}

TEST(Pages, every_answer_keeps_strangers_out) {
  for (const char* path : {"/", "/docs", "/assets/a-1.js"}) {
    const auto response = asks(path);
    EXPECT_NE(response->extra_headers.find("Content-Security-Policy: default-src 'none'; script-src 'self';"),
              std::string::npos);
    EXPECT_EQ(response->extra_headers.find("unsafe"), std::string::npos);
    EXPECT_TRUE(says(*response, "Referrer-Policy: no-referrer"));
    EXPECT_TRUE(says(*response, "Cross-Origin-Opener-Policy: same-origin"));
    EXPECT_TRUE(says(*response, "Cross-Origin-Resource-Policy: same-origin"));
    EXPECT_TRUE(response->extra_headers.ends_with("\r\n"));
  }
}

// What is really in the binary.
TEST(BuiltPages, hold_the_sign_up_page_in_four_languages_the_reference_and_all_they_load) {
  std::set<std::string_view> languages, paths;
  std::vector<std::string_view> pages;
  for (const PageFile& file : built_pages()) {
    paths.insert(file.path);
    if (file.path == "/") languages.insert(file.language);
    if (file.encoding == "identity" && file.content_type == html) pages.push_back(file.bytes);
    EXPECT_FALSE(file.bytes.empty()) << file.path;
    EXPECT_FALSE(file.tag.empty()) << file.path;
  }
  EXPECT_EQ(languages, (std::set<std::string_view>{"de", "en", "es", "fr"}));
  EXPECT_TRUE(paths.contains("/docs"));

  for (std::string_view page : pages) {
    std::size_t loaded = 0;
    for (auto at = page.find("\"/assets/"); at != std::string_view::npos; at = page.find("\"/assets/", at + 1)) {
      const auto address = page.substr(at + 1, page.find('"', at + 1) - at - 1);
      EXPECT_TRUE(paths.contains(address)) << address;
      ++loaded;
    }
    EXPECT_GE(loaded, 2u);
    EXPECT_EQ(page.find("<style"), std::string_view::npos);
  }
}

TEST(BuiltPages, are_grouped_as_the_table_promises) {
  const auto files = built_pages();
  for (std::size_t i = 0; i < files.size(); ++i) {
    const bool first = i == 0 || files[i - 1].path != files[i].path || files[i - 1].language != files[i].language;
    EXPECT_EQ(first, files[i].encoding == "identity") << files[i].path;
    if (i > 0) EXPECT_LE(files[i - 1].path, files[i].path);
  }
}

}  // namespace
}  // namespace globogym::gateway
