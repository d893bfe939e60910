#include "domain/letters.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "domain/date.h"
#include "domain/membership_number.h"
#include "domain/unicode_text.h"

namespace globogym::domain {
namespace {

// The sentences of one locale. Slots: {f} first name, {c} club, {p} plan, {d} first day, {m} membership number.
struct Words {
  std::string_view locale;
  std::string_view subject;
  std::string_view greeting;
  std::string_view opening;
  std::string_view club;
  std::string_view plan;
  std::string_view starts_on;
  std::string_view starts_now;
  std::string_view first_visit;
  std::string_view closing;
  std::string_view regards;
  std::string_view signature;
  std::string_view date;            // {1} day, {2} month, {3} year
  std::string_view first_of_month;  // how the day 1 is written
  std::array<std::string_view, 12> months;
};

constexpr std::array<std::string_view, 12> english_months = {"January",   "February", "March",    "April",
                                                             "May",       "June",     "July",     "August",
                                                             "September", "October",  "November", "December"};

// The first one is what an unknown locale gets.
constexpr std::array<Words, 5> all_words = {
    Words{
        .locale = "en-GB",
        .subject = "Welcome to GloboGym, {f}",
        .greeting = "Hello {f},",
        .opening = "Welcome to GloboGym – it’s lovely to have you with us. Your membership is confirmed, and there is "
                   "nothing left for you to do.",
        .club = "Your home club is {c}.",
        .plan = "Your plan is {p}.",
        .starts_on = "We’ll be ready for you from {d}.",
        .starts_now = "You can come in whenever you like.",
        .first_visit = "On your first visit, just give your name or your membership number, {m}, at reception, and the "
                       "team will show you round.",
        .closing = "We look forward to meeting you!",
        .regards = "Warm regards,",
        .signature = "The GloboGym team",
        .date = "{1} {2} {3}",
        .first_of_month = "1",
        .months = english_months,
    },
    Words{
        .locale = "en-US",
        .subject = "Welcome to GloboGym, {f}",
        .greeting = "Hi {f},",
        .opening = "Welcome to GloboGym! We’re so happy to have you with us. Your membership is confirmed, and you’re "
                   "all set.",
        .club = "Your home club is {c}.",
        .plan = "Your plan is {p}.",
        .starts_on = "We’ll be ready for you starting {d}.",
        .starts_now = "You can stop by whenever you like.",
        .first_visit =
            "On your first visit, just give your name or your membership number, {m}, at the front desk, and "
            "the team will show you around.",
        .closing = "We can’t wait to meet you!",
        .regards = "Warmly,",
        .signature = "Your GloboGym team",
        .date = "{2} {1}, {3}",
        .first_of_month = "1",
        .months = english_months,
    },
    Words{
        .locale = "de-DE",
        .subject = "Willkommen bei GloboGym, {f}",
        .greeting = "Hallo {f},",
        .opening = "willkommen bei GloboGym – schön, dass du dabei bist! Deine Mitgliedschaft ist bestätigt, du musst "
                   "nichts weiter tun.",
        .club = "Dein Heimatclub ist {c}.",
        .plan = "Dein Tarif ist {p}.",
        .starts_on = "Am {d} geht es los.",
        .starts_now = "Du kannst sofort loslegen.",
        .first_visit = "Nenne bei deinem ersten Besuch am Empfang einfach deinen Namen oder deine Mitgliedsnummer {m}, "
                       "und das Team zeigt dir alles.",
        .closing = "Wir freuen uns auf dich!",
        .regards = "Herzliche Grüße",
        .signature = "Dein Team von GloboGym",
        .date = "{1}. {2} {3}",
        .first_of_month = "1",
        .months = {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
                   "November", "Dezember"},
    },
    Words{
        .locale = "fr-FR",
        .subject = "Bienvenue chez GloboGym, {f}",
        .greeting = "Bonjour {f},",
        .opening = "Bienvenue chez GloboGym\u00A0! Nous sommes ravis de vous compter parmi nous. Votre inscription est "
                   "confirmée, vous n’avez plus rien à faire.",
        .club = "Votre club est {c}.",
        .plan = "Votre formule est {p}.",
        .starts_on = "Nous vous attendons à partir du {d}.",
        .starts_now = "Vous pouvez venir dès maintenant.",
        .first_visit = "Lors de votre première visite, donnez simplement à l’accueil votre nom ou votre numéro "
                       "d’inscription, {m}, et l’équipe vous fera tout découvrir.",
        .closing = "Au plaisir de vous rencontrer\u00A0!",
        .regards = "Bien chaleureusement,",
        .signature = "L’équipe GloboGym",
        .date = "{1} {2} {3}",
        .first_of_month = "1er",
        .months = {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
                   "novembre", "décembre"},
    },
    Words{
        .locale = "es-ES",
        .subject = "Te damos la bienvenida a GloboGym, {f}",
        .greeting = "Hola, {f}:",
        .opening = "¡Te damos la bienvenida a GloboGym! Nos alegra mucho que te unas. Tu inscripción está confirmada y "
                   "no tienes que hacer nada más.",
        .club = "Tu club es {c}.",
        .plan = "Tu tarifa es {p}.",
        .starts_on = "Te esperamos a partir del {d}.",
        .starts_now = "Puedes venir cuando quieras.",
        .first_visit = "En tu primera visita, basta con que digas en recepción tu nombre o tu número de inscripción, "
                       "{m}, y el equipo te lo enseñará todo.",
        .closing = "¡Tenemos muchas ganas de conocerte!",
        .regards = "Un cordial saludo,",
        .signature = "El equipo de GloboGym",
        .date = "{1} de {2} de {3}",
        .first_of_month = "1",
        .months = {"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
                   "noviembre", "diciembre"},
    },
};

struct Slot {
  char name;
  std::string_view value;
};

enum class Form { text, html };

// No value can start a new line or a new header, whatever a record says.
void append_value(std::string& out, std::string_view value, Form form) {
  for (char c : value) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += ' ';
      continue;
    }
    if (form == Form::html) {
      switch (c) {
        case '&':
          out += "&amp;";
          continue;
        case '<':
          out += "&lt;";
          continue;
        case '>':
          out += "&gt;";
          continue;
        case '"':
          out += "&quot;";
          continue;
        case '\'':
          out += "&#39;";
          continue;
        default:
          break;
      }
    }
    out += c;
  }
}

