// `globogym audit`: the audit trail, read and checked.
#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/cli/moment.h"
#include "app/cli/operations.h"
#include "app/cli/print.h"
#include "audit/audit.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/time_text.h"

namespace globogym::app::cli {
namespace {

int complain(std::string_view sentence, int code) {
  std::fprintf(stderr, "globogym: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
  return code;
}

struct Line {
  std::int64_t number = 0;
  std::string time, by, user, event, asked, targets, filter, reason, request;
  std::int64_t count = -1, status = 0, begun = 0;
};

std::optional<Line> parse(const std::string& text) {
  const auto json = JsonDocument::parse(text);
  if (!json || json->root().type() != JsonValue::Type::object) return std::nullopt;
  const JsonValue root = json->root();
  Line line{.number = root.integer("n"),
            .time = root.text("time"),
            .by = root.text("by"),
            .event = root.text("event"),
            .asked = root.text("asked"),
            .filter = root.text("filter"),
            .reason = root.text("reason"),
            .request = root.text("requestId"),
            .count = root.integer("count", -1),
            .status = root.integer("status"),
            .begun = root.integer("begun")};
  if (const auto uid = root.find("uid"); uid && uid->integer()) line.user = "uid:" + std::to_string(*uid->integer());
  if (const auto targets = root.find("targets"))
    for (const auto& target : targets->elements())
      line.targets += (line.targets.empty() ? "" : ",") + std::string(target.string().value_or(""));
  return line;
}

class Output {
 public:
  Output(const Context& context, const TrailFilter& filter, std::optional<WallTime> since,
         std::optional<WallTime> until)
      : context_(context), filter_(filter), since_(since), until_(until) {}

  void take(const std::string& text) {
    const auto line = parse(text);
    // What is no line is shown to whoever asks for everything: it is what there is to look into.
    if (!line) {
      if (filter_.who.empty() && filter_.event.empty()) print(context_.json ? text : "no line: " + text.substr(0, 120));
      return;
    }
    // A beginning is told only when its end is not.
    if (line->begun != 0) open_.erase(line->begun);
    if (!wanted(*line)) return;
    if (line->event == audit::begun) {
      open_.emplace(line->number, text);
      return;
    }
    show(*line, text);
  }

  void end() {
    for (const auto& [number, text] : open_)
      if (const auto line = parse(text)) show(*line, text);
    if (!context_.json && shown_ == 0) print("nothing of that kind was done");
  }

 private:
  bool wanted(const Line& line) const {
    const auto at = parse_rfc3339(line.time);
    if (since_ && at && *at < *since_) return false;
    if (until_ && at && *at > *until_) return false;
    if (!filter_.who.empty() && filter_.who != line.by && filter_.who != line.user) return false;
    return filter_.event.empty() || filter_.event == line.event || filter_.event == line.asked;
  }

  void show(const Line& line, const std::string& text) {
    ++shown_;
    if (context_.json) return print(text);
    std::string out = line.time + "  " + padded(line.user.empty() ? line.by : line.by + " " + line.user, 24) + "  ";
    if (line.event == audit::begun)
      out += "began " + line.filter + ", and how it ended is not known";
    else
      out += line.event == audit::refused ? line.asked + " refused (" + std::to_string(line.status) + ")" : line.event;
    if (!line.targets.empty()) out += "  " + line.targets;
    if (line.event != audit::begun && !line.filter.empty()) out += "  " + line.filter;
    if (line.count >= 0) out += "  count " + std::to_string(line.count);
    if (!line.reason.empty()) out += "  \"" + line.reason + "\"";
    print(out);
  }

  const Context& context_;
  const TrailFilter& filter_;
  const std::optional<WallTime> since_, until_;
  std::map<std::int64_t, std::string> open_;
  std::size_t shown_ = 0;
};

}  // namespace

int audit(const Context& context, const TrailFilter& filter) {
  std::optional<WallTime> since, until;
  for (const auto& [name, text, into] :
       {std::tuple("--since", &filter.since, &since), {"--until", &filter.until, &until}}) {
    if (text->empty()) continue;
    const auto at = moment(name, *text, SystemClock{}.wall());
    if (!at) return complain(at.error().message, usage);
    *into = *at;
  }
  auto operations = Operations::reach(context.config.values, Operations::Missing::is_error);
  if (!operations) return complain(operations.error().message, cannot_open);

  Output output(context, filter, since, until);
  std::string after, trouble;
  std::int64_t number = 0;
  do {
    std::string target = "/admin/v1/audit?after=" + percent_encoded(after);
    if (since && !filter.only_verify) target += "&since=" + percent_encoded(rfc3339(*since));
    auto answer = (*operations)->ask("GET", target);
    if (!answer) return complain(answer.error().message, cannot_open);
    auto json = JsonDocument::parse(answer->body);
    if (!json) return complain("the answer is not JSON: " + json.error().message, cannot_open);
    if (answer->status >= 300) return complain(json->root().text("detail"), cannot_open);
    after = json->root().text("next");
    number = json->root().integer("number");
    if (trouble.empty()) trouble = json->root().text("trouble");
    std::vector<std::string> lines;
    if (const auto list = json->root().find("lines"))
      for (const auto& line : list->elements()) lines.emplace_back(line.string().value_or(""));
    if (filter.only_verify) continue;
    for (const auto& line : lines) output.take(line);
  } while (!after.empty());
  if (!filter.only_verify) output.end();

  if (!trouble.empty() && filter.only_verify && context.json) {
    JsonWriter outcome;
    outcome.object().member("ok", false).member("lines", number).member("trouble", trouble).end();
    print(outcome.take());
  }
  if (!trouble.empty()) return complain("the audit trail is not as it was written: " + trouble, answer_is_no);
  if (filter.only_verify)
    print(context.json ? R"({"ok":true,"lines":)" + std::to_string(number) + "}"
                       : std::to_string(number) + " lines: everything checks");
  return done;
}

}  // namespace globogym::app::cli
