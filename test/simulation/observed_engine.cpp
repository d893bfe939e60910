#include "simulation/observed_engine.h"

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
  auto committed = co_await inner_.commit(std::move(commit));
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
    if (enrollment.status == domain::Status::completed) observer_.office.completed(enrollment.id + "@globogym.example");
  }
  co_return committed;
}

Task<Result<std::vector<engine::Delivery>>> ObservedEngine::receive(engine::Receive receive) {
  auto deliveries = co_await inner_.receive(std::move(receive));
  if (deliveries) {
    for (const auto& delivery : *deliveries)
      observer_.story.tell(delivery.message.queue + " hands out " + delivery.message.id + ", attempt " +
                           std::to_string(delivery.attempt));
  } else if (deliveries.error().fault == globogym::Fault::unavailable) {
    life_->disk_trouble = true;
  }
  co_return deliveries;
}

Task<void> ObservedEngine::commit_late(engine::Commit commit) {
  co_await async::sleep_for(std::chrono::milliseconds(200));
  auto committed = co_await inner_.commit(std::move(commit));
  observer_.story.tell(committed ? "the early acknowledgement came true" : "the early acknowledgement was a lie");
}

}  // namespace globogym::simulation
