#include "identity/key_ring.h"

#include <algorithm>

#include "base/json_reader.h"
#include "telemetry/log.h"

namespace globogym::identity {

using namespace std::chrono_literals;

namespace {

constexpr auto age_shown_every = 5s;

Task<Result<std::string>> get(const Options& options, fetch::Client& client, std::string url, std::string what) {
  fetch::Request request{.url = std::move(url),
                         .headers = {{"Accept", "application/json"}},
                         .time_limit = options.fetch_time,
                         .connect_time = options.fetch_time,
                         .max_reply = KeySet::longest};
  auto reply = co_await client.send(std::move(request));
  if (!reply)
    co_return fail(reply.error().fault == Fault::cancelled ? Fault::cancelled : Fault::unavailable,
                   what + ": " + reply.error().message);
  if (reply->status != 200)
    co_return fail(Fault::unavailable, what + ": it answers " + std::to_string(reply->status) + " instead of 200");
  co_return std::move(reply->body);
}

// OpenID Connect Discovery 1.0, section 4.
Task<Result<std::string>> discover(const Options& options, fetch::Client& client) {
  std::string url = options.issuer;
  while (url.ends_with('/')) url.pop_back();
  url += "/.well-known/openid-configuration";
  auto body = co_await get(options, client, std::move(url), "discovery at the issuer");
  if (!body) co_return std::unexpected(body.error());
  const auto document = JsonDocument::parse(*body);
  if (!document || document->root().type() != JsonValue::Type::object)
    co_return fail(Fault::unavailable, "discovery at the issuer: what it answers is no JSON object");
  if (document->root().text("issuer") != options.issuer)
    co_return fail(Fault::unavailable,
                   "discovery at the issuer: it calls itself something else; set auth.issuer to exactly the \"issuer\" "
                   "in its openid-configuration");
  std::string found = document->root().text("jwks_uri");
  if (found.empty()) co_return fail(Fault::unavailable, "discovery at the issuer: it names no jwks_uri");
  co_return found;
}

}  // namespace

Task<Result<std::shared_ptr<const KeySet>>> fetch_keys(const Options& options, std::string& jwks_url,
                                                       fetch::Client& client, std::shared_ptr<const KeySet> before) {
  if (jwks_url.empty()) {
    auto found = co_await discover(options, client);
    if (!found) co_return std::unexpected(found.error());
    jwks_url = std::move(*found);
  }
  auto body = co_await get(options, client, jwks_url, "the issuer's keys");
  if (!body) co_return std::unexpected(body.error());
  auto keys = KeySet::read(*body, before.get());
  if (!keys) co_return fail(Fault::unavailable, "the issuer's keys: " + keys.error().message);
  co_return std::move(*keys);
}

KeyRing::KeyRing(Options options, async::Loop& loop, fetch::Client& client, const Clock& clock, Random& random,
                 telemetry::Metrics& metrics)
    : options_(std::move(options)),
      loop_(loop),
      client_(client),
      clock_(clock),
      random_(random),
      metrics_(metrics),
      jwks_url_(options_.jwks_url) {}

KeyRing::~KeyRing() {
  ASSERT(waiters_.empty());
}

KeyRing::Held KeyRing::held() const {
  const std::lock_guard lock(mutex_);
  return {.keys = keys_, .attempts = attempts_, .stale = !last_error_.empty()};
}

State KeyRing::state() const {
  const std::lock_guard lock(mutex_);
  State state{.keys = keys_ ? keys_->size() : 0, .last_error = last_error_};
  if (fetched_) state.age = clock_.steady() - *fetched_;
  return state;
}

struct KeyRing::Waiting {
  KeyRing& ring;
  const std::uint64_t attempts;
  bool fetched = true;

  bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<> caller) {
    const std::lock_guard lock(ring.mutex_);
    if (ring.closed_) {
      fetched = false;
      return false;
    }
    if (ring.attempts_ != attempts) return false;  // one has ended since the caller looked
    if (!ring.fetching_ && !ring.asked_) {
      const SteadyTime now = ring.clock_.steady();
      if (ring.last_asked_ && now < *ring.last_asked_ + ring.options_.unknown_key_pause) {
        fetched = false;
        return false;
      }
      ring.last_asked_ = now;
      ring.asked_ = true;
      ring.loop_.post([&ring = ring] { ring.nap_.request_stop(); });
    }
    ring.waiters_.push_back({async::Loop::current(), caller});
    return true;
  }
  bool await_resume() {
    if (!fetched) return false;
    const std::lock_guard lock(ring.mutex_);
    return !ring.closed_;
  }
};

