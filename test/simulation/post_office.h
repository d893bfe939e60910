// The mail system of a world, and the service's way to it.
//
// The office outlives the service: it keeps every copy it has taken, with what the service was told about it. It can be
// out of reach, silent, busy, slow or losing connections for a while, and each recipient may have a box that never
// takes anything or that takes a letter only after some trouble.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "mail/mailer.h"
#include "simulation/scenario.h"
#include "simulation/story.h"

namespace globogym::simulation {

// One life of the service's process, as far as others notice it.
struct Life {
  int number = 0;
  bool crashed = false;       // it ended without a word
  bool disk_trouble = false;  // something could not be written in it
  std::stop_source death;
};

struct Copy {
  std::string recipient;
  std::string content;
  std::shared_ptr<Life> life;
  bool reported = false;  // the service was told that it was taken
  bool stalled = false;   // … after its lease had ended
};

class PostOffice {
 public:
  PostOffice(const Scenario& scenario, Story& story, const Clock& clock);

  // All letters from now on suffer from `kind` until `until`.
  void suffer(Fault::Kind kind, SteadyTime until);
  void recover();
  // A person repairs every box.
  void mend_boxes();

  // By message id, in the order taken.
  const std::map<std::string, std::vector<Copy>>& taken() const { return taken_; }
  // By message id: no more copies of these may come.
  void completed(const std::string& message_id) { completed_[message_id] = true; }

  // For canaries: says it took the next letter and does not; takes the next one twice; takes two that differ.
  bool forgets_next = false;
  bool doubles_next = false;
  bool changes_next = false;

 private:
  friend class Carrier;
  struct Box {
    Mailbox kind = Mailbox::ordinary;
    std::vector<Trouble> troubles;
  };
  std::optional<Fault::Kind> suffering() const;
  Copy& take(const mail::Letter& letter, const std::shared_ptr<Life>& life);
  Box& box(const mail::Letter& letter);

  Story& story_;
  const Clock& clock_;
  Draw draw_;
  const Duration mail_time_;
  std::map<std::string, Box> boxes_;
  std::optional<Fault::Kind> fault_;
  SteadyTime until_{};
  std::map<std::string, std::vector<Copy>> taken_;
  std::map<std::string, bool> completed_;
};

// The service's mailer in one life. `office` outlives it.
std::unique_ptr<mail::Mailer> carrier(PostOffice& office, std::shared_ptr<Life> life);

}  // namespace globogym::simulation
