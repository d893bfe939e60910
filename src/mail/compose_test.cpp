#include "mail/compose.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <vector>

#include "base/digest.h"
#include "base/text.h"
#include "mail/writer.h"

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
      EXPECT_FALSE(end > at && (out.body[end - 1] == ' ' || out.body[end - 1] == '\t'));
      at = end + 2;
    }
    out.body = from_quoted_printable(out.body);
  } else if (out.headers["Content-Type"].starts_with("text/")) {
    for (std::size_t at = 0; at < out.body.size();) {
      const auto end = out.body.find("\r\n", at);
      EXPECT_LE(end - at, 78u);
      EXPECT_NE(out.body[at], '.');
      EXPECT_FALSE(end > at && (out.body[end - 1] == ' ' || out.body[end - 1] == '\t'));
      at = end + 2;
    }
    for (char c : out.body) EXPECT_TRUE((c >= ' ' && c <= '~') || c == '\t' || c == '\r' || c == '\n');
  }
  return out;
}

struct Read {
  std::map<std::string, std::string> headers;
  Part text, html;
};

std::string without_line_ends(std::string_view text) {
  std::string out;
  for (char c : text)
    if (c != '\r' && c != '\n') out += c;
  return out;
}

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
  Part html = parsed(parts.at(1));
  if (html.headers.at("Content-Type").starts_with("multipart/")) html = parsed(parts_of(html).at(0));
  return {whole.headers, parsed(parts.at(0)), html};
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

// Templates of one language, and what a letter in them says.
struct Words {
  std::string subject = "S", text = "t", html = "h", locale = "en-GB", imprint = "";
  domain::LetterValues says = {};
};

domain::Letters letters(const Words& words) {
  domain::LetterSources sources{.head = {.imprint = words.imprint, .domain = "globogym.example"}, .logo = "a logo"};
  sources.languages.push_back({words.locale, words.subject, words.text, words.html, {}});
  auto made = domain::Letters::make(std::move(sources));
  EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
  return std::move(*made);
}

std::shared_ptr<const Composer> composer(const Words& words, Mailbox sender = from(),
                                         std::optional<Mailbox> reply_to = std::nullopt) {
  const auto layout = kept({letters(words).sources(), std::move(sender), std::move(reply_to)});
  EXPECT_TRUE(layout.has_value());
  auto made = Composer::make(*layout);
  EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
  return *made;
}

Result<Letter> composed(const Words& words, std::string recipient = "ada@example.com", Mailbox sender = from(),
                        std::string_view id = "0abc@globogym.example") {
  return composer(words, std::move(sender))
      ->compose(Personal<std::string>(std::move(recipient)), id, {.layout = "l", .date = noon, .says = words.says});
}

domain::LetterValues says(std::string name, std::string club = "", std::string address = "") {
  domain::LetterValues values{.locale = "en-GB", .first_name = Personal(std::move(name)), .number = "GG-1"};
  values.club = std::move(club);
  values.club_address = std::move(address);
  return values;
}

TEST(Compose, a_plain_letter_is_readable_as_it_stands) {
  const auto letter = composed({.subject = "Welcome",
                                .text = "Hello {{firstName}},\nbye\n",
                                .html = "<p>Hello {{firstName}}</p>\n",
                                .says = says("Ada")});

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
            "<p>Hello Ada</p>\r\n"
            "--=_0abc--\r\n");
  EXPECT_EQ(letter->from, "welcome@globogym.example");
  EXPECT_EQ(letter->recipient.reveal(), "ada@example.com");
  EXPECT_EQ(letter->message_id, "0abc@globogym.example");
}

TEST(Compose, where_a_part_is_not_plain_each_value_stands_between_soft_line_breaks) {
  const auto letter = composed({.text = "Grüße, {{firstName}}!\n{{club}}\n", .says = says("Zoë", "Gym")});

  EXPECT_NE(letter->content.find("charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
                                 "Gr=C3=BC=C3=9Fe,=20=\r\nZo=C3=AB=\r\n!\r\nGym\r\n--"),
            std::string::npos)
      << letter->content;
}

