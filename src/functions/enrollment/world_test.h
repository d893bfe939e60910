// Accepted enrollments, the functions that work on them, and a mail system that does as it is told.
#pragma once

#include <algorithm>

#include "base/result_test.h"
#include "base/time_text.h"
#include "domain/catalogue.h"
#include "domain/records.h"
#include "functions/enrollment/process_enrollment.h"
#include "functions/enrollment/welcome_mail.h"
#include "functions/world_test.h"

namespace globogym::functions::enrollment {

using namespace std::chrono_literals;
using domain::Status;
using domain::StepStatus;

// Takes letters, or fails as told.
class FakeMailer final : public mail::Mailer {
 public:
  Task<Result<mail::Receipt>> send(mail::Letter letter, std::stop_token stop) override {
    sent.push_back(letter);
    const bool slept = co_await async::sleep_for(takes, stop);
    if (!slept) co_return fail(Fault::cancelled, "stopped");
    if (after_taking) after_taking();
    if (fault) co_return fail(*fault, "550 5.1.1 <recipient> no such mailbox");
    ++taken;
    co_return mail::Receipt{"250 ok"};
  }
  std::size_t most_at_once() const override { return 256; }
  Duration longest_send() const override { return 60s; }
  std::vector<mail::Letter> sent;  // every attempt
  int taken = 0;
  Duration takes = 1ms;
  std::optional<Fault> fault;
  std::function<void()> after_taking;
};

struct EnrollmentWorld : World {
  domain::Catalogue catalogue = domain::sample_catalogue();
  Hmac pseudonyms{"a key for tests"};
  FakeMailer mailer;
  int accepted = 0;

  ~EnrollmentWorld() {
    if (host) stop_host();  // while the mailer lives
  }

  mail::Mailbox from() const { return *mail::Mailbox::parse_named("GloboGym <welcome@globogym.example>"); }
  void add_functions(int mail_attempts = 3) { add_functions(mail::Writer(from()), mail_attempts); }
  void add_functions(mail::Writer writer, int mail_attempts = 3) {
    host->add(std::make_unique<ProcessEnrollment>(*engine, loop.clock(), catalogue, pseudonyms, std::move(writer)));
    host->add(std::make_unique<WelcomeMail>(*engine, loop.clock(), mailer,
                                            WelcomeMailOptions{.max_attempts = mail_attempts}));
  }

  domain::Applicant applicant(std::string email) const {
    domain::Applicant ada;
    ada.first_name = Personal<std::string>("Ada");
    ada.last_name = Personal<std::string>("Lovelace");
    ada.email = Personal(email);
    ada.normalized_email = Personal(std::move(email));
    ada.date_of_birth = Personal(domain::Date(std::chrono::year(1990), std::chrono::December, std::chrono::day(10)));
    ada.home_club_id = "london-shoreditch";
    ada.plan = "premium-annual";
    return ada;
  }

  // What the gateway commits for a 202.
  std::string accept(const domain::Applicant& who) { return accept(who, loop.clock().wall()); }
  std::string accept(const domain::Applicant& who, WallTime at) {
    const auto ids = domain::person_ids(pseudonyms, who.normalized_email);
    const auto id = domain::new_enrollment_id(loop.clock().wall(), random, ids.partition);
    engine::Commit commit;
    commit.documents.push_back({key(id), domain::to_json(domain::accepted_enrollment(id, loop.clock().wall(), "key-1")),
                                engine::Expect::absent()});
    commit.messages.push_back({.queue = "process-enrollment",
                               .id = id,
                               .body = domain::to_json(domain::ProcessEnrollment{
                                   .enrollment_id = id, .accepted_at = at, .created_by = "key-1", .applicant = who}),
                               .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"});
    commit.tallies.push_back({std::string(domain::tally::of(Status::accepted)), 1});
    EXPECT_TRUE(this->commit(std::move(commit)).has_value());
    ++accepted;
    return id;
  }

  static engine::DocumentKey key(const std::string& id) {
    return {"enrollments", *domain::partition_of_enrollment(id), id};
  }
  domain::Enrollment stored(const std::string& id) {
    auto body = document("enrollments", *domain::partition_of_enrollment(id), id);
    EXPECT_TRUE(body.has_value());
    auto read = domain::enrollment_from_json(body.value_or("{}"));
    EXPECT_TRUE(read.has_value());
    return read.value_or(domain::Enrollment{});
  }
  // As it stands: what is stored, and what its letter's message knows better.
  domain::Enrollment enrollment(const std::string& id) {
    auto read = stored(id);
    const auto kept = message("welcome-mail", id);
    const auto work = kept ? domain::welcome_mail_from_body(kept->message.body) : fail(Fault::not_found, "");
    return work && work->story ? domain::as_told(std::move(read), *work->story) : read;
  }
  static domain::Step step(const domain::Enrollment& enrollment, std::string_view name) {
    const auto* found = domain::find_step(enrollment, name);
    return found ? *found : domain::Step{};
  }
  std::int64_t in(Status status) { return tally(std::string(domain::tally::of(status))); }
  // Each enrollment counts in exactly one total.
  void expect_totals_add_up() {
    EXPECT_EQ(in(Status::accepted) + in(Status::processing) + in(Status::completed) + in(Status::rejected) +
                  in(Status::parked),
              accepted);
  }
  bool drain_all() { return drain("process-enrollment") && drain("welcome-mail"); }

  Result<engine::Committed> replay(const std::string& queue, const std::string& id) {
    for (auto* function : host->functions()) {
      if (function->options().name != queue) continue;
      auto changes = loop.run(function->on_revived(*message(queue, id), {.what = "replayed"}));
      if (!changes) return std::unexpected(changes.error());
      changes->revived.push_back({queue, id});
      return commit(std::move(*changes));
    }
    return fail(Fault::not_found, "no such queue");
  }
};

}  // namespace globogym::functions::enrollment
