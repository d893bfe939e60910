// What an SMTP server says, and what it means for a letter.
//
// The reader takes bytes as they come and believes nothing. A line may be as long as it likes and a reply may have any
// number of lines: the code counts, of the text 64 KiB are kept. A reply of more than a mebibyte, or a line that does
// not begin with a code from 200 to 599, is garbage, after which the connection is not to be used any more.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace globogym::mail::smtp {

struct Reply {
  int code = 0;      // RFC 5321 section 4.2; of the last line, should they differ
  std::string text;  // what follows the code, its lines separated by \n

  bool positive() const { return code >= 200 && code < 300; }
  bool go_on() const { return code >= 300 && code < 400; }
  bool transient() const { return code >= 400 && code < 500; }
};

// The status of RFC 3463 at the front of a reply's text, all zero when there is none.
struct EnhancedCode {
  int of_class = 0;
  int subject = 0;
  int detail = 0;
  bool operator==(const EnhancedCode&) const = default;
};
EnhancedCode enhanced_code(const Reply& reply);

class ReplyReader {
 public:
  enum class Found { reply, nothing_yet, garbage };

  // Takes the next whole reply out of what has been received. `reply` is overwritten. Garbage is for ever.
  Found next(Reply& reply);
  // Where to receive into; never empty while next() has just found nothing. Then say how much came.
  std::span<char> space();
  void received(std::size_t size);
  // Nothing received is left unread: the case in which TLS may begin.
  bool empty() const { return begin_ == end_ && bytes_ == 0; }

 private:
  Found read(Reply& reply);
  Found end_line(Reply& reply);

  std::array<char, 4096> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t bytes_ = 0;  // of the reply being read
  std::size_t lines_ = 0;  // of it that are complete
  std::string line_;       // the line being read, as far as it is kept
  std::string text_;
  bool broken_ = false;
};

// Where in the conversation a reply came.
enum class Stage { opening, mail, recipient, data, content };

// What a reply that is not the hoped-for one means for the letter (see mail/mailer.h). `recipient` is taken out of the
// server's words.
Error judge(Stage stage, const Reply& reply, std::string_view recipient);

// The server's words as they may be shown and kept: one line of printable ASCII, at most 200 bytes, with "<recipient>"
// in place of the recipient's address, whatever domain it is given, and of its local part standing alone, in any case,
// with or without quotes and subaddress, and "<address>" in place of any other. When the local part is not ASCII, every
// word that is not goes.
std::string presentable(std::string_view words, std::string_view recipient);

}  // namespace globogym::mail::smtp
