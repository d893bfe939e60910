#include "domain/letters.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/assert.h"
#include "base/nearest.h"
#include "base/png.h"
#include "base/qr_code.h"
#include "domain/long_date.h"
#include "domain/membership_number.h"
#include "domain/unicode_text.h"

namespace globogym::domain {
namespace {

// The values a template can name, in the order in which they are handed over.
enum Value : std::size_t {
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
  value_count
};
constexpr std::array<Place, value_count> places = {{{"firstName"},
                                                    {"number"},
                                                    {"club"},
                                                    {"clubAddress", true},
                                                    {"clubHours", true},
                                                    {"plan"},
                                                    {"planPrice"},
                                                    {"planTerm"},
                                                    {"firstDay"},
                                                    {"replyTo"},
                                                    {"imprint", true},
                                                    {"locale"},
                                                    {"qr"},
                                                    {"logo"}}};
using Values = std::array<std::string_view, value_count>;

// The first one is what an unknown locale gets.
constexpr std::array<std::string_view, 5> locales = {"en-GB", "en-US", "de-DE", "fr-FR", "es-ES"};

std::string_view language_of(std::string_view locale) {
  return locale.substr(0, locale.find('-'));
}

bool is_right_to_left(std::string_view text) {
  if (is_ascii(text)) return false;
  while (!text.empty()) {
    const char32_t c = next_code_point(text);
    if ((c >= 0x590 && c <= 0x8ff) || (c >= 0xfb1d && c <= 0xfdff) || (c >= 0xfe70 && c <= 0xfeff) ||
        (c >= 0x10800 && c <= 0x10fff) || (c >= 0x1e800 && c <= 0x1efff))
      return true;
  }
  return false;
}

// So that a name from the right leaves the sentence around it as it is (UAX #9: first strong isolate).
std::string isolated(std::string_view text) {
  return "\u2068" + std::string(text) + "\u2069";
}

std::string picture_of(std::string_view membership_number) {
  constexpr unsigned quiet = 4;  // squares of light around it, as the standard asks for
  const auto code = qr_code(membership_number);
  ASSERT(code.has_value());
  return png_of_squares(QrCode::size + 2 * quiet, [&](unsigned x, unsigned y) {
    return x >= quiet && y >= quiet && x < quiet + QrCode::size && y < quiet + QrCode::size &&
           code->dark(x - quiet, y - quiet);
  });
}

// How a file is called for one locale, the nearest first: welcome.de-DE.html, welcome.de.html, welcome.html.
std::array<std::string, 3> names_for(std::string_view locale, std::string_view kind) {
  const auto name = [&](std::string_view middle) {
    return "welcome." + std::string(middle) + (middle.empty() ? "" : ".") + std::string(kind);
  };
  return {name(locale), name(language_of(locale)), name("")};
}

const Letters::File* find_file(const std::vector<Letters::File>& files, std::string_view name) {
  const auto found = std::ranges::find(files, name, &Letters::File::name);
  return found == files.end() ? nullptr : &*found;
}

constexpr std::string_view logo_file = "logo.png";

bool is_of_words(const Letters::File& file) {
  return file.name.ends_with(".words");
}

// The names a sentence can have: those we use, and those that a template asks for. A layout of somebody's own need not
// use all of ours.
std::set<std::string, std::less<>> sentence_names(const std::vector<Letters::File>& replacements) {
  std::set<std::string, std::less<>> names;
  for (const auto& file : Letters::built_in()) {
    if (!is_of_words(file)) continue;
    Sentences ours;
    const auto read = read_sentences(file.name, file.content, ours);
    ASSERT(read.has_value());
    for (const auto& [name, sentence] : ours) names.insert(name);
  }
  for (const auto& file : replacements)
    if (!is_of_words(file) && file.name != logo_file)
      for (auto& name : sentences_named_in(file.content)) names.insert(std::move(name));
  return names;
}

// A sentence that no template knows is said nowhere: its name was mistyped.
Result<void> check_names(const std::vector<Letters::File>& replacements) {
  const auto known = sentence_names(replacements);
  for (const auto& file : replacements) {
    if (!is_of_words(file)) continue;
    Sentences theirs;
    if (auto read = read_sentences(file.name, file.content, theirs); !read) return read;
    const Sentences::value_type* first = nullptr;  // by its line
    for (const auto& each : theirs) {
      const std::string& from = each.second.from;
      if (known.contains(each.first)) continue;
      if (!first || std::pair(from.size(), from) < std::pair(first->second.from.size(), first->second.from))
        first = &each;
    }
    if (first)
      return fail(Fault::invalid, first->second.from + ": no template knows the words \"" + first->first +
                                      "\"; did you mean \"" +
                                      std::string(nearest(first->first, {known.begin(), known.end()})) + "\"?");
  }
  return {};
}

}  // namespace

Result<Letters> Letters::make(Letterhead head, const std::vector<File>& replacements) {
  Letters letters;
  letters.head_ = std::move(head);
  if (auto compiled = letters.compile(replacements); !compiled) return std::unexpected(std::move(compiled.error()));
  return letters;
}

Result<void> Letters::compile(const std::vector<File>& replacements) {
  for (const auto& file : replacements) {
    if (auto problem = misnamed(file.name)) return fail(Fault::invalid, std::move(*problem));
    if (file.content.size() > longest_file)
      return fail(Fault::invalid, file.name + ": it is longer than 64 KiB; every letter that waits would hold it");
  }
  if (auto named = check_names(replacements); !named) return named;
  const File* picture = find_file(replacements, logo_file);
  if (!picture) picture = find_file(built_in(), logo_file);
  if (!picture->content.starts_with("\x89PNG\r\n\x1a\n")) return fail(Fault::invalid, picture->name + ": it is no PNG");
  logo_ = {.content_id = "logo@" + head_.domain, .file_name = "logo.png", .bytes = picture->content};

  for (const std::string_view locale : locales) {
    Sentences sentences;
    // From afar to near, so that the nearest of each sentence remains.
    for (const auto* files : {&built_in(), &replacements}) {
      auto names = names_for(locale, "words");
      for (auto name = names.rbegin(); name != names.rend(); ++name) {
        const File* file = find_file(*files, *name);
        if (!file) continue;
        if (auto read = read_sentences(file->name, file->content, sentences); !read) return read;
      }
    }
    const auto parsed = [&](std::string_view kind, Form form) -> Result<Template> {
      for (const auto* files : {&replacements, &built_in()})
        for (const auto& name : names_for(locale, kind))
          if (const File* file = find_file(*files, name))
            return Template::parse(file->name, file->content, form, places, sentences);
      ASSERT(false);
      return {};
    };
    auto subject = parsed("subject", Form::text);
    if (!subject) return std::unexpected(std::move(subject.error()));
    auto text = parsed("txt", Form::text);
    if (!text) return std::unexpected(std::move(text.error()));
    auto html = parsed("html", Form::html);
    if (!html) return std::unexpected(std::move(html.error()));
    Language language{.locale = std::string(locale),
                      .subject = std::move(*subject),
                      .text = std::move(*text),
                      .html = std::move(*html)};
    language.shows_number = language.html.mentions(qr);
    language.shows_logo = language.html.mentions(logo);
    if (auto checked = check_size(language); !checked) return checked;
    languages_.push_back(std::move(language));
  }
  return {};
}

// With the longest values there can be.
Result<void> Letters::check_size(const Language& language) const {
  std::string name;
  for (std::size_t i = 0; i < 100; ++i) name += "\U00020BB7";
  const std::string line(100, 'x'), lines(500, '\n');
  Values values;
  values.fill(line);
  values[first_name] = name;
  values[club_address] = values[club_hours] = lines;
  values[imprint] = head_.imprint;
  values[reply_to] = head_.reply_to;
  const std::array<std::pair<const Template*, std::string_view>, 3> parts = {
      {{&language.subject, "subject"}, {&language.text, "txt"}, {&language.html, "html"}}};
  for (const auto& [part, kind] : parts) {
    std::string out;
    part->append_filled(out, values);
    const std::size_t most = kind == "subject" ? 2'000 : longest_body;
    const std::string file = names_for(language.locale, kind)[2];
    if (out.size() > most)
      return fail(Fault::invalid, file + " for " + language.locale + ": with the longest names it would have " +
                                      std::to_string(out.size()) + " bytes, and " + std::to_string(most) +
                                      " are the most; make it shorter");
    while (out.ends_with('\n')) out.pop_back();
    if (out.find_first_not_of(" \t\n") == std::string::npos || (kind == "subject" && out.contains('\n')))
      return fail(Fault::invalid, file + " for " + language.locale +
                                      (kind == "subject" ? ": a subject is one line, and not empty" : ": it is empty"));
  }
  return {};
}

std::optional<std::string> Letters::misnamed(std::string_view name) {
  std::vector<std::string> known = {std::string(logo_file)};
  for (const std::string_view kind : {"subject", "txt", "html", "words"})
    for (const std::string_view locale : locales)
      for (const auto& each : names_for(locale, kind)) known.push_back(each);
  if (std::ranges::find(known, name) != known.end()) return std::nullopt;
  const std::vector<std::string_view> names(known.begin(), known.end());
  return std::string(name) + ": no letter is made of a file of this name; did you mean " +
         std::string(nearest(name, names)) + "?";
}

LetterText Letters::welcome(const Member& member, const Club* club, const Plan* plan) const {
  const auto& details = member.details;
  const auto found = std::ranges::find(languages_, details.locale, &Language::locale);
  const Language& language = found == languages_.end() ? languages_.front() : *found;
  const std::string_view locale = language.locale;

  const std::string& name = details.first_name.reveal();
  const bool from_the_right = is_right_to_left(name);
  const std::string isolated_name = from_the_right ? isolated(name) : std::string();
  const std::string day = details.start_date ? long_date(*details.start_date, locale) : std::string();
  const std::string said_number = membership_number(member.id);
  const std::string number_id = said_number + "@" + head_.domain;
  const std::string number_address = "cid:" + number_id, logo_address = "cid:" + logo_.content_id;

  Values values{};
  values[first_name] = name;
  values[number] = said_number;
  if (club) {
    values[club_name] = club->name.in(locale);
    values[club_address] = club->address.in(locale);
    values[club_hours] = club->hours.in(locale);
  }
  if (plan) {
    values[plan_name] = plan->name.in(locale);
    values[plan_price] = plan->price.in(locale);
    values[plan_term] = plan->term.in(locale);
  }
  values[first_day] = day;
  values[reply_to] = head_.reply_to;
  values[imprint] = head_.imprint;
  values[locale_tag] = locale;
  values[qr] = number_address;
  values[logo] = logo_address;

  LetterText letter;
  letter.text.reserve(2048);
  letter.html.reserve(8192);
  language.subject.append_filled(letter.subject, values);
  while (letter.subject.ends_with('\n')) letter.subject.pop_back();
  if (from_the_right) values[first_name] = isolated_name;
  language.text.append_filled(letter.text, values);
  language.html.append_filled(letter.html, values);
  if (language.shows_number)
    letter.pictures.push_back(
        {.content_id = number_id, .file_name = said_number + ".png", .bytes = picture_of(said_number)});
  if (language.shows_logo) letter.pictures.push_back(logo_);
  return letter;
}

Personal<std::string> letter_address(const Applicant& applicant) {
  const std::string& written = applicant.email.reveal();
  const std::string& normalized = applicant.normalized_email.reveal();
  const auto written_at = written.rfind('@');
  const auto normalized_at = normalized.rfind('@');
  if (written_at == std::string::npos || normalized_at == std::string::npos || is_ascii(written))
    return applicant.email;
  return Personal(written.substr(0, written_at) + normalized.substr(normalized_at));
}

}  // namespace globogym::domain
