#include "simulation/scenario.h"

#include <algorithm>

namespace globogym::simulation {
namespace {

using namespace std::chrono_literals;

std::string seconds(Duration time) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(time).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

Person draw_person(Draw& draw, std::size_t number, double poison, double troubled) {
  Person person{.email = "p" + std::to_string(number) + "@example.com", .mailbox = Mailbox::ordinary, .troubles = {}};
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

}  // namespace

Scenario draw_scenario(std::uint64_t seed) {
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
  for (int i = 0; i < others; ++i) scenario.people.push_back({.email = "late" + std::to_string(i) + "@example.com"});

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
  scenario.attempts = std::max(8, scenario.attempts_at_risk() + 1) + draw.between(0, 3);
  return scenario;
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
        break;
      default:
        lost += 1;  // while the outage begins others may still be served
    }
  return lost;
}

std::size_t Scenario::mistakable(std::size_t lives) const {
  constexpr std::size_t few = 9;
  std::size_t outages = 0;
  for (const auto& fault : faults) {
    outages += fault.kind == Fault::Kind::mail_defers || fault.kind == Fault::Kind::mail_loses;
  }
  return outages == 0 ? 0 : few * (outages + lives - 1);
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
  }
  return "?";
}

std::string describe(const Scenario& scenario) {
  std::string out = "seed " + std::to_string(scenario.seed) + ": " + std::to_string(scenario.visitors) + " people, " +
                    std::to_string(scenario.visits.size()) + " visits in " + seconds(scenario.span) + ", window " +
                    std::to_string(scenario.window_bytes) + " bytes, " + std::to_string(scenario.attempts) +
                    " attempts";
  for (const auto& fault : scenario.faults) out += "\n  at " + seconds(fault.at) + ": " + describe(fault);
  return out;
}

}  // namespace globogym::simulation
