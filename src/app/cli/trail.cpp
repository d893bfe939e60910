// `globogym audit`: the audit trail, read and checked.
#include <algorithm>
#include <charconv>
#include <optional>
#include <span>

#include "app/cli/ask.h"
#include "app/cli/cli.h"
#include "app/cli/moment.h"
#include "app/cli/print.h"
#include "app/cli/trail_lines.h"
#include "app/installation.h"
#include "audit/events.h"
#include "base/json_writer.h"
#include "base/nearest.h"
#include "base/time_text.h"
#include "gateway/callers/callers.h"

namespace globogym::app::cli {
namespace {

// "uid:1000"
bool is_user(std::string_view who) {
  constexpr std::string_view prefix = "uid:";
  if (!who.starts_with(prefix)) return false;
  who.remove_prefix(prefix.size());
  std::uint32_t uid = 0;
  const auto [end, wrong] = std::from_chars(who.data(), who.data() + who.size(), uid);
  return wrong == std::errc() && end == who.data() + who.size();
}

bool is_among(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string listed(std::span<const std::string_view> words) {
  std::string list;
  for (const auto word : words) list.append(list.empty() ? "" : ", ").append(word);
  return list;
}

// Why nothing is ever found by this event or under this name, in a sentence; empty: something may be.
std::string flaw_of(const TrailFilter& filter) {
  const std::string& event = filter.event;
  if (!event.empty() && !is_among(audit::events, event)) {
    const std::string meant = suggestion(event, {audit::events.begin(), audit::events.end()});
    return "there is no event " + event + (meant == "." ? ": there are " + listed(audit::events) : meant);
  }
  // What was typed is not repeated: it may be the key itself.
  const std::string& who = filter.who;
  if (who.empty() || is_among(audit::doors, who) || is_user(who) || gateway::is_caller_id(who)) return {};
  return "--who must be a key's id as `globogym keys list` shows it, jwt_ and 16 characters for a token, uid:NUMBER, "
         "or one of " +
         listed(audit::doors) + suggestion(who, {audit::doors.begin(), audit::doors.end()});
}

}  // namespace

int audit(const Context& context, const TrailFilter& filter) {
  if (filter.begin_anew) {
    JsonWriter body;
    body.object().member("reason", filter.reason).end();
    return ask(context, Missing::is_error, "POST", "/admin/v1/audit/begin-anew", body.take(), [&](const JsonValue&) {
      print("the audit trail begins anew; the files before stay in " +
            audit_directory(context.config.values.service.data) + ", and are not looked at any more");
    });
  }
  if (const auto flaw = flaw_of(filter); !flaw.empty()) return complain(flaw, usage);
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

  TrailLines output({.since = since, .until = until, .who = filter.who, .event = filter.event}, context.json, print);
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
  if (!filter.only_verify) {
    output.end();
    if (!context.json && output.shown() == 0) print("nothing of that kind was done");
  }

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