TEST(Compose, pictures_stand_beside_the_html_that_shows_them) {
  const Words words{.html = "<img src=\"{{qr}}\"><img src=\"{{logo}}\">é", .says = says("Ada")};
  const auto letter = composed(words);

  ASSERT_TRUE(letter.has_value());
  const auto alternatives = parts_of(parsed(letter->content));
  ASSERT_EQ(alternatives.size(), 2u);
  EXPECT_EQ(parsed(alternatives[0]).body, "t\r\n");
  const Part related = parsed(alternatives[1]);
  EXPECT_TRUE(related.headers.at("Content-Type").starts_with("multipart/related; type=\"text/html\";"));
  const auto parts = parts_of(related);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parsed(parts[0]).body,
            "<img src=\"cid:GG-1@globogym.example\"><img src=\"cid:logo@globogym.example\">&#233;\r\n");
  const Part picture = parsed(parts[1]);
  EXPECT_EQ(picture.headers.at("Content-Type"), "image/png");
  EXPECT_EQ(picture.headers.at("Content-ID"), "<GG-1@globogym.example>");
  EXPECT_EQ(picture.headers.at("Content-Disposition"), "inline; filename=\"GG-1.png\"");
  EXPECT_EQ(from_base64(without_line_ends(picture.body)), domain::picture_of_number("GG-1"));
  const Part logo = parsed(parts[2]);
  EXPECT_EQ(logo.headers.at("Content-ID"), "<logo@globogym.example>");
  EXPECT_EQ(logo.headers.at("Content-Disposition"), "inline; filename=\"logo.png\"");
  EXPECT_EQ(from_base64(without_line_ends(logo.body)), "a logo");
}

TEST(Compose, answers_go_where_that_is_asked_for) {
  const auto desk = *Mailbox::parse("desk@globogym.example", "Front desk");
  const auto letter = composer({}, from(), desk)->compose(Personal<std::string>("ada@example.com"), "1@x.example", {});

  EXPECT_EQ(parsed(letter->content).headers.at("Reply-To"), "Front desk <desk@globogym.example>");
}

TEST(Compose, what_is_no_number_has_no_picture_and_begins_no_header) {
  for (const char* evil : {"", "GG-1\r\nX: y", "gg", "GG-1@x", "GG-1\"", "123456789012345678901"}) {
    domain::LetterValues values = says("Ada");
    values.number = evil;
    const auto letter = composed({.html = "{{qr}}", .says = values});
    EXPECT_TRUE(letter ? std::string_view(evil).empty() : letter.error().fault == Fault::invalid) << evil;
  }
}

// What Letters itself says it is.
void expect_read_back(const Words& words) {
  const auto letter = composed(words);
  ASSERT_TRUE(letter.has_value()) << letter.error().message;
  const Read found = read(letter->content);
  const auto meant = letters(words).welcome(words.says);
  EXPECT_EQ(found.text.body, crlf(meant.text)) << words.text;
  EXPECT_EQ(found.html.body, crlf(meant.html)) << words.html;
  EXPECT_EQ(found.headers.at("Subject"), meant.subject);
}

TEST(Compose, whatever_the_words_are_they_are_read_back) {
  std::string long_lines;
  for (int i = 0; i < 400; ++i) long_lines += "Grüße aus München ";
  const std::vector<std::string> bodies = {"Hello Zoë\n",
                                           "",
                                           "no line end",
                                           "dots\n.\n..\n.x\n",
                                           ".",
                                           "blank at the end \nand \t\n",
                                           "blank at the very end ",
                                           "\t",
                                           long_lines,
                                           std::string(1000, 'x'),
                                           std::string(300, ' ') + "\n",
                                           "=_\n--=_0abc\n--=_0abc--\n",
                                           "\n\n\n",
                                           "日本語のテキスト🏋️‍♀️\n",
                                           std::string(75, 'a') + "\n" + std::string(76, 'b') + "\n" +
                                               std::string(77, '.') + "\n" + std::string(79, 'c') + " \n"};
  for (const auto& body : bodies) {
    expect_read_back({.text = body, .html = "<p>" + body + "</p>", .says = says("Ada")});
    for (const auto& value : bodies)
      for (const std::string& around : {body + "{{firstName}}", "{{firstName}}" + body, body + "{{clubAddress}}" + body,
                                        std::string("{{club}}\n  {{clubAddress}}\n")})
        expect_read_back({.subject = "S", .text = around, .html = around, .says = says(value, value, value)});
  }
}

TEST(Compose, what_only_shows_where_two_pieces_meet_is_read_back) {
  const std::vector<std::string> pieces = {
      "", "=", "_", ".", " ", "\n", "a", "é", "\t\n", " \n.", "=\n", std::string(78, 'l'), std::string(39, 'm')};
  for (const auto& before : pieces)
    for (const auto& name : pieces)
      for (const auto& behind : pieces)
        expect_read_back({.text = before + "{{firstName}}{{#club}}{{clubAddress}}{{/club}}" + behind + "{{club}}",
                          .html = before + "{{clubAddress}}" + behind + "{{firstName}}{{^club}}" + before + "{{/club}}",
                          .says = says(name, behind, before)});
}

