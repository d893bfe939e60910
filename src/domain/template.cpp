#include "domain/template.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/assert.h"
#include "base/nearest.h"
#include "base/text.h"
#include "domain/unicode_text.h"

namespace globogym::domain {
namespace {

constexpr std::size_t deepest = 8;         // conditions inside each other
constexpr std::size_t most_steps = 2'000;  // of a template with its sentences
constexpr std::size_t longest_tag = 100;   // between the braces
constexpr std::size_t longest_sentence = 2'000;
constexpr std::size_t wrap_html_at = 66;
constexpr std::size_t usual_value = 20;  // as long as most values are at most

std::unexpected<Error> wrong(std::string_view where, std::string_view what) {
  return fail(Fault::invalid, std::string(where) + ": " + std::string(what));
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t") == std::string_view::npos;
}

std::string_view stripped(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

void append_reference(std::string& out, char32_t c) {
  char digits[12];
  const auto [end, problem] = std::to_chars(digits, digits + sizeof digits, static_cast<std::uint32_t>(c));
  ASSERT(problem == std::errc());
  out.append("&#").append(digits, end).append(1, ';');
}

// As a value: escaped, in ASCII alone, so that the letter needs no transfer encoding.
void append_html(std::string& out, std::string_view value, bool lines) {
  while (!value.empty()) {
    const auto special =
        static_cast<std::size_t>(std::ranges::find_if(value,
                                                      [](char c) {
                                                        const auto byte = static_cast<unsigned char>(c);
                                                        return byte < 0x20 || byte >= 0x7f || c == '&' || c == '<' ||
                                                               c == '>' || c == '"' || c == '\'';
                                                      }) -
                                 value.begin());
    out += value.substr(0, special);
    value.remove_prefix(special);
    if (value.empty()) return;
    const char c = value.front();
    if (static_cast<unsigned char>(c) >= 0x80) {
      append_reference(out, next_code_point(value));
      continue;
    }
    value.remove_prefix(1);
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\n':
        out += lines ? "<br>\n" : " ";
        break;
      default:
        out += ' ';
    }
  }
}

void append_text(std::string& out, std::string_view value, bool lines, std::string_view indent) {
  for (char c : value) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    out += control && !(lines && c == '\n') ? ' ' : c;
    if (lines && c == '\n') out += indent;
  }
}

// Our own words in HTML: not escaped again where they are markup, but in ASCII alone, except inside <style>, which
// knows no references.
std::string in_ascii(std::string_view html) {
  std::string out;
  bool style = false;
  while (!html.empty()) {
    if (html.front() == '<') {
      if (html.starts_with("<style")) style = true;
      if (html.starts_with("</style")) style = false;
    }
    if (static_cast<unsigned char>(html.front()) < 0x80 || style) {
      out += html.front();
      html.remove_prefix(1);
    } else {
      append_reference(out, next_code_point(html));
    }
  }
  return out;
}

// What `text` lacks to be a template or a file of words; nothing when it is fit. CR LF has become LF before.
std::optional<std::string> unfit(std::string_view name, std::string_view text) {
  if (!is_utf8(text)) return std::string(name) + ": it is not UTF-8; save it as UTF-8";
  std::size_t line = 1;
  for (char c : text) {
    if (c == '\n') ++line;
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
      return std::string(name) + ":" + std::to_string(line) + ": a control character stands here; take it out";
  }
  return std::nullopt;
}

std::string with_plain_line_ends(std::string_view source) {
  if (source.starts_with("\xef\xbb\xbf")) source.remove_prefix(3);  // a byte order mark
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i)
    if (source[i] != '\r' || i + 1 == source.size() || source[i + 1] != '\n') out += source[i];
  return out;
}

}  // namespace

class TemplateReader {
 public:
  TemplateReader(Form form, std::span<const Place> places, const Sentences& sentences) : sentences_(sentences) {
    out_.form_ = form;
    out_.places_ = places;
  }

