#include "mail/compose.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "mail/mime.h"

namespace globogym::mail {
namespace {

constexpr std::size_t longest_message_id = 200;
constexpr std::size_t longest_header_line = 78;

bool alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_message_id(std::string_view id) {
  return id.size() <= longest_message_id && std::ranges::count(id, '@') == 1 && !id.starts_with('@') &&
         !id.ends_with('@') && std::ranges::all_of(id, [](char c) {
           return alphanumeric(c) || std::string_view("@.!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
         });
}

void two_digits(std::string& out, unsigned value) {
  out += static_cast<char>('0' + value / 10 % 10);
  out += static_cast<char>('0' + value % 10);
}

// RFC 5322 section 3.3: Sun, 22 Nov 2026 13:52:32 +0000
void append_date(std::string& out, WallTime time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<seconds>(time - day)};
  constexpr std::string_view weekdays = "SunMonTueWedThuFriSat";
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  out.append(weekdays.substr(weekday{day}.c_encoding() * 3, 3)).append(", ");
  two_digits(out, static_cast<unsigned>(date.day()));
  out.append(1, ' ').append(months.substr((static_cast<unsigned>(date.month()) - 1) * 3, 3));
  out += ' ';
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  two_digits(out, year / 100);
  two_digits(out, year % 100);
  out += ' ';
  two_digits(out, static_cast<unsigned>(clock.hours().count()));
  out += ':';
  two_digits(out, static_cast<unsigned>(clock.minutes().count()));
  out += ':';
  two_digits(out, static_cast<unsigned>(clock.seconds().count()));
  out += " +0000";
}

// What cannot be folded itself begins a line of its own when it does not fit behind a header's name.
void append_token(std::string& out, std::size_t column, std::string_view token) {
  if (column + token.size() > longest_header_line) out += "\r\n ";
  out += token;
}

void append_mailbox(std::string& out, std::string_view header, const Mailbox& mailbox) {
  out += header;
  if (mailbox.name().empty()) {
    append_token(out, header.size(), mailbox.address());
  } else {
    const std::size_t column = append_phrase(out, mailbox.name(), header.size());
    out += column + mailbox.address().size() + 3 > 76 ? "\r\n <" : " <";
    out.append(mailbox.address()).append(1, '>');
  }
  out += "\r\n";
}

// The part of a picture, behind the boundary.
void append_picture(std::string& out, const std::string& content_id, std::string_view file_name,
                    std::string_view bytes) {
  out += "\r\nContent-Type: image/png\r\nContent-ID: ";
  append_token(out, 12, "<" + content_id + ">");
  out += "\r\nContent-Disposition: inline;\r\n filename=\"";
  out.append(file_name).append("\"\r\nContent-Transfer-Encoding: base64\r\n\r\n");
  append_base64_lines(out, bytes);
}

// "=_" cannot occur in a body (stencil.h) and not in base64, so this cannot either.
std::string boundary_of(std::string_view message_id) {
  std::string boundary;
  boundary.reserve(42);
  boundary += "=_";
  for (char c : message_id.substr(0, message_id.find('@')))
    if (alphanumeric(c) && boundary.size() < 42) boundary += c;
  return boundary;
}

}  // namespace

std::optional<std::string> wrong_message_id(std::string_view message_id) {
  if (is_message_id(message_id)) return std::nullopt;
  return "the message id must be id@domain, at most 200 characters";
}

Result<std::shared_ptr<const Composer>> Composer::make(const KeptLayout& kept) {
  auto layout = layout_of(kept.id, kept.json);
  if (!layout) return std::unexpected(std::move(layout.error()));
  auto letters = domain::Letters::make(std::move(layout->sources));
  if (!letters)
    return fail(Fault::damaged,
                "the layout " + kept.id + " that a letter has cannot be read: " + letters.error().message);
  return std::shared_ptr<const Composer>(new Composer(std::move(*letters), *layout));
}

Composer::Composer(domain::Letters letters, const Layout& layout)
    : letters_(std::move(letters)), from_(layout.from.address()) {
  append_mailbox(senders_, "From: ", layout.from);
  if (layout.reply_to) append_mailbox(senders_, "Reply-To: ", *layout.reply_to);
  const auto& sources = letters_.sources();
  append_picture(logo_, "logo@" + sources.head.domain, "logo.png", sources.logo);
  for (const auto& source : sources.languages) {
    const auto& words = letters_.language(source.locale);
    languages_.push_back({.words = words, .text = Stencil(words.text), .html = Stencil(words.html), .head = {}});
    languages_.back()
        .head.append("MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\nContent-Language: ")
        .append(words.locale)
        .append("\r\nContent-Type: multipart/alternative;\r\n boundary=\"");
  }
}

void Composer::append_head(std::string& out, const Language& language, const Mailbox& to, std::string_view message_id,
                           std::string_view boundary, const domain::KeptLetter& letter,
                           std::string_view subject) const {
  out += "Date: ";
  append_date(out, letter.date);
  out.append("\r\n").append(senders_);
  append_mailbox(out, "To: ", to);
  out += "Subject: ";
  append_header_text(out, subject, 9);
  out += "\r\nMessage-ID: ";
  append_token(out, 12, "<" + std::string(message_id) + ">");
  out.append("\r\n").append(language.head).append(boundary).append("\"\r\n\r\n");
}

Result<Letter> Composer::compose(const Personal<std::string>& recipient, std::string_view message_id,
                                 const domain::KeptLetter& letter) const {
  auto to = Mailbox::parse(recipient.reveal());
  if (!to) return std::unexpected(std::move(to.error()));
  if (auto wrong = wrong_message_id(message_id)) return fail(Fault::invalid, std::move(*wrong));
  auto language = std::ranges::find(languages_, letter.says.locale, [](const auto& each) { return each.words.locale; });
  if (language == languages_.end()) language = languages_.begin();
  std::string picture;
  if (language->words.shows_number) {
    auto made = domain::picture_of_number(letter.says.number);
    if (!made) return fail(Fault::invalid, "what the letter has for a membership number is none");
    picture = std::move(*made);
  }
  const domain::Placed values(letter.says, letters_);
  const std::string subject = letters_.subject_line(letter.says);
  const std::string boundary = boundary_of(message_id);
  const std::string inner = "=_r." + boundary.substr(2);  // neither begins with the other

  std::string out;
  out.reserve(2000 + language->text.size() + language->html.size() + logo_.size() + picture.size() * 3 / 2);
  append_head(out, *language, *to, message_id, boundary, letter, subject);
  out.append("--").append(boundary).append("\r\n");
  language->text.append_filled(out, "text/plain", values.in_body());
  out.append("--").append(boundary).append("\r\n");
  const bool pictures = language->words.shows_number || language->words.shows_logo;
  if (pictures) {
    out += "Content-Type: multipart/related; type=\"text/html\";\r\n boundary=\"";
    out.append(inner).append("\"\r\n\r\n--").append(inner).append("\r\n");
  }
  language->html.append_filled(out, "text/html", values.in_body());
  if (language->words.shows_number) {
    out.append("--").append(inner);
    append_picture(out, values.number_id(), letter.says.number + ".png", picture);
  }
  if (language->words.shows_logo) out.append("--").append(inner).append(logo_);
  if (pictures) out.append("--").append(inner).append("--\r\n");
  out.append("--").append(boundary).append("--\r\n");
  return Letter{.from = from_,
                .recipient = Personal<std::string>(to->address()),
                .message_id = std::string(message_id),
                .content = std::move(out)};
}

}  // namespace globogym::mail
