// Texts with places to fill in, for letters.
//
//   {{firstName}}                 a value. In HTML it is escaped; nowhere can it begin a line
//   {{#club}} … {{/club}}         only when there is such a value; {{^club}} … {{/club}}: only when there is none
//   {{>greeting}}                 a sentence of the language the letter is in (from a file of words)
//   {{! a remark }}               nothing
//
// A line that holds nothing but a condition or a remark leaves no empty line behind. A template is read once, when the
// service starts; filling it in is appending. Everything that is wrong with one is found then and said with its line.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace globogym::domain {

enum class Form { text, html };

// A value's name; `lines`: it may have several lines.
struct Place {
  std::string_view name;
  bool lines = false;
};

// The sentences of one language by their names, and where each was written ("welcome.de.words:12").
struct Sentence {
  std::string text;
  std::string from;
};
using Sentences = std::map<std::string, Sentence, std::less<>>;

class Template {
 public:
  // `name` stands before every complaint. `places` outlives the template; `sentences` need not.
  //   invalid   "welcome.de.html:12: …"
  static Result<Template> parse(std::string_view name, std::string_view source, Form form,
                                std::span<const Place> places, const Sentences& sentences);

  // One value for each of the places, in their order; an empty one is none.
  void append_filled(std::string& out, std::span<const std::string_view> values) const;
  // Whether that value can occur.
  bool mentions(std::size_t place) const;

  // What it is made of, for whoever fills it in another way: literals and values in their order, and skips (to which
  // step) when there is no such value, or when there is one.
  struct Step {
    enum class Kind : std::uint8_t { literal, value, skip_unless, skip_if } kind = Kind::literal;
    std::uint32_t place = 0;
    std::uint32_t begin = 0, size = 0;  // of the literal in `literals_`; of a skip: to which step
  };
  std::span<const Step> steps() const { return steps_; }
  std::string_view literal(const Step& step) const { return std::string_view(literals_).substr(step.begin, step.size); }
  Form form() const { return form_; }
  bool has_lines(std::size_t place) const { return places_[place].lines; }

 private:
  friend class TemplateReader;
  Form form_ = Form::text;
  std::span<const Place> places_;
  std::string literals_;
  std::vector<Step> steps_;
};

// A value as it stands in a template of that form: in HTML escaped and in ASCII alone; nowhere with a control character
// but, where it may have several lines, line feeds. In text those lines begin with `indent`.
void append_value(std::string& out, Form form, std::string_view value, bool lines, std::string_view indent = {});

// A file of words: `name = sentence` a line; empty lines and those that begin with # are nothing. Those read later
// replace what `sentences` held.
Result<void> read_sentences(std::string_view name, std::string_view source, Sentences& sentences);

// The names that stand as {{>name}} in a template; of one that is wrong, some of them.
std::vector<std::string> sentences_named_in(std::string_view source);

}  // namespace globogym::domain
