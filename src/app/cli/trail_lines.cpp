#include "app/cli/trail_lines.h"

#include "app/cli/print.h"
#include "audit/audit.h"
#include "base/json_reader.h"
#include "base/time_text.h"

namespace globogym::app::cli {
namespace {

struct Line {
  std::int64_t number = 0;
  std::string time, by, user, event, asked, targets, filter, reason;
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
            .count = root.integer("count", -1),
            .status = root.integer("status"),
            .begun = root.integer("begun")};
  if (const auto uid = root.find("uid"); uid && uid->integer()) line.user = "uid:" + std::to_string(*uid->integer());
  if (const auto targets = root.find("targets"))
    for (const auto& target : targets->elements())
      line.targets += (line.targets.empty() ? "" : ",") + std::string(target.string().value_or(""));
  return line;
}

bool is_wanted(const Line& line, const WantedLines& wanted) {
  const auto at = parse_rfc3339(line.time);
  if (wanted.since && at && *at < *wanted.since) return false;
  if (wanted.until && at && *at > *wanted.until) return false;
  if (!wanted.who.empty() && wanted.who != line.by && wanted.who != line.user) return false;
  return wanted.event.empty() || wanted.event == line.event || wanted.event == line.asked;
}

std::string for_people(const Line& line) {
  std::string out = line.time + "  " + padded(line.user.empty() ? line.by : line.by + " " + line.user, 24) + "  ";
  if (line.event == audit::begun)
    out += "began " + line.filter + ", and how it ended is not known";
  else
    out += line.event == audit::refused ? line.asked + " refused (" + std::to_string(line.status) + ")" : line.event;
  if (!line.targets.empty()) out += "  " + line.targets;
  if (line.event != audit::begun && !line.filter.empty()) out += "  " + line.filter;
  if (line.count >= 0) out += "  count " + std::to_string(line.count);
  if (!line.reason.empty()) out += "  \"" + line.reason + "\"";
  return out;
}

}  // namespace

void TrailLines::take(const std::string& text) {
  const auto line = parse(text);
  // What is no line is shown to whoever asks for everything: it is what there is to look into.
  if (!line) {
    if (wanted_.who.empty() && wanted_.event.empty()) hold(as_they_are_ ? text : "no line: " + text.substr(0, 120), 0);
    return;
  }
  if (line->begun != 0) ended(line->begun);
  if (!is_wanted(*line, wanted_)) return;
  if (as_they_are_) return hold(text, 0);
  hold(for_people(*line), line->event == audit::begun ? line->number : 0);
}

void TrailLines::end() {
  while (!held_.empty()) show_first();
}

void TrailLines::hold(std::string text, std::int64_t begins) {
  const std::uint64_t place = taken_++;
  if (begins != 0) begun_[begins] = place;
  held_.emplace(place, Held{std::move(text), begins});
  if (held_.size() > most_held) show_first();
  show_what_waits_for_nothing();
}

void TrailLines::ended(std::int64_t begun) {
  const auto found = begun_.find(begun);
  if (found == begun_.end()) return;
  held_.erase(found->second);
  begun_.erase(found);
  show_what_waits_for_nothing();
}

void TrailLines::show_first() {
  const auto first = held_.begin();
  // In a damaged trail another line may have the same number.
  if (const auto found = begun_.find(first->second.begins); found != begun_.end() && found->second == first->first)
    begun_.erase(found);
  show_(first->second.text);
  ++shown_;
  held_.erase(first);
}

void TrailLines::show_what_waits_for_nothing() {
  while (!held_.empty() && held_.begin()->second.begins == 0) show_first();
}

}  // namespace globogym::app::cli
