#include "mail/compose.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "mail/mime.h"

namespace globogym::mail {
namespace {

constexpr std::size_t longest_message_id = 200;
constexpr std::size_t longest_subject = 4000;
constexpr std::size_t longest_header_line = 78;
constexpr std::size_t longest_body = 256 * 1024;

std::unexpected<Error> invalid(std::string why) {
  return fail(Fault::invalid, "the letter cannot be composed: " + std::move(why));
}

bool alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_message_id(std::string_view id) {
  return id.size() <= longest_message_id && std::ranges::count(id, '@') == 1 && !id.starts_with('@') &&
         !id.ends_with('@') && std::ranges::all_of(id, [](char c) {
           return alphanumeric(c) || std::string_view("@.!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
         });
}

bool is_language(std::string_view tag) {
  return tag.size() <= 35 && std::ranges::all_of(tag, [](char c) { return alphanumeric(c) || c == '-'; });
}

bool is_line(std::string_view text) {
  return text.size() <= longest_subject && is_utf8(text) &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool ascii(std::string_view text) {
  std::uint64_t seen = 0;
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    seen |= word;
  }
  for (; left > 0; ++at, --left) seen |= static_cast<unsigned char>(*at);
  return (seen & 0x8080808080808080u) == 0;
}

bool is_body(std::string_view text) {
  return text.size() <= longest_body && std::memchr(text.data(), '\0', text.size()) == nullptr &&
         (ascii(text) || is_utf8(text));
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

// Whether it goes out as it is. "=_" cannot occur in quoted-printable or base64, so a boundary, which begins with it,
// cannot either.
bool goes_plain(std::string_view body) {
  return is_plain(body) && body.find("=_") == std::string_view::npos;
}

void append_part(std::string& out, std::string_view boundary, std::string_view type, std::string_view body) {
  const bool plain = goes_plain(body);
  out.append("--").append(boundary).append("\r\nContent-Type: ").append(type);
  out +=
      plain ? "; charset=us-ascii\r\n\r\n" : "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
  if (plain) {
    append_plain(out, body);
  } else {
    append_quoted_printable(out, body);
  }
}

void append_picture(std::string& out, std::string_view boundary, const domain::Picture& picture) {
  out.append("--").append(boundary).append("\r\nContent-Type: image/png\r\nContent-ID: ");
  append_token(out, 12, "<" + picture.content_id + ">");
  out += "\r\nContent-Disposition: inline;\r\n filename=\"";
  out.append(picture.file_name).append("\"\r\nContent-Transfer-Encoding: base64\r\n\r\n");
  const std::string coded = base64(picture.bytes);
  for (std::size_t at = 0; at < coded.size(); at += 76) out.append(coded, at, 76).append("\r\n");
}

bool is_picture(const domain::Picture& picture) {
  return is_message_id(picture.content_id) && picture.file_name.size() <= 50 && picture.bytes.size() <= longest_body &&
         std::ranges::all_of(picture.file_name, [](char c) { return alphanumeric(c) || c == '-' || c == '.'; });
}

}  // namespace

Result<Letter> compose(const domain::LetterText& text, const Mailbox& from, const Personal<std::string>& recipient,
                       std::string_view message_id, WallTime date, std::string_view language, const Mailbox* reply_to) {
  auto to = Mailbox::parse(recipient.reveal());
  if (!to) return std::unexpected(std::move(to.error()));
  if (from.address().empty()) return invalid("the sender has no address");
  if (!is_message_id(message_id)) return invalid("the message id must be id@domain, at most 200 characters");
  if (!is_language(language)) return invalid("the language is not a language tag");
  if (!is_line(text.subject)) return invalid("the subject must be one line of UTF-8, at most 4,000 bytes");
  if (!is_body(text.text) || !is_body(text.html))
    return invalid("a body must be UTF-8 without zero bytes, at most 256 KiB");
  if (!std::ranges::all_of(text.pictures, is_picture))
    return invalid("a picture must have an id@domain and a plain file name, and at most 256 KiB");

  std::string boundary = "=_";
  for (char c : message_id.substr(0, message_id.find('@')))
    if (alphanumeric(c) && boundary.size() < 42) boundary += c;

  std::string out;
  std::size_t size = 900 + (text.text.size() + text.html.size()) * 5 / 4;
  for (const auto& picture : text.pictures) size += 300 + picture.bytes.size() * 3 / 2;
  out.reserve(size);
  out += "Date: ";
  append_date(out, date);
  out += "\r\n";
  append_mailbox(out, "From: ", from);
  if (reply_to) append_mailbox(out, "Reply-To: ", *reply_to);
  append_mailbox(out, "To: ", *to);
  out += "Subject: ";
  append_header_text(out, text.subject, 9);
  out += "\r\nMessage-ID: ";
  append_token(out, 12, "<" + std::string(message_id) + ">");
  out += "\r\n";
  out += "MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n";
  if (!language.empty()) out.append("Content-Language: ").append(language).append("\r\n");
  out.append("Content-Type: multipart/alternative;\r\n boundary=\"").append(boundary).append("\"\r\n\r\n");
  append_part(out, boundary, "text/plain", text.text);
  if (text.pictures.empty()) {
    append_part(out, boundary, "text/html", text.html);
  } else {
    const std::string inner = "=_r." + boundary.substr(2);  // neither begins with the other
    out.append("--").append(boundary).append(
        "\r\nContent-Type: multipart/related; type=\"text/html\";\r\n boundary=\"");
    out.append(inner).append("\"\r\n\r\n");
    append_part(out, inner, "text/html", text.html);
    for (const auto& picture : text.pictures) append_picture(out, inner, picture);
    out.append("--").append(inner).append("--\r\n");
  }
  out.append("--").append(boundary).append("--\r\n");
  return Letter{.from = from.address(),
                .recipient = Personal<std::string>(to->address()),
                .message_id = std::string(message_id),
                .content = std::move(out)};
}

}  // namespace globogym::mail
