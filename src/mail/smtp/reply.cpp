#include "mail/smtp/reply.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace globogym::mail::smtp {
namespace {

constexpr std::size_t longest_line = 512;  // with its CRLF
constexpr int most_lines = 100;
constexpr std::size_t longest_words = 200;

bool digit(char c) {
  return c >= '0' && c <= '9';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
bool part_of_word(char c) {
  return digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || static_cast<unsigned char>(c) >= 0x80;
}

// Replaces `what` regardless of case; when `alone`, only where it is not part of a longer word.
void replace_all(std::string& text, std::string_view what, std::string_view with, bool alone) {
  if (what.empty()) return;
  auto same = [](char a, char b) { return lower(a) == lower(b); };
  for (std::size_t from = 0;;) {
    const auto found =
        std::search(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), what.begin(), what.end(), same);
    if (found == text.end()) return;
    const auto at = static_cast<std::size_t>(found - text.begin());
    const auto after = at + what.size();
    if (alone && ((at > 0 && part_of_word(text[at - 1])) || (after < text.size() && part_of_word(text[after])))) {
      from = at + 1;
      continue;
    }
    text.replace(at, what.size(), with);
    from = at + with.size();
  }
}

std::string_view command_of(Stage stage) {
  switch (stage) {
    case Stage::opening:
      return "the greeting";
    case Stage::mail:
      return "MAIL";
    case Stage::recipient:
      return "RCPT";
    case Stage::data:
      return "DATA";
    case Stage::content:
      return "the content";
  }
  return "a command";
}

Fault fault_of(Stage stage, const Reply& reply) {
  const EnhancedCode enhanced = enhanced_code(reply);
  const bool too_large = reply.code == 552 || enhanced == EnhancedCode{5, 3, 4};
  const bool about_the_recipient = enhanced.of_class == 4 && (enhanced.subject == 1 || enhanced.subject == 2);
  if (stage == Stage::opening || reply.code == 421 || reply.code == 530) return Fault::unavailable;
  if (reply.code == 452 && !about_the_recipient) return Fault::unavailable;
  if (enhanced.of_class == 4 && enhanced.subject == 3) return Fault::unavailable;
  if (stage == Stage::mail) return too_large ? Fault::refused : Fault::unavailable;
  if (reply.transient()) return Fault::deferred;
  return reply.code >= 500 ? Fault::refused : Fault::unavailable;
}

}  // namespace

EnhancedCode enhanced_code(const Reply& reply) {
  // class "." 1*3digit "." 1*3digit, then a blank or the end
  EnhancedCode out;
  std::string_view text = reply.text;
  auto number = [&text](int& into, std::size_t most) {
    std::size_t size = 0;
    into = 0;
    while (size < text.size() && size < most && digit(text[size])) into = into * 10 + (text[size++] - '0');
    text.remove_prefix(size);
    return size > 0;
  };
  auto dot = [&text] {
    if (!text.starts_with('.')) return false;
    text.remove_prefix(1);
    return true;
  };
  if (!number(out.of_class, 1) || !dot() || !number(out.subject, 3) || !dot() || !number(out.detail, 3)) return {};
  if (!text.empty() && text.front() != ' ' && text.front() != '\n') return {};
  return out.of_class == reply.code / 100 ? out : EnhancedCode{};
}

ReplyReader::Found ReplyReader::next(Reply& reply) {
  if (broken_) return Found::garbage;
  const Found found = read(reply);
  broken_ = found == Found::garbage;
  return found;
}

ReplyReader::Found ReplyReader::read(Reply& reply) {
  for (;;) {
    const char* line = buffer_.data() + begin_;
    const std::size_t there = end_ - begin_;
    const auto* newline = static_cast<const char*>(std::memchr(line, '\n', there));
    if (newline == nullptr) return there >= longest_line ? Found::garbage : Found::nothing_yet;
    auto size = static_cast<std::size_t>(newline - line);
    if (size + 1 > longest_line) return Found::garbage;
    begin_ += size + 1;
    if (begin_ == end_) begin_ = end_ = 0;  // the bytes stay where they are until the next space()
    if (size > 0 && line[size - 1] == '\r') --size;
    if (size < 3 || line[0] < '2' || line[0] > '5' || !digit(line[1]) || !digit(line[2])) return Found::garbage;
    const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    const bool last = size == 3 || line[3] == ' ';
    if (!last && line[3] != '-') return Found::garbage;
    if (lines_ == 0) {
      code_ = code;
      text_.clear();
    } else {
      if (code != code_) return Found::garbage;
      text_ += '\n';
    }
    if (++lines_ > most_lines) return Found::garbage;
    if (size > 4) text_.append(line + 4, size - 4);
    if (last) {
      lines_ = 0;
      reply.code = code_;
      std::swap(reply.text, text_);
      return Found::reply;
    }
  }
}

std::span<char> ReplyReader::space() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  ASSERT(end_ < buffer_.size());
  return std::span(buffer_).subspan(end_);
}

void ReplyReader::received(std::size_t size) {
  ASSERT(size <= buffer_.size() - end_);
  end_ += size;
}

std::string presentable(std::string_view words, std::string_view recipient) {
  constexpr std::string_view stand_in = "<recipient>";
  std::string out(words.substr(0, 4 * longest_words));
  if (!recipient.empty()) {
    const std::string bracketed = "<" + std::string(recipient) + ">";
    replace_all(out, bracketed, stand_in, false);
    replace_all(out, recipient, stand_in, false);
    const std::string_view local = recipient.substr(0, recipient.rfind('@'));
    if (local.size() >= 3) replace_all(out, local, stand_in, true);
  }
  for (char& c : out)
    if (c < 0x20 || c > 0x7e) c = c == '\n' ? ' ' : '?';
  if (out.size() > longest_words) out.resize(longest_words);
  return out;
}

Error judge(Stage stage, const Reply& reply, std::string_view recipient) {
  std::string message = "the mail server answered ";
  message.append(command_of(stage)).append(" with ").append(std::to_string(reply.code)).append(1, ' ');
  message += reply.text;
  return {fault_of(stage, reply), presentable(message, recipient)};
}

}  // namespace globogym::mail::smtp
