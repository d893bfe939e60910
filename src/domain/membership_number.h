// The number of a member that a person can say: `GG-4K7Q-9M2X-7HTC-V`.
//
// Twelve symbols of base32 (60 bits) that are taken from the member's id, and a check symbol. So it needs no place of
// its own, every member there is has one, and whoever has the number finds the id by its beginning: the first seven
// symbols are the id's first (of the person's pseudonym), the other five are those that only this membership made, as
// long as the id has such.
// Of n members two have the same number with a probability of about n² / 2⁶¹: 4 in 100,000 for ten million.
// The check symbol is chosen so that the sum over all thirteen of symbol · αⁱ is 0 in GF(32). Every single wrong symbol
// and every two that changed places are noticed, neighbours or not.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace globogym::domain {

// `member_id`: one that whereabouts_of_member() takes.
std::string membership_number(std::string_view member_id);

// What a person has typed or read: with or without GG, in any case, with spaces, dots or any dashes between; O is 0,
// and I and L are 1. The number as membership_number() writes it; nullopt when it is none, or was mistyped.
std::optional<std::string> parse_membership_number(std::string_view text);

// Whether a person who typed this meant a number, be it mistyped: thirteen letters or digits, written as above. Without
// GG there must be a digit, because thirteen letters are somebody's name.
bool looks_like_membership_number(std::string_view text);

// What the ids of all members with this number begin with.
std::string member_id_prefix(std::string_view number);

}  // namespace globogym::domain
