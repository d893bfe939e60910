#include "mail/compose.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <vector>

#include "base/text.h"

namespace globogym::mail {
namespace {

// A reader of mail as strict as the standards, so that what we write is read back by rules other than ours.
struct Part {
  std::map<std::string, std::string> headers;  // unfolded, encoded-words decoded
  std::string body;                            // decoded
};

std::string from_quoted_printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i];
    } else if (text.substr(i, 3) == "=\r\n") {
      i += 2;
    } else {
      EXPECT_TRUE(i + 2 < text.size() && std::isxdigit(text[i + 1]) && std::isxdigit(text[i + 2]));
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    }
  }
  return out;
}

std::string from_base64(std::string_view text) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned held = 0;
  int bits = 0;
  for (char c : text) {
    if (c == '=') break;
    held = held << 6 | static_cast<unsigned>(alphabet.find(c));
    if ((bits += 6) >= 8) out += static_cast<char>(held >> (bits -= 8));
  }
  return out;
}

std::string decoded_words(std::string_view text) {
  std::string out;
  bool after_word = false;
  while (!text.empty()) {
    if (text.starts_with("=?UTF-8?")) {
      const auto end = text.find("?=", 10);
      EXPECT_LE(end + 2, 75u);
      const auto word = text.substr(10, end - 10);
      std::string piece;
      if (text[8] == 'B') {
        piece = from_base64(word);
      } else {
        std::string spaced(word);
        for (char& c : spaced)
          if (c == '_') c = ' ';
        piece = from_quoted_printable(spaced);
      }
      EXPECT_TRUE(is_utf8(piece)) << "a character is split between words";
      out += piece;
      text.remove_prefix(end + 2);
      after_word = true;
    } else if (after_word && text.starts_with(" =?UTF-8?")) {
      text.remove_prefix(1);
    } else {
      out += text[0];
      text.remove_prefix(1);
      after_word = false;
    }
  }
  return out;
}

Part parsed(std::string_view text) {
  Part out;
  std::string name;
  while (!text.starts_with("\r\n")) {
    const auto end = text.find("\r\n");
    EXPECT_NE(end, std::string_view::npos);
    const auto line = text.substr(0, end);
    EXPECT_LE(line.size(), line.starts_with(' ') && line.find(' ', 1) == std::string_view::npos ? 998u : 78u) << line;
    text.remove_prefix(end + 2);
    if (line.starts_with(' ')) {
      out.headers[name] += line;
      continue;
    }
    name = line.substr(0, line.find(':'));
    EXPECT_FALSE(out.headers.contains(name)) << name;
    out.headers[name] = line.substr(name.size() + 2);
  }
  for (auto& [key, value] : out.headers) value = decoded_words(value);
  out.body = text.substr(2);
  if (out.headers["Content-Transfer-Encoding"] == "quoted-printable") {
    for (std::size_t at = 0; at < out.body.size();) {
      const auto end = out.body.find("\r\n", at);
      EXPECT_LE(end - at, 76u);
      EXPECT_NE(out.body[at], '.');
      EXPECT_NE(out.body[end - 1], ' ');
      at = end + 2;
    }
    out.body = from_quoted_printable(out.body);
  }
  return out;
}

struct Read {
  std::map<std::string, std::string> headers;
  Part text, html;
};

// Of a multipart, each with its headers.
std::vector<std::string> parts_of(const Part& whole) {
  const std::string& type = whole.headers.at("Content-Type");
  const auto quote = type.find("boundary=\"") + 10;
  const std::string line = "--" + type.substr(quote, type.find('"', quote) - quote);
  std::vector<std::string> parts;
  std::string_view rest = whole.body;
  EXPECT_TRUE(rest.starts_with(line + "\r\n"));
  rest.remove_prefix(line.size() + 2);
  for (;;) {
    const auto end = rest.find("\r\n" + line);
    if (end == std::string_view::npos) {
      ADD_FAILURE() << "the last boundary is missing";
      return {"", ""};
    }
    parts.emplace_back(rest.substr(0, end + 2));
    rest.remove_prefix(end + 2 + line.size());
    if (rest == "--\r\n") return parts;
    EXPECT_TRUE(rest.starts_with("\r\n")) << "one boundary begins with the other";
    rest.remove_prefix(2);
  }
}

