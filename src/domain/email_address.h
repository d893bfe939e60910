// E-mail addresses: which ones we take, and when two are the same person's.
//
// RFC 5321 within its limits: local part up to 64 octets, domain up to 255, together up to 254 (section 4.5.3.1,
// erratum 1690), with a dot in the domain. The local part is a dot-atom, in UTF-8 if need be (RFC 6531); the domain may
// be internationalised (UTS 46, non-transitional). Refused although the RFCs know them: quoted local parts, comments,
// and address literals.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace globogym::domain {

inline constexpr std::size_t max_local_octets = 64;
inline constexpr std::size_t max_domain_octets = 255;
inline constexpr std::size_t max_address_octets = 254;
inline constexpr std::size_t min_address_length = 5;  // a@b.c

enum class EmailFlaw { invalid, too_long };

struct EmailAddress {
  std::string written;  // trimmed: mail goes there
  // Lower-case composed local part, letter by letter (lower_cased); A-label domain in lower case. Plus tags and dots
  // are kept. What this makes alike is one member.
  std::string normalized;
};

std::expected<EmailAddress, EmailFlaw> email_address(std::string_view written);

// What builds before 0.2 made of an address: they folded more, "weiß@" into "weiss@". Nothing when it is the same, as
// it is for every local part in ASCII.
std::optional<std::string> formerly_normalized(std::string_view written, std::string_view normalized);

// A regular expression (ECMA-262 with the u or the v flag) that every address email_address() takes matches, white
// space around it included. Of addresses in ASCII without "xn--" labels it says all but the length of the whole; what
// IDNA thinks of other domains no pattern can say.
std::string email_address_pattern();

// As much of it as every kind of regular expression can say, with and without a flag for Unicode: where dots and the @
// stand, and which ASCII characters there may be.
std::string portable_address_pattern();

}  // namespace globogym::domain
