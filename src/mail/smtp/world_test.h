// For tests: a mailer, its server in memory, and the outcomes of what is sent, on a virtual clock.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "async/sim_loop.h"
#include "mail/smtp/fake_server.h"
#include "mail/smtp/mailer.h"

namespace globogym::mail::smtp::fake {

using namespace std::chrono_literals;

inline Letter letter_to(std::string recipient, std::string body = "Hello\r\n") {
  return {.from = "welcome@globogym.example",
          .recipient = Personal<std::string>(std::move(recipient)),
          .message_id = "1@globogym.example",
          .content = "Subject: Hi\r\n\r\n" + body};
}

inline Options options(std::size_t most_connections = 1) {
  Options out;
  out.url = {.host = "mail.example", .port = 25, .tls = Tls::off, .user = {}, .password = {}};
  out.most_connections = most_connections;
  out.client_name = "client.example";
  return out;
}

// A mailer, its server, and the outcomes of what is sent, on a virtual clock.
class World {
 public:
  explicit World(Manners manners = {}, Options with = options())
      : server(std::move(manners)), mailer(smtp::open(std::move(with), server, metrics)) {}
  ~World() { close(); }

  void close() {
    if (!mailer) return;
    auto closing = mailer->close();
    loop.run(std::move(closing));
    mailer.reset();
    EXPECT_EQ(server.open, 0u);
  }
  std::size_t start(Letter letter) {
    outcomes.emplace_back();
    loop.post([this, at = outcomes.size() - 1, one = std::move(letter)]() mutable {
      scope.start(keep(*mailer, std::move(one), stops[at].get_token(), outcomes[at]));
    });
    return outcomes.size() - 1;
  }
  std::size_t done() const {
    return static_cast<std::size_t>(std::ranges::count_if(outcomes, [](auto& one) { return one.has_value(); }));
  }
  void finish() {
    loop.run_until([this] { return std::ranges::all_of(outcomes, [](auto& one) { return one.has_value(); }); }, 1h);
  }
  // Of every letter: how it failed; nothing when it was sent; not_found when that is not known yet.
  std::vector<std::optional<Fault>> faults() const {
    std::vector<std::optional<Fault>> out;
    for (const auto& outcome : outcomes)
      out.push_back(!outcome               ? std::optional(Fault::not_found)
                    : outcome->has_value() ? std::nullopt
                                           : std::optional(outcome->error().fault));
    return out;
  }
  std::optional<Fault> send(Letter letter) {
    const auto at = start(std::move(letter));
    finish();
    return faults().at(at);
  }
  // Of the last letter's failure; empty when it was sent.
  std::string words() const {
    if (outcomes.empty() || !outcomes.back()) return "not sent yet";
    return outcomes.back()->has_value() ? std::string() : outcomes.back()->error().message;
  }

  static Task<void> keep(mail::Mailer& mailer, Letter letter, std::stop_token stop,
                         std::optional<Result<Receipt>>& into) {
    auto outcome = co_await mailer.send(std::move(letter), stop);
    into.emplace(std::move(outcome));
  }

  async::SimLoop loop;
  telemetry::Metrics metrics;
  Server server;
  std::unique_ptr<mail::Mailer> mailer;
  async::Scope scope;
  std::deque<std::optional<Result<Receipt>>> outcomes;
  std::map<std::size_t, std::stop_source> stops;
};

inline Manners answering(std::string command, std::string answer) {
  Manners manners;
  manners.answers = [=](const std::string& line) -> std::optional<std::string> {
    return line.starts_with(command) ? std::optional(answer) : std::nullopt;
  };
  return manners;
}
inline Manners without_pipelining(Manners manners = {}) {
  manners.abilities = {"SIZE 100000", "8BITMIME", "SMTPUTF8"};
  return manners;
}

constexpr auto sent = std::optional<Fault>();

}  // namespace globogym::mail::smtp::fake
