#include "simulation/observed_engine.h"

#include <algorithm>
#include <utility>

#include "domain/records.h"

namespace globogym::simulation {
namespace {

using async::Task;

// The enrollments a commit writes, by id.
std::vector<domain::Enrollment> enrollments_in(const engine::Commit& commit) {
  std::vector<domain::Enrollment> out;
  for (const auto& put : commit.documents) {
    if (put.key.container != domain::container::enrollments) continue;
    auto enrollment = domain::enrollment_from_json(put.body);
    ASSERT(enrollment.has_value());
    out.push_back(std::move(*enrollment));
  }
  return out;
}

Custody::Settling settling_of(const engine::Settle& settle) {
  const auto* back = std::get_if<engine::GiveBack>(&settle.how);
  return {.lease = settle.lease, .gives_back = back != nullptr, .delay = back ? back->delay : Duration{0}};
}

// What a commit does to messages.
struct Moves {
  std::vector<Custody::Settling> settled;
  struct Sent {
    std::string queue, id;
    Duration delay{};
  };
  std::vector<Sent> sent;
};

Moves moves_in(const engine::Commit& commit) {
  Moves out;
  for (const auto& settle : commit.settled) out.settled.push_back(settling_of(settle));
  for (const auto& message : commit.messages) out.sent.push_back({message.queue, message.id, message.delay});
  for (const auto& revived : commit.revived) out.sent.push_back({revived.queue, revived.message_id, Duration{0}});
  return out;
}

std::string letter_of(const std::string& enrollment) {
  return enrollment + "@globogym.example";
}

// Whether the commit that failed so survives.
bool nobody_knows(const Error& error) {
  return error.fault == globogym::Fault::unavailable || error.fault == globogym::Fault::cancelled;
}

bool over(const domain::Enrollment& enrollment) {
  return enrollment.status == domain::Status::completed || enrollment.status == domain::Status::rejected;
}

}  // namespace

Task<Result<engine::Committed>> ObservedEngine::commit(engine::Commit commit) {
  const auto enrollments = enrollments_in(commit);
  const bool accepts = !enrollments.empty() && enrollments.front().status == domain::Status::accepted;
  if (accepts && observer_.acknowledge_early > 0 && --observer_.acknowledge_early == 0) {
    late_.start(commit_late(std::move(commit)));
    observer_.acknowledged.insert(enrollments.front().id);
    observer_.acknowledged_early = true;
    co_return engine::Committed{};
  }
  if (std::ranges::any_of(enrollments, [](const auto& one) { return one.status == domain::Status::completed; }))
    observer_.office.completes();
  const Moves moves = moves_in(commit);
  for (const auto& settling : moves.settled) observer_.custody.settling(settling);
  for (auto& settle : commit.settled) tamper(settle);
  const int clock_sets = observer_.custody.clock_sets();
  auto committed = co_await inner_.commit(std::move(commit));
  Result<void> outcome;
  if (!committed) outcome = std::unexpected(committed.error());
  look();
  if (committed) observer_.custody.noted(clock_sets);
  for (const auto& settling : moves.settled) observer_.custody.settled(settling, outcome);
  for (const auto& [queue, id, delay] : moves.sent) {
    if (committed) {
      observer_.custody.sent(queue, id, delay);
      if (queue == domain::queue::welcome_mail) observer_.flow.written(letter_of(id));
    } else if (nobody_knows(committed.error())) {
      observer_.custody.in_doubt(queue, id);
    }
  }
  if (!committed) {
    if (committed.error().fault == globogym::Fault::unavailable) life_->disk_trouble = true;
    for (const auto& enrollment : enrollments)
      observer_.story.tell("commit of " + enrollment.id + " as " + std::string(domain::name(enrollment.status)) +
                           " fails: " + std::string(globogym::name(committed.error().fault)));
    co_return committed;
  }
  for (const auto& enrollment : enrollments) {
    observer_.story.tell("committed " + enrollment.id + " as " + std::string(domain::name(enrollment.status)) +
                         (enrollment.reason ? ", " + *enrollment.reason : ""));
    observer_.acknowledged.insert(enrollment.id);
    if (!over(enrollment)) continue;
    if (!observer_.ended.insert(enrollment.id).second)
      observer_.story.broken("an enrollment that had ended was changed: " + enrollment.id);
    if (enrollment.status == domain::Status::completed) observer_.office.completed(letter_of(enrollment.id));
  }
  co_return committed;
}

Task<Result<std::vector<engine::Delivery>>> ObservedEngine::receive(engine::Receive receive) {
  const engine::Receive asked = receive;
  if (observer_.cuts_leases) receive.lease_for /= 1000;
  auto deliveries = co_await inner_.receive(std::move(receive));
  look();
  if (deliveries) {
    for (const auto& delivery : *deliveries) {
      observer_.story.tell(delivery.message.queue + " hands out " + delivery.message.id + ", attempt " +
                           std::to_string(delivery.attempt));
      observer_.custody.handed_out(delivery, asked.lease_for);
    }
    if (deliveries->empty() && asked.wait_for > Duration{0}) observer_.custody.nothing_there(asked.queue);
  } else if (deliveries.error().fault == globogym::Fault::unavailable) {
    life_->disk_trouble = true;
  }
  co_return deliveries;
}

Task<Result<std::optional<engine::Document>>> ObservedEngine::get(engine::DocumentKey key) {
  auto document = co_await inner_.get(std::move(key));
  if (!document && document.error().fault == globogym::Fault::unavailable) life_->disk_trouble = true;
  co_return document;
}

void ObservedEngine::look() {
  const std::size_t openings = disk_.openings();
  if (std::exchange(openings_, openings) == openings && inner_.health().can_commit) return;
  observer_.custody.opened_anew();
  observer_.flow.disturbed(observer_.clock.steady());
}

void ObservedEngine::tamper(engine::Settle& settle) const {
  auto* back = std::get_if<engine::GiveBack>(&settle.how);
  if (!back) return;
  back->delay = observer_.waits_not_at_all ? Duration{0} : back->delay + observer_.waits_longer;
}

Task<void> ObservedEngine::commit_late(engine::Commit commit) {
  co_await async::sleep_for(std::chrono::milliseconds(200));
  auto committed = co_await inner_.commit(std::move(commit));
  observer_.story.tell(committed ? "the early acknowledgement came true" : "the early acknowledgement was a lie");
}

}  // namespace globogym::simulation
