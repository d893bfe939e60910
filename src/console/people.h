// What is kept about one person: shown, exported and erased. For the trusted door only.
//
// Everything about a person stands in one partition, but not everything can be found there: letters that could not be
// done are looked through one by one. What erasing cannot reach (letters already handed over, the outbox, backups) is
// said in its answer.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "console/parts.h"

namespace globogym::console {

// The member's document, and the number. Nothing when there is no such member.
Task<Result<std::optional<std::string>>> member_json(const Parts& parts, std::string id_or_number);

// {"member","enrollment","deadLetters":[…],"exportedAt"}: all that is kept, dead letters with their words.
Task<Result<std::optional<std::string>>> member_export_json(const Parts& parts, std::string id_or_number);

// Erases the member and discards the dead letters that hold their data. {"erased":true,"deadLettersDiscarded",
// "kept":[sentences],"notReached":[sentences]}. Nothing when there is no such member.
//   conflict  the welcome letter is still being worked on; erase again when it is done or parked
Task<Result<std::optional<std::string>>> erase_member(const Parts& parts, std::string id_or_number);

}  // namespace globogym::console
