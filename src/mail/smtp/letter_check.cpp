#include "mail/smtp/letter_check.h"

#include <cstdint>
#include <cstring>

namespace globogym::mail::smtp {
namespace {

constexpr std::size_t longest_line = 998;  // RFC 5322 section 2.1.1, without CRLF

std::unexpected<Error> refused(const std::string& why) {
  return fail(Fault::refused, "the letter was not sent: " + why);
}

bool has_high_bytes(std::string_view text) {
  std::uint64_t seen = 0;
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    seen |= word;
  }
  for (; left > 0; ++at, --left) seen |= static_cast<unsigned char>(*at);
  return (seen & 0x8080808080808080u) != 0;
}

}  // namespace

Result<CheckedLetter> check(Letter letter) {
  auto from = Mailbox::parse(letter.from);
  if (!from) return refused("its sender is " + from.error().message);
  auto recipient = Mailbox::parse(letter.recipient.reveal());
  if (!recipient) return refused("its recipient is " + recipient.error().message);

  CheckedLetter out{.from = from->address(), .recipient = recipient->address(), .content = std::move(letter.content)};
  out.needs_smtputf8 = from->needs_smtputf8() || recipient->needs_smtputf8();
  if (!out.content.empty() && !out.content.ends_with('\n')) out.content += "\r\n";
  const std::string_view content = out.content;
  if (std::memchr(content.data(), '\0', content.size()) != nullptr) return refused("its content holds a zero byte");
  // Every LF has a CR before it, and there are no more CRs than that.
  std::size_t line_ends = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    const auto* found = static_cast<const char*>(std::memchr(content.data() + begin, '\n', content.size() - begin));
    const auto end = static_cast<std::size_t>(found - content.data());  // there is one: content ends with it
    if (end == begin || content[end - 1] != '\r') return refused("its content has a line that does not end in CRLF");
    if (end - 1 - begin > longest_line) return refused("its content has a line of more than 998 bytes");
    if (std::memchr(content.data() + begin, '\r', end - 1 - begin) != nullptr)
      return refused("its content has a carriage return within a line");
    if (content[begin] == '.') out.has_dot_lines = true;
    ++line_ends;
    begin = end + 1;
  }
  if (line_ends == 0) return refused("it has no content");
  out.eight_bit = has_high_bytes(content);
  return out;
}

void append_mail(std::string& out, const CheckedLetter& letter, EnvelopeForm form) {
  out.append("MAIL FROM:<").append(letter.from).append(1, '>');
  if (form.size) out.append(" SIZE=").append(std::to_string(letter.content.size()));
  if (form.eight_bit_mime && letter.eight_bit) out += " BODY=8BITMIME";
  if (letter.needs_smtputf8) out += " SMTPUTF8";
  out += "\r\n";
}

void append_recipient(std::string& out, const CheckedLetter& letter) {
  out.append("RCPT TO:<").append(letter.recipient).append(">\r\n");
}

void append_content(std::string& out, const CheckedLetter& letter) {
  if (!letter.has_dot_lines) {
    out += letter.content;
  } else {
    std::string_view rest = letter.content;
    while (!rest.empty()) {
      const std::size_t size = rest.find('\n') + 1;
      if (rest.front() == '.') out += '.';
      out.append(rest, 0, size);
      rest.remove_prefix(size);
    }
  }
  out += ".\r\n";
}

}  // namespace globogym::mail::smtp
