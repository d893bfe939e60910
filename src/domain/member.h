// Who signs up, and who became a member.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/personal.h"
#include "domain/date.h"

namespace globogym::domain {

// An application whose every field has been checked and normalised (validation.h is the only maker).
struct Applicant {
  Personal<std::string> first_name;
  Personal<std::string> last_name;
  Personal<std::string> email;                 // as written, trimmed: mail goes there
  Personal<std::string> normalized_email;      // what makes two applications the same person's
  std::optional<Personal<std::string>> phone;  // E.164
  Personal<Date> date_of_birth;
  std::string home_club_id;
  std::string plan;
  std::optional<Date> start_date;
  std::string locale = "en-GB";
  bool marketing_consent = false;
  std::optional<std::string> terms_version;
  std::optional<std::string> referral_code;
  bool operator==(const Applicant&) const = default;
};

struct Member {
  std::string id;
  std::string enrollment_id;
  WallTime joined_at{};
  Applicant details;
  bool operator==(const Member&) const = default;
};

}  // namespace globogym::domain
