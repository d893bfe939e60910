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

using namespace letter_place;

constexpr std::array<Place, letter_place::count> places = {{{"firstName"},
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
using Values = PlacedValues;

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

Result<Letters::Language> compiled(std::string_view locale, const Letters::File& subject, const Letters::File& text,
                                   const Letters::File& html, const Sentences& sentences) {
  Letters::Language language{.locale = std::string(locale)};
  const auto parse = [&](Template& into, const Letters::File& file, Form form) -> Result<void> {
    auto parsed = Template::parse(file.name, file.content, form, places, sentences);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    into = std::move(*parsed);
    return {};
  };
  if (auto done = parse(language.subject, subject, Form::text); !done) return std::unexpected(std::move(done.error()));
  if (auto done = parse(language.text, text, Form::text); !done) return std::unexpected(std::move(done.error()));
  if (auto done = parse(language.html, html, Form::html); !done) return std::unexpected(std::move(done.error()));
  language.shows_number = language.html.mentions(qr);
  language.shows_logo = language.html.mentions(logo);
  return language;
}

}  // namespace

Result<Letters> Letters::make(Letterhead head, const std::vector<File>& replacements) {
  for (const auto& file : replacements) {
    if (auto problem = misnamed(file.name)) return fail(Fault::invalid, std::move(*problem));
    if (file.content.size() > longest_file)
      return fail(Fault::invalid, file.name + ": it is longer than 64 KiB; make it smaller");
  }
  if (auto named = check_names(replacements); !named) return std::unexpected(std::move(named.error()));
  const File* picture = find_file(replacements, logo_file);
  if (!picture) picture = find_file(built_in(), logo_file);
  if (!picture->content.starts_with("\x89PNG\r\n\x1a\n")) return fail(Fault::invalid, picture->name + ": it is no PNG");

  Letters letters;
  letters.sources_ = {.head = std::move(head), .logo = picture->content, .languages = {}};
  for (const std::string_view locale : locales) {
    Sentences sentences;
    // From afar to near, so that the nearest of each sentence remains.
    for (const auto* files : {&built_in(), &replacements}) {
      auto names = names_for(locale, "words");
      for (auto name = names.rbegin(); name != names.rend(); ++name) {
        const File* file = find_file(*files, *name);
        if (!file) continue;
        if (auto read = read_sentences(file->name, file->content, sentences); !read)
          return std::unexpected(std::move(read.error()));
      }
    }
    const auto nearest = [&](std::string_view kind) -> const File& {
      for (const auto* files : {&replacements, &built_in()})
        for (const auto& name : names_for(locale, kind))
          if (const File* file = find_file(*files, name)) return *file;
      ASSERT(false);
      return built_in().front();
    };
    const File &subject = nearest("subject"), &text = nearest("txt"), &html = nearest("html");
    auto language = compiled(locale, subject, text, html, sentences);
    if (!language) return std::unexpected(std::move(language.error()));
    if (auto checked = letters.check_size(*language); !checked) return std::unexpected(std::move(checked.error()));
    letters.languages_.push_back(std::move(*language));
    auto& sources = letters.sources_.languages.emplace_back(
        LetterSources::Language{std::string(locale), subject.content, text.content, html.content, {}});
    for (auto& [name, sentence] : sentences) sources.sentences.emplace(name, std::move(sentence.text));
  }
  letters.logo_ = letters.logo_picture();
  return letters;
}

Result<Letters> Letters::make(LetterSources sources) {
  if (sources.languages.empty()) return fail(Fault::invalid, "letters are written in one language at least");
  Letters letters;
  letters.sources_ = std::move(sources);
  for (const auto& language : letters.sources_.languages) {
    Sentences sentences;
    for (const auto& [name, text] : language.sentences) sentences.emplace(name, Sentence{text, name});
    auto made = compiled(language.locale, {"subject", language.subject}, {"txt", language.text},
                         {"html", language.html}, sentences);
    if (!made) return std::unexpected(std::move(made.error()));
    letters.languages_.push_back(std::move(*made));
  }
  letters.logo_ = letters.logo_picture();
  return letters;
}

Picture Letters::logo_picture() const {
  return {.content_id = "logo@" + sources_.head.domain, .file_name = "logo.png", .bytes = sources_.logo};
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
  values[imprint] = sources_.head.imprint;
  values[reply_to] = sources_.head.reply_to;
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

const Letters::Language& Letters::language(std::string_view locale) const {
  const auto found = std::ranges::find(languages_, locale, &Language::locale);
  return found == languages_.end() ? languages_.front() : *found;
}

LetterValues Letters::values(const Member& member, const Club* club, const Plan* plan) const {
  const auto& details = member.details;
  const std::string& locale = language(details.locale).locale;
  LetterValues values{.locale = locale, .first_name = details.first_name, .number = membership_number(member.id)};
  if (club) {
    values.club = club->name.in(locale);
    values.club_address = club->address.in(locale);
    values.club_hours = club->hours.in(locale);
  }
  if (plan) {
    values.plan = plan->name.in(locale);
    values.plan_price = plan->price.in(locale);
    values.plan_term = plan->term.in(locale);
  }
  if (details.start_date) values.first_day = long_date(*details.start_date, locale);
  return values;
}

Placed::Placed(const LetterValues& values, const Letters& letters) {
  const Letterhead& head = letters.sources().head;
  const std::string& name = values.first_name.reveal();
  number_id_.append(values.number).append(1, '@').append(head.domain);
  number_address_.append("cid:").append(number_id_);
  logo_address_.append("cid:logo@").append(head.domain);
  in_subject_ = {name,
                 values.number,
                 values.club,
                 values.club_address,
                 values.club_hours,
                 values.plan,
                 values.plan_price,
                 values.plan_term,
                 values.first_day,
                 head.reply_to,
                 head.imprint,
                 letters.language(values.locale).locale,
                 number_address_,
                 logo_address_};
  in_body_ = in_subject_;
  if (is_right_to_left(name)) in_body_[first_name] = isolated_ = isolated(name);
}

std::string Letters::subject_line(const LetterValues& values) const {
  std::string subject;
  language(values.locale).subject.append_filled(subject, Placed(values, *this).in_subject());
  while (subject.ends_with('\n')) subject.pop_back();
  return subject;
}

LetterText Letters::welcome(const LetterValues& values) const {
  const Language& written = language(values.locale);
  const Placed placed(values, *this);
  LetterText letter{.subject = subject_line(values)};
  letter.text.reserve(2048);
  letter.html.reserve(8192);
  written.text.append_filled(letter.text, placed.in_body());
  written.html.append_filled(letter.html, placed.in_body());
  if (written.shows_number)
    letter.pictures.push_back({.content_id = placed.number_id(),
                               .file_name = values.number + ".png",
                               .bytes = picture_of_number(values.number).value_or("")});
  if (written.shows_logo) letter.pictures.push_back(logo_);
  return letter;
}

std::optional<std::string> picture_of_number(std::string_view membership_number) {
  constexpr unsigned quiet = 4;  // squares of light around it, as the standard asks for
  const auto code = qr_code(membership_number);
  if (!code) return std::nullopt;
  std::array<std::uint32_t, QrCode::size + 2 * quiet> rows{};
  for (unsigned y = 0; y < QrCode::size; ++y) rows[y + quiet] = code->rows[y] << quiet;
  return png_of_squares(rows);
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
