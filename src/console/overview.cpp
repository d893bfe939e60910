#include "console/overview.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "async/loop.h"
#include "base/json_writer.h"
#include "console/usage.h"
#include "domain/enrollment.h"
#include "domain/records.h"

namespace globogym::console {
namespace {

constexpr std::array statuses = {domain::Status::accepted, domain::Status::processing, domain::Status::completed,
                                 domain::Status::rejected, domain::Status::parked};

Task<Result<std::vector<engine::QueueStats>>> all_queues(const Parts& parts) {
  auto queues = co_await parts.engine.queues();
  if (!queues) co_return std::unexpected(queues.error());
  // A queue exists for the engine once it has had a message; for people it exists because its function does.
  for (const functions::Function* function : parts.functions) {
    const std::string& name = function->options().name;
    if (std::ranges::none_of(*queues, [&](const auto& queue) { return queue.name == name; }))
      queues->push_back({.name = name});
  }
  std::ranges::sort(*queues, {}, &engine::QueueStats::name);
  co_return std::move(*queues);
}

using functions::QueueState;

QueueState state_of(const Parts& parts, std::string_view queue) {
  return parts.queue_state ? parts.queue_state(queue) : QueueState{};
}

std::uint64_t waiting(const engine::QueueStats& queue) {
  return queue.ready + queue.leased + queue.delayed;
}

// Since when nothing of the queue has been done although something waits.
std::optional<WallTime> blocked_since(const engine::QueueStats& queue, const QueueState& state) {
  return waiting(queue) == 0 ? std::nullopt : state.blocked_since;
}

// When something of the queue is tried next; nothing: not known, or not before a person does something.
std::optional<WallTime> next_attempt(const engine::QueueStats& queue, const QueueState& state, WallTime now) {
  if (state.state == QueueState::State::paused) return std::nullopt;
  std::optional<WallTime> due;
  if (queue.ready + queue.leased > 0) due = now;
  if (!due && queue.delayed > 0) due = queue.next_due;
  if (!due) return std::nullopt;
  if (state.state == QueueState::State::circuit_open && state.next_probe) return std::max(*due, *state.next_probe);
  return std::max(*due, now);
}

// At the pace of the last half minute or so: what waits, by how many more go than come. Nothing: no more go than come.
std::optional<std::int64_t> drain_seconds(const engine::QueueStats& queue, const QueueState& state) {
  if (waiting(queue) == 0) return 0;
  const double fewer = queue.going - queue.coming;
  if (state.state != QueueState::State::running || fewer < 0.01) return std::nullopt;
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(waiting(queue)) / fewer));
}

double age_seconds(const engine::QueueStats& queue, const Clock& clock) {
  if (!queue.oldest) return 0;
  return std::max(0.0, std::chrono::duration<double>(clock.wall() - *queue.oldest).count());
}

std::int64_t total(const std::map<std::string, std::int64_t>& tallies, std::string_view name) {
  const auto found = tallies.find(std::string(name));
  return found == tallies.end() ? 0 : found->second;
}

class LiveFeed final : public http::Feed {
 public:
  LiveFeed(const Parts& parts, Duration every) : parts_(parts), every_(every) {}

  Task<std::optional<std::string>> next(std::stop_token stop) override {
    if (!first_) {
      const bool slept = co_await async::sleep_for(every_, stop);
      if (!slept) co_return std::nullopt;
    }
    first_ = false;
    auto queues = co_await queues_json(parts_);
    auto stats = co_await stats_json(parts_);
    // A comment keeps the connection alive while there is nothing to say.
    if (!queues || !stats) co_return std::string(": engine not answering\n\n");
    JsonWriter json;
    json.object().key("queues").raw(*queues).key("stats").raw(*stats).key("health").raw(health_json(parts_)).end();
    co_return "event: state\ndata: " + json.take() + "\n\n";
  }

 private:
  const Parts& parts_;
  Duration every_;
  bool first_ = true;
};

}  // namespace

Task<Result<std::string>> queues_json(const Parts& parts) {
  auto queues = co_await all_queues(parts);
  if (!queues) co_return std::unexpected(queues.error());
  JsonWriter json;
  json.array();
  const WallTime now = parts.clock.wall();
  for (const auto& queue : *queues) {
    const QueueState state = state_of(parts, queue.name);
    json.object()
        .member("name", queue.name)
        .member("ready", queue.ready)
        .member("leased", queue.leased)
        .member("delayed", queue.delayed)
        .member("deadLettered", queue.dead_lettered)
        .member("oldestSeconds", static_cast<std::int64_t>(age_seconds(queue, parts.clock)))
        .member("state", functions::name(state.state))
        .member("waiting", waiting(queue))
        .member("lastError", state.last_error_at ? std::optional(state.last_error) : std::nullopt)
        .member("lastErrorAt", state.last_error_at)
        .member("blockedSince", blocked_since(queue, state))
        .member("nextAttemptAt", next_attempt(queue, state, now))
        .member("drainSeconds", drain_seconds(queue, state))
        .end();
  }
  json.end();
  co_return json.take();
}

