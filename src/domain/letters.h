// The words and looks of the letters we send: templates (template.h) and sentences, one way for ours and for yours.
//
// A letter has three templates, welcome.subject, welcome.txt and welcome.html, and sentences in every language,
// welcome.de.words. Ours are built in. Each may be replaced: for all languages by that name, for one by
// welcome.de.html, for one locale by welcome.de-DE.html; the nearest one counts. Of words each sentence counts by
// itself. All is read once, at the start; what is wrong with it is said then, with file and line.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "domain/catalogue.h"
#include "domain/letter_values.h"
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

// The values a template can name, in the order in which they are handed over.
namespace letter_place {
enum Which : std::size_t {
  first_name,
  number,
  club_name,
  club_address,
  club_hours,
  plan_name,
  plan_price,
  plan_term,
  first_day,
  reply_to,
  imprint,
  locale_tag,
  qr,
  logo,
  count
};
}  // namespace letter_place
using PlacedValues = std::array<std::string_view, letter_place::count>;

// What letters are made of once it is known what counts: nothing built in is added any more.
struct LetterSources {
  struct Language {
    std::string locale;
    std::string subject, text, html;  // templates
    std::map<std::string, std::string, std::less<>> sentences;
  };
  Letterhead head;
  std::string logo;                 // bytes of a PNG
  std::vector<Language> languages;  // the first one is what an unknown locale gets
};

class Letters {
 public:
  struct File {
    std::string name;  // "welcome.de.html", "logo.png"
    std::string content;
  };
  struct Language {
    std::string locale;
    Template subject, text, html;
    bool shows_number = false, shows_logo = false;
  };
  static constexpr std::size_t longest_file = 64 * 1024;
  static constexpr std::size_t longest_body = 100'000;  // longer HTML is cut by mail programs

  // With `replacements` in place of what is built in. Names that are none of ours must not be among them.
  //   invalid   "welcome.de.html:12: …"
  static Result<Letters> make(Letterhead head, const std::vector<File>& replacements = {});
  // The same letters as those whose sources() they are, also of another build's; nothing is measured again.
  //   invalid   what no build of ours has written
  static Result<Letters> make(LetterSources sources);
  // What a file of this name would be: nothing when it is one of ours; else a sentence that says what may be meant.
  static std::optional<std::string> misnamed(std::string_view name);
  static const std::vector<File>& built_in();

  // What the letter to a member says. `club` and `plan` may be null when they have left the catalogue since: the letter
  // then does without them.
  LetterValues values(const Member& member, const Club* club, const Plan* plan) const;
  // The letter that says it.
  LetterText welcome(const LetterValues& values) const;
  LetterText welcome(const Member& member, const Club* club, const Plan* plan) const {
    return welcome(values(member, club, plan));
  }
  // Its subject alone.
  std::string subject_line(const LetterValues& values) const;

  const LetterSources& sources() const { return sources_; }
  // The one that letters of this locale are written in.
  const Language& language(std::string_view locale) const;

 private:
  Letters() = default;
  Result<void> check_size(const Language& language) const;
  Picture logo_picture() const;

  LetterSources sources_;
  Picture logo_;
  std::vector<Language> languages_;  // as in the sources
};

// Hands `values` over to a template, together with what else a letter shows. It points into everything that it is made
// of, so it lives as long.
class Placed {
 public:
  Placed(const LetterValues& values, const Letters& letters);
  Placed(const Placed&) = delete;
  const PlacedValues& in_subject() const { return in_subject_; }
  // A name from the right leaves the sentence around it as it is.
  const PlacedValues& in_body() const { return in_body_; }
  const std::string& number_id() const { return number_id_; }  // content id of the number's picture

 private:
  std::string isolated_, number_id_, number_address_, logo_address_;
  PlacedValues in_subject_, in_body_;
};

// The picture of a membership number: a PNG. Nothing when `number` cannot be one.
std::optional<std::string> picture_of_number(std::string_view number);

// Where letters to this person go: the address as written, with its domain as the DNS spells it, so that an
// internationalised domain alone does not ask for a mail system that knows SMTPUTF8.
Personal<std::string> letter_address(const Applicant& applicant);

}  // namespace globogym::domain
