// The events there are: what a line of the trail can say that happened, and who can stand there besides keys.
//
// An event is set where its deed is done and explained in docs/operating.md; test/layers/events.test.py holds these and
// this list together, so that who asks for an event that cannot be there is told so.
#pragma once

#include <array>
#include <string_view>

#include "audit/audit.h"

namespace globogym::audit {

inline constexpr std::array<std::string_view, 29> events = {
    "member-shown",
    "member-exported",
    "dead-letter-content-shown",
    "member-read",
    "members-listed",
    "person-looked-up",
    "member-erased",
    "key-created",
    "key-revoked",
    "queue-paused",
    "queue-resumed",
    "dead-letters-replay",
    "dead-letters-discard",
    "email-corrected",
    "letter-sent-again",
    "letter-left-as-it-was",
    "enrollment-retried",
    "operator-signed-in",
    "operator-signed-out",
    "backup-began",
    "backup-ended",
    "audit-read",
    "audit-begun-anew",
    "operations-request",
    refused,
    begun,
    "audit-damaged",
    "audit-tail-cut",
    "audit-resumed",
};

// What stands in `by` where no key was asked for.
inline constexpr std::array<std::string_view, 4> doors = {"control-socket", "command", "loopback", "trail"};

}  // namespace globogym::audit
