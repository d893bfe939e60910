// find, members, enrollments: what is kept about people, for the front desk and whoever answers their questions.
#include <cstdio>

#include "app/cli/ask.h"
#include "app/cli/cli.h"
#include "app/cli/moment.h"
#include "app/cli/print.h"
#include "base/json_writer.h"
#include "base/time_text.h"

namespace globogym::app::cli {
namespace {

constexpr std::string_view columns[] = {"id",          "number",           "enrollmentId", "joinedAt",
                                        "firstName",   "lastName",         "email",        "phone",
                                        "dateOfBirth", "homeClubId",       "plan",         "startDate",
                                        "locale",      "marketingConsent", "termsVersion", "referralCode"};

// One line of RFC 4180. Spreadsheets run what begins like a formula; an apostrophe before it makes it text.
std::string csv_cell(std::string_view text, bool harmless) {
  std::string cell = "\"";
  if (!harmless && !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos)
    cell += '\'';
  for (const char c : text) {
    if (c == '"') cell += '"';
    cell += c;
  }
  return cell + "\"";
}

std::string csv_line(const JsonValue& member) {
  std::string line;
  for (const auto name : columns) {
    if (!line.empty()) line += ',';
    const auto value = member.find(name);
    const auto flag = value ? value->boolean() : std::nullopt;
    line += csv_cell(flag ? (*flag ? "true" : "false") : member.text(name), name == "phone");
  }
  return line + "\r";
}

void print_story(const JsonValue& story, const std::string& indent) {
  if (const auto events = story.find("events")) {
    for (const auto& event : events->elements()) {
      std::string line = indent + event.text("at") + "  " + padded(event.text("event"), 15);
      if (!event.text("step").empty()) line += " " + event.text("step");
      if (event.integer("attempt") > 0) line += ", attempt " + std::to_string(event.integer("attempt"));
      if (!event.text("by").empty()) line += " by " + event.text("by");
      if (!event.text("detail").empty()) line += ": " + event.text("detail");
      print(line);
    }
  }
  const auto next = story.find("next");
  if (!next || next->is_null()) return;
  std::string line = indent + "next: " + next->text("step") + " is " + next->text("state");
  if (!next->text("notBefore").empty()) line += " until " + next->text("notBefore");
  print(line);
}

void print_found(const JsonValue& found) {
  const auto member = found.find("member");
  if (member && !member->is_null()) {
    print_members(*member);
  } else {
    print("no member");
  }
  const auto enrollments = found.find("enrollments");
  for (const auto& enrollment : enrollments->elements()) {
    std::string line = "\nenrollment " + enrollment.text("id") + " is " + enrollment.text("status");
    if (!enrollment.text("reason").empty()) line += ": " + enrollment.text("reason");
    if (!enrollment.text("memberId").empty()) line += " (member " + enrollment.text("memberId") + ")";
    print(line);
    if (const auto story = enrollment.find("timeline"); story && !story->is_null()) print_story(*story, "  ");
  }
  const auto shown = static_cast<std::int64_t>(enrollments->elements().size());
  if (found.integer("enrollmentsTotal") > shown)
    print("\n" + std::to_string(found.integer("enrollmentsTotal") - shown) + " older enrollments are not shown");
  if (const auto letters = found.find("deadLetters"); letters && !letters->elements().empty()) {
    print("");
    for (const auto& letter : letters->elements())
      print("could not be done: " + letter.text("id") + ": " + letter.text("reason") +
            "; `globogym dead-letters show " + letter.text("id") + "` says more");
  }
}

// The line that is asked for: at a terminal or through a pipe, so that it stands in no list of processes.
std::string line_of_stdin() {
  std::string line;
  constexpr std::size_t longest = 4096;
  for (int c = std::getchar(); c != EOF && c != '\n' && line.size() < longest; c = std::getchar())
    line += static_cast<char>(c);
  return line;
}

// The enrollment as the API shows it, with its `timeline`: what a person is shown, a program gets too.
int print_enrollment_and_story(const Context& context, const std::string& target) {
  auto operations = Operations::reach(context.config.values, Missing::is_error);
  if (!operations) return complain(operations.error().message, cannot_open);
  auto enrollment = (*operations)->ask("GET", target);
  if (!enrollment) return complain(enrollment.error().message, cannot_open);
  if (enrollment->status >= 300) return refused(context, *enrollment);
  auto story = (*operations)->ask("GET", target + "/timeline");
  if (!story) return complain(story.error().message, cannot_open);
  if (story->status >= 300) return refused(context, *story);
  if (!enrollment->body.ends_with('}')) return complain("the answer is no JSON object", cannot_open);
  enrollment->body.pop_back();
  print(enrollment->body + R"(,"timeline":)" + story->body + "}");
  return done;
}

}  // namespace

int find_person(const Context& context, const std::string& query) {
  const std::string asked = query == "-" ? line_of_stdin() : query;
  if (asked.find_first_not_of(" \t\r") == std::string::npos)
    return complain("give an e-mail address, a membership number or an id", usage);
  JsonWriter body;
  body.object().member("query", asked).end();
  bool nobody = false;
  auto operations = Operations::reach(context.config.values, Missing::is_error);
  if (!operations) return complain(operations.error().message, cannot_open);
  auto answer = (*operations)->ask("POST", "/admin/v1/find", body.text());
  if (!answer) return complain(answer.error().message, cannot_open);
  if (answer->status >= 300) return refused(context, *answer);
  auto json = JsonDocument::parse(answer->body);
  if (!json) return complain("the answer is not JSON: " + json.error().message, cannot_open);
  const auto member = json->root().find("member");
  const auto enrollments = json->root().find("enrollments");
  nobody = member && member->is_null() && enrollments && enrollments->elements().empty();
  if (context.json) {
    print(answer->body);
  } else if (nobody) {
    print("nobody is known by this");
  } else {
    print_found(json->root());
  }
  return nobody ? answer_is_no : done;
}

int list_members(const Context& context, const MemberFilter& filter) {
  if (context.json && filter.csv) return complain("choose --json or --csv", usage);
  std::string since;
  if (!filter.since.empty()) {
    const auto at = moment("--since", filter.since, SystemClock{}.wall());
    if (!at) return complain(at.error().message, usage);
    since = rfc3339(*at);
  }
  auto operations = Operations::reach(context.config.values, Missing::is_error);
  if (!operations) return complain(operations.error().message, cannot_open);
  std::string target = "/admin/v1/members?limit=500";
  for (const auto& [name, value] :
       {std::pair("club", filter.club), std::pair("plan", filter.plan), std::pair("since", since)})
    if (!value.empty()) target += std::string("&") + name + "=" + percent_encoded(value);

  Table table({"NUMBER", "NAME", "E-MAIL", "CLUB", "PLAN", "JOINED", "ID"});
  std::uint64_t shown = 0;
  std::string after;
  do {
    auto answer = (*operations)->ask("GET", target + "&after=" + percent_encoded(after));
    if (!answer) return complain(answer.error().message, cannot_open);
    if (answer->status >= 300) return refused(context, *answer);
    auto json = JsonDocument::parse(answer->body);
    const auto members = json ? json->root().find("members") : std::nullopt;
    if (!members) return complain("the answer holds no `members`", cannot_open);
    if (after.empty() && context.json) std::fputs("{\"members\":[", stdout);
    if (after.empty() && filter.csv) {
      std::string titles;
      for (const auto name : columns) titles += (titles.empty() ? "" : ",") + std::string(name);
      print(titles + "\r");
    }
    // Page by page, so that a long list need not fit in memory.
    if (context.json && !members->elements().empty()) {
      constexpr std::string_view before = "{\"members\":[", behind = "],\"next\":";
      const std::string_view body = answer->body;
      if (shown > 0) std::fputc(',', stdout);
      const auto list = body.substr(before.size(), body.rfind(behind) - before.size());
      std::fwrite(list.data(), 1, list.size(), stdout);
    }
    for (const auto& member : members->elements()) {
      ++shown;
      if (context.json) continue;
      if (filter.csv)
        print(csv_line(member));
      else
        table.row({member.text("number"), member.text("firstName") + " " + member.text("lastName"),
                   member.text("email"), member.text("homeClubId"), member.text("plan"), member.text("joinedAt"),
                   member.text("id")});
    }
    after = json->root().text("next");
  } while (!after.empty());
  if (context.json)
    print("],\"next\":null}");
  else if (!filter.csv)
    table.print("there are no members");
  return done;
}

int show_member(const Context& context, const std::string& id) {
  return ask(context, Missing::is_error, "GET", "/admin/v1/members/" + percent_encoded(id), "", print_members);
}

int export_member(const Context& context, const std::string& id) {
  auto operations = Operations::reach(context.config.values, Missing::is_error);
  if (!operations) return complain(operations.error().message, cannot_open);
  auto answer = (*operations)->ask("GET", "/admin/v1/members/" + percent_encoded(id) + "/export");
  if (!answer) return complain(answer.error().message, cannot_open);
  // Mostly into a file, where a refusal would pass for the member.
  if (answer->status >= 300) return refused(context, *answer);
  print(answer->body);
  return done;
}

int erase_member(const Context& context, const std::string& id) {
  return ask(context, Missing::is_error, "DELETE", "/admin/v1/members/" + percent_encoded(id), "",
             [&](const JsonValue& answer) {
               print("erased " + id);
               print("dead letters discarded: " + std::to_string(answer.integer("deadLettersDiscarded")));
               for (const auto name : {"kept", "notReached"})
                 if (const auto sentences = answer.find(name))
                   for (const auto& sentence : sentences->elements())
                     print((std::string_view(name) == "kept" ? "kept: " : "not reached: ") +
                           std::string(sentence.string().value_or("")));
             });
}

int correct_email(const Context& context, const EmailCorrection& correction) {
  JsonWriter body;
  body.object()
      .member("to", correction.to == "-" ? line_of_stdin() : correction.to)
      .member("reason", correction.reason)
      .end();
  return ask(context, Missing::is_error, "POST",
             "/admin/v1/members/" + percent_encoded(correction.id) + "/correct-email", body.take(),
             [](const JsonValue& answer) { print(answer.text("detail")); });
}

int resend_letter(const Context& context, const std::string& id, const std::string& reason) {
  JsonWriter body;
  body.object();
  if (!reason.empty()) body.member("reason", reason);
  body.end();
  return ask(context, Missing::is_error, "POST", "/admin/v1/members/" + percent_encoded(id) + "/resend-letter",
             body.take(), [](const JsonValue& answer) { print(answer.text("detail")); });
}

int show_enrollment(const Context& context, const std::string& id) {
  const std::string target = "/admin/v1/enrollments/" + percent_encoded(id);
  if (context.json) return print_enrollment_and_story(context, target);
  return ask(context, Missing::is_error, "GET", target + "/timeline", "", [](const JsonValue& story) {
    for (const auto name : {"id", "status", "reason", "memberId"}) print(padded(name, 10) + text_or_dash(story, name));
    print_story(story, "");
  });
}

int retry_enrollment(const Context& context, const std::string& id, const std::string& reason) {
  JsonWriter body;
  body.object();
  if (!reason.empty()) body.member("reason", reason);
  body.end();
  return ask(context, Missing::is_error, "POST", "/admin/v1/enrollments/" + percent_encoded(id) + "/retry-now",
             body.take(), [](const JsonValue& answer) {
               print(answer.text("id") + " was " + answer.text("was") + ": " + answer.text("detail"));
             });
}

}  // namespace globogym::app::cli
