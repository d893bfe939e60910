// What is kept about one person: shown, exported and erased. For the trusted door only.
//
// Everything about a person stands in one partition, but not everything can be found there: letters that could not be
// done are looked through one by one. What erasing cannot reach (letters already handed over, the outbox, backups) is
// said in its answer.
#pragma once

#include <optional>
#include <string>

#include "audit/audit.h"
#include "base/result.h"
#include "console/parts.h"
#include "gateway/answers/members.h"

namespace globogym::console {

// The member as stored, and the number, which is not: it stands in the id.
std::string numbered_json(const gateway::StoredMember& stored);

// In all of them `deed` learns whom it was about, by id.

// The member's document, and the number. Nothing when there is no such member.
Task<Result<std::optional<std::string>>> member_json(const Parts& parts, std::string id_or_number, audit::Deed& deed);

// {"member","enrollment","timeline","deadLetters":[…],"exportedAt"}: all that is kept, dead letters with their words.
Task<Result<std::optional<std::string>>> member_export_json(const Parts& parts, std::string id_or_number,
                                                            audit::Deed& deed);

// Gives the member another address; {"memberId","enrollmentId","letter":"queued","detail"}. Reads {"to","reason"}, both
// required. Nothing when there is no such member.
//   invalid   no address, no reason
//   conflict  see Mending
Task<Result<std::optional<std::string>>> correct_email(const Parts& parts, std::string id_or_number,
                                                       std::string_view body, std::string by, audit::Deed& deed);

// Sends the welcome letter anew; the same answer, `letter` may be "already-queued" or "being-sent". Reads {"reason"},
// which may be left out.
Task<Result<std::optional<std::string>>> resend_letter(const Parts& parts, std::string id_or_number,
                                                       std::string_view body, std::string by, audit::Deed& deed);

// Erases the member and discards the dead letters that hold their data. {"erased":true,"deadLettersDiscarded",
// "kept":[sentences],"notReached":[sentences]}. Nothing when there is no such member.
//   conflict  the welcome letter is still being worked on; erase again when it is done or parked
Task<Result<std::optional<std::string>>> erase_member(const Parts& parts, std::string id_or_number, audit::Deed& deed);

}  // namespace globogym::console
