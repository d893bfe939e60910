#include "app/checkup.h"

#include <algorithm>
#include <cmath>

#include "app/installation.h"
#include "base/time_text.h"
#include "domain/records.h"

namespace globogym::app {
namespace {

using State = Finding::State;
using QueueState = functions::QueueState;

std::string count(std::uint64_t number, std::string_view one, std::string_view many) {
  return std::to_string(number) + " " + std::string(number == 1 ? one : many);
}

// What failed last, when something did.
std::string last_error(const QueueState& state) {
  if (!state.last_error_at) return "";
  return "; last error, " + rfc3339(*state.last_error_at) + ": " + state.last_error;
}

Finding about(const engine::QueueStats& queue, const QueueState& state) {
  const std::string what = "queue " + queue.name;
  const std::uint64_t waiting = queue.ready + queue.leased + queue.delayed;
  const std::string wait = count(waiting, "message waits", "messages wait");
  const std::string since = state.blocked_since ? " since " + rfc3339(*state.blocked_since) : std::string();
  switch (state.state) {
    case QueueState::State::paused:
      return {what, State::problem,
              "it is paused" + since + ", " + wait + ": resume it in the console, or by POST /admin/v1/queues/" +
                  queue.name + "/resume"};
    case QueueState::State::circuit_open:
      return {what, State::problem,
              "the circuit of " + state.dependency + " is open: it does not serve" + since + ", " + wait +
                  (state.next_probe ? ", the next probe is at " + rfc3339(*state.next_probe) : std::string()) +
                  last_error(state)};
    case QueueState::State::running:
      break;
  }
  if (waiting > 0 && state.blocked_since)
    return {what, State::problem, "nothing has got through" + since + ", " + wait + last_error(state)};
  return {what, State::ok, waiting == 0 ? "it is served, and nothing waits" : "it is served; " + wait};
}

}  // namespace

Checkup::Checkup(const LoadedConfig& started, engine::Engine& engine, const Clock& clock, Facts facts)
    : started_(started),
      engine_(engine),
      clock_(clock),
      facts_(std::move(facts)),
      started_wall_(clock.wall()),
      started_steady_(clock.steady()) {}

async::Task<Result<std::string>> Checkup::look() const {
  const Config& config = started_.values;
  std::vector<Finding> findings;
  findings.push_back(check_configuration(started_));
  for (const auto& warning : started_.warnings) findings.push_back({"configuration", State::note, warning});
  for (auto& finding : check_surroundings(config)) findings.push_back(std::move(finding));
  findings.push_back(engine_now());
  if (facts_.trail) findings.push_back(about(facts_.trail->condition(), audit_directory(config.service.data)));
  auto queues = co_await engine_.queues();
  if (queues) {
    // One that never had a message can be paused as well.
    for (const auto name : {domain::queue::process_enrollment, domain::queue::welcome_mail})
      if (std::ranges::none_of(*queues, [&](const auto& queue) { return queue.name == name; }))
        queues->push_back({.name = std::string(name)});
    add_queues(findings, *queues);
  } else {
    findings.push_back({"queues", State::problem, queues.error().message});
  }
  findings.push_back(certificate_now());
  if (config.service.role != Role::gateway) {
    auto mail = co_await check_mail(config, true);
    findings.push_back(std::move(mail));
  }
  findings.push_back(tokens_now());
  auto issuer = co_await check_issuer(config);
  findings.push_back(std::move(issuer));
  findings.push_back(clock_now());
  JsonWriter json;
  json.object().key("checks");
  write_findings(json, findings);
  json.end();
  co_return json.take();
}

std::string Checkup::configuration() const {
  JsonWriter json;
  json.object()
      .member("file", started_.sources.file.empty() ? std::optional<std::string>() : started_.sources.file)
      .member("startedAt", clock_.wall() - (clock_.steady() - started_steady_))
      .key("values")
      .array();
  for (const auto& value : started_.effective)
    json.object()
        .member("key", value.key)
        .member("value", value.value)
        .member("origin", value.origin)
        .member("inForce", value.in_force)
        .end();
  json.end().key("warnings").array();
  for (const auto& warning : started_.warnings) json.value(warning);
  const Finding file = check_configuration(started_);
  if (file.state != State::ok) json.value(file.detail);
  json.end().end();
  return json.take();
}

void Checkup::add_queues(std::vector<Finding>& findings, const std::vector<engine::QueueStats>& queues) const {
  std::uint64_t dead = 0;
  for (const auto& queue : queues) {
    dead += queue.dead_lettered;
    if (started_.values.service.role != Role::gateway)
      findings.push_back(about(queue, facts_.queue_state ? facts_.queue_state(queue.name) : QueueState{}));
  }
  findings.push_back(dead == 0 ? Finding{"dead letters", State::ok, "there are none"}
                               : Finding{"dead letters", State::note,
                                         count(dead, "message was", "messages were") +
                                             " given up and needs a person: globogym dead-letters list"});
}

Finding Checkup::engine_now() const {
  const engine::Health health = engine_.health();
  if (!health.problem.empty() || !health.can_commit)
    return {"engine", State::problem, health.problem.empty() ? "it cannot keep anything now" : health.problem};
  if (health.below_reserve)
    return {"engine", State::problem,
            "the disk's reserve is reached (" + std::to_string(health.free_bytes >> 20) + " MiB free, " +
                std::to_string(started_.values.engine.disk_reserve.bytes >> 20) +
                " MiB kept): new sign-ups get 503; free some"};
  return {"engine", State::ok, "a server runs here and can keep what it accepts"};
}

// Its file may have been replaced by one that does not load: what is in force is what clients see.
Finding Checkup::certificate_now() const {
  const auto& tls = facts_.public_tls ? facts_.public_tls : facts_.admin_tls;
  if (!tls) return {"certificate in force", State::ok, "none: TLS is off"};
  const auto facts = tls->certificate();
  const std::string detail = facts.names + " (serial " + facts.serial + ") until " + rfc3339(facts.not_after);
  const WallTime now = clock_.wall();
  if (facts.not_after <= now)
    return {"certificate in force", State::problem,
            detail + ": it has expired, and clients refuse it; put a new one in its place"};
  if (facts.not_before > now)
    return {"certificate in force", State::problem, detail + ": it is not valid yet; is this machine's clock right?"};
  if (facts.not_after - now < std::chrono::days(14))
    return {"certificate in force", State::note, detail + ": it ends in less than two weeks"};
  return {"certificate in force", State::ok, detail};
}

Finding Checkup::tokens_now() const {
  const identity::Tokens* tokens = facts_.tokens ? facts_.tokens() : nullptr;
  const std::string what = "token keys";
  if (!tokens) return {what, State::ok, "none are needed: API keys only"};
  const identity::State state = tokens->state();
  if (state.keys == 0)
    return {what, State::problem, "the issuer's keys were never had, so no token can be judged: " + state.last_error};
  const std::string held = count(state.keys, "key of the issuer is", "keys of the issuer are") + " held";
  if (!state.last_error.empty())
    return {what, State::problem, held + "; the last attempt to fetch them failed: " + state.last_error};
  return {what, State::ok, held};
}

// Since the start the wall clock should have gone on as much as the clock that is never set.
Finding Checkup::clock_now() const {
  Finding finding = check_clock();
  if (finding.state != State::ok) return finding;
  const double jumped =
      std::chrono::duration<double>((clock_.wall() - started_wall_) - (clock_.steady() - started_steady_)).count();
  if (std::abs(jumped) < 5) return finding;
  finding.state = State::note;
  finding.detail += ": it was set " + std::to_string(static_cast<std::int64_t>(std::abs(jumped))) + " s " +
                    (jumped > 0 ? "forward" : "back") +
                    " since the server started; what waits is not hurt, but is the time right?";
  return finding;
}

}  // namespace globogym::app
