#include "app/cli/commands.h"

#include <cstdio>

#include "app/cli/ask.h"
#include "app/cli/cli.h"
#include "app/cli/operations.h"
#include "app/cli/print.h"
#include "app/quantity.h"
#include "base/json_reader.h"
#include "base/json_writer.h"

namespace globogym::app::cli {
namespace {

std::string joined(const JsonValue& list) {
  std::string out;
  for (const auto& element : list.elements())
    if (const auto text = element.string()) out += (out.empty() ? "" : ",") + std::string(*text);
  return out;
}

// Where a publishable key may be used.
std::string origins_of(const JsonValue& key) {
  const auto origins = key.find("origins");
  const std::string list = origins ? joined(*origins) : std::string();
  if (!list.empty()) return list;
  const auto publishable = key.find("publishable");
  return publishable && publishable->boolean().value_or(false) ? "ours" : "-";
}

// "123 of 10000/month"
std::string quota_of(const JsonValue& key) {
  const std::string quota = key.text("quota");
  return quota.empty() ? "-" : std::to_string(key.integer("quotaUsed")) + " of " + quota;
}

std::vector<std::string> letter_row(const JsonValue& letter) {
  return {letter.text("id"), letter.text("reason"), std::to_string(letter.integer("attempts")),
          text_or_dash(letter, "deadLetteredAt"), text_or_dash(letter, "error")};
}

// The pages of a list of messages, until there are `limit` of them.
template <class Row>
int list_pages(const Context& context, const std::string& list, const std::string& queue, std::uint64_t limit,
               Table& table, Row row, const std::string& when_empty) {
  auto operations = Operations::reach(context.config.values, Missing::is_error);
  if (!operations) return complain(operations.error().message, cannot_open);
  std::string after;
  for (std::uint64_t left = limit; left > 0;) {
    const std::uint64_t page = std::min<std::uint64_t>(left, 1000);
    auto answer = (*operations)
                      ->ask("GET", "/admin/v1/" + list + "?limit=" + std::to_string(page) +
                                       "&queue=" + percent_encoded(queue) + "&after=" + percent_encoded(after));
    if (!answer) return complain(answer.error().message, cannot_open);
    if (answer->status >= 300) return refused(context, *answer);
    auto json = JsonDocument::parse(answer->body);
    if (!json) return complain("the answer is not JSON: " + json.error().message, cannot_open);
    const auto items = json->root().find("items");
    if (!items) return complain("the answer holds no `items`", cannot_open);
    // One page is one JSON document a line, so that a long list never has to fit in memory.
    if (context.json) print(answer->body);
    for (const auto& item : items->elements()) {
      if (!context.json) table.row(row(item));
      --left;
    }
    after = json->root().text("next");
    if (after.empty()) break;
  }
  if (context.json) return done;
  table.print(when_empty);
  if (!after.empty()) print("there are more; ask for them with --limit");
  return done;
}

}  // namespace

// ---- keys -----------------------------------------------------------------------------------------------------------

int create_key(const Context& context, const KeyWish& wish) {
  JsonWriter body;
  body.object().member("name", wish.name).key("scopes").array();
  if (wish.scopes && wish.scopes->find_first_not_of(" ,") == std::string::npos)
    return complain("--scopes names none: a key that may do nothing is of no use. Name some, or leave the flag out",
                    usage);
  std::string_view scopes;
  if (wish.scopes) scopes = *wish.scopes;
  if (!wish.scopes && !wish.publishable) scopes = "enrollments:write,enrollments:read";
  while (!scopes.empty()) {
    const auto comma = scopes.find(',');
    body.value(scopes.substr(0, comma));
    scopes = comma == std::string_view::npos ? std::string_view() : scopes.substr(comma + 1);
  }
  body.end();
  if (wish.publishable) body.member("publishable", true);
  if (!wish.origins.empty()) {
    body.key("origins").array();
    for (const auto& origin : wish.origins) body.value(origin);
    body.end();
  }
  if (!wish.rate.empty()) body.member("rate", wish.rate);
  if (!wish.quota.empty()) body.member("quota", wish.quota);
  if (!wish.expires_in.empty()) {
    const auto time = parse_duration(wish.expires_in);
    if (!time || *time < std::chrono::seconds(1))
      return complain("--expires-in must be a duration such as 90d or 12h", usage);
    body.member("expiresInSeconds", std::chrono::duration_cast<std::chrono::seconds>(*time).count());
  }
  body.end();
  return ask(context, Missing::is_created, "POST", "/admin/v1/keys", body.take(),
             [](const JsonValue& key) { print(key.text("key")); });
}

int list_keys(const Context& context) {
  return ask(context, Missing::is_error, "GET", "/admin/v1/keys", "", [](const JsonValue& keys) {
    Table table({"ID", "NAME", "SCOPES", "ORIGINS", "RATE", "QUOTA", "CREATED", "LAST USED", "EXPIRES", "REVOKED"});
    for (const auto& key : keys.elements())
      table.row({key.text("id"), key.text("name"), joined(*key.find("scopes")), origins_of(key),
                 text_or_dash(key, "rate"), quota_of(key), key.text("createdAt"), text_or_dash(key, "lastUsedAt"),
                 text_or_dash(key, "expiresAt"), text_or_dash(key, "revokedAt")});
    table.print("there are no keys yet; make one with `globogym keys create --name NAME`");
  });
}

int revoke_key(const Context& context, const std::string& id) {
  return ask(context, Missing::is_error, "DELETE", "/admin/v1/keys/" + percent_encoded(id), "",
             [&](const JsonValue&) { print("revoked " + id); });
}

// ---- what waits -----------------------------------------------------------------------------------------------------

int list_queues(const Context& context) {
  return ask(context, Missing::is_error, "GET", "/admin/v1/queues", "", [](const JsonValue& queues) {
    Table table(
        {"QUEUE", "STATE", "WAITING", "DEAD", "OLDEST", "BLOCKED SINCE", "NEXT ATTEMPT", "DRAINED IN", "LAST ERROR"});
    for (const auto& queue : queues.elements()) {
      const auto drain = queue.find("drainSeconds");
      table.row({queue.text("name"), queue.text("state"), std::to_string(queue.integer("waiting")),
                 std::to_string(queue.integer("deadLettered")), std::to_string(queue.integer("oldestSeconds")) + " s",
                 text_or_dash(queue, "blockedSince"), text_or_dash(queue, "nextAttemptAt"),
                 drain && drain->integer() ? std::to_string(*drain->integer()) + " s" : "-",
                 queue.text("lastErrorAt").empty() ? "-" : queue.text("lastErrorAt") + " " + queue.text("lastError")});
    }
    table.print("there are no queues");
  });
}

int list_waiting(const Context& context, const std::string& queue, std::uint64_t limit) {
  Table table({"ID", "STATE", "ATTEMPTS", "SINCE", "DUE", "LAST ERROR"});
  const auto row = [](const JsonValue& message) -> std::vector<std::string> {
    return {message.text("id"), message.text("state"), std::to_string(message.integer("attempts")),
            message.text("enqueuedAt"), text_or_dash(message, "dueAt"),
            // One that was never tried knows only what keeps all of its queue back.
            message.text("lastError").empty() ? text_or_dash(message, "heldBackBy") : message.text("lastError")};
  };
  return list_pages(context, "waiting", queue, limit, table, row, "nothing waits");
}

// ---- dead letters ---------------------------------------------------------------------------------------------------

int list_dead_letters(const Context& context, const std::string& queue, std::uint64_t limit) {
  Table table({"ID", "REASON", "ATTEMPTS", "SINCE", "LAST ERROR"});
  return list_pages(context, "dead-letters", queue, limit, table, letter_row, "there are no dead letters");
}

int show_dead_letter(const Context& context, const std::string& id, bool content) {
  return ask(context, Missing::is_error, "GET",
             "/admin/v1/dead-letters/" + percent_encoded(id) + (content ? "?content=true" : ""), "",
             [&](const JsonValue& answer) {
               const auto letter = answer.find("deadLetter");
               if (!letter) return;
               for (const auto name : {"id", "queue", "enrollmentId", "reason", "enqueuedAt", "deadLetteredAt"})
                 print(padded(name, 16) + text_or_dash(*letter, name));
               print(padded("attempts", 16) + std::to_string(letter->integer("attempts")));
               if (const auto history = letter->find("history"))
                 for (const auto& attempt : history->elements())
                   print("  " + attempt.text("at") + "  attempt " + std::to_string(attempt.integer("number")) + "  " +
                         attempt.text("error"));
               if (content) print("\n" + answer.text("content"));
             });
}

int act_on_dead_letters(const Context& context, const std::string& verb, const LetterFilter& filter) {
  const bool by_filter = filter.all || !filter.queue.empty() || !filter.reason.empty();
  if (filter.ids.empty() != by_filter)
    return complain("name the dead letters: either ids, or --queue, --reason or --all", usage);
  auto operations = Operations::reach(context.config.values, Missing::is_error);
  if (!operations) return complain(operations.error().message, cannot_open);

  const std::string counted = verb == "replay" ? "replayed" : "discarded";
  std::int64_t acted = 0;
  std::size_t failed = 0;
  std::string after;
  std::size_t next_id = 0;
  JsonWriter failures;
  failures.array();
  do {
    JsonWriter body;
    body.object();
    if (by_filter) {
      body.key("filter").object();
      if (!filter.queue.empty()) body.member("queue", filter.queue);
      if (!filter.reason.empty()) body.member("reason", filter.reason);
      body.end();
      if (!after.empty()) body.member("after", after);
    } else {
      body.key("ids").array();
      for (std::size_t count = 0; count < 1000 && next_id < filter.ids.size(); ++count)
        body.value(filter.ids[next_id++]);
      body.end();
    }
    body.end();
    auto answer = (*operations)->ask("POST", "/admin/v1/dead-letters/" + verb, body.text());
    if (!answer) return complain(answer.error().message, cannot_open);
    if (answer->status >= 300) return refused(context, *answer);
    auto json = JsonDocument::parse(answer->body);
    if (!json) return complain("the answer is not JSON: " + json.error().message, cannot_open);
    acted += json->root().integer(counted);
    if (const auto list = json->root().find("failed")) {
      for (const auto& failure : list->elements()) {
        ++failed;
        failures.object().member("id", failure.text("id")).member("detail", failure.text("detail")).end();
        if (!context.json) complain(failure.text("id") + ": " + failure.text("detail"), done);
      }
    }
    after = json->root().text("next");
  } while (!after.empty() || (!by_filter && next_id < filter.ids.size()));
  failures.end();

  if (context.json) {
    JsonWriter outcome;
    outcome.object().member(counted, acted).key("failed").raw(failures.take()).end();
    print(outcome.take());
  } else {
    print(std::to_string(acted) + " " + counted + (failed ? ", " + std::to_string(failed) + " failed" : ""));
  }
  return failed > 0 ? answer_is_no : done;
}

// ---- configuration --------------------------------------------------------------------------------------------------

int print_default_config() {
  std::fputs(sample_config().c_str(), stdout);
  return done;
}

}  // namespace globogym::app::cli
