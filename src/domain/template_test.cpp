#include "domain/template.h"

#include <gtest/gtest.h>

#include <array>

namespace globogym::domain {
namespace {

constexpr std::array<Place, 3> places = {{{"firstName"}, {"club"}, {"address", true}}};
using Values = std::array<std::string_view, 3>;
const Values ada = {"Ada", "Shoreditch", "12 Sample Yard\nLondon"};

Sentences words() {
  Sentences sentences;
  EXPECT_TRUE(read_sentences("welcome.en.words",
                             "# ours\n\ngreeting = Hello {{firstName}},\n home=Your club is <{{club}}> – fine. \n",
                             sentences));
  return sentences;
}

std::string filled(std::string_view source, const Values& values = ada, Form form = Form::text) {
  const auto parsed = Template::parse("t", source, form, places, words());
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().message);
  std::string out;
  if (parsed) parsed->append_filled(out, values);
  return out;
}

std::string complaint(std::string_view source) {
  const auto parsed = Template::parse("welcome.txt", source, Form::text, places, words());
  return parsed ? "" : parsed.error().message;
}

TEST(Template, values_stand_where_their_names_stood) {
  EXPECT_EQ(filled("Dear {{firstName}} of {{ club }}{"), "Dear Ada of Shoreditch{");
  EXPECT_EQ(filled("no places, one } and { and }}"), "no places, one } and { and }}");
  EXPECT_EQ(filled(""), "");
}

TEST(Template, conditions_ask_whether_there_is_a_value) {
  const std::string source = "{{#club}}at {{club}}{{/club}}{{^club}}nowhere{{/club}}!";
  EXPECT_EQ(filled(source), "at Shoreditch!");
  EXPECT_EQ(filled(source, {"Ada", "", ""}), "nowhere!");
  EXPECT_EQ(filled("{{#club}}a{{#address}}b{{/address}}c{{/club}}d", {"", "x", ""}), "acd");
  EXPECT_EQ(filled("{{#club}}a{{#address}}b{{/address}}c{{/club}}d", {"", "", "x"}), "d");
}

TEST(Template, a_line_of_a_condition_alone_is_no_line) {
  EXPECT_EQ(filled("a\n{{#club}}\nb\n  {{/club}}  \n{{! nothing }}\nc\n"), "a\nb\nc\n");
  EXPECT_EQ(filled("a\r\n{{#club}}\r\nb\r\n{{/club}}\r\n"), "a\nb\n");
  EXPECT_EQ(filled("a {{#club}}\nb{{/club}}\n"), "a \nb\n");
}

TEST(Template, several_lines_stand_under_each_other_where_that_is_meant_and_nowhere_else) {
  EXPECT_EQ(filled("  {{address}}\n"), "  12 Sample Yard\n  London\n");
  EXPECT_EQ(filled("at {{address}}"), "at 12 Sample Yard\nLondon");
  EXPECT_EQ(filled("{{firstName}}", {"Ada\r\nBcc: eve\x7f", "", ""}), "Ada  Bcc: eve ");
  EXPECT_EQ(filled("{{firstName}} {{address}}", {"A\nB", "", "C\nD\tE"}, Form::html), "A B C<br>\nD E");
}

TEST(Template, values_are_escaped_in_html_and_not_read_again) {
  EXPECT_EQ(filled("<p>{{firstName}}</p>", {"<b>\"A&D'a\"</b>{{club}}", "x", ""}, Form::html),
            "<p>&lt;b&gt;&quot;A&amp;D&#39;a&quot;&lt;/b&gt;{{club}}</p>");
  EXPECT_EQ(filled("{{firstName}}", {"<b>{{club}}", "x", ""}), "<b>{{club}}");
  EXPECT_EQ(filled("{{firstName}}é", {"é李𠮷", "", ""}, Form::html), "&#233;&#26446;&#134071;&#233;");
  EXPECT_EQ(filled("<style>p::before{content:\"é\"}</style>é", ada, Form::html),
            "<style>p::before{content:\"é\"}</style>&#233;");
}

TEST(Template, sentences_are_of_the_language_and_plain_text) {
  EXPECT_EQ(filled("{{>greeting}}\n{{>home}}"), "Hello Ada,\nYour club is <Shoreditch> – fine.");
  EXPECT_EQ(filled("{{>home}}", ada, Form::html), "Your club is &lt;Shoreditch&gt; &#8211; fine.");
}

TEST(Template, long_sentences_are_broken_in_html_where_a_blank_stands) {
  Sentences sentences;
  std::string sentence = "x =";
  for (int i = 0; i < 40; ++i) sentence += " word" + std::to_string(i);
  ASSERT_TRUE(read_sentences("w", sentence, sentences));
  const auto parsed = Template::parse("t", "<p>{{>x}}</p>", Form::html, places, sentences);
  std::string out;
  parsed->append_filled(out, ada);

  std::size_t longest = 0, at = 0;
  for (std::size_t end = 0; end != std::string::npos; at = end + 1) {
    end = out.find('\n', at);
    longest = std::max(longest, std::min(end, out.size()) - at);
  }
  EXPECT_LE(longest, 78u) << out;
  for (char& c : out)
    if (c == '\n') c = ' ';
  EXPECT_EQ(out, "<p>" + sentence.substr(4) + "</p>");
}

TEST(Template, what_is_wrong_is_said_with_its_line_and_what_may_be_meant) {
  EXPECT_EQ(complaint("a\nb {{fristName}}"),
            "welcome.txt:2: unknown placeholder {{fristName}}; did you mean {{firstName}}?");
  EXPECT_EQ(complaint("a\n\n{{#clubs}}"), "welcome.txt:3: unknown placeholder {{clubs}}; did you mean {{club}}?");
  EXPECT_EQ(complaint("{{>greting}}"),
            "welcome.txt:1: there are no words \"greting\" in this language; did you mean \"greeting\"?");
  EXPECT_EQ(complaint("a\n{{#club}}b"), "welcome.txt:2: {{#club}} is never ended; write {{/club}}");
  EXPECT_EQ(complaint("{{/club}}"), "welcome.txt:1: {{/club}} ends nothing");
  EXPECT_EQ(complaint("{{#club}}{{#address}}{{/club}}"),
            "welcome.txt:1: {{/club}} ends nothing; {{/address}} is to come first");
  EXPECT_EQ(complaint("a\n{{club"), "welcome.txt:2: {{ is not closed; write }} behind it, on the same line");
  EXPECT_EQ(complaint("{{club\n}}"), "welcome.txt:1: {{ is not closed; write }} behind it, on the same line");
  EXPECT_EQ(complaint("a\nb\x01"), "welcome.txt:2: a control character stands here; take it out");
  EXPECT_EQ(complaint("\xff"), "welcome.txt: it is not UTF-8; save it as UTF-8");
  for (const char* strange : {"{{}}", "{{{club}}}", "{{&club}}", "{{club name}}", "{{>}}", "{{=a=}}", "{{# }}"})
    EXPECT_TRUE(complaint(strange).starts_with("welcome.txt:1: {{")) << strange << ": " << complaint(strange);
}

TEST(Template, is_bounded) {
  std::string deep, wide;
  for (int i = 0; i < 9; ++i) deep += "{{#club}}";
  for (int i = 0; i < 2100; ++i) wide += "{{club}}-";
  EXPECT_TRUE(complaint(deep).contains("8 deep"));
  EXPECT_TRUE(complaint(wide).contains("more than 2000 pieces"));
}

TEST(Sentences, are_read_line_by_line_and_wrong_ones_named) {
  Sentences sentences;
  const auto complain = [&](std::string_view source) {
    const auto read = read_sentences("welcome.de.words", source, sentences);
    return read ? std::string() : read.error().message;
  };
  EXPECT_EQ(complain("a = b\n\n# c\nno sentence\n"), "welcome.de.words:4: write it as `name = sentence`");
  EXPECT_EQ(complain("a b = c"), "welcome.de.words:1: write it as `name = sentence`");
  EXPECT_EQ(complain("a = " + std::string(2001, 'x')), "welcome.de.words:1: a sentence has at most 2000 bytes");
  EXPECT_EQ(complain("a = first\na = x = y\r\n\xef\xbb\xbf"), "welcome.de.words:3: write it as `name = sentence`");
  EXPECT_EQ(sentences.find("a")->second.text, "x = y");
  EXPECT_EQ(complain("\xef\xbb\xbf"
                     "b = {{fristName}}"),
            "");
  EXPECT_EQ(Template::parse("t", "{{>b}}", Form::text, places, sentences).error().message,
            "welcome.de.words:1: unknown placeholder {{fristName}}; did you mean {{firstName}}?");
}

}  // namespace
}  // namespace globogym::domain
