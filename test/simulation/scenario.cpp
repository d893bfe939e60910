#include "simulation/scenario.h"

#include <algorithm>
#include <array>

namespace globogym::simulation {
namespace {

using namespace std::chrono_literals;

std::string seconds(Duration time) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(time).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

// What fails for one domain alone is taken for that domain's own trouble: there must be several.
std::string at_some_domain(std::size_t number) {
  return "@d" + std::to_string(number % 40) + ".example.com";
}

Person draw_person(Draw& draw, std::size_t number, double poison, double troubled) {
  Person person{.email = "p" + std::to_string(number) + at_some_domain(number)};
  if (draw.chance(0.05)) person.email = "p" + std::to_string(number) + "@b\u00fccher.example";
  if (draw.chance(poison)) {
    person.mailbox = draw.chance(0.5) ? Mailbox::always_5xx : Mailbox::always_4xx;
  } else if (draw.chance(troubled)) {
    for (int i = draw.between(1, 2); i > 0; --i) person.troubles.push_back(static_cast<Trouble>(draw.between(0, 5)));
  }
  return person;
}

Habit draw_habit(Draw& draw) {
  const int percent = draw.between(0, 99);
  if (percent < 35) return Habit::plain;
  if (percent < 65) return Habit::keyed;
  if (percent < 80) return Habit::together;
  if (percent < 90) return Habit::reuses_key;
  return Habit::invalid;
}

void draw_faults(Draw& draw, Scenario& scenario) {
  const auto add = [&](Fault fault) {
    fault.at = draw.between(Duration(0), scenario.span);
    scenario.faults.push_back(fault);
  };
  // Some worlds know one kind of fault only, some all of them, some none.
  const auto knows = [&, all = draw.chance(0.3)] { return all || draw.chance(0.4); };
  using Kind = Fault::Kind;
  if (knows())
    for (int i = draw.between(1, 3); i > 0; --i)
      add({.kind = draw.chance(0.5) ? Kind::crash : Kind::crash_at_write,
           .time =
               draw.chance(0.7) ? draw.between(Duration(0), Duration(3s)) : draw.between(Duration(3s), Duration(5min)),
           .count = draw.between(1, 40),
           .power_loss = draw.chance(0.5)});
  if (knows())
    for (int i = draw.between(1, 2); i > 0; --i)
      add({.kind = Kind::restart, .time = draw.between(Duration(0), Duration(5s))});
  if (knows())
    for (int i = draw.between(1, 3); i > 0; --i)
      add({.kind = Kind::failing_writes,
           .count = draw.chance(0.7) ? 1 : draw.between(2, 12),
           .kept = draw.chance(0.5)});
  if (knows())
    for (int i = draw.between(1, 3); i > 0; --i) add({.kind = Kind::replay});
  if (draw.chance(0.15)) add({.kind = Kind::pause, .time = draw.between(Duration(1s), Duration(10min))});
  if (knows()) add({.kind = Kind::disk_full, .time = draw.between(Duration(1s), Duration(10min))});
  if (knows())
    for (int i = draw.between(1, 3); i > 0; --i) {
      const auto kind =
          static_cast<Kind>(draw.between(static_cast<int>(Kind::mail_unreachable), static_cast<int>(Kind::mail_loses)));
      Duration time =
          draw.chance(0.8) ? draw.between(Duration(2s), Duration(10min)) : draw.between(Duration(10min), Duration(5h));
      add({.kind = kind, .time = time});
    }
  std::ranges::sort(scenario.faults, {}, &Fault::at);
}

// Three to ten sign-ups for a destination in trouble.
void draw_destination(Draw& draw, Scenario& scenario) {
  constexpr std::array replies = {"451 4.3.0 lookup failure", "421 4.7.0 too many for this domain",
                                  "450 4.7.1 greylisted, come back in five minutes", "452 4.3.1 no room here"};
  Destination destination{.domain = "bad" + std::to_string(scenario.destinations.size()) + ".example",
                          .reply = replies[static_cast<std::size_t>(draw.between(0, 3))],
                          .for_ever = draw.chance(0.4)};
  destination.from = draw.between(Duration(0), scenario.span);
  if (draw.chance(0.5)) destination.from = Duration(0);
  destination.until = destination.from + draw.between(Duration(10s), Duration(1h));
  for (int i = draw.between(3, 10); i > 0; --i) {
    auto& person = scenario.people[static_cast<std::size_t>(draw.between(0, static_cast<int>(scenario.visitors) - 1))];
    if (scenario.destination(person.email) != nullptr) continue;
    person = {.email = person.email.substr(0, person.email.find('@') + 1) + destination.domain,
              .mailbox = Mailbox::ordinary,
              .troubles = {}};
  }
  scenario.destinations.push_back(std::move(destination));
}

// What the mail system does to some while it serves others, and what clocks do. From a draw of its own, so that a seed
// without these tells the story that it always told.
void draw_rough(Draw draw, Scenario& scenario) {
  using Kind = Fault::Kind;
  const auto add = [&](Fault fault) {
    fault.at = draw.between(Duration(0), scenario.span);
    scenario.faults.push_back(fault);
  };
  if (draw.chance(0.4)) scenario.faults.clear();  // these alone
  scenario.connections = static_cast<std::size_t>(draw.between(4, 32));
  scenario.accept_time = draw.between(Duration(30s), Duration(10min));
  scenario.late_at_least = draw.between(Duration(1s), scenario.accept_time / 4);
  scenario.late_most = draw.between(scenario.late_at_least, scenario.accept_time * 9 / 10);
  if (draw.chance(0.5))
    for (int i = draw.chance(0.2) ? 2 : 1; i > 0; --i) draw_destination(draw, scenario);
  if (draw.chance(0.3)) scenario.dying = draw.chance(0.5) ? 0.1 : 0.01 * draw.between(1, 20);
  if (draw.chance(0.3)) {
    const Duration most = draw.chance(0.8) ? Duration(20min) : Duration(3h);
    add({.kind = Kind::mail_answers_late, .time = draw.between(Duration(1min), most)});
  }
  if (draw.chance(0.4))
    for (int i = draw.between(1, 3); i > 0; --i) {
      constexpr std::array<Duration, 4> steps = {2min, 20min, 1h, 24h};
      const Duration step = steps[static_cast<std::size_t>(draw.between(0, 3))];
      add({.kind = Kind::clock_step, .step = draw.chance(0.6) ? -step : step});
    }
  if (draw.chance(0.2))
    add({.kind = Kind::standstill,
         .time = draw.chance(0.7) ? draw.between(Duration(1s), Duration(5min)) : draw.between(Duration(5min), 2h)});
  std::ranges::sort(scenario.faults, {}, &Fault::at);
}

}  // namespace

Scenario draw_scenario(std::uint64_t seed, bool rough) {
  Draw draw(seed);
  Scenario scenario{.seed = seed};
  const int size = draw.between(0, 99);
  const int people = size < 60   ? draw.between(1, 40)
                     : size < 90 ? draw.between(40, 120)
                     : size < 99 ? draw.between(120, 300)
                                 : draw.between(1000, 3000);
  scenario.span =
      draw.chance(0.9) ? draw.between(Duration(5s), Duration(5min)) : draw.between(Duration(5min), Duration(2h));
  const double poison = draw.chance(0.4) ? 0.1 : 0;
  const double troubled = draw.chance(0.5) ? 0.2 : 0;
  for (int i = 0; i < people; ++i)
    scenario.people.push_back(draw_person(draw, static_cast<std::size_t>(i), poison, troubled));

  // A box that is always busy is told from a mail system that is by what becomes of others, so others there must be.
  constexpr int others = 96;
  scenario.visitors = scenario.people.size();
  for (int i = 0; i < others; ++i)
    scenario.people.push_back({.email = "late" + std::to_string(i) + at_some_domain(static_cast<std::size_t>(i))});

  const double again = draw.chance(0.5) ? 0.3 : 0.05;
  const bool burst = draw.chance(0.2);
  for (std::size_t person = 0; person < scenario.visitors; ++person) do {
      scenario.visits.push_back({.habit = draw_habit(draw),
                                 .person = person,
                                 .at = draw.between(Duration(0), burst ? Duration(200ms) : scenario.span),
                                 .seed = draw.seed()});
    } while (draw.chance(again));

  constexpr std::size_t windows[] = {512, 4096, 65536, 8u << 20};
  scenario.window_bytes = windows[draw.between(0, 3)];
  scenario.sync_time =
      draw.chance(0.8) ? draw.between(Duration(50us), Duration(2ms)) : draw.between(Duration(2ms), Duration(50ms));
  scenario.mail_time =
      draw.chance(0.8) ? draw.between(Duration(500us), Duration(50ms)) : draw.between(Duration(50ms), Duration(3s));
  scenario.network_time = draw.between(Duration(10us), Duration(20ms));
  scenario.lost_answers = draw.chance(0.4) ? 0.1 : 0;
  draw_faults(draw, scenario);
  if (rough) draw_rough(Draw(seed ^ 0x726f756768), scenario);
  scenario.attempts = std::max(8, scenario.attempts_at_risk() + 1) + draw.between(0, 3);
  scenario.letter_attempts = scenario.attempts;
  if (!scenario.destinations.empty()) {
    // One may be in trouble for an hour; time ends what the count does not.
    scenario.letter_attempts += 1000;
    scenario.deferrals = functions::Backoff{.first_delay = 1min, .max_delay = 5min};
    scenario.give_up_after = 4h;
  }
  return scenario;
}

const Destination* Scenario::destination(std::string_view email) const {
  const auto domain = email.substr(email.find('@') + 1);
  const auto found = std::ranges::find(destinations, domain, &Destination::domain);
  return found == destinations.end() ? nullptr : &*found;
}

Duration Scenario::all_letters() const {
  const auto one = 2 * mail_time;
  return one * static_cast<Duration::rep>(people.size()) /
         static_cast<Duration::rep>(std::min<std::size_t>(8, connections));
}

Duration Scenario::all_stalls() const {
  Duration::rep stalls = 0;
  for (const auto& person : people) stalls += std::ranges::count(person.troubles, Trouble::stalled);
  return longest_stall * stalls / static_cast<Duration::rep>(connections);
}

int Scenario::attempts_at_risk() const {
  int lost = 2;  // a recipient's own troubles
  for (const auto& fault : faults) switch (fault.kind) {
      case Fault::Kind::crash:
      case Fault::Kind::crash_at_write:
      case Fault::Kind::restart:
        lost += 1;
        break;
      case Fault::Kind::failing_writes:
      case Fault::Kind::disk_full:
        lost += 1;  // forgotten when the process dies before the message is settled
        break;
      case Fault::Kind::replay:
      case Fault::Kind::pause:
      case Fault::Kind::clock_step:
      case Fault::Kind::mail_answers_late:
        break;
      default:
        lost += 1;  // while the outage begins others may still be served
    }
  return lost;
}

std::size_t Scenario::mistakable(std::size_t beginnings) const {
  constexpr std::size_t few = 9;
  std::size_t outages = 0;
  for (const auto& fault : faults) {
    outages += fault.kind == Fault::Kind::mail_defers || fault.kind == Fault::Kind::mail_loses;
  }
  return outages == 0 ? 0 : few * (outages + beginnings - 1);
}

std::string describe(const Fault& fault) {
  using Kind = Fault::Kind;
  switch (fault.kind) {
    case Kind::crash:
      return std::string(fault.power_loss ? "the power fails" : "the process dies") + ", back after " +
             seconds(fault.time);
    case Kind::crash_at_write:
      return std::string(fault.power_loss ? "the power fails" : "the process dies") + " after " +
             std::to_string(fault.count) + " more writes, back after " + seconds(fault.time);
    case Kind::restart:
      return "the service is restarted, back after " + seconds(fault.time);
    case Kind::failing_writes:
      return std::to_string(fault.count) + " writes fail" + (fault.kept ? ", and happen" : "");
    case Kind::disk_full:
      return "the disk is full for " + seconds(fault.time);
    case Kind::replay:
      return "every dead letter is replayed";
    case Kind::pause:
      return "the mail's queue is paused for " + seconds(fault.time);
    case Kind::mail_unreachable:
      return "mail cannot be reached for " + seconds(fault.time);
    case Kind::mail_silent:
      return "mail does not answer for " + seconds(fault.time);
    case Kind::mail_busy:
      return "mail says 421 for " + seconds(fault.time);
    case Kind::mail_defers:
      return "mail says 4xx to everybody for " + seconds(fault.time);
    case Kind::mail_slow:
      return "mail is slow for " + seconds(fault.time);
    case Kind::mail_loses:
      return "mail loses its connections after the letter for " + seconds(fault.time);
    case Kind::mail_answers_late:
      return "mail takes every letter and answers late for " + seconds(fault.time);
    case Kind::clock_step:
      return "the wall clock is set " + seconds(fault.step) + " ahead";
    case Kind::standstill:
      return "the process stands still for " + seconds(fault.time);
  }
  return "?";
}

std::string describe(const Scenario& scenario) {
  std::string out = "seed " + std::to_string(scenario.seed) + ": " + std::to_string(scenario.visitors) + " people, " +
                    std::to_string(scenario.visits.size()) + " visits in " + seconds(scenario.span) + ", window " +
                    std::to_string(scenario.window_bytes) + " bytes, " + std::to_string(scenario.attempts) +
                    " attempts";
  for (const auto& destination : scenario.destinations)
    out += "\n  " + destination.domain + ": " + destination.reply +
           (destination.for_ever ? ", for ever"
                                 : ", from " + seconds(destination.from) + " until " + seconds(destination.until));
  if (scenario.dying > 0)
    out += "\n  of 100 attempts " + std::to_string(static_cast<int>(100 * scenario.dying)) +
           " meet a connection that dies";
  for (const auto& fault : scenario.faults) out += "\n  at " + seconds(fault.at) + ": " + describe(fault);
  return out;
}

}  // namespace globogym::simulation
