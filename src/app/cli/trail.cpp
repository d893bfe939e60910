// `globogym audit`: the audit trail, read and checked.
#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "app/cli/ask.h"
#include "app/cli/cli.h"
#include "app/cli/moment.h"
#include "app/cli/operations.h"
#include "app/cli/print.h"
#include "app/cli/trail_lines.h"
#include "app/installation.h"
#include "audit/events.h"
#include "base/json_reader.h"
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

// What reading all of the trail came to.
struct Whole {
  std::string trouble;  // empty: it is as it was written
  std::int64_t number = 0, left_behind = 0;
};

// `show` gets each line; an empty one stands where what follows does not check. unavailable: it cannot be read.
Result<Whole> read_all(Operations& operations, std::optional<WallTime> since,
                       const std::function<void(const std::string&)>& show) {
  Whole whole;
  std::string after;
  do {
    std::string target = "/admin/v1/audit?after=" + percent_encoded(after);
    if (since) target += "&since=" + percent_encoded(rfc3339(*since));
    auto answer = operations.ask("GET", target);
    if (!answer) return std::unexpected(answer.error());
    auto json = JsonDocument::parse(answer->body);
    if (!json) return fail(Fault::unavailable, "the answer is not JSON: " + json.error().message);
    if (answer->status >= 300) return fail(Fault::unavailable, json->root().text("detail"));
    after = json->root().text("next");
    whole.number = json->root().integer("number");
    whole.left_behind = json->root().integer("leftBehind");
    const std::string trouble = json->root().text("trouble");
    const auto checked = static_cast<std::size_t>(json->root().integer("checked"));
    // Copied, because whoever gets a line reads it as JSON, too.
    std::vector<std::string> lines;
    if (const auto list = json->root().find("lines"))
      for (const auto& line : list->elements()) lines.emplace_back(line.string().value_or(""));
    const bool first = whole.trouble.empty() && !trouble.empty();
    if (first) whole.trouble = trouble;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (first && i == checked) show("");
      show(lines[i]);
    }
  } while (!after.empty());
  return whole;
}

int begin_anew(const Context& context, const std::string& reason) {
  auto operations = Operations::reach(context.config.values, Operations::Missing::is_error);
  if (!operations) return complain(operations.error().message, cannot_open);
  const auto whole = read_all(**operations, std::nullopt, [](const std::string&) {});
  if (!whole) return complain(whole.error().message, cannot_open);
  if (whole->trouble.empty())
    return complain("the audit trail is as it was written: there is nothing to leave behind", answer_is_no);
  JsonWriter body;
  body.object().member("reason", reason).end();
  auto answer = (*operations)->ask("POST", "/admin/v1/audit/begin-anew", body.take());
  if (!answer) return complain(answer.error().message, cannot_open);
  if (answer->status >= 300) return refused(context, *answer);
  if (context.json)
    print(answer->body);
  else
    print("the audit trail begins anew; what stood there is in " + audit_directory(context.config.values.service.data) +
          "/left-behind-…, and is not looked at any more");
  return done;
}

int tell_whether_it_checks(const Context& context, const Whole& whole) {
  const auto lines = whole.number - whole.left_behind;
  if (context.json) {
    JsonWriter outcome;
    outcome.object().member("ok", whole.trouble.empty()).member("lines", lines).member("leftBehind", whole.left_behind);
    if (!whole.trouble.empty()) outcome.member("trouble", whole.trouble);
    outcome.end();
    print(outcome.take());
  } else if (whole.trouble.empty()) {
    print(std::to_string(lines) + " lines: everything checks" +
          (whole.left_behind > 0 ? "; what stood before line number " + std::to_string(whole.left_behind + 1) +
                                       " was left behind, and is not looked at"
                                 : std::string()));
  }
  return whole.trouble.empty() ? done : complain("the audit trail does not check: " + whole.trouble, answer_is_no);
}

}  // namespace

int audit(const Context& context, const TrailFilter& filter) {
  if (filter.begin_anew) return begin_anew(context, filter.reason);
  if (const auto flaw = flaw_of(filter); !flaw.empty()) return complain(flaw, usage);
  std::optional<WallTime> since, until;
  for (const auto& [name, text, into] :
       {std::tuple("--since", &filter.since, &since), {"--until", &filter.until, &until}}) {
    if (text->empty()) continue;
    const auto at = moment(name, *text, SystemClock{}.wall());
    if (!at) return complain(at.error().message, usage);
    *into = *at;
  }
  if (since && until && *since > *until)
    return complain("--since is later than --until, and nothing lies between them", usage);
  auto operations = Operations::reach(context.config.values, Operations::Missing::is_error);
  if (!operations) return complain(operations.error().message, cannot_open);

  TrailLines output({.since = since, .until = until, .who = filter.who, .event = filter.event}, context.json, print);
  const auto show = [&](const std::string& line) {
    if (filter.only_verify) return;
    if (!line.empty()) return output.take(line);
    output.end();
    print(context.json ? R"({"unchecked":true})" : "-- what follows does not check:");
  };
  const auto whole = read_all(**operations, filter.only_verify ? std::nullopt : since, show);
  if (!whole) return complain(whole.error().message, cannot_open);
  if (filter.only_verify) return tell_whether_it_checks(context, *whole);
  output.end();
  if (!context.json && output.shown() == 0) print("nothing of that kind was done");
  return whole->trouble.empty() ? done : complain("the audit trail does not check: " + whole->trouble, answer_is_no);
}

}  // namespace globogym::app::cli