TEST(Compose, several_lines_stand_under_each_other_in_whatever_coding) {
  for (const char* name : {"Ada", "Zoë"})
    for (const char* indent : {"", "  ", "\t ", "x ", "{{#club}}   {{/club}}", " {{club}} ", "{{firstName}} "}) {
      const std::string text = std::string("a\n") + indent + "{{clubAddress}}\n {{imprint}}\n{{firstName}}";
      for (const char* club : {"", "  ", "Club"})
        expect_read_back({.text = text,
                          .html = text,
                          .imprint = "GloboGym Ltd\nNo. 1",
                          .says = says(name, club, "12 Yard\nLondon\n\nUK")});
    }
}

TEST(Compose, the_letters_that_are_built_in_are_read_back_whoever_gets_them) {
  const auto built_in = domain::Letters::make({.imprint = "GloboGym Ltd\nNo. 1", .domain = "globogym.example"});
  const auto made = Composer::make(*kept({built_in->sources(), from(), std::nullopt}));
  ASSERT_TRUE(made.has_value());
  std::string longest;
  for (int i = 0; i < 100; ++i) longest += "\U00020BB7";
  for (const char* locale : {"en-GB", "en-US", "de-DE", "fr-FR", "es-ES"})
    for (const std::string& name : {std::string("Ada"), std::string("Zoë"), std::string("محمد"), std::string("Ada שרה"),
                                    longest, std::string(100, 'n'), std::string("<b>\"O'Brien & Co.\"</b>")})
      for (const bool all : {true, false}) {
        domain::LetterValues values = says(name);
        values.locale = locale;
        values.number = "GG-4K7Q-9M2X-7HTC-V";
        if (all) {
          values.club = "GloboGym <Shoreditch>";
          values.club_address = "12 Sample Yard\nLondon EC2A 3XX";
          values.club_hours = "Monday to Friday 6:00–22:00\nSunday: closed";
          values.plan = "Premium";
          values.plan_price = "£39.90 a month";
          values.plan_term = "12 months";
          values.first_day = "1 December 2026";
        }
        const auto letter =
            (*made)->compose(Personal<std::string>("ada@example.com"), "0abc@globogym.example", {"l", noon, values});
        ASSERT_TRUE(letter.has_value());
        const Read found = read(letter->content);
        const auto meant = built_in->welcome(values);
        EXPECT_EQ(found.text.body, crlf(meant.text)) << locale << name;
        EXPECT_EQ(found.html.body, crlf(meant.html)) << locale << name;
        EXPECT_EQ(found.headers.at("Subject"), meant.subject);
        EXPECT_EQ(found.headers.at("Content-Language"), locale);
        const auto related = parts_of(parsed(parts_of(parsed(letter->content)).at(1)));
        ASSERT_EQ(related.size(), 3u);
        for (std::size_t i = 0; i < 2; ++i)
          EXPECT_EQ(from_base64(without_line_ends(parsed(related[i + 1]).body)), meant.pictures[i].bytes);
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
    const auto letter = composed({.subject = "{{firstName}}", .says = says(text)}, "ada@example.com", from(text));

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
  for (std::string evil : {std::string("x\r\nBcc: eve@example.com"), std::string("x\nX: y"), std::string("x\ry"),
                           std::string("a\0b", 3), std::string("\x1b[31m"), std::string("\xff\xfe")}) {
    EXPECT_FALSE(composed({}, evil + "@example.com").has_value());
    EXPECT_FALSE(composed({}, "ada@" + evil).has_value());
    EXPECT_FALSE(composed({}, "ada@example.com>" + evil).has_value());
    EXPECT_FALSE(composed({}, "ada@example.com", from(), evil + "@x").has_value());
    EXPECT_FALSE(Mailbox::parse("a@example.com", evil).has_value());
    if (!is_utf8(evil)) continue;
    const auto letter = composed({.subject = "{{firstName}}", .text = "{{firstName}}", .says = says(evil)});
    ASSERT_TRUE(letter.has_value());
    EXPECT_EQ(letter->content.find("\nX:"), std::string::npos);
    EXPECT_EQ(letter->content.find("\nBcc:"), std::string::npos);
    read(letter->content);
  }
  EXPECT_FALSE(composed({}, "ada@example.com", from(), "no-at-sign").has_value());
}

TEST(Compose, an_international_address_stands_in_the_header_as_it_is_used) {
  const auto letter = composed({}, "jörg@müller.example");

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
        const auto made = composer({.subject = "{{firstName}}"}, *Mailbox::parse("w@" + domain, name));
        for (std::size_t subject = 60; subject < 90; ++subject) {
          const auto letter = made->compose(Personal(local + "@" + domain),
                                            enrollment + "@" + (domain.size() > 150 ? "x.example" : domain),
                                            {.date = noon, .says = says(std::string(subject, 's'))});

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
  const Words words{.subject = "Zoë", .text = "{{firstName}}\n", .html = "<p>Zoë {{qr}}</p>\n", .says = says("Zoë")};

  EXPECT_EQ(composed(words)->content, composed(words)->content);
}

TEST(Compose, a_layout_that_is_not_what_it_was_is_not_composed_with) {
  const auto layout = *kept({letters({}).sources(), from(), std::nullopt});
  const auto fault_of = [](std::string id, std::string json) {
    const auto made = Composer::make({std::move(id), std::move(json)});
    return made ? std::optional<Fault>() : made.error().fault;
  };

  EXPECT_EQ(fault_of(layout.id, layout.json), std::nullopt);
  EXPECT_EQ(fault_of(layout.id, layout.json + " "), Fault::damaged);
  EXPECT_EQ(fault_of("another", layout.json), Fault::damaged);
  // Bytes that check, and say too little.
  for (const char* json : {"", "{}", "[]", R"({"from":{"address":"a@b"}})", R"({"from":{"address":"a b"}})"}) {
    const auto sum = sha256(json);
    EXPECT_EQ(fault_of(base32(std::span(sum).first(13)), json), Fault::damaged) << json;
  }
  for (const char* gone : {"\"subject\":0", "\"sentences\"", "\"locale\":\"en-GB\"", "\"head\"", "\"templates\"",
                           "\"logo\"", "\"address\""}) {
    std::string json = layout.json;
    json.replace(json.find(gone), 4, "\"x__");
    const auto sum = sha256(json);
    EXPECT_EQ(fault_of(base32(std::span(sum).first(13)), json), Fault::damaged) << json;
  }
}

TEST(Compose, a_layout_has_one_id_and_another_one_another) {
  const auto id_of = [](const Words& words, const Mailbox& sender, std::optional<Mailbox> reply_to = std::nullopt) {
    return kept({letters(words).sources(), sender, std::move(reply_to)})->id;
  };
  const std::string id = id_of({}, from());

  EXPECT_EQ(id, id_of({}, from()));
  EXPECT_EQ(id.size(), 21u);
  EXPECT_NE(id, id_of({.text = "u"}, from()));
  EXPECT_NE(id, id_of({.locale = "de-DE"}, from()));
  EXPECT_NE(id, id_of({.imprint = "Ltd"}, from()));
  EXPECT_NE(id, id_of({}, from("Another")));
  EXPECT_NE(id, id_of({}, from(), from()));
}

TEST(Compose, a_layout_is_read_as_it_was_kept) {
  const Layout layout{letters({.text = "Grüße \"{{firstName}}\"\r\n\t", .imprint = "a\nb"}).sources(),
                      from("Jörg, Bob"), Mailbox::parse("jörg@b.example", "\"D\"").value()};
  const auto before = *kept(layout);

  const auto read = layout_of(before.id, before.json);

  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(kept(*read)->json, before.json);
  EXPECT_EQ(read->sources.languages[0].text, layout.sources.languages[0].text);
  EXPECT_EQ(read->sources.logo, "a logo");
  EXPECT_EQ(read->reply_to->name(), "\"D\"");
}

TEST(Compose, a_layout_that_is_too_long_to_be_kept_is_told) {
  domain::LetterSources sources = letters({}).sources();
  while (sources.languages.size() < 20) {
    auto another = sources.languages[0];
    another.html = std::string(64 * 1024, static_cast<char>('a' + sources.languages.size()));
    sources.languages.push_back(another);
  }
  const auto layout = kept({sources, from(), std::nullopt});

  ASSERT_FALSE(layout.has_value());
  EXPECT_EQ(layout.error().fault, Fault::invalid);
  EXPECT_TRUE(layout.error().message.contains("900 are the most")) << layout.error().message;
  sources.languages.resize(12);
  EXPECT_LT(kept({sources, from(), std::nullopt})->json.size(), longest_layout);
}

}  // namespace
}  // namespace globogym::mail
