// The console's tests' world: an enrollment service on a virtual clock, with its doors.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "async/sim_loop.h"
#include "audit/files.h"
#include "base/json_reader.h"
#include "base/result_test.h"
#include "console/console.h"
#include "console/dead_letters.h"
#include "domain/ids.h"
#include "domain/records.h"
#include "engine/memory/engine.h"
#include "functions/enrollment/process_enrollment.h"
#include "functions/enrollment/welcome_mail.h"
#include "functions/host.h"
#include "gateway/answers/people.h"

namespace globogym::console::testing {

using namespace std::chrono_literals;

using Headers = std::vector<std::pair<std::string, std::string>>;

// Refuses the recipients it is told to, for good.
class Mailbag final : public mail::Mailer {
 public:
  Task<Result<mail::Receipt>> send(mail::Letter letter, std::stop_token) override {
    if (refusing) co_return fail(Fault::refused, "550 no such mailbox");
    if (deferring) co_return fail(Fault::deferred, "451 4.7.1 later");
    if (down) co_return fail(Fault::unavailable, "421 going down");
    if (busy) co_return fail(Fault::deferred, "451 later");
    sent.push_back(letter.message_id);
    recipients.push_back(letter.recipient.reveal());
    co_return mail::Receipt{"250 taken"};
  }
  std::size_t most_at_once() const override { return 256; }
  Duration longest_send() const override { return 60s; }
  bool refusing = false;
  bool busy = false;
  bool down = false;
  bool deferring = false;
  std::vector<std::string> sent;
  std::vector<std::string> recipients;
};

class MemoryAnchor final : public audit::Anchor {
 public:
  Result<std::optional<audit::Bounds>> load() override { return kept; }
  Result<void> keep(const audit::Bounds& bounds) override {
    kept = bounds;
    return {};
  }
  std::optional<audit::Bounds> kept;
};

// An enrollment service on a virtual clock, with its consoles: the open one, the one that asks who you are, the
// trusted.
class World {
 public:
  // With a directory for it, an audit trail is kept there; otherwise who did what is in the log only.
  explicit World(bool with_host = true, const std::string& audit_directory = "") {
    on_loop([&] {
      engine.emplace(disk);
      keys.emplace(*engine, loop.clock(), random);
      host.emplace(*engine, loop.clock(), random, metrics);
      for (auto& function : functions(mailbag)) host->add(std::move(function));
      if (with_host) host->start();
    });
    hosted_ = with_host;
    EXPECT_TRUE(loop.run(keys->load()).has_value());
    repairing_ = functions(mailbag);
    Parts parts{.engine = *engine, .keys = *keys, .metrics = metrics, .clock = loop.clock(), .pseudonyms = pseudonyms};
    for (auto& function : repairing_) parts.functions.push_back(function.get());
    mending.emplace(*engine, loop.clock(), catalogue, pseudonyms,
                    mail::Writer(*mail::Mailbox::parse("welcome@globogym.example")));
    parts.mending = &*mending;
    parts.queue_state = [this](std::string_view queue) {
      for (const auto& state : host->queues())
        if (state.queue == queue) return state;
      return functions::QueueState{};
    };
    parts.pause_queue = [this](std::string_view queue, bool pause) {
      return pause ? host->pause(queue) : host->resume(queue);
    };
    parts.ask_for = [this](std::string_view queue, std::string id) { host->ask_for(queue, std::move(id)); };
    parts.analytics = &analytics;
    if (!audit_directory.empty()) {
      open_trail(audit_directory);
      parts.trail = trail.get();
    }
    operators.emplace(*keys, loop.clock(), random, metrics, Operators::Options{});
    open.emplace(parts, Options{.hosts = {"console.example"}, .operators = &*operators, .asks_everybody = false});
    guarded.emplace(parts, Options{.hosts = {"console.example"}, .operators = &*operators});
    trusted.emplace(parts, Options{.trusted = true});
  }

  ~World() {
    if (hosted_) loop.run(host->stop());
    trail.reset();
  }

  // Accepts an application for `email`, as the gateway would; its id.
  std::string enroll(const std::string& email) {
    domain::Applicant applicant;
    applicant.first_name = Personal<std::string>("Ada");
    applicant.last_name = Personal<std::string>("Lovelace");
    applicant.email = applicant.normalized_email = Personal<std::string>(email);
    applicant.date_of_birth =
        Personal(domain::Date(std::chrono::year(1990), std::chrono::month(12), std::chrono::day(10)));
    applicant.home_club_id = "london-shoreditch";
    applicant.plan = "premium-annual";
    const auto ids = domain::person_ids(pseudonyms, applicant.normalized_email);
    const auto now = loop.clock().wall();
    const std::string id = domain::new_enrollment_id(now, random, ids.partition);
    engine::Commit commit;
    commit.documents.push_back({{"enrollments", ids.partition, id},
                                domain::to_json(domain::accepted_enrollment(id, now, "key")),
                                engine::Expect::absent()});
    if (indexes) commit.documents.push_back(gateway::person_entry(id, ids.partition));
    commit.messages.push_back({.queue = "process-enrollment",
                               .id = id,
                               .body = domain::to_json(domain::ProcessEnrollment{
                                   .enrollment_id = id, .accepted_at = now, .applicant = applicant})});
    commit.tallies.push_back({"enrollments.accepted", 1});
    EXPECT_TRUE(loop.run(engine->commit(std::move(commit))).has_value());
    return id;
  }

