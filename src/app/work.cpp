#include "app/work.h"

#include <algorithm>

#include "app/installation.h"
#include "app/letters.h"
#include "async/stream.h"
#include "functions/enrollment/process_enrollment.h"
#include "functions/enrollment/welcome_mail.h"
#include "mail/outbox/mailer.h"
#include "mail/smtp/mailer.h"
#include "mail/url.h"

namespace globogym::app {
namespace {

// An SMTP mailer together with what it connects through.
class ConnectedMailer final : public mail::Mailer {
 public:
  ConnectedMailer(mail::smtp::Options options, const std::string& ca_file, telemetry::Metrics& metrics)
      : connector_(async::tcp_connector({.ca_file = ca_file})),
        mailer_(mail::smtp::open(std::move(options), *connector_, metrics)) {}

  async::Task<Result<mail::Receipt>> send(mail::Letter letter, std::stop_token stop) override {
    return mailer_->send(std::move(letter), std::move(stop));
  }
  std::size_t most_at_once() const override { return mailer_->most_at_once(); }
  Duration longest_send() const override { return mailer_->longest_send(); }
  void leave_soon() override { mailer_->leave_soon(); }
  async::Task<void> close() override { return mailer_->close(); }

 private:
  std::unique_ptr<async::Connector> connector_;
  std::unique_ptr<mail::Mailer> mailer_;
};

class NoMailer final : public mail::Mailer {
 public:
  async::Task<Result<mail::Receipt>> send(mail::Letter, std::stop_token) override {
    co_return fail(Fault::unavailable, "letters are sent by the functions host only");
  }
  std::size_t most_at_once() const override { return 1; }
  Duration longest_send() const override { return std::chrono::seconds(1); }
};

NoMailer& no_mailer() {
  static NoMailer none;
  return none;
}

}  // namespace

Result<std::unique_ptr<mail::Mailer>> open_mailer(const Config& config, telemetry::Metrics& metrics) {
  auto url = mail::parse_mail_url(config.mail.url);
  if (!url) return std::unexpected(url.error());
  if (const auto* outbox = std::get_if<mail::OutboxUrl>(&*url))
    return mail::outbox::open(
        {.directory = outbox->directory.empty() ? outbox_directory(config.service.data) : outbox->directory}, metrics);

  mail::smtp::Options options{.url = std::get<mail::SmtpUrl>(*url), .most_connections = config.mail.connections};
  options.limits.connect = config.mail.connect_time;
  options.limits.greeting = options.limits.command = config.mail.reply_time;
  options.limits.accepted = config.mail.accept_time;
  options.limits.content = std::min(options.limits.content, config.mail.accept_time);
  options.client_name = config.mail.hello_name;
  // After the host's grace, and within the time a stop has.
  options.stop_grace = config.service.shutdown_time / 8;
  return std::make_unique<ConnectedMailer>(std::move(options), config.mail.ca_file, metrics);
}

Result<std::vector<std::unique_ptr<functions::Function>>> working_functions(const Config& config,
                                                                            Installation& installation,
                                                                            mail::Mailer& mailer) {
  auto writer = letter_writer(config);
  if (!writer) return std::unexpected(std::move(writer.error()));
  const std::size_t concurrency = config.functions.max_concurrency;
  std::vector<std::unique_ptr<functions::Function>> out;
  out.push_back(std::make_unique<functions::enrollment::ProcessEnrollment>(
      installation.engine(), installation.clock(), installation.catalogue(), installation.pseudonyms(),
      std::move(*writer), 8, concurrency));
  out.push_back(std::make_unique<functions::enrollment::WelcomeMail>(
      installation.engine(), installation.clock(), mailer,
      functions::enrollment::WelcomeMailOptions{.max_attempts = static_cast<int>(config.mail.max_attempts),
                                                .max_concurrency = concurrency,
                                                .deferrals = deferrals(config),
                                                .give_up_after = config.mail.give_up_after}));
  return out;
}

functions::Backoff deferrals(const Config& config) {
  constexpr Duration longest = std::chrono::hours(1);
  const Duration first = config.mail.deferral_delay;
  if (config.retry.max_delay < first)
    return {.first_delay = config.retry.max_delay, .max_delay = config.retry.max_delay};
  return {.first_delay = first, .max_delay = std::max(first, longest)};
}

Result<std::vector<std::unique_ptr<functions::Function>>> repairing_functions(const Config& config,
                                                                              Installation& installation) {
  return working_functions(config, installation, no_mailer());
}

}  // namespace globogym::app
