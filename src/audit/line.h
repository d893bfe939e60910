// How a line of the trail is written, and how it vouches for the line before.
//
//   {"n":17,"time":"…","by":"control-socket","uid":1000,"event":"member-shown","targets":["mem_…"],"status":200,
//    "requestId":"…","mac":"<32 hex digits>"}
//
// `mac` is the first half of HMAC-SHA-256 over the mac of the line before and everything of this line before `,"mac"`.
// Without the key nobody can change, add, remove or exchange lines so that they check. A file begins with a head line
// {"trail":1,"first":n,"before":"<mac of line n-1>","mac":…}, whose mac is over the same `before` and its own text.
// Specified in docs/data-model.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/audit.h"
#include "base/digest.h"

namespace globogym::audit {

// What stands before the first line there ever was.
inline constexpr std::string_view no_mac = "00000000000000000000000000000000";

// The line with its mac and a line feed.
std::string line(const Hmac& key, std::string_view mac_before, std::uint64_t number, WallTime at, const Entry& entry);
std::string head_line(const Hmac& key, std::string_view mac_before, std::uint64_t first);

struct Head {
  std::uint64_t first = 0;
  std::string before;
};
// A file's first line, without its line feed; nothing when it does not check.
std::optional<Head> read_head(const Hmac& key, std::string_view line);

// The mac of `line` (without its line feed) when it checks as number `number` after `mac_before`.
std::optional<std::string> checked(const Hmac& key, std::string_view mac_before, std::uint64_t number,
                                   std::string_view line);

}  // namespace globogym::audit
