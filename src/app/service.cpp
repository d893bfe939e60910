#include "app/service.h"

#include <thread>

#include "app/checkup.h"
#include "app/front_door.h"
#include "app/indexing.h"
#include "app/installation.h"
#include "app/listener_tls.h"
#include "app/usage_clock.h"
#include "app/workshop.h"
#include "async/loop.h"
#include "console/console.h"
#include "console/operators.h"
#include "fetch/client.h"
#include "gateway/analytics.h"
#include "gateway/gateway.h"
#include "http/server.h"
#include "identity/tokens.h"
#include "telemetry/log.h"

namespace globogym::app {
namespace {

std::vector<std::string> urls_of(const http::Server& server, bool tls) {
  std::vector<std::string> urls;
  for (const auto& address : server.addresses()) urls.push_back((tls ? "https://" : "http://") + address);
  return urls;
}

std::string without_port(std::string_view address) {
  return std::string(address.substr(0, address.rfind(':')));
}

class RunningService final : public Service {
 public:
  explicit RunningService(const LoadedConfig& config) : loaded_(config), config_(config.values) {}

  Result<void> start() {
    auto installation = Installation::open(config_);
    if (!installation) return std::unexpected(installation.error());
    installation_ = std::move(*installation);
    auto& metrics = installation_->metrics();

    if (config_.service.role != Role::gateway) {
      auto workshop = Workshop::open(config_, *installation_);
      if (!workshop) return std::unexpected(workshop.error());
      workshop_ = std::move(*workshop);
    }
    indexing_ = Indexing::begin(installation_->engine());
    if (auto tls = open_tls(metrics); !tls) return tls;
    if (config_.service.role != Role::worker) {
      analytics_ = std::make_unique<gateway::Analytics>(installation_->clock());
      usage_clock_ = std::make_unique<UsageClock>(*analytics_, installation_->keys(), installation_->engine());
    }
    if (auto consoles = start_consoles(metrics); !consoles) return consoles;
    if (config_.service.role == Role::worker) return {};
    if (auto tokens = open_tokens(metrics); !tokens) return tokens;

    limits_ = std::make_unique<gateway::Limits>(limit_options(config_), installation_->random(), metrics);
    gateway_ = std::make_unique<gateway::Gateway>(gateway::Parts{.engine = installation_->engine(),
                                                                 .keys = installation_->keys(),
                                                                 .catalogue = installation_->catalogue(),
                                                                 .pseudonyms = installation_->pseudonyms(),
                                                                 .clock = installation_->clock(),
                                                                 .random = installation_->random(),
                                                                 .metrics = metrics,
                                                                 .tokens = tokens_.get(),
                                                                 .analytics = analytics_.get(),
                                                                 .limits = limits_.get(),
                                                                 .quotas = &installation_->quotas(),
                                                                 .trail = &installation_->trail(),
                                                                 .trusted_proxies = trusted_proxies(config_),
                                                                 .allowed_origins = config_.gateway.allowed_origins,
                                                                 .proof_bits = config_.signup.proof_bits,
                                                                 .issuer = config_.auth.issuer,
                                                                 .terms_url = config_.signup.terms_url,
                                                                 .privacy_url = config_.signup.privacy_url});
    auto listener = public_listener(config_, installation_->clock(), installation_->random());
    listener.threads = gateway_threads();
    listener.tls = public_tls_;
    auto server = http::serve(std::move(listener), *gateway_, metrics);
    if (!server) return std::unexpected(named(server.error(), "--listen"));
    public_ = std::move(*server);
    return {};
  }

  ~RunningService() override { stop(); }

  std::vector<std::string> urls() const override {
    return public_ ? urls_of(*public_, public_tls_ != nullptr) : std::vector<std::string>();
  }

  std::vector<std::string> admin_urls() const override { return urls_of(*admin_, admin_tls_ != nullptr); }

  bool reload() override {
    for (const auto& tls : {public_tls_, admin_tls_})
      if (tls) (void)tls->reload();  // it has said itself what went wrong
    return public_tls_ || admin_tls_;
  }

  void stop() override {
    if (!installation_) return;
    const Duration time = config_.service.shutdown_time;
    // The functions wind down while the last requests are answered: what those accept is kept for the next start.
    installation_->engine().close_receivers();
    if (tokens_) tokens_->close();  // no request waits for the issuer any more
    if (workshop_) workshop_->begin_stop();
    if (public_) public_->stop(time / 2);
    if (workshop_) workshop_->wait_until_stopped();
    if (admin_) admin_->stop(std::chrono::milliseconds(200));
    if (control_) control_->stop(std::chrono::milliseconds(500));
    public_.reset();
    admin_.reset();
    control_.reset();
    checkup_.reset();
    public_tls_.reset();  // they write to the installation's metrics
    admin_tls_.reset();
    gateway_.reset();
    limits_.reset();
    write_down_quotas();
    tokens_.reset();
    console_.reset();
    operators_.reset();
    trusted_console_.reset();
    usage_clock_.reset();
    analytics_.reset();
    workshop_.reset();
    indexing_.reset();
    installation_.reset();
  }

 private:
  // Nobody asks any more. A stop that cannot write only wastes what was reserved.
  void write_down_quotas() {
    async::AsioLoop loop;
    const auto written = async::run_until_done(loop, installation_->quotas().close());
    if (!written) log::warning("quotas-not-written", {{"error", written.error().message}});
    // Of no great worth: it says nothing when it cannot be.
    (void)async::run_until_done(loop, installation_->keys().write_down_use(true));
  }