Task<Result<std::string>> stats_json(const Parts& parts) {
  auto tallies = co_await parts.engine.tallies();
  if (!tallies) co_return std::unexpected(tallies.error());
  JsonWriter json;
  json.object().member("members", total(*tallies, domain::tally::members)).key("enrollments").object();
  for (const auto status : statuses) json.member(domain::name(status), total(*tallies, domain::tally::of(status)));
  json.end().member("mailsSent", total(*tallies, domain::tally::mails_sent)).end();
  co_return json.take();
}

std::string health_json(const Parts& parts) {
  const engine::Health health = parts.engine.health();
  const audit::Condition audit = parts.trail ? parts.trail->condition() : audit::Condition();
  JsonWriter json;
  json.object()
      .member("version", GLOBOGYM_VERSION)
      .member("canCommit", health.can_commit)
      .member("belowReserve", health.below_reserve)
      .member("freeBytes", health.free_bytes)
      .member("problem", health.problem)
      .key("audit")
      .object()
      .member("problem", audit.problem)
      .member("unreadable", audit.unreadable)
      .member("damage", audit.damage)
      .member("lookedThrough", audit.looked_through)
      .end()
      .end();
  return json.take();
}

Task<Result<std::string>> metrics_text(const Parts& parts) {
  auto queues = co_await all_queues(parts);
  if (!queues) co_return std::unexpected(queues.error());
  auto tallies = co_await parts.engine.tallies();
  if (!tallies) co_return std::unexpected(tallies.error());

  auto& metrics = parts.metrics;
  for (const auto& queue : *queues) {
    const QueueState state = state_of(parts, queue.name);
    const std::pair<const char*, std::uint64_t> states[] = {{"ready", queue.ready},
                                                            {"leased", queue.leased},
                                                            {"delayed", queue.delayed},
                                                            {"dead-lettered", queue.dead_lettered}};
    for (const auto& [waits_for, count] : states)
      metrics
          .gauge("globogym_queue_messages", "Messages kept in a queue, by what they wait for",
                 {{"queue", queue.name}, {"state", waits_for}})
          .set(static_cast<double>(count));
    metrics
        .gauge("globogym_queue_oldest_seconds", "Age of the oldest message that is not dead", {{"queue", queue.name}})
        .set(age_seconds(queue, parts.clock));
    metrics
        .gauge("globogym_queue_paused",
               "1 while a queue is handed out to nobody: its dependency is down, or this process only takes sign-ups",
               {{"queue", queue.name}})
        .set(state.state != QueueState::State::running ? 1 : 0);
    const auto blocked = blocked_since(queue, state);
    metrics
        .gauge("globogym_queue_blocked_seconds",
               "For how long nothing of a queue has been done while attempts failed or it was paused; 0: it is served",
               {{"queue", queue.name}})
        .set(blocked ? std::max(0.0, std::chrono::duration<double>(parts.clock.wall() - *blocked).count()) : 0);
  }
  for (const auto status : statuses)
    metrics.gauge("globogym_enrollments", "Enrollments by status", {{"status", std::string(domain::name(status))}})
        .set(static_cast<double>(total(*tallies, domain::tally::of(status))));
  metrics.gauge("globogym_members", "Members stored").set(static_cast<double>(total(*tallies, domain::tally::members)));
  metrics.gauge("globogym_mails_recorded", "Letters recorded as handed over")
      .set(static_cast<double>(total(*tallies, domain::tally::mails_sent)));

  const engine::Health health = parts.engine.health();
  metrics.gauge("globogym_engine_below_reserve", "1 while the disk reserve is reached and sign-ups are refused")
      .set(health.below_reserve ? 1 : 0);
  const audit::Condition audit = parts.trail ? parts.trail->condition() : audit::Condition();
  metrics.gauge("globogym_audit_unwritable", "1 while no audit line can be written: nothing is changed, nobody shown")
      .set(audit.problem.empty() ? 0 : 1);
  metrics.gauge("globogym_audit_damaged", "1 when the audit trail was found not to be as it was written")
      .set(audit.damage.empty() ? 0 : 1);
  metrics.gauge("globogym_build_info", "The version that is running", {{"version", GLOBOGYM_VERSION}}).set(1);
  std::string text = metrics.text();
  if (parts.analytics) text += usage_series(*parts.analytics);
  co_return text;
}

std::unique_ptr<http::Feed> live_feed(const Parts& parts, Duration every) {
  return std::make_unique<LiveFeed>(parts, every);
}

}  // namespace globogym::console
