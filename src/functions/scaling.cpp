#include "functions/scaling.h"

#include <algorithm>

#include "base/assert.h"

namespace globogym::functions {
namespace {

// Answers this much later than twice the quickest are not slow: the difference may be our own loop's.
constexpr Duration slack = std::chrono::milliseconds(10);

}  // namespace

Concurrency::Concurrency(std::size_t few, std::size_t maximum)
    : maximum_(std::max<std::size_t>(1, maximum)), few_(std::clamp<std::size_t>(few, 1, maximum_)), limit_(few_) {}

void Concurrency::answered(Duration latency) {
  waited_ += std::max(latency, Duration{1});
  if (++answers_ >= std::max<std::size_t>(8, limit_)) end_window();
}

void Concurrency::end_window() {
  const Duration mean = waited_ / static_cast<Duration::rep>(answers_);
  latency_ = mean;
  // With few at a time nothing waits for our own others: that is what an answer takes. With many it is forgotten only
  // slowly, or it would follow the very delay it is to reveal.
  if (undisturbed_ == Duration{0} || mean < undisturbed_)
    undisturbed_ = mean;
  else
    undisturbed_ += (mean - undisturbed_) / (limit_ <= few_ ? 2 : 1024);

  if (mean > undisturbed_ * 2 + slack) {
    slow_start_ = false;
    limit_ = std::max(few_, limit_ - limit_ / 4);
  } else if (wanted_more_) {
    limit_ = std::min(maximum_, slow_start_ ? limit_ * 2 : limit_ + std::max<std::size_t>(1, limit_ / 8));
  }
  wanted_more_ = false;
  answers_ = 0;
  waited_ = Duration{0};
  ASSERT(limit_ >= few_ && limit_ <= maximum_);
}

}  // namespace globogym::functions