  Result<void> read(std::string_view name, std::string_view source, bool sentence) {
    const std::size_t opened_before = open_.size();
    const std::string_view whole = source;
    while (!source.empty()) {
      const auto begin = source.find("{{");
      std::string_view before = source.substr(0, begin);
      if (begin == std::string_view::npos) {
        add_literal(before, sentence);
        break;
      }
      const auto lines_before = std::ranges::count(whole.substr(0, whole.size() - source.size() + begin), '\n');
      const std::string where =
          sentence ? std::string(name) : std::string(name) + ":" + std::to_string(lines_before + 1);
      const auto end = source.find("}}", begin);
      const std::string_view tag = end == std::string_view::npos ? "" : source.substr(begin + 2, end - begin - 2);
      if (end == std::string_view::npos || tag.size() > longest_tag || tag.contains('\n'))
        return wrong(where, "{{ is not closed; write }} behind it, on the same line");
      std::string_view after = source.substr(end + 2);
      if (!sentence && !tag.empty() && std::string_view("#^/!").contains(tag.front())) drop_lonely_line(before, after);
      add_literal(before, sentence);
      if (auto taken = take(tag, where, sentence); !taken) return taken;
      source = after;
      if (out_.steps_.size() > most_steps)
        return wrong(where, "this template has more than " + std::to_string(most_steps) + " pieces; make it simpler");
    }
    if (open_.size() > opened_before)
      return wrong(open_.back().where, "{{" + std::string(1, open_.back().kind) + open_.back().name +
                                           "}} is never ended; write {{/" + open_.back().name + "}}");
    return {};
  }

  Template take_result() { return std::move(out_); }

 private:
  struct Open {
    std::string name, where;
    std::size_t step;
    char kind;
  };

  // A condition that has its line for itself takes the line with it.
  static void drop_lonely_line(std::string_view& before, std::string_view& after) {
    const auto line_begin = before.rfind('\n');
    const std::string_view left = line_begin == std::string_view::npos ? before : before.substr(line_begin + 1);
    const auto line_end = after.find('\n');
    const std::string_view right = after.substr(0, line_end);
    if (!is_blank(left) || !is_blank(right)) return;
    before.remove_suffix(left.size());
    after.remove_prefix(line_end == std::string_view::npos ? after.size() : line_end + 1);
  }

  Result<void> take(std::string_view tag, const std::string& where, bool sentence) {
    if (tag.starts_with('!')) return {};
    const char kind = tag.empty() || is_name(tag.substr(0, 1)) ? '\0' : tag.front();
    const std::string_view name = stripped(kind != '\0' && kind != ' ' ? tag.substr(1) : tag);
    if (!is_name(name) || !std::string_view("\0 #^/>", 6).contains(kind))
      return wrong(where, "{{" + std::string(tag) +
                              "}} is nothing that is known here: write {{name}}, {{#name}}, {{^name}}, {{/name}} or "
                              "{{>words}}");
    if (kind == '>') return include(name, where, sentence);
    const auto place = std::ranges::find(out_.places_, name, &Place::name);
    if (place == out_.places_.end()) {
      std::vector<std::string_view> names;
      for (const auto& each : out_.places_) names.push_back(each.name);
      return wrong(where, "unknown placeholder {{" + std::string(name) + "}}; did you mean {{" +
                              std::string(nearest(name, names)) + "}}?");
    }
    const auto number = static_cast<std::uint32_t>(place - out_.places_.begin());
    if (kind == '/') {
      if (open_.empty() || open_.back().name != name)
        return wrong(where, "{{/" + std::string(name) + "}} ends nothing" +
                                (open_.empty() ? std::string() : "; {{/" + open_.back().name + "}} is to come first"));
      out_.steps_[open_.back().step].size = static_cast<std::uint32_t>(out_.steps_.size());
      open_.pop_back();
      joinable_ = false;
      return {};
    }
    Template::Step step{.kind = Template::Step::Kind::value, .place = number};
    if (kind == '#' || kind == '^') {
      if (open_.size() == deepest)
        return wrong(where, "conditions stand " + std::to_string(deepest) + " deep in each other at most");
      open_.push_back({std::string(name), where, out_.steps_.size(), kind});
      step.kind = kind == '#' ? Template::Step::Kind::skip_unless : Template::Step::Kind::skip_if;
    }
    if (step.kind == Template::Step::Kind::value) filled_ += usual_value;
    out_.steps_.push_back(step);
    joinable_ = false;
    return {};
  }

  Result<void> include(std::string_view name, const std::string& where, bool sentence) {
    if (sentence)
      return wrong(where, "a sentence cannot have {{>" + std::string(name) + "}} in it: only templates can");
    const auto found = sentences_.find(name);
    if (found == sentences_.end()) {
      std::vector<std::string_view> names;
      for (const auto& [each, text] : sentences_) names.push_back(each);
      return wrong(where, "there are no words \"" + std::string(name) + "\" in this language; did you mean \"" +
                              std::string(nearest(name, names)) + "\"?");
    }
    return read(found->second.from, found->second.text, true);
  }