Read read(const std::string& content) {
  for (std::size_t i = 0; i < content.size(); ++i) {
    EXPECT_TRUE((content[i] == '\n') == (i > 0 && content[i - 1] == '\r'));
    EXPECT_NE(content[i], '\0');
  }
  const Part whole = parsed(content);
  const auto parts = parts_of(whole);
  EXPECT_EQ(parts.size(), 2u);
  return {whole.headers, parsed(parts.at(0)), parsed(parts.at(1))};
}

std::string crlf(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '\n' ? "\r\n" : std::string(1, c);
  if (!text.ends_with('\n')) out += "\r\n";
  return out;
}

const WallTime noon{std::chrono::seconds(1'795'348'800)};  // Sunday, 22 November 2026

Mailbox from(std::string_view name = "GloboGym") {
  return *Mailbox::parse("welcome@globogym.example", name);
}
Result<Letter> composed(const domain::LetterText& text, std::string recipient = "ada@example.com",
                        Mailbox sender = from(), std::string_view id = "0abc@globogym.example",
                        std::string_view language = "en-GB") {
  return compose(text, sender, Personal<std::string>(std::move(recipient)), id, noon, language);
}

TEST(Compose, a_plain_letter_is_readable_as_it_stands) {
  const auto letter = composed({.subject = "Welcome", .text = "Hello Ada,\nbye\n", .html = "<p>Hello</p>\n"});

  EXPECT_EQ(letter->content,
            "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
            "From: GloboGym <welcome@globogym.example>\r\n"
            "To: ada@example.com\r\n"
            "Subject: Welcome\r\n"
            "Message-ID: <0abc@globogym.example>\r\n"
            "MIME-Version: 1.0\r\n"
            "Auto-Submitted: auto-generated\r\n"
            "Content-Language: en-GB\r\n"
            "Content-Type: multipart/alternative;\r\n"
            " boundary=\"=_0abc\"\r\n"
            "\r\n"
            "--=_0abc\r\n"
            "Content-Type: text/plain; charset=us-ascii\r\n"
            "\r\n"
            "Hello Ada,\r\n"
            "bye\r\n"
            "--=_0abc\r\n"
            "Content-Type: text/html; charset=us-ascii\r\n"
            "\r\n"
            "<p>Hello</p>\r\n"
            "--=_0abc--\r\n");
  EXPECT_EQ(letter->from, "welcome@globogym.example");
  EXPECT_EQ(letter->recipient.reveal(), "ada@example.com");
  EXPECT_EQ(letter->message_id, "0abc@globogym.example");
}

TEST(Compose, pictures_stand_beside_the_html_that_shows_them) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 7);
  const auto letter =
      composed({.subject = "S",
                .text = "t",
                .html = "<img src=\"cid:number@x.example\">é",
                .pictures = {{"number@x.example", "GG-1.png", bytes}, {"logo@x.example", "logo.png", "z"}}});

  ASSERT_TRUE(letter.has_value());
  const auto alternatives = parts_of(parsed(letter->content));
  ASSERT_EQ(alternatives.size(), 2u);
  EXPECT_EQ(parsed(alternatives[0]).body, "t\r\n");
  const Part related = parsed(alternatives[1]);
  EXPECT_TRUE(related.headers.at("Content-Type").starts_with("multipart/related; type=\"text/html\";"));
  const auto parts = parts_of(related);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parsed(parts[0]).body, "<img src=\"cid:number@x.example\">é\r\n");
  const Part picture = parsed(parts[1]);
  EXPECT_EQ(picture.headers.at("Content-Type"), "image/png");
  EXPECT_EQ(picture.headers.at("Content-ID"), "<number@x.example>");
  EXPECT_EQ(picture.headers.at("Content-Disposition"), "inline; filename=\"GG-1.png\"");
  std::string coded;
  for (char c : picture.body)
    if (c != '\r' && c != '\n') coded += c;
  EXPECT_EQ(from_base64(coded), bytes);
  EXPECT_EQ(parsed(parts[2]).headers.at("Content-ID"), "<logo@x.example>");
}

