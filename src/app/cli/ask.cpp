#include "app/cli/ask.h"

#include <cstdio>

#include "app/cli/cli.h"
#include "app/cli/print.h"

namespace globogym::app::cli {

int complain(std::string_view sentence, int code) {
  std::fprintf(stderr, "globogym: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
  return code;
}

int refused(const Context& context, const Answer& answer) {
  if (context.json) print(answer.body);
  auto json = JsonDocument::parse(answer.body);
  std::string detail = json ? json->root().text("detail") : std::string();
  if (detail.empty()) detail = "the answer was " + std::to_string(answer.status);
  if (answer.status == 404 || answer.status == 409) return complain(detail, answer_is_no);
  if (answer.status == 400 || answer.status == 413 || answer.status == 422) return complain(detail, usage);
  return complain(detail, cannot_open);
}

int ask(const Context& context, Missing missing, std::string_view method, const std::string& target,
        const std::string& body, const std::function<void(const JsonValue&)>& show) {
  auto operations = Operations::reach(context.config.values, missing);
  if (!operations) return complain(operations.error().message, cannot_open);
  auto answer = (*operations)->ask(method, target, body);
  if (!answer) return complain(answer.error().message, cannot_open);
  if (answer->status >= 300) return refused(context, *answer);
  if (context.json) {
    print(answer->body);
    return done;
  }
  auto json = JsonDocument::parse(answer->body);
  if (!json) return complain("the answer is not JSON: " + json.error().message, cannot_open);
  show(json->root());
  return done;
}

std::string text_or_dash(const JsonValue& object, std::string_view name) {
  std::string text = object.text(name);
  return text.empty() ? "-" : text;
}

}  // namespace globogym::app::cli
