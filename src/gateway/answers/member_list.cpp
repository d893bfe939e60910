#include "gateway/answers/member_list.h"

#include <charconv>
#include <utility>

#include "base/json_writer.h"
#include "base/time_text.h"
#include "domain/date.h"
#include "domain/records.h"
#include "gateway/answers/members.h"
#include "gateway/answers/problem.h"

namespace globogym::gateway {
namespace {

constexpr std::size_t most_a_page = 1000;
// A page that finds few ends all the same: somebody waits for it, and the engine has others to serve.
constexpr std::size_t looked_at_a_page = 20'000;
constexpr std::size_t scans_a_page = 50;
constexpr std::size_t longest_word = 255;

bool is_wanted(const domain::Member& member, const MemberQuery& query) {
  return (query.club.empty() || member.details.home_club_id == query.club) &&
         (query.plan.empty() || member.details.plan == query.plan) &&
         (!query.since || member.joined_at >= *query.since);
}

std::optional<WallTime> moment(std::string_view text) {
  if (const auto date = domain::parse_date(text)) return WallTime(std::chrono::sys_days(*date).time_since_epoch());
  return parse_rfc3339(text);
}

// What is wrong with the value; nothing: it was taken.
std::string take(MemberQuery& query, std::string_view name, std::string value) {
  if (value.size() > longest_word) return "`" + std::string(name) + "` is too long";
  if (name == "after") {
    query.after = std::move(value);
  } else if (name == "club") {
    query.club = std::move(value);
  } else if (name == "plan") {
    query.plan = std::move(value);
  } else if (name == "limit") {
    const auto* const end = value.data() + value.size();
    const auto [stopped, error] = std::from_chars(value.data(), end, query.limit);
    if (error != std::errc() || stopped != end || query.limit < 1 || query.limit > most_a_page)
      return "`limit` must be 1 to " + std::to_string(most_a_page);
  } else {
    query.since = moment(value);
    if (!query.since) return "`since` must be a day, 2026-11-27, or a time in UTC, 2026-11-27T08:00:00Z";
  }
  return {};
}

// By what the members were chosen, for the audit trail.
std::string filter_of(const MemberQuery& query) {
  std::string filter;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) filter.append(filter.empty() ? "" : " ").append(name).append("=").append(value);
  };
  if (!query.club.empty()) add("club", audit::word(query.club));
  if (!query.plan.empty()) add("plan", audit::word(query.plan));
  if (query.since) add("since", rfc3339(*query.since));
  return filter.empty() ? "all" : filter;
}

}  // namespace

Result<MemberQuery> parse_member_query(std::string_view text) {
  constexpr std::string_view known[] = {"after", "limit", "club", "plan", "since"};
  MemberQuery query;
  bool seen[std::size(known)] = {};
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    const auto name = pair.substr(0, equals);
    const auto at = std::ranges::find(known, name) - std::begin(known);
    if (at == std::ssize(known))
      return fail(Fault::invalid, "the parameters are `after`, `limit`, `club`, `plan` and `since`");
    auto value = http::percent_decoded(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (!value) return fail(Fault::invalid, "`" + std::string(name) + "` is not percent-encoded as it must be");
    if (std::exchange(seen[at], true)) return fail(Fault::invalid, "`" + std::string(name) + "` stands there twice");
    // Empty is as if it were not there.
    if (value->empty()) continue;
    if (auto wrong = take(query, name, std::move(*value)); !wrong.empty())
      return fail(Fault::invalid, std::move(wrong));
  }
  return query;
}

async::Task<Result<MemberPage>> list_members(engine::Engine& engine, MemberQuery query) {
  MemberPage page;
  JsonWriter json;
  json.object().key("members").array();
  std::string after = std::move(query.after);
  std::size_t looked_at = 0;
  // As many are looked at in one go as still fit, so that the cursor is always behind the last that was shown. Half a
  // page is enough to go with: the last few would take a scan each.
  for (std::size_t scans = 0; scans < scans_a_page && looked_at < looked_at_a_page; ++scans) {
    auto found = co_await engine.scan({.container = std::string(domain::container::members),
                                       .after = std::move(after),
                                       .limit = query.limit - page.count,
                                       .prefix = {}});
    if (!found) co_return std::unexpected(found.error());
    for (const auto& document : found->documents) {
      auto member = domain::member_from_json(document.body);
      if (!member) co_return std::unexpected(member.error());
      if (!is_wanted(*member, query)) continue;
      json.raw(public_json(*member));
      ++page.count;
    }
    looked_at += found->documents.size();
    after = std::move(found->cursor);
    if (after.empty() || page.count * 2 >= query.limit) break;
  }
  json.end().key("next");
  if (after.empty())
    json.value(nullptr);
  else
    json.value(after);
  json.end();
  page.json = json.take();
  co_return std::move(page);
}

async::Task<http::Response> get_members(engine::Engine& engine, std::string_view text, audit::Deed& deed) {
  deed.event = "members-listed";
  auto query = parse_member_query(text);
  if (!query) co_return refusal(problem::bad_request, query.error().message);
  deed.filter = filter_of(*query);
  auto page = co_await list_members(engine, std::move(*query));
  if (!page && page.error().fault == Fault::invalid) co_return refusal(problem::bad_request, page.error().message);
  if (!page) co_return unavailable(page.error(), "The members cannot be read now.");
  deed.count = page->count;
  co_return http::Response{.body = std::move(page->json), .extra_headers = std::string(private_answer)};
}

}  // namespace globogym::gateway
