#include "gateway/requests/submission.h"

#include <algorithm>
#include <string>

#include "base/json_reader.h"
#include "base/text.h"

namespace globogym::gateway {
namespace {

using domain::FieldRule;
using domain::Problem;

constexpr std::size_t max_problems = 100;
// What base/json_reader.h accepts.
constexpr int max_depth = 32;

// Everything that is wrong with the form of what was posted. What the details of "type" and "too-many" say depends on
// the field and the number.
constexpr FormCode codes[] = {
    {"unknown", "the field", "There is no such field."},
    {"type", "the field; empty when the body is no object", "An application is a JSON object."},
    {"too-many", "empty", "There are more than 100 problems; the first 99 are listed."},
    {"json.empty", "empty", "The body is empty; it must be a JSON object."},
    {"json.utf8", "empty", "The body is not UTF-8."},
    {"json.nul", "empty", "The body contains a NUL byte."},
    {"json.depth", "empty", "The body is nested too deeply; an application is one flat object."},
    {"json.malformed", "empty", "The body is not well-formed JSON."},
};

// A row of the table, about `pointer`; one that is not there does not compile.
consteval const FormCode& code(std::string_view wanted) {
  for (const FormCode& one : codes)
    if (one.code == wanted) return one;
  throw "the table has no such code";
}

Problem problem(const FormCode& found, std::string pointer = "") {
  return {std::move(pointer), std::string(found.code), std::string(found.detail)};
}

// What was written, field by field, and what is wrong with its form.
struct Form {
  domain::Submission submission;
  std::vector<Problem> problems;
};

Form read_form(const JsonValue& root);
std::string with_every_number_zero(std::string_view body);
Problem why_not_json(std::string_view body);
bool about(const std::vector<Problem>& problems, std::string_view pointer);
std::vector<Problem> merged(std::vector<Problem> form, std::vector<Problem> content);

}  // namespace

Reading read_submission(std::string_view body, const domain::Catalogue& catalogue, WallTime now) {
  auto json = JsonDocument::parse(body);
  // JSON sets no limit to numbers, the parser does: what fails only for a number's size is JSON of the wrong type.
  if (!json) json = JsonDocument::parse(with_every_number_zero(body));
  if (!json) return NotJson{why_not_json(body)};
  const JsonValue root = json->root();
  if (root.type() != JsonValue::Type::object) return std::vector<Problem>{problem(code("type"))};

  Form form = read_form(root);
  auto decision = domain::validate(form.submission, catalogue, now);
  if (auto* applicant = std::get_if<domain::Applicant>(&decision); applicant && form.problems.empty())
    return std::move(*applicant);

  std::vector<Problem> content;
  if (auto* problems = std::get_if<std::vector<Problem>>(&decision)) content = std::move(*problems);
  return merged(std::move(form.problems), std::move(content));
}

namespace {

std::string pointer_to(std::string_view name) {
  std::string pointer = "/";
  for (char c : name) {  // RFC 6901, section 3
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
  return pointer;
}

Form read_form(const JsonValue& root) {
  const auto& rules = domain::field_rules();
  Form form;
  std::uint64_t seen = 0, repeated = 0;  // a bit a rule
  std::size_t expected = 0;              // most callers write the fields in the documented order
  for (const auto& [name, value] : root.members()) {
    std::size_t i = expected;
    for (std::size_t tried = 0; tried < rules.size() && rules[i % rules.size()].name != name; ++tried) ++i;
    i %= rules.size();
    const FieldRule& rule = rules[i];
    if (rule.name != name) {
      form.problems.push_back(problem(code("unknown"), pointer_to(name)));
      continue;
    }
    expected = (i + 1) % rules.size();
    const std::uint64_t bit = std::uint64_t{1} << i;
    if (seen & bit) {
      if (!(repeated & bit))
        form.problems.push_back(
            {pointer_to(name), std::string(name) + ".duplicate", "The field is there more than once."});
      repeated |= bit;
      continue;
    }
    seen |= bit;
    if (rule.boolean) {
      form.submission.marketing_consent = value.boolean();
      if (!form.submission.marketing_consent)
        form.problems.push_back({pointer_to(name), "type", "This is true or false, without quotes."});
    } else if (const auto text = value.string()) {
      form.submission.*rule.text = *text;
    } else {
      form.problems.push_back({pointer_to(name), "type", "This is a text, in quotes."});
    }
  }
  return form;
}

bool about(const std::vector<Problem>& problems, std::string_view pointer) {
  return std::ranges::any_of(problems, [&](const Problem& problem) { return problem.pointer == pointer; });
}

std::vector<Problem> merged(std::vector<Problem> form, std::vector<Problem> content) {
  for (auto& problem : content)
    if (!about(form, problem.pointer)) form.push_back(std::move(problem));
  if (form.size() > max_problems) {
    const std::string count = std::to_string(form.size());
    form.resize(max_problems);
    form.back() = {"", std::string(code("too-many").code),
                   "There are " + count + " problems; the first 99 are listed."};
  }
  return form;
}

// The length of the JSON number (RFC 8259, section 6) that `text` begins with; 0 when it begins with none.
std::size_t number_length(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const auto from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - from;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const bool zero = at < text.size() && text[at] == '0';
  if (const auto count = digits(); count == 0 || (zero && count > 1)) return 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return 0;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return 0;
  }
  return at;
}

std::string with_every_number_zero(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  bool in_string = false;
  for (std::size_t i = 0; i < body.size();) {
    if (const auto length = in_string ? 0 : number_length(body.substr(i)); length > 0) {
      out += " 0 ";  // kept apart, so that what is no number ("--1", "1.5.5") does not become one
      i += length;
      continue;
    }
    const char c = body[i++];
    out += c;
    if (in_string && c == '\\' && i < body.size())
      out += body[i++];
    else if (c == '"')
      in_string = !in_string;
  }
  return out;
}

// Depth of nesting outside of strings; the text need not be JSON.
int deepest(std::string_view text) {
  int depth = 0, most = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      most = std::max(most, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return most;
}

Problem why_not_json(std::string_view body) {
  if (body.empty()) return problem(code("json.empty"));
  if (!is_utf8(body)) return problem(code("json.utf8"));
  if (body.find('\0') != std::string_view::npos) return problem(code("json.nul"));
  if (deepest(body) >= max_depth) return problem(code("json.depth"));
  return problem(code("json.malformed"));
}

}  // namespace

std::span<const FormCode> form_codes() {
  return codes;
}

}  // namespace globogym::gateway
