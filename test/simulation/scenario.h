// What a world is made of: everything that can differ from one seed to the next, drawn from the seed before it starts.
//
// Faults are drawn so that a message nobody can blame fails fewer times than it has attempts: then whoever is parked is
// parked because of a recipient, and the world can say exactly who that must be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "functions/retry.h"

namespace globogym::simulation {

// Choices, from one seed.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  bool chance(double probability) { return random_.unit() < probability; }
  // Both ends included.
  int between(int low, int high) {
    return low + static_cast<int>(random_.below(static_cast<unsigned>(high - low) + 1));
  }
  Duration between(Duration low, Duration high) {
    return low +
           Duration(static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>((high - low).count()) + 1)));
  }
  std::uint64_t seed() { return random_.next(); }
  Random& random() { return random_; }

 private:
  SeededRandom random_;
};

// What happens to the whole service or to what it depends on, and when (since the beginning).
struct Fault {
  enum class Kind {
    crash,             // the process dies; `power_loss`: the machine too
    crash_at_write,    // … right after the `count`-th write from then on
    restart,           // the process is asked to stop and started again
    failing_writes,    // `count` writes fail; `kept`: they happened all the same
    disk_full,         // for `time`
    replay,            // a person brings every dead letter back, whatever is wrong with it
    pause,             // a person pauses the mail's queue for `time`
    mail_unreachable,  // for `time`; so are the others
    mail_silent,       // connections time out
    mail_busy,         // 421
    mail_defers,       // 4xx to everybody
    mail_slow,
    mail_loses,         // connections are lost when the letter has gone out
    mail_answers_late,  // in good health: it takes every letter, and says so after seconds or minutes
    clock_step,         // the wall clock is set `step` ahead or back; nothing else notices
    standstill,         // for `time` the whole process is stopped (SIGSTOP, a virtual machine that is moved)
  };
  Kind kind = Kind::crash;
  Duration at{};
  Duration time{};
  Duration step{};
  int count = 0;
  bool power_loss = false;
  bool kept = false;
};
std::string describe(const Fault& fault);

// What the mail system does with the first letters to somebody, before it takes one.
enum class Trouble { deferred, unreachable, timed_out, lost_untaken, lost_taken, stalled };

// How long an answer to the content stalls that does.
inline constexpr Duration shortest_stall = std::chrono::seconds(90);
inline constexpr Duration longest_stall = std::chrono::seconds(250);

enum class Mailbox { ordinary, always_5xx, always_4xx };

// A mail domain that our mail server has trouble with while it takes everybody else's letters: it answers so to RCPT.
struct Destination {
  std::string domain;
  std::string reply;
  bool for_ever = false;
  Duration from{}, until{};  // since the beginning, unless it is for ever
};

struct Person {
  std::string email;
  Mailbox mailbox = Mailbox::ordinary;
  std::vector<Trouble> troubles;
};

enum class Habit {
  plain,       // posts once or, after a 503 or a lost answer, again, without an Idempotency-Key
  keyed,       // the same with a key; posts it again later
  together,    // several posts of one key at the same time
  reuses_key,  // posts another body under its key
  invalid,     // posts what cannot be accepted
  late,        // posts until it is accepted
};

struct Visit {
  Habit habit = Habit::plain;
  std::size_t person = 0;
  Duration at{};
  std::uint64_t seed = 0;  // of everything else about it
};

struct Scenario {
  std::uint64_t seed = 0;
  Duration span{};  // visits and faults begin within this
  std::vector<Person> people;
  std::size_t visitors = 0;  // how many of them have visits; the others come when the world asks them to
  std::vector<Visit> visits;
  std::vector<Fault> faults;  // by time
  std::size_t window_bytes = 0;
  Duration sync_time{};
  Duration mail_time{};                         // about how long a letter takes
  Duration network_time{};                      // at most, each way
  double lost_answers = 0;                      // how many of them
  int attempts = 0;                             // at a message, before it is parked
  int letter_attempts = 0;                      // likewise, at a letter
  std::optional<functions::Backoff> deferrals;  // of letters that are put off; nothing: like any other
  Duration give_up_after{};                     // how long a letter may be put off; 0: as often as it has attempts
  std::vector<Destination> destinations;
  double dying = 0;                       // how many attempts meet a connection that dies before the content is out
  std::size_t connections = 256;          // to the mail server, at most
  Duration accept_time{};                 // how long an answer to the content is waited for
  Duration late_at_least{}, late_most{};  // how late the answers are while the mail system answers late

  // The destination of `email` that is in trouble at some time, or null.
  const Destination* destination(std::string_view email) const;
  // How long all letters there may ever be take over the connections there are, each as slow as can be.
  Duration all_letters() const;
  // … and all answers that stall, each holding its connection for as long as can be.
  Duration all_stalls() const;

  // At how many mail domains people without any trouble may be parked because so few were there that an outage looked
  // like trouble of their own. `beginnings`: how often all that is known of it began anew, with each life and with each
  // letter that was answered late, in the middle of an outage.
  std::size_t mistakable(std::size_t beginnings) const;
  // Attempts that a message may at most lose to the world's faults alone.
  int attempts_at_risk() const;
};

// `rough`: the mail system has slow answers, bad destinations and dying connections too, and clocks are set.
Scenario draw_scenario(std::uint64_t seed, bool rough = false);
std::string describe(const Scenario& scenario);

}  // namespace globogym::simulation
