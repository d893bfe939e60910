#include "simulation/flow.h"

#include <algorithm>

namespace globogym::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration longest_back_off = 5min;

}  // namespace

void Flow::lost_its_connection(const std::string& message_id) {
  if (const auto found = waiting_.find(message_id); found != waiting_.end()) ++found->second.back_offs;
}

void Flow::taken(const std::string& message_id) {
  const auto waiting = waiting_.extract(message_id);
  if (waiting.empty()) return;
  const SteadyTime since = std::max(waiting.mapped().since, calm_since_);
  const Duration allowed = bound_ + waiting.mapped().back_offs * longest_back_off;
  if (clock_.steady() - since > allowed)
    story_.broken("a good letter waited " + std::to_string((clock_.steady() - since) / 1s) +
                  " s while only others were in trouble: " + message_id);
}

void Flow::disturbed(SteadyTime until) {
  // What was met by it may have to wait for its back-off still.
  calm_since_ = std::max(calm_since_, until + longest_back_off + 1min);
}

}  // namespace globogym::simulation
