// Ids, and the partition that everything about one person shares.
//
// The pseudonym of a person is HMAC-SHA-256 of the normalised e-mail under this deployment's secret key: it says
// nothing about the address, is the same for the same person, and spreads evenly, so no club's launch day is a hot
// partition.
//   document       the first 20 bytes of the pseudonym in base32 (32 characters): where the member is kept. One
//   address,
//                  one document, which the engine refuses to create twice.
//   member id      those 20 bytes and 5 that only this enrollment makes, in base32 (40 characters): it names its
//   document,
//                  and who signs up again after an erasure is another member. Older builds made members whose id is
//                  that of their document; these keep it.
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

// Where a person's member is kept.
struct PersonIds {
  std::string document;
  std::string partition;
};

PersonIds person_ids(const Hmac& pseudonyms, const Personal<std::string>& normalized_email);

// Where builds before 0.2 kept the member of this address, when that is another place (formerly_normalized).
std::optional<PersonIds> former_person_ids(const Hmac& pseudonyms, const Personal<std::string>& email,
                                           const Personal<std::string>& normalized_email);

// The id of the member that `enrollment_id` makes of this person: the same each time it is asked for.
std::string member_id(const Hmac& pseudonyms, const PersonIds& person, std::string_view enrollment_id);

std::string new_enrollment_id(WallTime now, Random& random, std::string_view partition);

// The partition an id names; nullopt when it is not an enrollment's.
std::optional<std::string> partition_of_enrollment(std::string_view enrollment_id);

// Where the member of this id is kept if there is one: another member of the same address may stand there. nullopt when
// it is not a member's id.
std::optional<PersonIds> whereabouts_of_member(std::string_view member_id);

}  // namespace globogym::domain
