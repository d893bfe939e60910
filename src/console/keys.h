// API keys over the trusted door: made, listed; revoking is the store's own verb.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/audit.h"
#include "base/result.h"
#include "gateway/callers/api_keys.h"
#include "gateway/limits/quotas.h"

namespace globogym::console {

using async::Task;

// Reads
// {"name","scopes":[…],"rate":"50/s","quota":"10000/month","expiresInSeconds":n,"publishable":bool,"origins":[…]}.
Result<gateway::NewKey> parse_key_request(std::string_view body);

// The key's description with "key": its text, which can never be read again. `deed` learns its id.
Task<Result<std::string>> create_key(gateway::ApiKeys& keys, gateway::NewKey wanted, audit::Deed& deed);

// [{"id","name","scopes","rate","quota","quotaUsed","publishable","origins","createdAt","expiresAt","revokedAt",
// "lastUsedAt"}],
// oldest first; "quotaUsed" is of this month (UTC), null without a quota.
std::string keys_json(const gateway::ApiKeys& keys, const gateway::Quotas* quotas);

}  // namespace globogym::console
