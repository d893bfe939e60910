#include "gateway/answers/progress_feed.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "async/loop.h"

namespace globogym::gateway {
namespace {

using namespace std::chrono_literals;

// A promotion's crowd watches for a second or two each; whoever finds no room asks now and then instead.
constexpr int most_feeds = 5000;
constexpr Duration first_pause = 100ms;
constexpr Duration longest_pause = 2s;
constexpr Duration longest_silence = 15s;  // below the idle time-outs of common proxies
constexpr Duration longest_stream = 10min;

class ProgressFeed final : public http::Feed {
 public:
  ProgressFeed(engine::Engine& engine, std::string id, Sight sight, const Clock& clock, std::atomic<int>& open,
               std::function<bool()> still_may)
      : engine_(engine),
        id_(std::move(id)),
        sight_(sight),
        clock_(clock),
        open_(open),
        still_may_(std::move(still_may)) {}
  ~ProgressFeed() override { --open_; }

  http::Task<std::optional<std::string>> next(std::stop_token stop) override {
    if (ended_) co_return std::nullopt;
    Duration waited = 0s;
    while (!stop.stop_requested() && watched_ < longest_stream) {
      auto view = co_await view_for(engine_, id_, sight_, clock_);
      if (!view || !*view) co_return std::nullopt;  // erased, or not to be read now: the client will ask why
      if (!still_may_()) co_return std::nullopt;
      std::string json = to_json(**view);
      if (json != told_) {
        told_ = std::move(json);
        pause_ = first_pause;
        ended_ = has_ended((*view)->enrollment.status);
        co_return "data: " + told_ + "\n\n";
      }
      if (waited >= longest_silence) co_return std::string(": still there\n\n");
      const bool slept = co_await async::sleep_for(pause_, stop);
      if (!slept) break;
      waited += pause_;
      watched_ += pause_;
      pause_ = std::min(pause_ * 3 / 2, longest_pause);
    }
    co_return std::nullopt;
  }

 private:
  engine::Engine& engine_;
  const std::string id_;
  const Sight sight_;
  const Clock& clock_;
  std::atomic<int>& open_;
  const std::function<bool()> still_may_;
  std::string told_;
  Duration pause_ = first_pause;
  Duration watched_{};
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<http::Feed> progress_feed(engine::Engine& engine, std::string enrollment_id, Sight sight,
                                          const Clock& clock, std::atomic<int>& open, std::function<bool()> still_may) {
  if (open.fetch_add(1) >= most_feeds) {
    --open;
    return nullptr;
  }
  return std::make_unique<ProgressFeed>(engine, std::move(enrollment_id), sight, clock, open, std::move(still_may));
}

}  // namespace globogym::gateway
