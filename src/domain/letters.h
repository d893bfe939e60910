// The words we send to people: one template per locale, text and HTML from the same sentences.
#pragma once

#include <string>

#include "domain/catalogue.h"
#include "domain/member.h"

namespace globogym::domain {

struct LetterText {
  std::string subject;
  std::string text;  // UTF-8, lines end in \n
  std::string html;  // UTF-8; everything the applicant wrote is escaped
};

// `club` and `plan` may be null when they have left the catalogue since: the letter then does without their names.
LetterText welcome_letter(const Member& member, const Club* club, const Plan* plan);

// Where letters to this person go: the address as written, with its domain as the DNS spells it, so that an
// internationalised domain alone does not ask for a mail system that knows SMTPUTF8.
Personal<std::string> letter_address(const Applicant& applicant);

}  // namespace globogym::domain
