// Everything a letter is made of but what it says to one person: templates and words of every language, the logo, who
// sends it and where answers go.
//
// A letter that waits names its layout, so that it comes out in the words it was written in, whatever has been
// configured since. The id is made of the content: the same layout has one id everywhere, and another one another.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "domain/letters.h"
#include "mail/mailbox.h"

namespace globogym::mail {

struct Layout {
  domain::LetterSources sources;
  Mailbox from;
  std::optional<Mailbox> reply_to;
};

// In the form in which it is kept. Specified in docs/data-model.md.
struct KeptLayout {
  std::string id;
  std::string json;
};

inline constexpr std::size_t longest_layout = 900 * 1024;  // as JSON: a document of the engine's holds 1 MiB

//   invalid   it is longer than that; a sentence says what to do
Result<KeptLayout> kept(const Layout& layout);

//   damaged   these are not the bytes that were kept under this id, or no layout
Result<Layout> layout_of(std::string_view id, std::string_view json);

}  // namespace globogym::mail
