#include "mail/smtp/reply.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/assert.h"

namespace globogym::mail::smtp {
namespace {

constexpr std::size_t most_text = 64 * 1024;
constexpr std::size_t most_bytes = 1024 * 1024;
constexpr std::size_t longest_words = 200;
constexpr std::size_t longest_domain = 255;

bool digit(char c) {
  return c >= '0' && c <= '9';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
bool ascii(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}
bool part_of_word(char c) {
  return digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || static_cast<unsigned char>(c) >= 0x80;
}
bool begins_with(std::string_view text, std::string_view what) {
  return text.size() >= what.size() &&
         std::equal(what.begin(), what.end(), text.begin(), [](char a, char b) { return lower(a) == lower(b); });
}
bool contains(std::string_view text, std::string_view what) {
  for (std::size_t at = 0; at + what.size() <= text.size(); ++at)
    if (begins_with(text.substr(at), what)) return true;
  return false;
}

// The ways in which a server may write a recipient's local part: as it is, without its quotes, without its subaddress.
std::vector<std::string> spellings(std::string_view local) {
  std::vector<std::string> out{std::string(local)};
  if (local.starts_with('"')) {
    std::string unquoted;
    for (std::size_t i = 1; i + 1 < local.size(); ++i) {
      if (local[i] == '\\') ++i;
      unquoted += local[i];
    }
    out.push_back(std::move(unquoted));
  }
  if (const auto plus = out.back().find('+'); plus != std::string::npos && plus > 0)
    out.push_back(out.back().substr(0, plus));
  return out;
}

// How much of the front of `text` is the recipient; `before` is what stands in front of it.
std::size_t recipient_at(std::string_view text, char before, const std::vector<std::string>& spellings) {
  for (const std::string& spelling : spellings) {
    if (spelling.empty() || !begins_with(text, spelling) || (part_of_word(before) && part_of_word(spelling.front())))
      continue;
    std::size_t size = spelling.size();
    if (text.substr(size).starts_with('@')) {
      const auto end = text.find_first_of(" \t\r\n<>\"'(),;", size + 1);
      return std::min({end, text.size(), size + longest_domain});
    }
    if (size < text.size() && part_of_word(text[size]) && part_of_word(spelling.back())) continue;
    return size;
  }
  return 0;
}

std::string without_recipient(std::string_view words, std::string_view recipient) {
  constexpr std::string_view stand_in = "<recipient>";
  if (recipient.empty()) return std::string(words);
  const std::string_view local = recipient.substr(0, recipient.rfind('@'));
  const auto known = spellings(local);
  const bool international = !ascii(local);
  std::string out;
  char before = ' ';
  while (!words.empty()) {
    std::size_t size = recipient_at(words, before, known);
    if (international && size == 0 && !part_of_word(before)) {
      const std::string_view word = words.substr(0, words.find_first_of(" \t\r\n"));
      if (!ascii(word)) size = word.size();
    }
    if (size == 0) {
      out += before = words.front();
      words.remove_prefix(1);
      continue;
    }
    before = words[size - 1];
    words.remove_prefix(size);
    const bool bracketed = out.ends_with('<') && words.starts_with('>');
    if (bracketed) {
      out.pop_back();
      words.remove_prefix(1);
      before = '>';
    }
    out += stand_in;
  }
  return out;
}

// Whoever else a server names, as one that forwards does. Each byte is looked at a few times at most: the words are
// whoever's who answers.
std::string without_addresses(std::string_view words) {
  constexpr std::string_view around = " \t\r\n<>\"'(),;:[]{}|";
  constexpr std::string_view stand_in = "<address>";
  std::string out;
  while (!words.empty()) {
    const auto at = words.find('@');
    if (at == std::string_view::npos) break;
    const std::string_view local = words.substr(0, at);
    std::size_t begin = local.find_last_of(around) + 1;  // nothing around it: 0
    if (local.size() > 1 && local.ends_with('"')) {
      const auto quote = local.rfind('"', at - 2);
      if (quote != std::string_view::npos) begin = quote;
    }
    std::size_t end = at + 1;
    if (begin < at) end = std::min(words.find_first_of(around, at), words.size());
    if (end == at + 1) {
      out += words.substr(0, end);
    } else {
      const bool bracketed = begin > 0 && words[begin - 1] == '<' && words.substr(end).starts_with('>');
      out += words.substr(0, bracketed ? begin - 1 : begin);
      out += stand_in;
      if (bracketed) ++end;
    }
    words.remove_prefix(end);
  }
  return out.append(words);
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

// A 5yz after MAIL that is about us and not about the letter: our name, our address, our right to relay or to send in
// this name, our credentials. Servers say so at RCPT (Postfix does for all of these, so that it can log who was meant).
// `words` has no recipient in it: whoever is called relay@ is no relaying.
bool refuses_us(const Reply& reply, std::string_view words) {
  const EnhancedCode enhanced = enhanced_code(reply);
  const auto is = [&enhanced](int subject, int detail) {
    return enhanced.subject == subject && enhanced.detail == detail;
  };
  switch (reply.code) {
    case 500:  // commands it does not know, or not in this order
    case 502:
    case 503:
    case 530:  // no authentication
    case 534:
    case 535:
    case 538:
      return true;
    default:
      break;
  }
  if (is(1, 7) || is(1, 8)) return true;                                         // our sender's address
  if (enhanced.subject == 1 || enhanced.subject == 2 || is(3, 4)) return false;  // mailbox, its state, the size
  if (is(3, 2) || is(3, 5) || is(5, 1)) return true;                             // takes no mail, is set up wrongly
  if (contains(words, "recipient address rejected") && !contains(words, "relay")) return false;
  for (int detail : {3, 8, 9, 11, 20, 21, 22, 23, 24, 25, 26, 27, 28, 54, 57, 60, 64})
    if (is(7, detail)) return true;  // authentication, encryption, SPF, DKIM, DMARC, reverse DNS, may not relay
  for (std::string_view sign :
       {"relay",          "rcpthosts", "helo",      "client host", "client address", "sender",    "authenticat",
        "not authorized", "blocked",   "blacklist", "blocklist",   "block list",     "denylist",  "dnsbl",
        "spamhaus",       "spf",       "dkim",      "dmarc",       "reverse dns",    "ptr record"})
    if (contains(words, sign)) return true;
  return reply.code == 504;  // our name in EHLO, unless it says that it means the recipient
}

Fault fault_of(Stage stage, const Reply& reply, std::string_view words) {
  if (stage == Stage::opening) return Fault::unavailable;
  const bool too_large = reply.code == 552 || enhanced_code(reply) == EnhancedCode{5, 3, 4};
  if (stage == Stage::mail) return too_large ? Fault::refused : Fault::unavailable;
  if (reply.transient()) return Fault::deferred;
  if (reply.code < 500) return Fault::unavailable;
  return refuses_us(reply, words) ? Fault::deferred : Fault::refused;
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
  while (begin_ < end_) {
    const char* at = buffer_.data() + begin_;
    const std::size_t there = end_ - begin_;
    const auto* newline = static_cast<const char*>(std::memchr(at, '\n', there));
    const std::size_t size = newline == nullptr ? there : static_cast<std::size_t>(newline - at);
    line_.append(at, std::min(size, most_text - line_.size()));
    const std::size_t used = newline == nullptr ? size : size + 1;
    bytes_ += used;
    begin_ += used;
    if (begin_ == end_) begin_ = end_ = 0;
    if (bytes_ > most_bytes) return Found::garbage;
    if (newline == nullptr) break;
    if (const Found found = end_line(reply); found != Found::nothing_yet) return found;
  }
  return Found::nothing_yet;
}

// A line is complete.
ReplyReader::Found ReplyReader::end_line(Reply& reply) {
  if (line_.ends_with('\r')) line_.pop_back();
  const std::string& line = line_;
  if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !digit(line[1]) || !digit(line[2])) return Found::garbage;
  const bool last = line.size() == 3 || line[3] == ' ' || line[3] == '\t';
  if (!last && line[3] != '-') return Found::garbage;
  if (lines_++ == 0)
    text_.clear();
  else if (text_.size() < most_text)
    text_ += '\n';
  if (line.size() > 4) text_.append(line, 4, most_text - text_.size());
  const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  line_.clear();
  if (!last) return Found::nothing_yet;
  lines_ = bytes_ = 0;
  reply.code = code;
  std::swap(reply.text, text_);
  return Found::reply;
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
  std::string out = without_addresses(without_recipient(words, recipient));
  if (out.size() > longest_words) out.resize(longest_words);
  for (char& c : out)
    if (c < 0x20 || c > 0x7e) c = c == '\n' ? ' ' : '?';
  return out;
}

Error judge(Stage stage, const Reply& reply, std::string_view recipient) {
  const std::string words = without_recipient(reply.text, recipient);
  std::string message = "the mail server answered ";
  message.append(command_of(stage)).append(" with ").append(std::to_string(reply.code)).append(1, ' ');
  message += presentable(words, {});
  return {fault_of(stage, reply, words), std::move(message)};
}

}  // namespace globogym::mail::smtp
