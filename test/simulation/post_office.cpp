#include "simulation/post_office.h"

#include <algorithm>
#include <cmath>

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

PostOffice::PostOffice(const Scenario& scenario, Story& story, const Clock& clock, Flow& flow)
    : story_(story),
      clock_(clock),
      flow_(flow),
      scenario_(scenario),
      began_(clock.steady()),
      draw_(scenario.seed ^ 0x6d61696c) {
  for (const auto& person : scenario.people) {
    const auto* destination = scenario.destination(person.email);
    const bool good = person.mailbox == Mailbox::ordinary && person.troubles.empty() && !destination;
    boxes_[domain_spelling(person.email)] = {person.mailbox, person.troubles, destination, good};
  }
}

void PostOffice::suffer(Fault::Kind kind, SteadyTime until) {
  fault_ = kind;
  until_ = until;
}

void PostOffice::recover() {
  fault_.reset();
}

void PostOffice::mend_boxes() {
  // One that gave trouble is not among the good ones yet: what waits for its domain does so until that has been served.
  for (auto& [recipient, box] : boxes_) box = {.good = box.good};
}

bool PostOffice::in_trouble(const Destination& destination) const {
  const Duration now = clock_.steady() - began_;
  return destination.for_ever || (now >= destination.from && now < destination.until);
}

// The pauses between probes grow, whatever they find: the n-th is not shorter than the breaker's jitter can make it.
void PostOffice::probe_begins(const Life& life) {
  constexpr double smallest_factor = 1.5, earliest = 0.8;
  const Duration longest = 30s;
  if (probes_.life != life.number || probes_.failed == 0) return;
  // An attempt from before that was served says that it is worth asking again.
  if (probes_.served >= probes_.last) return;
  const double seconds = std::min(std::pow(smallest_factor, probes_.failed), 30.0) * earliest;
  const auto least = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds * 0.99));
  if (clock_.steady() - probes_.last < std::min(least, longest))
    story_.broken("the mail system is asked again too soon after " + std::to_string(probes_.failed) +
                  " probes that failed");
}

void PostOffice::attempt_ends(const Life& life, bool probe, std::optional<globogym::Fault> fault) {
  if (probes_.life != life.number) probes_ = {.life = life.number};
  const bool failed = probe && fault && *fault != globogym::Fault::refused && *fault != globogym::Fault::deferred;
  probes_.failed = failed ? probes_.failed + 1 : 0;
  if (fault) probes_.last = clock_.steady();
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
  if (box(letter).good)
    flow_.taken(letter.message_id);
  else
    flow_.forget(letter.message_id);
  return copies.back();
}

class Carrier final : public mail::Mailer {
 public:
  Carrier(PostOffice& office, std::shared_ptr<Life> life) : office_(office), life_(std::move(life)) {}

  Task<Result<mail::Receipt>> send(mail::Letter letter, std::stop_token stop) override {
    if (++in_hand_ > most_at_once())
      office_.story_.broken("more letters are on their way at once than there are connections");
    const bool probe = life_->breaker_open && life_->breaker_open();
    if (probe) office_.probe_begins(*life_);
    const std::string message_id = letter.message_id;
    auto sent = co_await hand_over(std::move(letter), std::move(stop));
    const auto fault = sent ? std::nullopt : std::optional(sent.error().fault);
    if (fault == globogym::Fault::unknown_outcome) ++office_.unknown_outcomes_[message_id];
    if (fault != globogym::Fault::cancelled) office_.attempt_ends(*life_, probe, fault);
    --in_hand_;
    co_return sent;
  }

  std::size_t most_at_once() const override { return office_.scenario_.connections; }
  Duration longest_send() const override { return connect_time + 10 * reply_time + 2 * office_.scenario_.accept_time; }

 private:
  static constexpr Duration connect_time = 30s;
  static constexpr Duration reply_time = 30s;