Task<bool> KeyRing::fetched_again(std::uint64_t attempts) {
  Waiting waiting{*this, attempts};
  const bool fetched = co_await waiting;
  co_return fetched;
}

Task<void> KeyRing::keep_fresh() {
  async::Scope scope;
  scope.start(keep_age_shown());
  for (;;) {
    co_await attempt();
    Duration pause = pause_before_next();
    {
      const std::lock_guard lock(mutex_);
      if (closed_) break;
      if (asked_) pause = 0s;  // while the last one ended
      nap_ = std::stop_source();
    }
    if (pause > 0s) co_await async::sleep_for(pause, nap_.get_token());
    const std::lock_guard lock(mutex_);
    if (closed_) break;
  }
  ended_.request_stop();
  co_await scope.join();
}

Task<void> KeyRing::attempt() {
  bool everything;
  std::shared_ptr<const KeySet> before;
  {
    const std::lock_guard lock(mutex_);
    fetching_ = true;
    // A token waits for this one: the shorter way, when it is known. The regular ones ask discovery again.
    everything = !asked_;
    asked_ = false;
    before = keys_;
  }
  if (everything || failures_ > 0) jwks_url_ = options_.jwks_url;
  auto fetched = co_await fetch_keys(options_, jwks_url_, client_, before);
  failures_ = fetched ? 0 : failures_ + 1;

  if (fetched && before) before->withdraw_what_is_not_in(**fetched);
  report(fetched, before != nullptr);

  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    if (fetched) {
      keys_ = std::move(*fetched);
      fetched_ = clock_.steady();
      last_error_.clear();
    } else {
      last_error_ = fetched.error().message;
    }
    ++attempts_;
    fetching_ = false;
    waiters.swap(waiters_);
  }
  for (const Waiter& waiter : waiters) waiter.loop->post([caller = waiter.caller] { caller.resume(); });
  if (on_withdrawal_) on_withdrawal_();
  show_age();
}

void KeyRing::report(const Result<std::shared_ptr<const KeySet>>& fetched, bool had_keys) {
  if (!fetched && fetched.error().fault == Fault::cancelled) return;  // we are shutting down
  if (!fetched)
    log::warning("identity-keys-not-fetched",
                 {{"error", fetched.error().message},
                  {"consequence", had_keys ? "the last good keys are used on" : "no bearer token can be checked"}});
  metrics_
      .counter("globogym_identity_refetches_total", "Attempts to fetch the token issuer's keys",
               {{"result", fetched ? "ok" : "failed"}})
      .add();
}

Duration KeyRing::pause_before_next() {
  const double jitter = 0.8 + 0.4 * random_.unit();
  Duration pause = options_.refresh;
  if (failures_ > 0) {
    const bool none = held().keys == nullptr;
    const Duration first = none ? Duration(1s) : Duration(15s);
    const Duration longest = none ? Duration(30s) : Duration(5min);
    pause = std::min<Duration>({first * (1 << std::min(failures_ - 1, 10u)), longest, options_.refresh});
  }
  return Duration(static_cast<Duration::rep>(static_cast<double>(pause.count()) * jitter));
}

Task<void> KeyRing::keep_age_shown() {
  for (;;) {
    const bool slept = co_await async::sleep_for(age_shown_every, ended_.get_token());
    if (!slept) co_return;
    show_age();
  }
}

void KeyRing::show_age() {
  const State now = state();
  if (!now.age) return;
  metrics_.gauge("globogym_identity_keys_age_seconds", "Since the token issuer's keys were last fetched")
      .set(std::chrono::duration<double>(*now.age).count());
  metrics_.gauge("globogym_identity_keys", "Keys of the token issuer that can be used")
      .set(static_cast<double>(now.keys));
}

void KeyRing::close() {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    waiters.swap(waiters_);
  }
  for (const Waiter& waiter : waiters) waiter.loop->post([caller = waiter.caller] { caller.resume(); });
  client_.close();
  loop_.post([this] { nap_.request_stop(); });
}

}  // namespace globogym::identity
