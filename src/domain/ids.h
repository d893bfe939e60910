// Ids, and the partition that everything about one person shares.
//
// The pseudonym of a person is HMAC-SHA-256 of the normalised e-mail under this deployment's secret key: it says
// nothing about the address, is the same for the same person, and spreads evenly, so no club's launch day is a hot
// partition.
//   member id      the first 20 bytes of the pseudonym in base32 (32 characters). One address, one id: a second member
//                  for the same address would be the same document, which the engine refuses to create twice.
//   partition      the first 8 bytes of the pseudonym in base32 (13 characters)
//   enrollment id  6 bytes milliseconds since 1970, 6 random bytes, the 8 partition bytes, in base32 (32 characters):
//                  sorts by time, cannot be guessed, and names its own partition, so one point read finds it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/digest.h"
#include "base/personal.h"
#include "base/random.h"

namespace globogym::domain {

struct PersonIds {
  std::string member_id;
  std::string partition;
};

PersonIds person_ids(const Hmac& pseudonyms, const Personal<std::string>& normalized_email);

std::string new_enrollment_id(WallTime now, Random& random, std::string_view partition);

// The partition an id names; nullopt when it is not an enrollment or member id.
std::optional<std::string> partition_of_enrollment(std::string_view enrollment_id);
std::optional<std::string> partition_of_member(std::string_view member_id);

}  // namespace globogym::domain
