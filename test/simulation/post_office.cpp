#include "simulation/post_office.h"

#include <algorithm>

#include "async/loop.h"
#include "domain/email_address.h"
#include "domain/letters.h"

namespace globogym::simulation {
namespace {

using namespace std::chrono_literals;
using async::Task;

// False when either asked to stop.
Task<bool> pause(Duration duration, std::stop_token one, std::stop_token other) {
  std::stop_source either;
  const auto stop = [&either] { either.request_stop(); };
  std::stop_callback on_one(std::move(one), stop);
  std::stop_callback on_other(std::move(other), stop);
  const bool slept = co_await async::sleep_for(duration, either.get_token());
  co_return slept;
}

std::string domain_spelling(const std::string& email) {
  domain::Applicant applicant;
  applicant.email = Personal(email);
  if (auto address = domain::email_address(email))
    applicant.normalized_email = Personal(std::move(address->normalized));
  return domain::letter_address(applicant).reveal();
}

}  // namespace

PostOffice::PostOffice(const Scenario& scenario, Story& story, const Clock& clock)
    : story_(story), clock_(clock), draw_(scenario.seed ^ 0x6d61696c), mail_time_(scenario.mail_time) {
  for (const auto& person : scenario.people) boxes_[domain_spelling(person.email)] = {person.mailbox, person.troubles};
}

void PostOffice::suffer(Fault::Kind kind, SteadyTime until) {
  fault_ = kind;
  until_ = until;
}

void PostOffice::recover() {
  fault_.reset();
}

void PostOffice::mend_boxes() {
  for (auto& [recipient, box] : boxes_) box = {};
}

std::optional<Fault::Kind> PostOffice::suffering() const {
  return fault_ && clock_.steady() < until_ ? fault_ : std::nullopt;
}

PostOffice::Box& PostOffice::box(const mail::Letter& letter) {
  // Somebody may have written their address in capitals.
  std::string recipient = letter.recipient.reveal();
  std::ranges::transform(recipient, recipient.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const auto found = boxes_.find(recipient);
  if (found != boxes_.end()) return found->second;
  story_.broken("a letter goes to " + recipient + ", who never signed up");
  return boxes_[recipient];
}

Copy& PostOffice::take(const mail::Letter& letter, const std::shared_ptr<Life>& life) {
  auto& copies = taken_[letter.message_id];
  story_.tell("mail takes " + letter.message_id +
              (copies.empty() ? "" : ", copy " + std::to_string(copies.size() + 1)));
  if (completed_.contains(letter.message_id))
    story_.broken("a letter went out again although its enrollment was completed: " + letter.message_id);
  copies.push_back({.recipient = letter.recipient.reveal(), .content = letter.content, .life = life});
  return copies.back();
}

class Carrier final : public mail::Mailer {
 public:
  Carrier(PostOffice& office, std::shared_ptr<Life> life) : office_(office), life_(std::move(life)) {}

  Task<Result<mail::Receipt>> send(mail::Letter letter, std::stop_token stop) override {
    auto& draw = office_.draw_;
    const auto death = life_->death.get_token();
    Duration time = draw.between(office_.mail_time_ / 2, office_.mail_time_ * 2);

    // Before the content.
    const auto suffering = office_.suffering();
    if (suffering == Fault::Kind::mail_slow) time = draw.between(Duration(1s), Duration(20s));
    std::optional<Trouble> trouble;
    if (suffering == Fault::Kind::mail_unreachable) trouble = Trouble::unreachable;
    if (suffering == Fault::Kind::mail_silent) trouble = Trouble::timed_out;
    const Duration connecting = trouble == Trouble::timed_out ? Duration(30s) : time / 2;
    bool going = co_await pause(connecting, stop, death);
    if (!going) co_return fail(globogym::Fault::cancelled, "asked to stop");
    if (trouble == Trouble::unreachable) co_return fail(globogym::Fault::unavailable, "connection refused");
    if (trouble == Trouble::timed_out) co_return fail(globogym::Fault::timed_out, "no greeting");
    if (suffering == Fault::Kind::mail_busy) co_return fail(globogym::Fault::unavailable, "421 4.3.2 closing");
    if (suffering == Fault::Kind::mail_defers) co_return fail(globogym::Fault::deferred, "451 4.7.1 try later");

    auto& box = office_.box(letter);
    if (box.kind == Mailbox::always_5xx) co_return fail(globogym::Fault::refused, "550 5.1.1 no such box");
    if (box.kind == Mailbox::always_4xx) co_return fail(globogym::Fault::deferred, "450 4.2.1 box is busy");
    if (!box.troubles.empty()) {
      trouble = box.troubles.front();
      box.troubles.erase(box.troubles.begin());
    } else if (suffering == Fault::Kind::mail_loses) {
      trouble = draw.chance(0.5) ? Trouble::lost_taken : Trouble::lost_untaken;
    }
    switch (trouble.value_or(Trouble::stalled)) {
      case Trouble::deferred:
        co_return fail(globogym::Fault::deferred, "450 4.2.0 try later");
      case Trouble::unreachable:
        co_return fail(globogym::Fault::unavailable, "connection reset");
      case Trouble::timed_out:
        co_return fail(globogym::Fault::timed_out, "no reply to RCPT");
      case Trouble::lost_untaken:
        co_return fail(globogym::Fault::unknown_outcome, "connection lost after the content");
      default:
        break;
    }

    // The content goes out; the process may die while it does, and the office has it all the same.
    going = co_await pause(time / 4, std::stop_token(), death);
    if (!going && !draw.chance(0.3)) co_return fail(globogym::Fault::cancelled, "the process died");
    if (std::exchange(office_.forgets_next, false)) co_return mail::Receipt{"250 ok"};
    if (std::exchange(office_.doubles_next, false)) office_.take(letter, life_).reported = true;
    if (std::exchange(office_.changes_next, false)) office_.take(letter, life_).content += "P.S.";
    office_.take(letter, life_);
    const std::size_t copy = office_.taken_[letter.message_id].size() - 1;
    if (!going) co_return fail(globogym::Fault::cancelled, "the process died");
    if (trouble == Trouble::lost_taken)
      co_return fail(globogym::Fault::unknown_outcome, "connection lost after the content");

    // The answer comes; one that stalls takes longer than a lease lasts, and nobody can hurry it.
    const bool stalls = trouble == Trouble::stalled;
    const Duration answering = stalls ? draw.between(Duration(90s), Duration(250s)) : time / 4;
    going = co_await pause(answering, stalls ? std::stop_token() : stop, death);
    if (!going) co_return fail(globogym::Fault::unknown_outcome, "asked to stop after the content");
    if (stalls && draw.chance(0.3)) co_return fail(globogym::Fault::unknown_outcome, "no answer after the content");
    office_.taken_[letter.message_id][copy].reported = true;
    office_.taken_[letter.message_id][copy].stalled = stalls;
    co_return mail::Receipt{"250 ok"};
  }
  std::size_t most_at_once() const override { return 256; }
  Duration longest_send() const override { return 60s; }

 private:
  PostOffice& office_;
  const std::shared_ptr<Life> life_;
};

std::unique_ptr<mail::Mailer> carrier(PostOffice& office, std::shared_ptr<Life> life) {
  return std::make_unique<Carrier>(office, std::move(life));
}

}  // namespace globogym::simulation
