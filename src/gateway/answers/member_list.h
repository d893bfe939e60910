// GET /v1/members: every member, page by page, in an order that stays.
//
// The order is that of where they are kept, which is no order for people: a member that joins while somebody pages may
// be missed by that round or not; one that was there at its beginning is in it exactly once. Choosing by club, plan or
// time of joining looks at every member, so a page may hold fewer than asked for, none even, while there is a next one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/result.h"
#include "engine/engine.h"
#include "http/http.h"

namespace globogym::gateway {

struct MemberQuery {
  std::string after;  // `next` of the page before; empty: from the start
  std::size_t limit = 100;
  std::string club;               // its id; empty: every club
  std::string plan;               // its id; empty: every plan
  std::optional<WallTime> since;  // who joined then or later
};

// Reads ?after=&limit=&club=&plan=&since=. invalid: which parameter is not as it must be; one that is unknown or stands
// twice is none that may be passed over, for a filter that is not understood would show too many.
Result<MemberQuery> parse_member_query(std::string_view query);

struct MemberPage {
  std::string json;  // {"members":[…],"next":"…"|null}
  std::size_t count = 0;
};
// invalid: `after` is no cursor of this list.
async::Task<Result<MemberPage>> list_members(engine::Engine& engine, MemberQuery query);

// The same as an answer: 400 and 503 among them. The caller has been let through before. `deed` learns
// how many were shown, and by what they were chosen.
async::Task<http::Response> get_members(engine::Engine& engine, std::string_view query, audit::Deed& deed);

}  // namespace globogym::gateway