  Result<void> open_tls(telemetry::Metrics& metrics) {
    if (config_.service.role != Role::worker) {
      auto tls = public_listener_tls(config_, metrics);
      if (!tls) return std::unexpected(tls.error());
      public_tls_ = std::move(*tls);
    }
    auto tls = admin_listener_tls(config_, metrics);
    if (!tls) return std::unexpected(tls.error());
    admin_tls_ = std::move(*tls);
    return {};
  }

  Result<void> start_consoles(telemetry::Metrics& metrics) {
    console::Parts parts = installation_->console_parts();
    // A process that only takes sign-ups works on no queue.
    parts.queue_state = [this](std::string_view queue) {
      return workshop_ ? workshop_->state(queue) : functions::QueueState{.state = functions::QueueState::State::paused};
    };
    if (workshop_) {
      parts.pause_queue = [this](std::string_view queue, bool pause) { return workshop_->pause(queue, pause); };
      parts.ask_for = [this](std::string_view queue, std::string id) { workshop_->ask_for(queue, std::move(id)); };
    }
    parts.analytics = analytics_.get();
    checkup_ = std::make_unique<Checkup>(loaded_, installation_->engine(), installation_->clock(),
                                         Checkup::Facts{.queue_state = parts.queue_state,
                                                        .public_tls = public_tls_,
                                                        .admin_tls = admin_tls_,
                                                        .tokens = [this] { return tokens_.get(); },
                                                        .trail = &installation_->trail()});
    parts.checkup = [this] { return checkup_->look(); };
    parts.configuration = [this] { return checkup_->configuration(); };
    std::vector<std::string> hosts = config_.admin.hosts;
    for (const auto& address : config_.admin.listen) hosts.push_back(without_port(address));
    const bool asks_everybody = admin_listener_asks_for_credentials(config_);
    operators_ =
        std::make_unique<console::Operators>(installation_->keys(), installation_->clock(), installation_->random(),
                                             metrics, console::Operators::Options{.tls = admin_tls_ != nullptr});
    if (asks_everybody && !operators_->any())
      log::warning("no-operator", {{"detail",
                                    "the operations listener asks for a key with the scope ops:read or "
                                    "ops:write, and there is none: globogym keys create"}});
    console_ = std::make_unique<console::Console>(
        parts, console::Options{.hosts = hosts, .operators = operators_.get(), .asks_everybody = asks_everybody});
    trusted_console_ = std::make_unique<console::Console>(parts, console::Options{.trusted = true});

    auto listener = admin_listener(config_, installation_->clock(), installation_->random());
    listener.tls = admin_tls_;
    auto admin = http::serve(std::move(listener), *console_, metrics);
    if (!admin) return std::unexpected(named(admin.error(), "--admin"));
    admin_ = std::move(*admin);

    // The engine's lock is ours, so a socket left here by a process that was killed is nobody's.
    const std::string socket = control_socket(config_.service.data);
    ::unlink(socket.c_str());
    auto control = http::serve(
        {.unix_path = socket, .name = "control", .threads = 1, .max_body = 256 * 1024, .max_connections = 64},
        *trusted_console_, metrics);
    if (!control) return std::unexpected(control.error());
    control_ = std::move(*control);
    return {};
  }

  // Starts fetching the issuer's keys, when there is one. Nobody waits for them but requests with a token.
  Result<void> open_tokens(telemetry::Metrics& metrics) {
    const auto& auth = config_.auth;
    if (auth.issuer.empty()) return {};
    for (const auto& [name, url] : {std::pair("auth.issuer", auth.issuer), std::pair("auth.jwks_url", auth.jwks_url)})
      if (auto problem = url.empty() ? std::nullopt : fetch::url_problem(url))
        return fail(Fault::invalid, std::string(name) + " " + *problem);
    auto client = fetch::open({.ca_file = auth.ca_file});
    if (!client) return fail(client.error().fault, "tokens cannot be checked: " + client.error().message);
    tokens_ = identity::open({.issuer = auth.issuer, .audience = auth.audience, .jwks_url = auth.jwks_url},
                             std::move(*client), installation_->clock(), installation_->random(), metrics);
    return {};
  }

  unsigned gateway_threads() const {
    if (config_.gateway.threads != 0) return config_.gateway.threads;
    return std::max(1u, std::thread::hardware_concurrency());
  }

  static Error named(Error error, std::string_view flag) {
    error.message += "; choose another address with " + std::string(flag);
    return error;
  }

  const LoadedConfig& loaded_;
  const Config& config_;
  std::unique_ptr<Checkup> checkup_;
  std::unique_ptr<Installation> installation_;
  std::unique_ptr<Workshop> workshop_;
  std::unique_ptr<Indexing> indexing_;
  std::unique_ptr<gateway::Analytics> analytics_;
  std::unique_ptr<UsageClock> usage_clock_;
  std::unique_ptr<console::Operators> operators_;
  std::unique_ptr<console::Console> console_;
  std::unique_ptr<console::Console> trusted_console_;
  std::unique_ptr<identity::Tokens> tokens_;
  std::unique_ptr<gateway::Limits> limits_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::shared_ptr<http::Tls> public_tls_;
  std::shared_ptr<http::Tls> admin_tls_;
  std::unique_ptr<http::Server> admin_;
  std::unique_ptr<http::Server> control_;
  std::unique_ptr<http::Server> public_;
};

}  // namespace

Result<std::unique_ptr<Service>> Service::start(const LoadedConfig& config) {
  auto service = std::make_unique<RunningService>(config);
  if (auto started = service->start(); !started) return std::unexpected(started.error());
  return service;
}

}  // namespace globogym::app