  Task<Result<mail::Receipt>> hand_over(mail::Letter letter, std::stop_token stop) {
    auto& draw = office_.draw_;
    const auto& scenario = office_.scenario_;
    const auto death = life_->death.get_token();
    Duration time = draw.between(scenario.mail_time / 2, scenario.mail_time * 2);

    // Before the content.
    const auto suffering = office_.suffering();
    if (suffering == Fault::Kind::mail_slow) time = draw.between(Duration(1s), Duration(20s));
    std::optional<Trouble> trouble;
    if (suffering == Fault::Kind::mail_unreachable) trouble = Trouble::unreachable;
    if (suffering == Fault::Kind::mail_silent) trouble = Trouble::timed_out;
    Duration connecting = trouble == Trouble::timed_out ? connect_time : time / 2;
    auto& box = office_.box(letter);
    if (box.good) connecting += office_.waits_at_the_door;
    bool going = co_await pause(connecting, stop, death);
    if (!going) co_return fail(globogym::Fault::cancelled, "asked to stop");
    if (trouble == Trouble::unreachable) co_return fail(globogym::Fault::unavailable, "connection refused");
    if (trouble == Trouble::timed_out) co_return fail(globogym::Fault::timed_out, "no greeting");
    if (scenario.dying > 0 && draw.chance(scenario.dying)) {
      office_.flow_.lost_its_connection(letter.message_id);
      co_return fail(globogym::Fault::unavailable, "connection reset");
    }
    if (suffering == Fault::Kind::mail_busy) co_return fail(globogym::Fault::unavailable, "421 4.3.2 closing");
    if (suffering == Fault::Kind::mail_defers) co_return fail(globogym::Fault::deferred, "451 4.7.1 try later");

    if (box.destination && office_.in_trouble(*box.destination))
      co_return fail(globogym::Fault::deferred, box.destination->reply);
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
    if (trouble == Trouble::lost_taken) co_return unknown(letter, copy, "connection lost after the content");
    if (std::exchange(office_.gives_up_next, false))
      co_return fail(globogym::Fault::unknown_outcome, "asked to stop after the content");

    // The answer comes; one that stalls takes longer than a lease lasts, and nobody can hurry it.
    const bool stalls = trouble == Trouble::stalled;
    Duration answering = stalls ? draw.between(shortest_stall, longest_stall) : time / 4;
    if (!stalls && suffering == Fault::Kind::mail_answers_late)
      answering = draw.between(scenario.late_at_least, scenario.late_most);
    const SteadyTime answered_at = office_.clock_.steady() + answering;
    // What holds most of the connections concerns everybody.
    if (stalls && 2 * ++stalling_ > most_at_once()) office_.flow_.disturbed(answered_at);
    going = co_await pause(answering, stalls ? std::stop_token() : stop, death);
    if (stalls) --stalling_;
    // Whoever is asked to stop looks once more for the answer.
    if (!going && (death.stop_requested() || office_.clock_.steady() < answered_at)) {
      if (life_->stopping) office_.taken_[letter.message_id][copy].explained = true;
      co_return fail(globogym::Fault::unknown_outcome, "asked to stop after the content");
    }
    if (stalls && draw.chance(0.3)) co_return unknown(letter, copy, "no answer after the content");
    office_.taken_[letter.message_id][copy].reported = true;
    office_.taken_[letter.message_id][copy].stalled = stalls;
    co_return mail::Receipt{"250 ok"};
  }

  // The service cannot know that the letter was taken.
  std::unexpected<Error> unknown(const mail::Letter& letter, std::size_t copy, const char* why) {
    office_.taken_[letter.message_id][copy].explained = true;
    return fail(globogym::Fault::unknown_outcome, why);
  }

  PostOffice& office_;
  const std::shared_ptr<Life> life_;
  std::size_t in_hand_ = 0;
  std::size_t stalling_ = 0;
};

std::unique_ptr<mail::Mailer> carrier(PostOffice& office, std::shared_ptr<Life> life) {
  return std::make_unique<Carrier>(office, std::move(life));
}

}  // namespace globogym::simulation
