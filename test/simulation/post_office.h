// The mail system of a world, and the service's way to it.
//
// The office outlives the service: it keeps every copy it has taken, with what the service was told about it. It can be
// out of reach, silent, busy, slow, late with its answers or losing connections for a while; a mail domain may be in
// trouble while all others are served; and each recipient may have a box that never takes anything or that takes a
// letter only after some trouble.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "mail/mailer.h"
#include "simulation/flow.h"
#include "simulation/scenario.h"
#include "simulation/story.h"

namespace globogym::simulation {

// One life of the service's process, as far as others notice it.
struct Life {
  int number = 0;
  bool crashed = false;       // it ended without a word
  bool disk_trouble = false;  // something could not be written in it
  bool stopping = false;      // it is asked to end
  bool stood_still = false;   // for longer than a lease may last
  // Whether it believes that the mail system does not serve. Null before its functions start.
  std::function<bool()> breaker_open;
  std::stop_source death;
};

struct Copy {
  std::string recipient;
  std::string content;
  std::shared_ptr<Life> life;
  bool reported = false;   // the service was told that it was taken
  bool stalled = false;    // … after its lease had ended
  bool explained = false;  // it could not be told: the connection died, or the service was about to end
};

class PostOffice {
 public:
  PostOffice(const Scenario& scenario, Story& story, const Clock& clock, Flow& flow);

  // All letters from now on suffer from `kind` until `until`.
  void suffer(Fault::Kind kind, SteadyTime until);
  void recover();
  // A person repairs every box.
  void mend_boxes();

  // By message id, in the order taken.
  const std::map<std::string, std::vector<Copy>>& taken() const { return taken_; }
  // How often the service was not told what had become of the letter.
  int unknown_outcomes(const std::string& message_id) const {
    const auto found = unknown_outcomes_.find(message_id);
    return found == unknown_outcomes_.end() ? 0 : found->second;
  }
  // The service has read its story again after a letter was taken: only then does the breaker hear that it was.
  void completes() {
    probes_.served = clock_.steady();
    if (serves_nobody()) ++served_in_outages_;
  }
  // Letters that were begun before an outage and answered in it: each looks as if it were over.
  std::size_t served_in_outages() const { return served_in_outages_; }
  // By message id: no more copies of these may come.
  void completed(const std::string& message_id) { completed_[message_id] = true; }

  // For canaries: says it took the next letter and does not; takes the next one twice; takes two that differ.
  bool forgets_next = false;
  bool doubles_next = false;
  bool changes_next = false;
  // … takes the next letter, and lets the service give up before it says so; keeps good letters waiting at the door.
  bool gives_up_next = false;
  Duration waits_at_the_door{};

 private:
  friend class Carrier;
  struct Box {
    Mailbox kind = Mailbox::ordinary;
    std::vector<Trouble> troubles;
    const Destination* destination = nullptr;  // in trouble at some time
    bool good = true;                          // never gave any
  };
  // Probes of a mail system that does not serve, one after the other, by one life.
  struct Probes {
    int life = 0;
    int failed = 0;  // with no answer between them
    SteadyTime last{}, served{};
  };
  std::optional<Fault::Kind> suffering() const;
  bool serves_nobody() const {
    return suffering() == Fault::Kind::mail_defers || suffering() == Fault::Kind::mail_loses;
  }
  bool in_trouble(const Destination& destination) const;
  void probe_begins(const Life& life);
  void attempt_ends(const Life& life, bool probe, std::optional<globogym::Fault> fault);
  Copy& take(const mail::Letter& letter, const std::shared_ptr<Life>& life);
  Box& box(const mail::Letter& letter);

  Story& story_;
  const Clock& clock_;
  Flow& flow_;
  const Scenario& scenario_;
  const SteadyTime began_;
  Draw draw_;
  std::map<std::string, Box> boxes_;
  std::optional<Fault::Kind> fault_;
  SteadyTime until_{};
  std::map<std::string, std::vector<Copy>> taken_;
  std::map<std::string, int> unknown_outcomes_;
  std::size_t served_in_outages_ = 0;
  std::map<std::string, bool> completed_;
  Probes probes_;
  bool mended_ = false;
};

// The service's mailer in one life. `office` outlives it.
std::unique_ptr<mail::Mailer> carrier(PostOffice& office, std::shared_ptr<Life> life);

}  // namespace globogym::simulation