  // Time passes until nothing is in work any more.
  void finish() { loop.advance(30s); }

  http::Response ask(std::string_view method, const std::string& target, const std::string& body = "",
                     std::vector<std::pair<std::string, std::string>> headers = {
                         {"Host", "127.0.0.1:8081"}, {"Content-Type", "application/json"}}) {
    return send(*open, method, target, body, std::move(headers));
  }
  http::Response ask_trusted(std::string_view method, const std::string& target, const std::string& body = "") {
    return send(*trusted, method, target, body, {});
  }

  // Of the guarded console, over the network; the host is added.
  http::Response ask_guarded(std::string_view method, const std::string& target, Headers headers,
                             const std::string& body = "", const std::string& from = "192.0.2.7") {
    headers.emplace_back("Host", "console.example");
    return send(*guarded, method, target, body, std::move(headers), from);
  }

  gateway::CreatedKey key(std::vector<std::string> scopes, std::optional<Duration> expires_in = {}) {
    return value_of(
        loop.run(keys->create({.name = "night-shift", .scopes = std::move(scopes), .expires_in = expires_in})));
  }
  void revoke(const gateway::CreatedKey& key) { EXPECT_TRUE(loop.run(keys->revoke(key.key.id)).has_value()); }

  void open_trail(const std::string& directory) {
    audit::FilesOptions options{.directory = directory};
    options.wake = [this] { loop.post([this] { trail->turn(); }); };
    auto opened = audit::Files::open(std::move(options), pseudonyms, anchor, loop.clock());
    ASSERT_TRUE(opened) << opened.error().message;
    trail = std::move(*opened);
  }

  // Not the host's own: for running by hand.
  functions::Function& process_enrollment() { return *repairing_.front(); }

  bool indexes = true;  // false: enrollments are accepted as by builds that kept no index of people
  async::SimLoop loop;
  SeededRandom random{7};
  telemetry::Metrics metrics;
  engine::memory::Disk disk;
  Hmac pseudonyms{"a key of this test, 32 bytes long"};
  domain::Catalogue catalogue = domain::sample_catalogue();
  Mailbag mailbag;
  std::optional<engine::memory::Engine> engine;
  std::optional<gateway::ApiKeys> keys;
  std::optional<functions::Host> host;
  gateway::Analytics analytics{loop.clock()};
  MemoryAnchor anchor;
  std::unique_ptr<audit::Files> trail;
  std::optional<functions::enrollment::Mending> mending;
  std::optional<Operators> operators;
  std::optional<Console> open;
  std::optional<Console> guarded;
  std::optional<Console> trusted;

 private:
  void on_loop(std::move_only_function<void()> work) {
    loop.post(std::move(work));
    loop.settle();
  }

  std::vector<std::unique_ptr<functions::Function>> functions(mail::Mailer& mailer) {
    std::vector<std::unique_ptr<functions::Function>> out;
    out.push_back(std::make_unique<functions::enrollment::ProcessEnrollment>(
        *engine, loop.clock(), catalogue, pseudonyms, *mail::Mailbox::parse("welcome@globogym.example")));
    out.push_back(std::make_unique<functions::enrollment::WelcomeMail>(*engine, loop.clock(), mailer));
    return out;
  }

  http::Response send(Console& console, std::string_view method, const std::string& target, const std::string& body,
                      std::vector<std::pair<std::string, std::string>> headers, std::string from = "127.0.0.1") {
    http::Request request;
    request.remote_address = std::move(from);
    request.method = method;
    request.target = target;
    request.path = request.target.substr(0, request.target.find('?'));
    if (target.find('?') != std::string::npos) request.query = request.target.substr(target.find('?') + 1);
    request.body = body;
    for (const auto& [name, value] : headers) request.headers.emplace_back(name, value);
    return loop.run(console.handle(request));
  }

  std::vector<std::unique_ptr<functions::Function>> repairing_;
  bool hosted_ = false;
};

inline std::string text(const std::string& json, std::string_view name) {
  auto document = JsonDocument::parse(json);
  return document ? document->root().text(name) : "not JSON";
}

inline std::int64_t number(const std::string& json, std::string_view name) {
  auto document = JsonDocument::parse(json);
  return document ? document->root().integer(name, -1) : -1;
}

inline std::vector<std::string> ids_of_items(const std::string& json) {
  std::vector<std::string> out;
  auto document = JsonDocument::parse(json);
  const auto items = document->root().find("items");
  for (const auto& item : items->elements()) out.push_back(item.text("id"));
  return out;
}

inline std::vector<std::string> events_of(const std::string& json) {
  std::vector<std::string> out;
  auto document = JsonDocument::parse(json);
  const auto events = document->root().find("events");
  for (const auto& event : events->elements()) out.push_back(event.text("event"));
  return out;
}

inline std::vector<std::string> times_of_events(const std::string& json) {
  std::vector<std::string> out;
  auto document = JsonDocument::parse(json);
  const auto events = document->root().find("events");
  for (const auto& event : events->elements()) out.push_back(event.text("at").substr(0, 23));  // to the millisecond
  return out;
}

}  // namespace globogym::console::testing