template <std::size_t n>
void append_filled(std::string& out, std::string_view sentence, const std::array<Slot, n>& slots, Form form) {
  while (!sentence.empty()) {
    const auto brace = sentence.find('{');
    out += sentence.substr(0, brace);
    if (brace == std::string_view::npos) return;
    auto slot = std::ranges::find(slots, sentence[brace + 1], &Slot::name);
    if (slot != slots.end()) append_value(out, slot->value, form);
    sentence.remove_prefix(brace + 3);
  }
}

// Every slot is a brace, one letter, and a brace: what append_filled relies on.
constexpr bool well_formed(std::string_view sentence) {
  for (auto at = sentence.find('{'); at != std::string_view::npos; at = sentence.find('{', at + 1))
    if (at + 2 >= sentence.size() || sentence[at + 2] != '}') return false;
  return sentence.find_first_of("<>&\"'") == std::string_view::npos;  // our own sentences need no escaping
}
static_assert(std::ranges::all_of(all_words, [](const Words& w) {
  return well_formed(w.subject) && well_formed(w.greeting) && well_formed(w.opening) && well_formed(w.club) &&
         well_formed(w.plan) && well_formed(w.starts_on) && well_formed(w.starts_now) && well_formed(w.first_visit) &&
         well_formed(w.closing) && well_formed(w.regards) && well_formed(w.signature) && well_formed(w.date);
}));

const Words& words_of(std::string_view locale) {
  auto found = std::ranges::find(all_words, locale, &Words::locale);
  return found == all_words.end() ? all_words.front() : *found;
}

std::string long_date(Date date, const Words& words) {
  if (!date.ok()) return {};
  const auto day_number = static_cast<unsigned>(date.day());
  const std::string day = day_number == 1 ? std::string(words.first_of_month) : std::to_string(day_number);
  const std::string year = std::to_string(static_cast<int>(date.year()));
  std::string out;
  append_filled(
      out, words.date,
      std::array<Slot, 3>{{{'1', day}, {'2', words.months[static_cast<unsigned>(date.month()) - 1]}, {'3', year}}},
      Form::text);
  return out;
}

}  // namespace

LetterText welcome_letter(const Member& member, const Club* club, const Plan* plan) {
  const Words& words = words_of(member.details.locale);
  const std::string first_day =
      member.details.start_date ? long_date(*member.details.start_date, words) : std::string();
  const std::string number = membership_number(member.id);
  const std::array<Slot, 5> slots = {{{'f', member.details.first_name.reveal()},
                                      {'c', club ? std::string_view(club->name) : ""},
                                      {'p', plan ? std::string_view(plan->name) : ""},
                                      {'d', first_day},
                                      {'m', number}}};

  LetterText letter;
  letter.text.reserve(768);
  letter.html.reserve(1024);
  append_filled(letter.subject, words.subject, slots, Form::text);

  letter.html += "<!doctype html>\n<html lang=\"";
  letter.html += words.locale;
  letter.html += "\"><head><meta charset=\"utf-8\"><title>";
  append_filled(letter.html, words.subject, slots, Form::html);
  letter.html +=
      "</title></head>\n<body style=\"font:16px/1.5 sans-serif;max-width:36em;margin:auto;padding:1em\">\n<p>";

  // Each sentence goes into both forms at once, so they cannot say different things.
  auto say = [&](std::string_view sentence) {
    append_filled(letter.text, sentence, slots, Form::text);
    append_filled(letter.html, sentence, slots, Form::html);
  };
  auto space = [&] {
    letter.text += ' ';
    letter.html += ' ';
  };
  auto new_paragraph = [&] {
    letter.text += "\n\n";
    letter.html += "</p>\n<p>";
  };

  say(words.greeting);
  new_paragraph();
  say(words.opening);
  new_paragraph();
  if (club) say(words.club), space();
  if (plan) say(words.plan), space();
  say(first_day.empty() ? words.starts_now : words.starts_on);
  new_paragraph();
  say(words.first_visit);
  new_paragraph();
  say(words.closing);
  new_paragraph();
  say(words.regards);
  letter.text += '\n';
  letter.html += "<br>";
  say(words.signature);
  letter.text += '\n';
  letter.html += "</p>\n</body></html>\n";
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
