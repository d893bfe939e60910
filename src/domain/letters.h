// The words and looks of the letters we send: templates (template.h) and sentences, one way for ours and for yours.
//
// A letter has three templates, welcome.subject, welcome.txt and welcome.html, and sentences in every language,
// welcome.de.words. Ours are built in. Each may be replaced: for all languages by that name, for one by
// welcome.de.html, for one locale by welcome.de-DE.html; the nearest one counts. Of words each sentence counts by
// itself. All is read once, at the start; what is wrong with it is said then, with file and line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "domain/catalogue.h"
#include "domain/member.h"
#include "domain/template.h"

namespace globogym::domain {

// Shown inside the HTML, which names it as cid:CONTENT_ID.
struct Picture {
  std::string content_id;  // local@domain
  std::string file_name;
  std::string bytes;  // of a PNG
};

struct LetterText {
  std::string subject;
  std::string text;  // UTF-8, lines end in \n
  std::string html;  // everything the applicant wrote is escaped
  std::vector<Picture> pictures = {};
};

// What stands in every letter.
struct Letterhead {
  std::string imprint = {};                 // may have several lines
  std::string reply_to = {};                // an address, for people to read
  std::string domain = "globogym.example";  // ours: the names of pictures end in it
};

class Letters {
 public:
  struct File {
    std::string name;  // "welcome.de.html", "logo.png"
    std::string content;
  };
  static constexpr std::size_t longest_file = 64 * 1024;
  static constexpr std::size_t longest_body = 100'000;  // longer HTML is cut by mail programs

  // With `replacements` in place of what is built in. Names that are none of ours must not be among them.
  //   invalid   "welcome.de.html:12: …"
  static Result<Letters> make(Letterhead head, const std::vector<File>& replacements = {});
  // What a file of this name would be: nothing when it is one of ours; else a sentence that says what may be meant.
  static std::optional<std::string> misnamed(std::string_view name);
  static const std::vector<File>& built_in();

  // `club` and `plan` may be null when they have left the catalogue since: the letter then does without them.
  LetterText welcome(const Member& member, const Club* club, const Plan* plan) const;

 private:
  struct Language {
    std::string locale;
    Template subject, text, html;
    bool shows_number = false, shows_logo = false;
  };
  Letters() = default;
  Result<void> compile(const std::vector<File>& replacements);
  Result<void> check_size(const Language& language) const;

  Letterhead head_;
  Picture logo_;
  std::vector<Language> languages_;  // the first one is what an unknown locale gets
};

// Where letters to this person go: the address as written, with its domain as the DNS spells it, so that an
// internationalised domain alone does not ask for a mail system that knows SMTPUTF8.
Personal<std::string> letter_address(const Applicant& applicant);

}  // namespace globogym::domain
