// The stored form of what the domain knows: containers, queues, counters, and JSON documents. Specified in
// docs/data-model.md; every release reads what the last ones wrote, so a field is added and never given a new meaning.
//
// What is read is what was written, with times to the millisecond, and addresses normalised as they are today. Unknown
// fields are ignored, absent optional ones are their defaults; a required field that is absent or of another form makes
// the record `damaged`, with a sentence that names the field and repeats no value.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "domain/enrollment.h"
#include "domain/ids.h"
#include "domain/letter_values.h"
#include "domain/member.h"

namespace globogym::domain {

namespace container {
inline constexpr std::string_view enrollments = "enrollments";
inline constexpr std::string_view members = "members";
inline constexpr std::string_view moved = "moved";    // where members are whose address was corrected
inline constexpr std::string_view people = "people";  // which enrollments a person has
inline constexpr std::string_view idempotency = "idempotency";
inline constexpr std::string_view keys = "keys";          // API keys, hashed
inline constexpr std::string_view quotas = "quotas";      // what keys have used of their month
inline constexpr std::string_view key_use = "key-use";    // when keys were last used
inline constexpr std::string_view letters = "letters";    // layouts that letters have: see mail/layout.h
inline constexpr std::string_view settings = "settings";  // this deployment's secrets: the pseudonym key
}  // namespace container

namespace queue {
inline constexpr std::string_view process_enrollment = "process-enrollment";
inline constexpr std::string_view welcome_mail = "welcome-mail";
}  // namespace queue

// Tallies. Each enrollment counts in exactly one of the five.
namespace tally {
inline constexpr std::string_view members = "members";
inline constexpr std::string_view mails_sent = "mails-sent";
std::string_view of(Status status);  // "enrollments.accepted" …
}  // namespace tally

std::string to_json(const Enrollment& enrollment);
Result<Enrollment> enrollment_from_json(std::string_view json);  // damaged

std::string to_json(const Member& member);
Result<Member> member_from_json(std::string_view json);  // damaged

// Where a member is kept who is not where the id says: a document of container::moved, whose id is the member's.
std::string moved_note(const PersonIds& place);
Result<PersonIds> place_from_note(std::string_view json);  // damaged

// Body of a process-enrollment message: {"enrollmentId","acceptedAt","createdBy","application":{…}}: with the first
// three the enrollment is known as it was put beside the message.
struct ProcessEnrollment {
  std::string enrollment_id;
  WallTime accepted_at{};
  std::optional<std::string> created_by;  // absent in what older builds wrote
  Applicant applicant;
  bool operator==(const ProcessEnrollment&) const = default;
};
std::string to_json(const ProcessEnrollment& work);
Result<ProcessEnrollment> process_enrollment_from_json(std::string_view json);  // damaged

// What a welcome-mail message knows of its enrollment: that it is `processing`, and what came of the steps before the
// letter. While it waits nobody else knows: the document still says `accepted`.
struct StoryOfLetter {
  Enrollment enrollment;
  // Of the document: it has been changed since when it carries another one. 0: it was put beside the message, so that
  // it carries the message's.
  std::uint64_t version = 0;
  bool operator==(const StoryOfLetter&) const = default;
};

// The enrollment as it is while its letter waits: what stands in the document, and what the letter's message knows
// better.
Enrollment as_told(Enrollment stored, const StoryOfLetter& letter);

// A letter with its bytes, as builds before 0.2 kept it.
struct FrozenLetter {
  std::string from;     // envelope sender
  std::string content;  // RFC 5322
  bool operator==(const FrozenLetter&) const = default;
};

// Body of a welcome-mail message: one JSON line {"to","version","enrollment":{…},"messageId","letter":{…}}; without
// what is known of the enrollment {"enrollmentId","memberId",…}. Or, of builds before 0.2,
// {"enrollmentId","memberId","from","to","messageId"}, a line feed, and the RFC 5322 message to the end.
struct WelcomeMail {
  std::string enrollment_id;
  std::string member_id;
  std::optional<StoryOfLetter> story;  // of that enrollment
  Personal<std::string> to;
  std::string message_id;
  std::variant<KeptLetter, FrozenLetter> letter;
  bool operator==(const WelcomeMail&) const = default;
};
std::string to_body(const WelcomeMail& work);
Result<WelcomeMail> welcome_mail_from_body(std::string_view body);  // damaged
// Of such a body the mail domain it goes to, in lower case; empty when it cannot be read.
std::string mail_domain_of(std::string_view welcome_mail_body);

}  // namespace globogym::domain