TEST(Compose, answers_go_where_that_is_asked_for) {
  const auto desk = *Mailbox::parse("desk@globogym.example", "Front desk");
  const auto letter = compose({.subject = "S", .text = "t", .html = "h"}, from(),
                              Personal<std::string>("ada@example.com"), "1@x.example", noon, "en-GB", &desk);

  EXPECT_EQ(parsed(letter->content).headers.at("Reply-To"), "Front desk <desk@globogym.example>");
}

TEST(Compose, a_picture_can_begin_no_header_of_its_own) {
  const auto with = [](std::string id, std::string name, std::string bytes = "x") {
    return composed({.subject = "S", .text = "t", .html = "h", .pictures = {{id, name, bytes}}}).has_value();
  };
  EXPECT_TRUE(with("a@b.example", "a.png"));
  for (const char* evil : {"", "a", "a@b\r\nX: y", "a@b>", "a b@c", "a@b@c"}) EXPECT_FALSE(with(evil, "a.png")) << evil;
  for (const char* evil : {"a\".png", "a\r\nX: y", "a/b.png", "a b.png"})
    EXPECT_FALSE(with("a@b.example", evil)) << evil;
  EXPECT_FALSE(with("a@b.example", std::string(51, 'a')));
  EXPECT_FALSE(with("a@b.example", "a.png", std::string(300'000, 'x')));
}

TEST(Compose, whatever_the_words_are_they_are_read_back) {
  std::string all_sorts;
  for (unsigned c = 1; c < 0x80; ++c)
    if (c != '\r') all_sorts += static_cast<char>(c);
  std::string long_lines;
  for (int i = 0; i < 400; ++i) long_lines += "Grüße aus München ";
  const std::vector<std::string> bodies = {"Hello Zoë\n",
                                           "",
                                           "no line end",
                                           "dots\n.\n..\n.x\n",
                                           "blank at the end \nand \t\n",
                                           all_sorts,
                                           long_lines,
                                           std::string(1000, 'x'),
                                           std::string(300, ' ') + "\n",
                                           "=_\n--=_0abc\n--=_0abc--\n",
                                           "\n\n\n",
                                           "日本語のテキスト🏋️‍♀️\n",
                                           std::string(75, 'a') + "\n" + std::string(76, 'b') + "\n" +
                                               std::string(77, '.') + "\n" + std::string(79, 'c') + " \n"};
  for (const auto& body : bodies) {
    const auto letter = composed({.subject = "S", .text = body, .html = "<p>" + body + "</p>"});

    ASSERT_TRUE(letter.has_value());
    const Read found = read(letter->content);
    EXPECT_EQ(found.text.body, crlf(body));
    EXPECT_EQ(found.html.body, crlf("<p>" + body + "</p>"));
  }
}

TEST(Compose, subjects_and_names_in_any_script_are_read_back) {
  std::string thousand;
  while (thousand.size() < 1000) thousand += "é";
  const std::vector<std::string> texts = {
      "Willkommen, Jörg",
      "ようこそ、山田さん。ジムへのご登録ありがとうございます。これはとても長い件名です。",
      "مرحبا بك",
      "👩‍👩‍👧‍👦 family plan 👩‍👩‍👧‍👦 family plan 👩‍👩‍👧‍👦 family "
      "plan",
      thousand,
      std::string(1000, 'x'),
      "=?UTF-8?Q?forged?=",
      " blanks around ",
      "Smith, \"Bob\" \\ <bob@evil.example>",
      "under_score =3D ?= equals",
      "a"};
  for (const auto& text : texts) {
    const auto letter = composed({.subject = text, .text = "t", .html = "h"}, "ada@example.com", from(text));

    ASSERT_TRUE(letter.has_value());
    const Read found = read(letter->content);
    EXPECT_EQ(found.headers.at("Subject"), text);
    std::string sender = found.headers.at("From");
    ASSERT_TRUE(sender.ends_with(" <welcome@globogym.example>"));
    sender.resize(sender.size() - 27);
    if (sender.starts_with('"')) {
      std::string plain;
      for (std::size_t i = 1; i + 1 < sender.size(); ++i) plain += sender[i] == '\\' ? sender[++i] : sender[i];
      sender = plain;
    }
    EXPECT_EQ(sender, text);
  }
}

TEST(Compose, nothing_can_begin_a_header_or_a_command_of_its_own) {
  const domain::LetterText fine{.subject = "S", .text = "t", .html = "h"};
  for (std::string evil : {std::string("x\r\nBcc: eve@example.com"), std::string("x\nX: y"), std::string("x\ry"),
                           std::string("a\0b", 3), std::string("\x1b[31m"), std::string("\xff\xfe")}) {
    EXPECT_FALSE(composed({.subject = evil, .text = "t", .html = "h"}).has_value());
    EXPECT_FALSE(composed(fine, evil + "@example.com").has_value());
    EXPECT_FALSE(composed(fine, "ada@" + evil).has_value());
    EXPECT_FALSE(composed(fine, "ada@example.com>" + evil).has_value());
    EXPECT_FALSE(composed(fine, "ada@example.com", from(), evil + "@x").has_value());
    EXPECT_FALSE(composed(fine, "ada@example.com", from(), "a@x", evil).has_value());
    EXPECT_FALSE(Mailbox::parse("a@example.com", evil).has_value());
  }
  EXPECT_FALSE(composed({.subject = "S", .text = std::string("a\0b", 3), .html = "h"}).has_value());
  EXPECT_FALSE(composed({.subject = "S", .text = "\xc3", .html = "h"}).has_value());
  EXPECT_FALSE(composed(fine, "ada@example.com", from(), "no-at-sign").has_value());
}

TEST(Compose, an_international_address_stands_in_the_header_as_it_is_used) {
  const auto letter = composed({.subject = "S", .text = "t", .html = "h"}, "jörg@müller.example");

  EXPECT_NE(letter->content.find("To: jörg@xn--mller-kva.example\r\n"), std::string::npos);
  EXPECT_EQ(letter->recipient.reveal(), "jörg@xn--mller-kva.example");
}

// The longest header line of a letter, but for those that hold nothing except one word too long for any line.
std::string longest_header_line(const std::string& content) {
  std::string longest;
  for (std::size_t at = 0;;) {
    const auto end = content.find("\r\n", at);
    const std::string line = content.substr(at, end - at);
    if (line.empty() || end == std::string::npos) return longest;
    const bool one_word = line.starts_with(' ') && line.find(' ', 1) == std::string::npos && line.size() > 78;
    EXPECT_LE(line.size(), 998u);
    if (!one_word && line.size() > longest.size()) longest = line;
    at = end + 2;
  }
}

TEST(Compose, no_header_line_is_longer_than_78_characters_whatever_it_holds) {
  const std::string enrollment = "06h07dwbjbyjj9bt29ghw0ct2ts29xt8";
  const std::string long_domain =
      std::string(60, 'd') + "." + std::string(60, 'e') + "." + std::string(50, 'f') + ".example";
  for (std::string name : {std::string("GloboGym"), std::string(), std::string(70, 'n'), std::string(300, 'n'),
                           std::string("Jörg Größe, \"Bob\"")}) {
    for (std::string local : {std::string("ada"), std::string(64, 'l'), std::string("jörg")}) {
      for (std::string domain : {std::string("globogym.example"), std::string(60, 'm') + ".example", long_domain}) {
        for (std::size_t subject = 60; subject < 90; ++subject) {
          const auto letter = composed({.subject = std::string(subject, 's'), .text = "t", .html = "h"},
                                       local + "@" + domain, *Mailbox::parse("w@" + domain, name),
                                       enrollment + "@" + (domain.size() > 150 ? "x.example" : domain),
                                       "zh-Hant-TW-x-private-language-tag");

          ASSERT_TRUE(letter.has_value());
          const std::string longest = longest_header_line(letter->content);
          EXPECT_LE(longest.size(), 78u) << longest;
          const Part whole = parsed(letter->content);
          EXPECT_EQ(whole.headers.at("Message-ID").substr(whole.headers.at("Message-ID").find('<')),
                    "<" + letter->message_id + ">");
        }
      }
    }
  }
}

TEST(Compose, the_same_letter_is_the_same_bytes) {
  const domain::LetterText text{.subject = "Zoë", .text = "Zoë\n", .html = "<p>Zoë</p>\n"};

  EXPECT_EQ(composed(text)->content, composed(text)->content);
}

TEST(Mailbox, takes_what_RFC_5321_allows_and_nothing_else) {
  for (std::string good : {"a@b", "ada.lovelace+gym@sub.example.com", "o'brien@example.ie", "\"two words\"@example.com",
                           "\"a\\\"b\"@example.com", "a@[127.0.0.1]", "a@[IPv6:::1]", "用户@例子.广告"})
    EXPECT_TRUE(Mailbox::parse(good).has_value()) << good;
  for (std::string bad : {"",           "@",      "a@",   "@b",     "a",     ".a@b",  "a.@b",  "a..b@c", "a b@c",
                          "a@b c",      "a@-b",   "a@b-", "a@b..c", "a@.b",  "a@b.",  "a@b_c", "\"a@b",  "a\"b@c",
                          "\"a\"b\"@c", "a@[1]x", "a@[",  "a,b@c",  "a;b@c", "<a@b>", "a@b>",  "a\\@b",  "\"a\\\"@b"})
    EXPECT_FALSE(Mailbox::parse(bad).has_value()) << bad;
  EXPECT_TRUE(Mailbox::parse(std::string(64, 'a') + "@b").has_value());
  EXPECT_FALSE(Mailbox::parse(std::string(65, 'a') + "@b").has_value());
  EXPECT_FALSE(Mailbox::parse("a@" + std::string(64, 'b')).has_value());
  EXPECT_FALSE(Mailbox::parse("a@" + std::string(300, 'b')).has_value());
  // 64 bytes, the @, and a domain of 189 or 190: the longest that RFC 5321 allows in all, and one more.
  const std::string longest = std::string(64, 'a') + "@" + std::string(63, 'b') + "." + std::string(63, 'c') + ".";
  EXPECT_TRUE(Mailbox::parse(longest + std::string(61, 'd')).has_value());
  EXPECT_FALSE(Mailbox::parse(longest + std::string(62, 'd')).has_value());
}

TEST(Mailbox, reads_a_name_as_in_configuration) {
  const auto named = Mailbox::parse_named("GloboGym München <welcome@globogym.example>");
  const auto quoted = Mailbox::parse_named("\"Globo, Gym\" <welcome@globogym.example>");
  const auto plain = Mailbox::parse_named(" welcome@globogym.example ");

  EXPECT_EQ(named->name(), "GloboGym München");
  EXPECT_EQ(quoted->name(), "Globo, Gym");
  EXPECT_EQ(plain->name(), "");
  for (const auto& mailbox : {*named, *quoted, *plain}) EXPECT_EQ(mailbox.address(), "welcome@globogym.example");
  EXPECT_FALSE(Mailbox::parse_named("x>").has_value());
}

}  // namespace
}  // namespace globogym::mail
