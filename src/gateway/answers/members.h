// /v1/members/{id}: the one place that shows a member to somebody outside, and how one is found.
//
// A member is kept where their address leads (domain/ids.h), and their id names that place. Who got another address
// since is kept where that one leads; a note in `moved`, under the id, says where. The id and what is made of it stay.
#pragma once

#include <optional>
#include <string>

#include "audit/audit.h"
#include "base/digest.h"
#include "domain/email_address.h"
#include "domain/member.h"
#include "engine/engine.h"
#include "http/http.h"

namespace globogym::gateway {

struct StoredMember {
  domain::Member member;
  engine::Document document;
};

// The member of this id and no other: whoever has their address since is somebody else. Nothing when there is none.
async::Task<Result<std::optional<StoredMember>>> find_member(engine::Engine& engine, std::string id);

// The same, the id also in capitals, and by membership number, as a person says it. conflict: two have it (see
// domain/membership_number.h).
async::Task<Result<std::optional<StoredMember>>> find_member_called(engine::Engine& engine, std::string id_or_number);

// The member who has this address.
async::Task<Result<std::optional<StoredMember>>> find_member_at(engine::Engine& engine, const Hmac& pseudonyms,
                                                                domain::EmailAddress address);

// The member as the API shows them.
std::string public_json(const domain::Member& member);

// The member as JSON, 404 when there is none, 503 when it cannot be read now. The caller has been let through before.
// `deed` learns that somebody was shown, and who.
async::Task<http::Response> get_member(engine::Engine& engine, std::string id, audit::Deed& deed);

}  // namespace globogym::gateway