  void add_literal(std::string_view text, bool sentence) {
    if (text.empty()) return;
    std::string written;
    if (out_.form_ == Form::text) {
      written = text;
    } else if (sentence) {
      append_html(written, text, false);
      wrap(written);
    } else {
      written = in_ascii(text);
    }
    if (joinable_) {
      out_.steps_.back().size += static_cast<std::uint32_t>(written.size());
    } else {
      out_.steps_.push_back({.kind = Template::Step::Kind::literal,
                             .begin = static_cast<std::uint32_t>(out_.literals_.size()),
                             .size = static_cast<std::uint32_t>(written.size())});
      joinable_ = true;
    }
    if (written.contains('\n')) filled_ = 0;
    out_.literals_ += written;
  }

  // A line break is a blank in HTML, and short lines need no transfer encoding.
  void wrap(std::string& sentence) const {
    const auto line_begin = out_.literals_.rfind('\n');
    std::size_t column = out_.literals_.size() - (line_begin == std::string::npos ? 0 : line_begin + 1) + filled_;
    for (std::size_t at = 0;;) {
      const auto blank = sentence.find(' ', at);
      if (blank == std::string::npos) return;
      const auto next = std::min(sentence.find(' ', blank + 1), sentence.size());
      if (column + next - at > wrap_html_at) {
        sentence[blank] = '\n';
        column = 0;
      } else {
        column += blank + 1 - at;
      }
      at = blank + 1;
    }
  }

  Template out_;
  const Sentences& sentences_;
  std::vector<Open> open_;
  std::size_t filled_ = 0;  // how much values may have added to the line that is being written
  bool joinable_ = false;   // the last step is a literal, and no condition ends behind it
};

Result<Template> Template::parse(std::string_view name, std::string_view source, Form form,
                                 std::span<const Place> places, const Sentences& sentences) {
  const std::string text = with_plain_line_ends(source);
  if (auto problem = unfit(name, text)) return fail(Fault::invalid, std::move(*problem));
  TemplateReader reader(form, places, sentences);
  if (auto read = reader.read(name, text, false); !read) return std::unexpected(read.error());
  return reader.take_result();
}

void Template::append_filled(std::string& out, std::span<const std::string_view> values) const {
  ASSERT(values.size() == places_.size());
  for (std::size_t at = 0; at < steps_.size();) {
    const Step& step = steps_[at++];
    switch (step.kind) {
      case Step::Kind::literal:
        out.append(literals_, step.begin, step.size);
        break;
      case Step::Kind::value:
        if (form_ == Form::text && places_[step.place].lines) {
          // Further lines begin as far from the left as the first.
          const std::string begun = out.substr(out.rfind('\n') + 1);  // 0 when there is none
          append_text(out, values[step.place], true, is_blank(begun) ? std::string_view(begun) : std::string_view());
        } else {
          append_value(out, form_, values[step.place], places_[step.place].lines);
        }
        break;
      case Step::Kind::skip_unless:
        if (values[step.place].empty()) at = step.size;
        break;
      case Step::Kind::skip_if:
        if (!values[step.place].empty()) at = step.size;
        break;
    }
  }
}

void append_value(std::string& out, Form form, std::string_view value, bool lines, std::string_view indent) {
  if (form == Form::html)
    append_html(out, value, lines);
  else
    append_text(out, value, lines, indent);
}

bool Template::mentions(std::size_t place) const {
  return std::ranges::any_of(steps_,
                             [&](const Step& step) { return step.kind == Step::Kind::value && step.place == place; });
}

Result<void> read_sentences(std::string_view name, std::string_view source, Sentences& sentences) {
  const std::string text = with_plain_line_ends(source);
  if (auto problem = unfit(name, text)) return fail(Fault::invalid, std::move(*problem));
  std::string_view rest = text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    const std::string_view line = stripped(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    const std::string where = std::string(name) + ":" + std::to_string(number);
    const auto equals = line.find('=');
    const std::string_view key = stripped(line.substr(0, equals));
    if (equals == std::string_view::npos || !is_name(key)) return wrong(where, "write it as `name = sentence`");
    const std::string_view sentence = stripped(line.substr(equals + 1));
    if (sentence.size() > longest_sentence)
      return wrong(where, "a sentence has at most " + std::to_string(longest_sentence) + " bytes");
    sentences.insert_or_assign(std::string(key), Sentence{std::string(sentence), where});
  }
  return {};
}

std::vector<std::string> sentences_named_in(std::string_view source) {
  constexpr std::string_view opens = "{{>";
  std::vector<std::string> names;
  for (auto at = source.find(opens); at != std::string_view::npos; at = source.find(opens, at)) {
    at += opens.size();
    const std::string_view name = stripped(source.substr(at, source.find("}}", at) - at));
    if (is_name(name)) names.emplace_back(name);
  }
  return names;
}

}  // namespace globogym::domain
