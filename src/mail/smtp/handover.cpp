#include "mail/smtp/handover.h"

#include <array>
#include <utility>

namespace globogym::mail::smtp {
namespace {

constexpr std::array envelope_stages = {Stage::mail, Stage::recipient, Stage::data};

// What a server may say at a stage: yes, no, or (neither) nothing that belongs there.
bool says_yes(Stage stage, const Reply& reply) {
  return stage == Stage::data ? reply.code == 354 : reply.positive();
}
bool says_no(const Reply& reply) {
  return reply.code >= 400;
}

void append_command(std::string& out, Stage stage, const CheckedLetter& letter, const Abilities& can) {
  if (stage == Stage::mail)
    append_mail(out, letter, {.size = can.size, .eight_bit_mime = can.eight_bit_mime});
  else if (stage == Stage::recipient)
    append_recipient(out, letter);
  else
    out += "DATA\r\n";
}

}  // namespace

Task<Handover::Ended> Handover::carry(const CheckedLetter& letter) {
  reached_ = Reached::nothing;
  called_off_ = recipient_taken_ = false;
  ended_ = {.outcome = fail(Fault::cancelled, "the send was called off before the content was sent")};
  const Envelope envelope = co_await say_envelope(letter);
  ended_.alive = envelope == Envelope::over;
  // Called off after the server had agreed to take the content: any end of it would be a letter, so there is none.
  if (envelope == Envelope::accepted && !called_off_) co_await say_content(letter);
  co_return std::move(ended_);
}

// The connection is over, and nothing was said about the letter.
void Handover::lose(Error error) {
  ended_.alive = false;
  if (called_off_) return;
  if (reached_ == Reached::content)
    error = {Fault::unknown_outcome,
             "the content was sent, but whether the mail server took it is not known: " + error.message};
  ended_.outcome = std::unexpected(std::move(error));
}

// The server's no to the letter.
void Handover::refuse(Stage stage, const CheckedLetter& letter) {
  if (called_off_) return;
  ended_.judged = true;
  ended_.outcome = std::unexpected(judge(stage, reply_, letter.recipient));
}

Task<Handover::Envelope> Handover::say_envelope(const CheckedLetter& letter) {
  const Abilities& can = session_.abilities();
  out_.clear();
  const bool reset = std::exchange(needs_reset_, false);
  if (reset) out_ += "RSET\r\n";
  if (can.pipelining)
    for (Stage stage : envelope_stages) append_command(out_, stage, letter, can);
  Result<void> written;
  if (!out_.empty()) written = co_await session_.write(out_, limits_.command);
  if (reset) {
    auto heard = co_await hear(written);
    if (heard && !reply_.positive())
      heard = fail(Fault::unavailable, "the mail server refused RSET with " + std::to_string(reply_.code));
    if (!heard) {
      lose(std::move(heard.error()));
      co_return Envelope::broken;
    }
  }
  bool refused = false;
  for (Stage stage : envelope_stages) {
    if (!can.pipelining) {
      if (called_off_) {
        needs_reset_ = true;
        co_return Envelope::over;
      }
      out_.clear();
      append_command(out_, stage, letter, can);
      written = co_await session_.write(out_, limits_.command);
    }
    auto heard = co_await hear(written);
    if (!heard) {
      if (!refused) lose(std::move(heard.error()));
      co_return Envelope::broken;
    }
    if (says_yes(stage, reply_)) {
      if (stage == Stage::mail) reached_ = Reached::recipient;
      if (stage == Stage::recipient) {
        recipient_taken_ = true;
        ++recipients_taken_;
      }
      continue;
    }
    // At MAIL a goodbye is about the connection (idle too long, enough letters), not about the letter.
    const bool goodbye = reply_.code == 421;
    if (!refused && says_no(reply_) && !(goodbye && stage == Stage::mail))
      refuse(stage, letter);
    else if (!refused)
      lose(judge(stage, reply_, letter.recipient));
    refused = true;
    if (goodbye || !says_no(reply_)) co_return Envelope::broken;
    if (!can.pipelining) break;
  }
  if (!refused) co_return Envelope::accepted;
  needs_reset_ = true;
  if (!can.pipelining || reply_.code != 354) co_return Envelope::over;
  const Envelope declined = co_await decline_content();
  co_return declined;
}

// The answer to what was written. A server that hangs up while we still write may have said why.
Task<Result<void>> Handover::hear(const Result<void>& written) {
  const bool late = !written && written.error().fault == Fault::timed_out;
  auto heard = co_await session_.reply(reply_, written ? limits_.command : late ? Duration::zero() : limits_.quit);
  co_return heard || written ? heard : written;
}

// The server wants content for nobody: it gets none, and says what it thinks of that (RFC 2920 section 3.1).
Task<Handover::Envelope> Handover::decline_content() {
  auto ended = co_await session_.write(".\r\n", limits_.content);
  if (ended) ended = co_await session_.reply(reply_, limits_.accepted);
  co_return !ended || reply_.code == 421 ? Envelope::broken : Envelope::over;
}

Task<void> Handover::say_content(const CheckedLetter& letter) {
  // What is said before the content cannot be about it, and would be taken for the answer to it.
  if (!session_.is_silent()) {
    lose({Fault::unavailable, "the mail server answered the content before it was sent"});
    co_return;
  }
  out_.clear();
  append_content(out_, letter);
  reached_ = Reached::content;
  auto sent = co_await session_.write(out_, limits_.content);
  if (!sent) {
    co_await hear_last_words(letter, std::move(sent.error()));
    co_return;
  }
  auto heard = co_await session_.reply(reply_, limits_.accepted);
  if (heard)
    conclude(letter);
  else
    lose(std::move(heard.error()));
}

// The content did not go out whole. A server that has had enough of a letter says so and hangs up while we still write;
// what it said is then the answer.
Task<void> Handover::hear_last_words(const CheckedLetter& letter, Error error) {
  if (error.fault != Fault::cancelled) {
    auto heard = co_await session_.reply(reply_, error.fault == Fault::timed_out ? Duration::zero() : limits_.quit);
    if (heard && says_no(reply_)) {
      conclude(letter);
      ended_.alive = false;
      co_return;
    }
  }
  // The last bytes are the dot's own: without them the letter was never complete.
  reached_ = Reached::recipient;
  lose(std::move(error));
}

// The answer to the content.
void Handover::conclude(const CheckedLetter& letter) {
  ended_.alive = reply_.code != 421;
  if (reply_.positive()) {
    ended_.judged = true;
    ended_.outcome = Receipt{presentable(reply_.text, letter.recipient)};
  } else if (says_no(reply_)) {  // 421 too: it says that the letter was not taken
    refuse(Stage::content, letter);
  } else {
    lose(judge(Stage::content, reply_, letter.recipient));
  }
}

}  // namespace globogym::mail::smtp
