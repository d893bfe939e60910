#include "simulation/process.h"

#include "console/dead_letters.h"
#include "domain/records.h"
#include "functions/enrollment/process_enrollment.h"
#include "functions/enrollment/welcome_mail.h"

namespace globogym::simulation {
namespace {

std::unique_ptr<engine::memory::Engine> open(const Ground& ground) {
  std::unique_ptr<engine::memory::Engine> engine;
  ground.loop.post([&] {
    engine = std::make_unique<engine::memory::Engine>(
        ground.disk,
        engine::memory::Options{.sync_time = ground.scenario.sync_time, .window_bytes = ground.scenario.window_bytes});
  });
  ground.loop.settle();
  return engine;
}

}  // namespace

Process::Process(Ground ground, std::shared_ptr<Life> life)
    : loop_(ground.loop),
      life_(std::move(life)),
      random_(ground.seed),
      memory_(open(ground)),
      observed_(*memory_, ground.disk, ground.observer, life_),
      pseudonyms_(ground.pseudonyms),
      keys_(observed_, loop_.clock(), random_),
      mailer_(carrier(ground.office, life_)) {
  // The disk may not serve yet.
  while (!loop_.run(keys_.load())) loop_.advance(std::chrono::milliseconds(500));
  keys_.add_page_key(ground.pseudonyms);
  gateway_.emplace(gateway::Parts{.engine = observed_,
                                  .keys = keys_,
                                  .catalogue = ground.catalogue,
                                  .pseudonyms = ground.pseudonyms,
                                  .clock = loop_.clock(),
                                  .random = random_,
                                  .metrics = metrics_});
  functions::HostOptions options;
  if (!ground.pauses_grow) options.breaker.max_open_for = options.breaker.open_for;
  host_.emplace(observed_, loop_.clock(), random_, metrics_, options);
  auto from = mail::Mailbox::parse_named("GloboGym <welcome@globogym.example>");
  ASSERT(from.has_value());
  host_->add(std::make_unique<functions::enrollment::ProcessEnrollment>(
      observed_, loop_.clock(), ground.catalogue, ground.pseudonyms, std::move(*from), ground.scenario.attempts));
  host_->add(std::make_unique<functions::enrollment::WelcomeMail>(
      observed_, loop_.clock(), *mailer_,
      functions::enrollment::WelcomeMailOptions{.max_attempts = ground.scenario.letter_attempts,
                                                .deferrals = ground.scenario.deferrals,
                                                .give_up_after = ground.scenario.give_up_after}));
  life_->breaker_open = [this] { return host_->queue_state(domain::queue::welcome_mail) == "circuit-open"; };
  loop_.post([this] { host_->start(); });
  loop_.settle();
}

Process::~Process() {
  if (!ended_) die();
}

void Process::die() {
  life_->crashed = true;
  loop_.post([this] {
    memory_->die();
    life_->death.request_stop();
  });
  wind_down();
}

void Process::stop() {
  loop_.post([this] { memory_->close_receivers(); });
  wind_down();
}

void Process::wind_down() {
  loop_.run(host_->stop());
  life_->breaker_open = nullptr;
  ASSERT(loop_.run_until([this] { return requests_ == 0; }, std::chrono::hours(1)));
  loop_.run(observed_.wind_down());
  ended_ = true;
}

async::Task<http::Response> Process::handle(const http::Request& request) {
  ++requests_;
  auto response = co_await gateway_->handle(request);
  --requests_;
  co_return response;
}

std::string Process::create_key() {
  auto created = loop_.run(keys_.create(
      {.name = "clients", .scopes = {"enrollments:write", "enrollments:read"}, .rate = {}, .expires_in = {}}));
  ASSERT(created.has_value());
  return created->text;
}

async::Task<Result<std::string>> Process::replay_dead_letters() {
  ++requests_;
  const console::Parts parts{.engine = observed_,
                             .keys = keys_,
                             .metrics = metrics_,
                             .clock = loop_.clock(),
                             .pseudonyms = pseudonyms_,
                             .functions = host_->functions(),
                             .queue_state = {}};
  audit::Deed deed;
  auto done = co_await console::act_on_dead_letters(parts, console::Verb::replay, {}, {}, "simulation", deed);
  --requests_;
  co_return done;
}

void Process::pause(bool paused) {
  paused ? host_->pause(domain::queue::welcome_mail) : host_->resume(domain::queue::welcome_mail);
}

}  // namespace globogym::simulation
