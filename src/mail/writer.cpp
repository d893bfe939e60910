#include "mail/writer.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "mail/compose.h"

namespace globogym::mail {
namespace {

constexpr std::size_t longest_value = 4'000;
constexpr std::size_t longest_subject = 4'000;

domain::Letters built_in_letters(const Mailbox& from) {
  auto letters = domain::Letters::make({.domain = std::string(from.domain())});
  ASSERT(letters.has_value());
  return std::move(*letters);
}

// Why a letter that says this cannot be composed. Control characters can: a blank is written in their place.
std::optional<std::string> unwritable(const domain::LetterValues& says) {
  const std::pair<const char*, std::string_view> all[] = {{"the first name", says.first_name.reveal()},
                                                          {"the club's name", says.club},
                                                          {"the club's address", says.club_address},
                                                          {"the club's hours", says.club_hours},
                                                          {"the plan's name", says.plan},
                                                          {"the plan's price", says.plan_price},
                                                          {"the plan's term", says.plan_term}};
  for (const auto& [name, value] : all) {
    if (value.size() > longest_value) return std::string(name) + " is longer than 4,000 bytes";
    if (!is_utf8(value)) return std::string(name) + " is not UTF-8";
  }
  return std::nullopt;
}

std::unexpected<Error> invalid(const std::string& why) {
  return fail(Fault::invalid, "the letter cannot be composed: " + why);
}

}  // namespace

Result<Writer> Writer::make(domain::Letters letters, Mailbox from, std::optional<Mailbox> reply_to) {
  std::string domain(from.domain());
  auto layout = kept({.sources = letters.sources(), .from = std::move(from), .reply_to = std::move(reply_to)});
  if (!layout) return std::unexpected(std::move(layout.error()));
  return Writer(std::make_shared<const Made>(std::move(letters), std::move(domain), std::move(*layout)));
}

Writer::Writer(Mailbox from) {
  auto letters = built_in_letters(from);
  auto writer = make(std::move(letters), std::move(from));
  ASSERT(writer.has_value());
  made_ = std::move(writer->made_);
}

Result<WrittenLetter> Writer::welcome(const domain::Member& member, const domain::Club* club, const domain::Plan* plan,
                                      std::string_view id, WallTime date) const {
  auto to = Mailbox::parse(domain::letter_address(member.details).reveal());
  if (!to) return std::unexpected(std::move(to.error()));
  std::string message_id(id);
  message_id.append("@").append(made_->domain);
  if (auto wrong = wrong_message_id(message_id)) return invalid(*wrong);
  auto says = made_->letters.values(member, club, plan);
  if (auto why = unwritable(says)) return invalid(*why);
  if (made_->letters.subject_line(says).size() > longest_subject)
    return invalid("the subject would be longer than 4,000 bytes");
  return WrittenLetter{.to = Personal<std::string>(to->address()),
                       .message_id = std::move(message_id),
                       .letter = {.layout = made_->layout.id,
                                  .date = std::chrono::floor<std::chrono::milliseconds>(date),
                                  .says = std::move(says)}};
}

}  // namespace globogym::mail
